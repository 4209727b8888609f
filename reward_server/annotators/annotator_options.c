/* SPDX-License-Identifier: MIT */
/* annotator_options.c - see annotator_options.h. */
#include "reward_server/annotators/annotator_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/config/overlay.h"

static const double CANARY_RATE = 0.01; /* of those that may worsen */

/* What its options say of it. */
static struct annotator_member member_of(const struct annotator_vtable *v, const struct config *c)
{
    return (struct annotator_member){
        .v = v,
        .varies = v->varies && v->varies(c),
        .effort = v->effort ? v->effort(c) : ANNOTATOR_AT_ONCE,
        .may_leave = v->may_leave ? v->may_leave(c) : v->health != NULL,
        .own_noise = v->own_noise ? v->own_noise(c) : 0,
    };
}

/* Of each in the order, by annotator.canary_rate. */
static void set_canary_rates(struct annotator_order *o, const struct config *c)
{
    double given = c->annotator_canary_rate;
    o->canaries = c->annotator_canaries;
    o->canaries_are_meant = given > 0;
    for (int i = 0; i < o->n; i++)
        o->member[i].canary_rate = given >= 0                   ? given
                                   : o->member[i].v->may_worsen ? CANARY_RATE
                                                                : 0;
}

void annotator_alone(struct annotator_order *out, const struct annotator_vtable *v,
                     const struct config *config)
{
    *out = (struct annotator_order){
        .member = {member_of(v, config)}, .n = 1, .vote = 1, .canaries = "", .config = config};
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

static int unknown_member(const char *name, const struct annotator_vtable *first,
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
        return unknown_member(name, o->member[0].v, err);
    for (int i = 0; i < o->n; i++)
        if (o->member[i].v == v)
            return err_set(err, ONIC_ECONFIG,
                           i ? "annotator.fallback names %s twice"
                             : "annotator.fallback names %s, which is asked first already "
                               "(annotator.id): leave it out",
                           name);
    if (o->n == ANNOTATOR_ORDER_MAX)
        return err_set(err, ONIC_ECONFIG, "annotator.fallback has more than %d names",
                       ANNOTATOR_ORDER_MAX - 1);
    o->member[o->n++] = member_of(v, o->config);
    return ONIC_OK;
}

int annotator_order_read(struct annotator_order *out, const struct annotator_vtable *first,
                         const struct config *c, struct onic_err *err)
{
    int rc = ONIC_OK;
    annotator_alone(out, first, c);
    out->vote = c->annotator_vote > 1 ? (int)c->annotator_vote : 1;
    out->noise = c->annotator_noise;
    out->seed = c->annotator_seed;
    for (const char *p = c->annotator_fallback; !rc && *p;) {
        char name[64];
        p += strspn(p, ", ");
        size_t len = strcspn(p, ", ");
        snprintf(name, sizeof name, "%.*s", (int)(len < 63 ? len : 63), p);
        if (len)
            rc = add_member(out, name, err);
        p += len;
    }
    set_canary_rates(out, c);
    return rc;
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
    return rc ? rc : annotator_order_check(out, err);
}

/* --- options without effect ------------------------------------------------------------------ */

static bool order_has(const struct annotator_order *o, const struct annotator_vtable *v)
{
    for (int i = 0; o && i < o->n; i++)
        if (o->member[i].v == v)
            return true;
    return false;
}

/* Of the section of an annotator that does not go by it. */
static bool is_idle_option(const struct config *c, const struct annotator_order *o, const char *key)
{
    size_t n = strcspn(key, ".");
    for (int i = 0; annotator_at(i); i++) {
        const struct annotator_vtable *v = annotator_at(i);
        if (strlen(v->id) == n && memcmp(v->id, key, n) == 0)
            return !order_has(o, v) || (v->idle_option && v->idle_option(c, key + n + 1));
    }
    return false;
}

/* By whoever started this program, and not as it is without. */
static bool option_is_given(const struct config *c, const struct config *plain, const char *key,
                            bool files)
{
    char value[CONFIG_STR_MAX], usual[CONFIG_STR_MAX];
    enum config_origin origin = config_origin_of(c, key);
    return (origin == CONFIG_CLI || origin == CONFIG_ENV || (files && origin == CONFIG_FILE)) &&
           config_get(c, key, value, sizeof value) == ONIC_OK &&
           config_get(plain, key, usual, sizeof usual) == ONIC_OK && strcmp(value, usual) != 0;
}

bool annotator_idle_options(const struct config *c, const struct annotator_order *o, bool files,
                            struct buf *out)
{
    struct config *plain = xmalloc(sizeof *plain);
    bool any = false;
    config_defaults(plain);
    for (int i = config_next(-1); i < CONFIG_COUNT; i = config_next(i)) {
        char key[64];
        config_key(i, key);
        if (!is_idle_option(c, o, key) || !option_is_given(c, plain, key, files))
            continue;
        buf_printf(out, "%s%s", any ? ", " : "", key);
        any = true;
    }
    free(plain);
    return any;
}
