/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_NETHACK_PLAY_H
#define ONIC_TESTS_SUPPORT_NETHACK_PLAY_H

/* nethack_play.h - a NetHack environment over the fake library, played action by action. Header
 * only: the test support library does not link the environments. */

#include <stdlib.h>

#include "actor/envs/env.h"
#include "tests/onic_test.h"

/* Action numbers, independent of the table under test. */
enum {
    MORE,
    N,
    E,
    S,
    W,
    NE,
    SE,
    SW,
    NW,
    RUN_N,
    RUN_E,
    RUN_S,
    RUN_W,
    RUN_NE,
    RUN_SE,
    RUN_SW,
    RUN_NW,
    UP = 17,
    DOWN,
    WAIT,
    KICK,
    EAT,
    SEARCH
};
enum { CAST = 23, QUAFF, PRAY, PICK_UP, PAY };

struct play {
    struct env *e;
    uint8_t *obs;
    struct env_result r;
};

static inline void fake_path(char out[CONFIG_STR_MAX], const char *generation)
{
    snprintf(out, CONFIG_STR_MAX, "%s/tests/fake_libnethack/%s", getenv("ONIC_BUILD"), generation);
}

static inline struct config base_config(int actions)
{
    struct config c;
    config_defaults(&c);
    c.env_actions = actions;
    fake_path(c.env_nle, "1.3");
    return c;
}

static inline struct play open_play(const char *id, const struct config *c, uint64_t seed)
{
    struct play p = {0};
    assert_ok(env_create(&p.e, id, c, 0, &err));
    p.obs = calloc(1, p.e->spec.obs.obs_bytes);
    p.e->family->seed(p.e, seed);
    assert_ok(p.e->family->reset(p.e, p.obs, &p.r, &err));
    return p;
}

static inline void close_play(struct play *p)
{
    env_free(p->e);
    free(p->obs);
}

static inline void act(struct play *p, int action)
{
    assert_ok(p->e->family->step(p->e, action, p->obs, &p->r, &err));
}

static inline const void *field(const struct play *p, const char *name)
{
    const struct obs_field *f = obs_spec_find(&p->e->spec.obs, name);
    assert_non_null(f);
    return p->obs + f->offset;
}

static inline const char *message(const struct play *p)
{
    return field(p, "message");
}

static inline int64_t status(const struct play *p, int i)
{
    return ((const int64_t *)field(p, "blstats"))[i];
}

static inline double statistic(const struct play *p, const char *name)
{
    float values[ENV_STATS_MAX];
    p->e->family->stats(p->e, values);
    for (int i = 0; i < p->e->spec.nstats; i++)
        if (strcmp(p->e->spec.stat_names[i], name) == 0)
            return (double)values[i];
    fail_msg("no statistic %s", name);
    return 0;
}

#endif /* ONIC_TESTS_SUPPORT_NETHACK_PLAY_H */
