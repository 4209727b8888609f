/* SPDX-License-Identifier: MIT */
/* stack.c - an annotator with the wrappers that the configuration asks for:
 * fallback(vote(noise(id)), vote(noise(another)), ...).
 *
 * rules.noise is annotator.noise under the name it has where rules imitates a model. Votes and
 * noise are for each annotator of the order by itself, votes only for those that vary. */
#include "reward_server/annotators/wrap.h"

#include <stdio.h>
#include <string.h>

static double own_noise(const struct annotator_vtable *v, const struct config *c)
{
    return v->own_noise ? v->own_noise(c) : 0;
}

static double noise_of(const struct annotator_vtable *v, const struct config *c)
{
    return c->annotator_noise > 0 ? c->annotator_noise : own_noise(v, c);
}

static bool may_vary(const struct annotator_vtable *v, const struct config *c)
{
    return noise_of(v, c) > 0 || (v->varies && v->varies(c));
}

/* False: it is always there, so whatever stands behind it would never be asked. */
static bool may_leave(const struct annotator_vtable *v, const struct config *c)
{
    return v->may_leave ? v->may_leave(c) : v->health != NULL;
}

/* --- the declared order ---------------------------------------------------------------------- */

static void put_known(struct buf *out, const struct annotator_vtable *first)
{
    bool any = false;
    for (int i = 0; annotator_at(i); i++)
        if (annotator_at(i) != first) {
            buf_printf(out, "%s%s", any ? ", " : "", annotator_at(i)->id);
            any = true;
        }
}

static int stack_unknown(const char *name, const struct annotator_vtable *first,
                         struct onic_err *err)
{
    struct buf known;
    bool wrapper = strcmp(name, "vote") == 0 || strcmp(name, "noise") == 0;
    buf_init(&known, 4096);
    put_known(&known, first);
    int rc = err_set(
        err, ONIC_ECONFIG, "annotator.fallback names \"%.60s\", %s; it is a list of: %s", name,
        wrapper ? "which changes annotators and is none" : "which is no annotator", known.data);
    buf_release(&known);
    return rc;
}

static int add_member(struct annotator_order *o, const char *name, struct onic_err *err)
{
    const struct annotator_vtable *v = annotator_find(name);
    if (!v)
        return stack_unknown(name, o->member[0], err);
    for (int i = 0; i < o->n; i++)
        if (o->member[i] == v)
            return err_set(err, ONIC_ECONFIG,
                           i ? "annotator.fallback names %s twice"
                             : "annotator.fallback names %s, which is asked first already "
                               "(annotator.id): leave it out",
                           name);
    if (o->n == ANNOTATOR_ORDER_MAX)
        return err_set(err, ONIC_ECONFIG, "annotator.fallback has more than %d names",
                       ANNOTATOR_ORDER_MAX - 1);
    o->member[o->n++] = v;
    return ONIC_OK;
}

int annotator_order_read(struct annotator_order *out, const struct annotator_vtable *first,
                         const struct config *c, struct onic_err *err)
{
    int rc = ONIC_OK;
    *out = (struct annotator_order){.member = {first}, .n = 1};
    for (const char *p = c->annotator_fallback; !rc && *p;) {
        char name[64];
        p += strspn(p, ", ");
        size_t len = strcspn(p, ", ");
        snprintf(name, sizeof name, "%.*s", (int)(len < 63 ? len : 63), p);
        if (len)
            rc = add_member(out, name, err);
        p += len;
    }
    return rc;
}

void annotator_names(const struct annotator_order *o, char out[ANNOTATOR_NAMES_MAX])
{
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; i < o->n && at < ANNOTATOR_NAMES_MAX; i++)
        at += (size_t)snprintf(out + at, ANNOTATOR_NAMES_MAX - at, "%s%s", i ? ">" : "",
                               o->member[i]->id);
}

unsigned annotator_kinds(const struct annotator_order *o)
{
    unsigned kinds = o->member[0]->kinds;
    for (int i = 1; i < o->n; i++)
        kinds &= o->member[i]->kinds;
    return kinds;
}

bool annotator_costs_money(const struct annotator_order *o, const struct config *c)
{
    bool costs = false;
    for (int i = 0; i < o->n; i++)
        costs = costs || (o->member[i]->costs_money && o->member[i]->costs_money(c));
    return costs;
}

int annotator_check_kind(const struct annotator_order *o, enum question_kind kind, const char *who,
                         struct onic_err *err)
{
    for (int i = 0; i < o->n; i++)
        if (!(o->member[i]->kinds & 1u << kind))
            return err_set(err, ONIC_ECONFIG,
                           i ? "%s asks %s questions, which %s of annotator.fallback does not "
                               "answer; leave it out of the list"
                             : "%s asks %s questions, which annotator.id=%s does not answer; "
                               "choose another of the two",
                           who, question_kind_name(kind), o->member[i]->id);
    return ONIC_OK;
}

