/* SPDX-License-Identifier: MIT */
/* stack.c - an annotator with the wrappers that the configuration asks for: vote(noise(id)).
 *
 * rules.noise is annotator.noise under the name it has where rules imitates a model. */
#include "reward_server/annotators/wrap.h"

#include <string.h>

static double noise_of(const struct annotator_vtable *v, const struct config *c)
{
    return c->annotator_noise > 0 || strcmp(v->id, "rules") != 0 ? c->annotator_noise
                                                                 : c->rules_noise;
}

int annotator_check_wrappers(const struct annotator_vtable *v, const struct config *c,
                             struct onic_err *err)
{
    if (strcmp(v->id, "rules") == 0 && c->annotator_noise > 0 && c->rules_noise > 0 &&
        c->annotator_noise != c->rules_noise)
        return err_set(err, ONIC_ECONFIG,
                       "annotator.noise is %g and rules.noise is %g: they are the same noise, give "
                       "one of them",
                       c->annotator_noise, c->rules_noise);
    if (c->annotator_vote > 1 && noise_of(v, c) <= 0 && !(v->varies && v->varies(c)))
        return err_set(err, ONIC_ECONFIG,
                       "annotator.vote is %lld, but %s would give the same answer every time%s",
                       (long long)c->annotator_vote, v->id,
                       strcmp(v->id, "llm") == 0
                           ? ": set llm.temperature above 0, or annotator.vote=1"
                           : ": set annotator.vote=1, or annotator.noise to try votes out");
    return ONIC_OK;
}

int annotator_open(struct annotator **out, const struct annotator_vtable *v,
                   const struct annotator_setup *setup, struct onic_err *err)
{
    const struct config *c = setup->config;
    *out = NULL;
    int rc = annotator_check_wrappers(v, c, err);
    if (rc == ONIC_OK)
        rc = v->create(out, setup, err);
    if (rc != ONIC_OK)
        return rc;
    if (noise_of(v, c) > 0)
        *out = noise_wrap(*out, setup, noise_of(v, c));
    if (c->annotator_vote > 1)
        *out = vote_wrap(*out, (int)c->annotator_vote);
    return ONIC_OK;
}
