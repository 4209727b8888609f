/* SPDX-License-Identifier: MIT */
/* stack.c - an annotator with the wrappers that the configuration asks for:
 * fallback(vote(noise(id)), vote(noise(another)), ...).
 *
 * rules.noise is annotator.noise under the name it has where rules imitates a model. Votes and
 * noise are for each annotator of the order by itself, votes only for those that vary. */
#include "reward_server/annotators/wrap.h"

#include <stdio.h>
#include <string.h>

static double noise_of(const struct annotator_vtable *v, const struct config *c)
{
    return c->annotator_noise > 0 || strcmp(v->id, "rules") != 0 ? c->annotator_noise
                                                                 : c->rules_noise;
}

static bool may_vary(const struct annotator_vtable *v, const struct config *c)
{
    return noise_of(v, c) > 0 || (v->varies && v->varies(c));
}

/* False: it is always there, so whatever stands behind it would never be asked. */
static bool may_leave(const struct annotator_vtable *v, const struct config *c)
{
    return v->health &&
           (strcmp(v->id, "embedding") != 0 || strcmp(c->embedding_source, "http") == 0);
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

static int unknown(const char *name, const struct annotator_vtable *first, struct onic_err *err)
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

/* Adds one of the list; returns the new length. */
static int add(const struct annotator_vtable *out[ANNOTATOR_ORDER_MAX], int n, const char *name,
               struct onic_err *err)
{
    const struct annotator_vtable *v = annotator_find(name);
    if (!v)
        return unknown(name, out[0], err);
    for (int i = 0; i < n; i++)
        if (out[i] == v)
            return err_set(err, ONIC_ECONFIG,
                           i ? "annotator.fallback names %s twice"
                             : "annotator.fallback names %s, which is asked first already "
                               "(annotator.id): leave it out",
                           name);
    if (n == ANNOTATOR_ORDER_MAX)
        return err_set(err, ONIC_ECONFIG, "annotator.fallback has more than %d names",
                       ANNOTATOR_ORDER_MAX - 1);
    out[n] = v;
    return n + 1;
}

int annotator_order(const struct annotator_vtable *out[ANNOTATOR_ORDER_MAX],
                    const struct annotator_vtable *v, const struct config *c, struct onic_err *err)
{
    int n = 1;
    out[0] = v;
    for (const char *p = c->annotator_fallback; n > 0 && *p;) {
        char name[64];
        p += strspn(p, ", ");
        size_t len = strcspn(p, ", ");
        snprintf(name, sizeof name, "%.*s", (int)(len < 63 ? len : 63), p);
        if (len)
            n = add(out, n, name, err);
        p += len;
    }
    return n;
}

void annotator_names(const struct annotator_vtable *v, const struct config *c,
                     char out[ANNOTATOR_NAMES_MAX])
{
    const struct annotator_vtable *order[ANNOTATOR_ORDER_MAX];
    int n = annotator_order(order, v, c, NULL);
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; i < n && at < ANNOTATOR_NAMES_MAX; i++)
        at += (size_t)snprintf(out + at, ANNOTATOR_NAMES_MAX - at, "%s%s", i ? ">" : "",
                               order[i]->id);
}

unsigned annotator_kinds(const struct annotator_vtable *v, const struct config *c)
{
    const struct annotator_vtable *order[ANNOTATOR_ORDER_MAX];
    int n = annotator_order(order, v, c, NULL);
    unsigned kinds = v->kinds;
    for (int i = 1; i < n; i++)
        kinds &= order[i]->kinds;
    return kinds;
}

bool annotator_paid(const struct annotator_vtable *v, const struct config *c)
{
    const struct annotator_vtable *order[ANNOTATOR_ORDER_MAX];
    int n = annotator_order(order, v, c, NULL);
    bool paid = false;
    for (int i = 0; i < n; i++)
        paid = paid || (order[i]->paid && order[i]->paid(c));
    return paid;
}

