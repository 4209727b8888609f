/* SPDX-License-Identifier: MIT */
/* open.c - see open.h. Configuration comes from the learner's WELCOME; what the user fixed for this
 * actor by hand must agree with it, else the actor ends with 78 and names both values; only how
 * many environments it plays may differ. */
#include "actor/open.h"

#include <stdio.h>
#include <stdlib.h>

#include "actor/envs/open.h"
#include "common/base/log.h"
#include "common/base/output.h"
#include "common/base/xmalloc.h"
#include "common/config/overlay.h"
#include "common/policy/env_describe.h"
#include "common/run/policy_options.h"
#include "common/wire/keys/keys.h"

enum { EPISODE_BITS = 20 };

/* --- joining --------------------------------------------------------------------------------- */

static int connect_link(struct actor *a, const struct config *c, struct onic_err *err)
{
    if (c->actors_learner[0] == '\0')
        return err_set(err, ONIC_ECONFIG,
                       "no learner address: give --learner=tcp://host:port (or ipc://path)");
    struct wire_actor_params p = {
        .learner = c->actors_learner,
        .actor_id = (int)c->actors_id,
        .state_dir = c->actors_state_dir,
        .fixed_options = "",
        .orphan_timeout_s = (int)c->actors_orphan_timeout_s,
    };
    const struct wire_keys_wish keys = {
        .folder = c->security_keys, .self = KEY_ACTOR, .address = {c->actors_learner}};
    int rc = wire_keys_open(&a->keys, &keys, err);
    p.keys = a->keys;
    return rc ? rc : wire_actor_create(&a->wire, &p, err);
}

/* Options that WELCOME decides: an explicit local value must be equal. */
static int adopt_config(struct config *mine, const struct wire_welcome *w, struct onic_err *err)
{
    struct config *theirs = xmalloc(sizeof *theirs);
    config_defaults(theirs);
    int rc = config_read_text(theirs, w->config_text, w->config_len, "the learner's configuration",
                              CONFIG_PEER, err);
    if (!rc)
        rc = config_adopt(mine, theirs, err);
    free(theirs);
    return rc;
}

static int wait_for_welcome(struct actor *a, struct wire_welcome *w, struct onic_err *err)
{
    for (;;) {
        int rc = wire_actor_welcome(a->wire, 200, w, err);
        if (rc != ONIC_EAGAIN)
            return rc;
        if (watch_drain_asked(a->watch))
            return err_set(err, ONIC_ESTOPPED, "stopped before a learner answered");
    }
}

/* --- building -------------------------------------------------------------------------------- */

static int build_policy(struct actor *a, const struct config *c, struct onic_err *err)
{
    const struct env_spec *spec = vec_env_spec(a->envs);
    struct policy_config pc;
    policy_options(&pc, c, spec->default_net, &spec->actions, &spec->obs);
    return policy_create(&a->policy, &pc, err);
}

static void describe_envs(const struct vec_env *envs, struct buf *out)
{
    struct env_description d;
    vec_env_describe(envs, &d);
    env_describe_write(&d, out);
}

static int say_ready(struct actor *a, struct onic_err *err)
{
    struct buf env_text, net_text;
    buf_init(&env_text, 1 << 16);
    buf_init(&net_text, 1 << 16);
    describe_envs(a->envs, &env_text);
    policy_text(a->policy, &net_text);
    struct wire_ready ready = {.shape = rollout_shape(a->rollout),
                               .env_text = env_text.data,
                               .net_text = net_text.data,
                               .weights_floats = policy_params(a->policy)->floats};
    int rc = wire_actor_ready(a->wire, &ready, err);
    buf_release(&env_text);
    buf_release(&net_text);
    return rc;
}

static int build_worlds(struct actor *a, const struct config *c, const struct wire_welcome *w,
                        struct onic_err *err)
{
    int rc = vec_env_open(&a->envs, c, (int)w->actor_id, (int)c->env_count, err);
    if (!rc)
        rc = build_policy(a, c, err);
    if (rc)
        return rc;
    if (!w->deterministic) /* a restarted actor must not play its first games again */
        vec_env_number_episodes_from(a->envs, (w->incarnation & 0xffff) << EPISODE_BITS);
    a->recycle_episodes = (uint64_t)c->env_recycle_episodes;
    a->weights = xaligned(policy_params(a->policy)->floats * sizeof(float));
    struct rollout_params p = {.policy = a->policy,
                               .envs = a->envs,
                               .seed = (uint64_t)c->run_seed,
                               .actor_id = w->actor_id,
                               .life = w->deterministic ? 0 : w->incarnation,
                               .T = (int)c->train_rollout,
                               .warmup = (int)c->env_warmup,
                               .snapshot = w->deterministic};
    rc = rollout_create(&a->rollout, &p, err);
    if (!rc)
        rc = rollout_start(a->rollout, w->resume, w->resume_len, err);
    return rc;
}

static int build_actor(struct actor *a, struct config *c, const struct wire_welcome *w,
                       struct onic_err *err)
{
    c->actors_id = w->actor_id; /* as assigned: it names this actor's files */
    watch_keep(a->watch, c->env_id, actor_keep_place, a);
    watch_begin_making(a->watch);
    int rc = build_worlds(a, c, w, err);
    watch_end(a->watch);
    return rc ? rc : say_ready(a, err);
}

/* --- all of it ------------------------------------------------------------------------------- */

int actor_open(struct actor *a, struct config *cfg, struct onic_err *err)
{
    struct wire_welcome w = {0};
    int rc = connect_link(a, cfg, err);
    if (!rc)
        rc = wait_for_welcome(a, &w, err);
    if (!rc)
        rc = adopt_config(cfg, &w, err);
    if (rc)
        return rc;
    char role[32];
    snprintf(role, sizeof role, "actor-%u", w.actor_id);
    log_set_role(role);
    return build_actor(a, cfg, &w, err);
}

int actor_describe(const struct config *cfg, struct onic_err *err)
{
    struct vec_env *envs = NULL;
    int rc = vec_env_open(&envs, cfg, 0, 1, err);
    if (rc)
        return rc;
    struct buf out;
    buf_init(&out, 1 << 16);
    describe_envs(envs, &out);
    fwrite(out.data, 1, out.len, stdout);
    buf_release(&out);
    vec_env_free(envs);
    return output_flush(err);
}