static int check_fallback(const struct annotator_order *o, const struct config *c,
                          struct onic_err *err)
{
    if (o->n > 1 && !may_leave(o->member[0], c))
        return err_set(err, ONIC_ECONFIG,
                       "annotator.fallback would never be asked: annotator.id=%s can always "
                       "answer; choose llm, command or embedding.source=http, or leave it out",
                       o->member[0]->id);
    for (int i = 1; i < o->n; i++) {
        int rc = o->member[i]->available(c, err);
        if (rc) {
            err_wrap(err, "annotator.fallback names %s", o->member[i]->id);
            return rc;
        }
    }
    return ONIC_OK;
}

int annotator_order_check(const struct annotator_order *o, const struct config *c,
                          struct onic_err *err)
{
    const struct annotator_vtable *v = o->member[0];
    double own = own_noise(v, c);
    if (c->annotator_noise > 0 && own > 0 && c->annotator_noise != own)
        return err_set(err, ONIC_ECONFIG,
                       "annotator.noise is %g and %s.noise is %g: they are the same noise, give "
                       "one of them",
                       c->annotator_noise, v->id, own);
    if (c->annotator_vote > 1 && !may_vary(v, c))
        return err_set(err, ONIC_ECONFIG,
                       "annotator.vote is %lld, but %s would give the same answer every time: %s",
                       (long long)c->annotator_vote, v->id,
                       v->vary_hint ? v->vary_hint
                                    : "set annotator.vote=1, or annotator.noise to try votes out");
    return check_fallback(o, c, err);
}

/* --- the first of it ------------------------------------------------------------------------- */

/* annotator.id as one of the table. */
static int choose_first(const struct annotator_vtable **out, const struct config *config,
                        char note[ONIC_ERR_MSG_MAX], struct onic_err *err)
{
    note[0] = '\0';
    if (strcmp(config->annotator_id, "auto") == 0) {
        struct onic_err why = {0};
        *out = annotator_find("embedding");
        if ((*out)->available(config, &why) != ONIC_OK) {
            *out = annotator_find("rules");
            snprintf(note, ONIC_ERR_MSG_MAX, "annotator rules is used: %.900s", why.msg);
        }
        return ONIC_OK;
    }
    *out = annotator_find(config->annotator_id);
    if (*out)
        return (*out)->available(config, err);
    struct buf known;
    buf_init(&known, 4096);
    put_known(&known, NULL);
    int rc = err_set(err, ONIC_ECONFIG, "annotator.id is \"%.60s\", must be auto or one of: %s",
                     config->annotator_id, known.data);
    buf_release(&known);
    return rc;
}

int annotator_choose(struct annotator_order *out, const struct config *config,
                     char note[ONIC_ERR_MSG_MAX], struct onic_err *err)
{
    const struct annotator_vtable *first;
    int rc = choose_first(&first, config, note, err);
    if (!rc)
        rc = annotator_order_read(out, first, config, err);
    return rc ? rc : annotator_order_check(out, config, err);
}

/* --- creation -------------------------------------------------------------------------------- */

static int open_one(struct annotator **out, const struct annotator_vtable *v,
                    const struct annotator_setup *setup, struct onic_err *err)
{
    const struct config *c = setup->config;
    *out = NULL;
    int rc = v->create(out, setup, err);
    if (rc)
        return rc;
    if (noise_of(v, c) > 0)
        *out = noise_wrap(*out, setup, noise_of(v, c));
    if (c->annotator_vote > 1 && may_vary(v, c))
        *out = vote_wrap(*out, (int)c->annotator_vote);
    return ONIC_OK;
}

int annotator_open(struct annotator **out, const struct annotator_order *o,
                   const struct annotator_setup *setup, struct onic_err *err)
{
    struct annotator *one[ANNOTATOR_ORDER_MAX];
    const char *id[ANNOTATOR_ORDER_MAX];
    int n = 0;
    *out = NULL;
    int rc = annotator_order_check(o, setup->config, err);
    for (; !rc && n < o->n; n += !rc) {
        id[n] = o->member[n]->id;
        rc = open_one(&one[n], o->member[n], setup, err);
    }
    if (!rc)
        *out = n > 1 ? fallback_wrap(one, id, n) : one[0];
    while (rc && n > 0) {
        n--;
        one[n]->v->free(one[n]);
    }
    return rc;
}
