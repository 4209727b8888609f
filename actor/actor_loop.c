/* SPDX-License-Identifier: MIT */
/* actor_loop.c - welcome, build, play, leave; see actor_loop.h.
 *
 * Configuration comes from the learner's WELCOME; what the user fixed for this actor by hand must
 * agree with it, else the actor ends with 78 and names both values. Weights are copied at rollout
 * boundaries only, so a trajectory has one behaviour policy. */
#include "actor/actor_loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "actor/envs/env.h"
#include "actor/envs/vec_env.h"
#include "actor/rollout.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/output.h"
#include "common/base/xmalloc.h"
#include "common/config/overlay.h"
#include "common/policy/env_describe.h"
#include "common/run/policy_options.h"
#include "common/wire/rollout/actor_link.h"

struct actor {
    struct config *cfg;
    struct watch *watch;
    struct wire_actor *wire;
    struct vec_env *envs;
    struct policy *policy;
    struct rollout *rollout;
    float *weights;
    uint64_t weights_version;
    bool playing;   /* the first weights are here */
    uint64_t steps; /* of the trajectory under way */
    int wire_rc;    /* first final state seen while a rollout was running */
    struct onic_err wire_err;
    int64_t last_poll_ns;
};

enum { POLL_INTERVAL_NS = 20000000, EPISODE_BITS = 20 };

/* --- joining --------------------------------------------------------------------------------- */

static int connect_link(struct actor *a, struct onic_err *err)
{
    const struct config *c = a->cfg;
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
    return wire_actor_create(&a->wire, &p, err);
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

static int actor_loop_build_policy(struct actor *a, struct onic_err *err)
{
    const struct config *c = a->cfg;
    const struct env_spec *spec = vec_env_spec(a->envs);
    struct policy_config pc;
    policy_options(&pc, c, spec->default_net, spec->actions, &spec->obs);
    return policy_create(&a->policy, &pc, err);
}

static void actor_loop_describe(const struct vec_env *envs, struct buf *out)
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
    actor_loop_describe(a->envs, &env_text);
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

static int actor_loop_build(struct actor *a, const struct wire_welcome *w, struct onic_err *err)
{
    struct config *c = a->cfg;
    c->actors_id = w->actor_id; /* as assigned: it names this actor's files */
    int rc = vec_env_create(&a->envs, c, (int)w->actor_id, (int)c->env_count, err);
    if (!rc)
        rc = actor_loop_build_policy(a, err);
    if (rc)
        return rc;
    if (!w->deterministic) /* a restarted actor must not play its first games again */
        vec_env_number_episodes_from(a->envs, (w->incarnation & 0xffff) << EPISODE_BITS);
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
    if (!rc)
        rc = say_ready(a, err);
    return rc;
}

/* --- playing --------------------------------------------------------------------------------- */

static void on_tick(void *ctx, uint64_t env_steps)
{
    struct actor *a = ctx;
    watch_progress(a->watch);
    a->steps += env_steps;
    wire_actor_progress(a->wire, a->steps);
    int64_t now = clock_ns();
    if (a->wire_rc || now - a->last_poll_ns < POLL_INTERVAL_NS)
        return;
    a->last_poll_ns = now;
    a->wire_rc = wire_actor_poll(a->wire, 0, &a->wire_err);
}

static int play_one(struct actor *a, struct onic_err *err)
{
    uint64_t version;
    const float *weights = wire_actor_weights(a->wire, &version);
    if (version != a->weights_version || a->weights_version == 0) {
        memcpy(a->weights, weights, policy_params(a->policy)->floats * sizeof(float));
        a->weights_version = version;
    }
    if (!a->playing)
        log_info("playing", kv("weights_version", (int64_t)version));
    a->playing = true;
    struct trajectory *t = wire_actor_take(a->wire);
    ONIC_ASSERT(t != NULL);
    a->steps = 0;
    watch_begin(a->watch);
    int rc = rollout_fill(a->rollout, a->weights, a->weights_version, t, on_tick, a, err);
    watch_end(a->watch);
    if (!rc)
        wire_actor_put(a->wire, t);
    return rc;
}

static int actor_loop_play(struct actor *a, bool *recycle, struct onic_err *err)
{
    uint64_t recycle_at = (uint64_t)a->cfg->env_recycle_episodes;
    while (!watch_drain_asked(a->watch)) {
        if (a->wire_rc) {
            *err = a->wire_err;
            return a->wire_rc;
        }
        int rc = wire_actor_poll(a->wire, wire_actor_may_start(a->wire) ? 0 : 50, err);
        if (rc)
            return rc;
        a->last_poll_ns = clock_ns();
        if (!wire_actor_may_start(a->wire))
            continue;
        rc = play_one(a, err);
        if (rc)
            return rc;
        if (vec_env_spec(a->envs)->recycle && rollout_episodes(a->rollout) >= recycle_at) {
            *recycle = true;
            return ONIC_OK;
        }
    }
    return ONIC_OK;
}

static void log_summary(const struct actor *a)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    log_info("leaving", kv("episodes", (int64_t)rollout_episodes(a->rollout)),
             kv("cpu_s", (double)clock_process_cpu_ns() * 1e-9),
             kv("rss_max_mb", u.ru_maxrss / 1024));
}

int actor_run(struct config *cfg, struct watch *watch, bool *recycle, struct onic_err *err)
{
    struct actor a = {.cfg = cfg, .watch = watch};
    struct wire_welcome w = {0};
    int rc = connect_link(&a, err);
    if (!rc)
        rc = wait_for_welcome(&a, &w, err);
    if (!rc)
        rc = adopt_config(cfg, &w, err);
    if (!rc) {
        char role[32];
        snprintf(role, sizeof role, "actor-%u", w.actor_id);
        log_set_role(role);
        rc = actor_loop_build(&a, &w, err);
    }
    if (!rc) {
        log_info("ready, waiting for weights", kv("env", vec_env_spec(a.envs)->id),
                 kv("envs", vec_env_count(a.envs)), kv("net", policy_config(a.policy)->net));
        rc = actor_loop_play(&a, recycle, err);
    }
    if ((!rc || rc == ONIC_ESTOPPED) && a.wire)
        rc = wire_actor_leave(a.wire, 10000, err);
    if (a.rollout) /* it has played */
        log_summary(&a);
    rollout_free(a.rollout);
    policy_free(a.policy);
    vec_env_free(a.envs);
    free(a.weights);
    wire_actor_free(a.wire);
    return rc;
}

int actor_describe(const struct config *cfg, struct onic_err *err)
{
    struct vec_env *envs = NULL;
    int rc = vec_env_create(&envs, cfg, 0, 1, err);
    if (rc)
        return rc;
    struct buf out;
    buf_init(&out, 1 << 16);
    actor_loop_describe(envs, &out);
    fwrite(out.data, 1, out.len, stdout);
    buf_release(&out);
    vec_env_free(envs);
    return output_flush(err);
}