int annotator_check_kind(const struct annotator_vtable *v, const struct config *c,
                         enum question_kind kind, const char *who, struct onic_err *err)
{
    const struct annotator_vtable *order[ANNOTATOR_ORDER_MAX];
    int n = annotator_order(order, v, c, err);
    for (int i = 0; i < n; i++)
        if (!(order[i]->kinds & 1u << kind))
            return err_set(err, ONIC_ECONFIG,
                           i ? "%s asks %s questions, which %s of annotator.fallback does not "
                               "answer; leave it out of the list"
                             : "%s asks %s questions, which annotator.id=%s does not answer; "
                               "choose another of the two",
                           who, question_kind_name(kind), order[i]->id);
    return n < 0 ? n : ONIC_OK;
}

static int check_fallback(const struct annotator_vtable *v, const struct config *c,
                          struct onic_err *err)
{
    const struct annotator_vtable *order[ANNOTATOR_ORDER_MAX];
    int n = annotator_order(order, v, c, err);
    if (n < 0)
        return n;
    if (n > 1 && !may_leave(v, c))
        return err_set(err, ONIC_ECONFIG,
                       "annotator.fallback would never be asked: annotator.id=%s can always "
                       "answer; choose llm, command or embedding.source=http, or leave it out",
                       v->id);
    for (int i = 1; i < n; i++) {
        int rc = order[i]->available(c, err);
        if (rc != ONIC_OK) {
            err_wrap(err, "annotator.fallback names %s", order[i]->id);
            return rc;
        }
    }
    return ONIC_OK;
}

/* --- checks and creation --------------------------------------------------------------------- */

int annotator_check_wrappers(const struct annotator_vtable *v, const struct config *c,
                             struct onic_err *err)
{
    if (strcmp(v->id, "rules") == 0 && c->annotator_noise > 0 && c->rules_noise > 0 &&
        c->annotator_noise != c->rules_noise)
        return err_set(err, ONIC_ECONFIG,
                       "annotator.noise is %g and rules.noise is %g: they are the same noise, give "
                       "one of them",
                       c->annotator_noise, c->rules_noise);
    if (c->annotator_vote > 1 && !may_vary(v, c))
        return err_set(err, ONIC_ECONFIG,
                       "annotator.vote is %lld, but %s would give the same answer every time%s",
                       (long long)c->annotator_vote, v->id,
                       strcmp(v->id, "llm") == 0
                           ? ": set llm.temperature above 0, or annotator.vote=1"
                           : ": set annotator.vote=1, or annotator.noise to try votes out");
    return check_fallback(v, c, err);
}

static int open_one(struct annotator **out, const struct annotator_vtable *v,
                    const struct annotator_setup *setup, struct onic_err *err)
{
    const struct config *c = setup->config;
    *out = NULL;
    int rc = v->create(out, setup, err);
    if (rc != ONIC_OK)
        return rc;
    if (noise_of(v, c) > 0)
        *out = noise_wrap(*out, setup, noise_of(v, c));
    if (c->annotator_vote > 1 && may_vary(v, c))
        *out = vote_wrap(*out, (int)c->annotator_vote);
    return ONIC_OK;
}

int annotator_open(struct annotator **out, const struct annotator_vtable *v,
                   const struct annotator_setup *setup, struct onic_err *err)
{
    const struct annotator_vtable *order[ANNOTATOR_ORDER_MAX];
    struct annotator *one[ANNOTATOR_ORDER_MAX];
    const char *id[ANNOTATOR_ORDER_MAX];
    int n = 0;
    *out = NULL;
    int rc = annotator_check_wrappers(v, setup->config, err);
    if (rc != ONIC_OK)
        return rc;
    int want = annotator_order(order, v, setup->config, err);
    for (; n < want && (rc = open_one(&one[n], order[n], setup, err)) == ONIC_OK; n++)
        id[n] = order[n]->id;
    if (rc == ONIC_OK)
        *out = n > 1 ? fallback_wrap(one, id, n) : one[0];
    while (rc != ONIC_OK && n > 0) {
        n--;
        one[n]->v->free(one[n]);
    }
    return rc;
}
