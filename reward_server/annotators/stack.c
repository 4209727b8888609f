/* SPDX-License-Identifier: MIT */
/* stack.c - an annotator with the wrappers that the options ask for:
 * fallback(canary(vote(noise(id))), canary(vote(noise(another))), ...).
 *
 * rules.noise is annotator.noise under the name it has where rules imitates a model. Votes and
 * noise are for each annotator of the order by itself, votes only for those that vary. */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "reward_server/annotators/wrap.h"

static double noise_of(const struct annotator_order *o, int i)
{
    return o->noise > 0 ? o->noise : o->member[i].own_noise;
}

static bool may_vary(const struct annotator_order *o, int i)
{
    return noise_of(o, i) > 0 || o->member[i].varies;
}

/* --- what it is ------------------------------------------------------------------------------ */

void annotator_names(const struct annotator_order *o, char out[ANNOTATOR_NAMES_MAX])
{
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; i < o->n && at < ANNOTATOR_NAMES_MAX; i++)
        at += (size_t)snprintf(out + at, ANNOTATOR_NAMES_MAX - at, "%s%s", i ? ">" : "",
                               o->member[i].v->id);
}

unsigned annotator_kinds(const struct annotator_order *o)
{
    unsigned kinds = o->member[0].v->kinds;
    for (int i = 1; i < o->n; i++)
        kinds &= o->member[i].v->kinds;
    return kinds;
}

enum annotator_effort annotator_effort_of(const struct annotator_order *o)
{
    enum annotator_effort most = ANNOTATOR_AT_ONCE;
    for (int i = 0; i < o->n; i++)
        most = o->member[i].effort > most ? o->member[i].effort : most;
    return most;
}

int annotator_check_kind(const struct annotator_order *o, enum question_kind kind, const char *who,
                         struct onic_err *err)
{
    for (int i = 0; i < o->n; i++)
        if (!(o->member[i].v->kinds & 1u << kind))
            return err_set(err, ONIC_ECONFIG,
                           i ? "%s asks %s questions, which %s of annotator.fallback does not "
                               "answer; leave it out of the list"
                             : "%s asks %s questions, which annotator.id=%s does not answer; "
                               "choose another of the two",
                           who, question_kind_name(kind), o->member[i].v->id);
    return ONIC_OK;
}

static int check_fallback(const struct annotator_order *o, struct onic_err *err)
{
    if (o->n > 1 && !o->member[0].may_leave)
        return err_set(err, ONIC_ECONFIG,
                       "annotator.fallback would never be asked: annotator.id=%s can always "
                       "answer; choose llm, command or embedding.source=http, or leave it out",
                       o->member[0].v->id);
    for (int i = 1; i < o->n; i++) {
        int rc = o->member[i].v->available(o->config, err);
        if (rc) {
            err_wrap(err, "annotator.fallback names %s", o->member[i].v->id);
            return rc;
        }
    }
    return ONIC_OK;
}

int annotator_order_check(const struct annotator_order *o, struct onic_err *err)
{
    const struct annotator_vtable *v = o->member[0].v;
    double own = o->member[0].own_noise;
    if (o->noise > 0 && own > 0 && o->noise != own)
        return err_set(err, ONIC_ECONFIG,
                       "annotator.noise is %g and %s.noise is %g: they are the same noise, give "
                       "one of them",
                       o->noise, v->id, own);
    if (o->vote > 1 && !may_vary(o, 0))
        return err_set(err, ONIC_ECONFIG,
                       "annotator.vote is %d, but %s would give the same answer every time: %s",
                       o->vote, v->id,
                       v->vary_hint ? v->vary_hint
                                    : "set annotator.vote=1, or annotator.noise to try votes out");
    return check_fallback(o, err);
}

/* --- creation -------------------------------------------------------------------------------- */

/* Where the goal has canaries. On an error *out is as before. */
static int add_canaries(struct annotator **out, const struct annotator_order *o, int i,
                        const struct annotator_setup *setup, struct onic_err *err)
{
    struct canaries messages;
    int rc = canaries_load(&messages, setup->goal, o->canaries, err);
    if (rc) {
        err_wrap(err, "annotator.canaries");
    } else if (canaries_tell_apart(&messages)) {
        *out = canary_wrap(*out, o->member[i].v->id, &messages, o->member[i].canary_rate,
                           setup->answered_before);
    } else if (o->canaries_are_meant || *o->canaries) {
        rc = err_set(err, ONIC_ECONFIG,
                     "there is no canary of goal %s whose answer is 1 and one whose answer is 0: "
                     "name a file of them (annotator.canaries), or set annotator.canary_rate=0",
                     setup->goal->name);
    } else if (!setup->idle) {
        log_info("there are no canaries for this goal, so nobody looks whether answers stay right",
                 kv("goal", (const char *)setup->goal->name), kv("option", "annotator.canaries"));
    }
    canaries_release(&messages);
    return rc;
}

static int open_one(struct annotator **out, const struct annotator_order *o, int i,
                    const struct annotator_setup *setup, struct onic_err *err)
{
    *out = NULL;
    int rc = o->member[i].v->create(out, setup, err);
    if (rc)
        return rc;
    if (noise_of(o, i) > 0)
        *out = noise_wrap(*out, setup->goal, o->seed, noise_of(o, i));
    if (o->vote > 1 && may_vary(o, i))
        *out = vote_wrap(*out, o->vote);
    return o->member[i].canary_rate > 0 ? add_canaries(out, o, i, setup, err) : ONIC_OK;
}

int annotator_open(struct annotator **out, const struct annotator_order *o,
                   const struct annotator_setup *setup, struct onic_err *err)
{
    struct annotator_setup with_options = *setup;
    struct annotator *one[ANNOTATOR_ORDER_MAX];
    const char *id[ANNOTATOR_ORDER_MAX];
    int n = 0;
    *out = NULL;
    with_options.config = o->config;
    int rc = annotator_order_check(o, err);
    for (; !rc && n < o->n; n++) {
        id[n] = o->member[n].v->id;
        rc = open_one(&one[n], o, n, &with_options, err);
    }
    if (!rc)
        *out = n > 1 ? fallback_wrap(one, id, n) : one[0];
    for (; rc && n > 0; n--)
        if (one[n - 1])
            one[n - 1]->v->free(one[n - 1]);
    return rc;
}
