/* SPDX-License-Identifier: MIT */
/* rollout.c - T steps of E environments into one trajectory; see rollout.h.
 *
 * Order of things within a step, and why:
 *   1. act on the observations in row t (the state of row t is overwritten with the next one);
 *   2. step all environments, which write row t+1 in place; what was done and what it gave goes
 *      into their states, for policies that see the step before;
 *   3. environments that were cut off (truncated, failed) are valued on their final observation,
 *      still in row t+1, with the state after step t: time limits bootstrap, deaths do not;
 *   4. ended environments are reset into row t+1 and their recurrent state is zeroed.
 * The last row of a trajectory is the first of the next, copied: one row in T+1 is the price of
 * self-contained messages. */
#include "actor/rollout.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"

struct rollout {
    struct rollout_params p;
    const struct env_spec *spec;
    struct policy_actor *ws;
    const struct action_dist *dist;
    int E, S, parts;
    bool remembers; /* the policy sees the step before */
    size_t mask_bytes, obs_bytes, env_state_bytes;
    uint8_t *obs;           /* [E, obs_bytes] observation that the next rollout starts from */
    float *state;           /* [E, S] */
    struct rng *action_rng; /* [E] */
    struct env_result *obs_result; /* [E] result that belongs to obs: its caption */
    uint64_t env_steps, episodes;  /* taken and finished by this process */
    /* scratch of one step */
    const uint8_t **rows;         /* [E] */
    float *outputs, *u;           /* [E, A], [E, uniforms] */
    union action_cell *action;    /* [E, parts] */
    struct env_result *result;    /* [E] */
    float *cut_state, *cut_value; /* [E, S], [E, 2] */
    const uint8_t **cut_rows;     /* [E] */
    int *cut;                     /* [E] environments cut off in this step */
    float *episode;               /* [4 + nstats] */
};

int rollout_create(struct rollout **out, const struct rollout_params *p, struct onic_err *err)
{
    *out = NULL;
    size_t env_state = vec_env_snapshot_bytes(p->envs);
    if (p->snapshot && env_state == 0)
        return err_set(
            err, ONIC_ECONFIG,
            "run.deterministic needs an environment that can be saved exactly, and %s cannot: "
            "use one that is built in",
            vec_env_spec(p->envs)->id);
    struct rollout *r = xcalloc(1, sizeof *r);
    r->p = *p;
    r->spec = vec_env_spec(p->envs);
    r->E = vec_env_count(p->envs);
    r->S = policy_state_size(p->policy);
    r->dist = policy_actions(p->policy);
    r->parts = action_space_parts(&r->spec->actions);
    r->mask_bytes = action_space_mask_bytes(&r->spec->actions);
    r->remembers = policy_last_size(p->policy) > 0;
    r->obs_bytes = r->spec->obs.obs_bytes;
    r->env_state_bytes = env_state;
    size_t E = (size_t)r->E, S = (size_t)r->S;
    r->ws = policy_actor_create(p->policy, r->E);
    r->obs = xaligned(E * r->obs_bytes);
    r->state = xaligned(E * S * sizeof(float));
    r->action_rng = xcalloc(E, sizeof *r->action_rng);
    r->obs_result = xcalloc(E, sizeof *r->obs_result);
    r->rows = xcalloc(E, sizeof *r->rows);
    r->outputs = xaligned(E * (size_t)action_dist_outputs(r->dist) * sizeof(float));
    r->u = xcalloc(E * (size_t)action_dist_uniforms(r->dist), sizeof *r->u);
    r->action = xcalloc(E * (size_t)r->parts, sizeof *r->action);
    r->result = xcalloc(E, sizeof *r->result);
    r->cut_state = xaligned(E * S * sizeof(float));
    r->cut_value = xcalloc(E * POLICY_HEADS, sizeof(float));
    r->cut_rows = xcalloc(E, sizeof *r->cut_rows);
    r->cut = xcalloc(E, sizeof *r->cut);
    r->episode = xcalloc(TRAJECTORY_EPISODE_HEAD + (size_t)r->spec->nstats, sizeof(float));
    for (int e = 0; e < r->E; e++)
        r->action_rng[e] = rng_stream(p->seed, "action", p->actor_id, (uint64_t)e, p->life);
    *out = r;
    return ONIC_OK;
}

void rollout_free(struct rollout *r)
{
    if (!r)
        return;
    policy_actor_free(r->ws);
    free(r->obs);
    free(r->state);
    free(r->action_rng);
    free(r->obs_result);
    free(r->rows);
    free(r->outputs);
    free(r->u);
    free(r->action);
    free(r->result);
    free(r->cut_state);
    free(r->cut_value);
    free(r->cut_rows);
    free(r->cut);
    free(r->episode);
    free(r);
}

struct trajectory_shape rollout_shape(const struct rollout *r)
{
    return (struct trajectory_shape){
        .T = r->p.T,
        .E = r->E,
        .obs_bytes = r->obs_bytes,
        .actions = r->spec->actions,
        .state_size = r->S,
        .nstats = r->spec->nstats,
        .snapshot_bytes = r->p.snapshot ? trajectory_snapshot_bytes(r->env_state_bytes, r->S) : 0,
    };
}

uint64_t rollout_episodes(const struct rollout *r)
{
    return r->episodes;
}

/* --- exact resume ---------------------------------------------------------------------------- */

/* One environment's part of a snapshot: environment state, recurrent state, position of its action
 * stream, caption. */
static void save_env(const struct rollout *r, int e, uint8_t *at)
{
    vec_env_save(r->p.envs, e, at);
    at += r->env_state_bytes;
    memcpy(at, r->state + (size_t)e * (size_t)r->S, (size_t)r->S * sizeof(float));
    at += (size_t)r->S * sizeof(float);
    memcpy(at, &r->action_rng[e].pos, sizeof(uint64_t));
    at += sizeof(uint64_t);
    uint16_t len = (uint16_t)r->obs_result[e].caption_len;
    memcpy(at, &len, sizeof len);
    memcpy(at + sizeof len, r->obs_result[e].caption, len);
    memset(at + sizeof len + len, 0, TRAJECTORY_SNAPSHOT_CAPTION - sizeof len - len);
}

static int load_env(struct rollout *r, int e, const uint8_t *at, struct onic_err *err)
{
    int rc = vec_env_load(r->p.envs, e, at, r->obs + (size_t)e * r->obs_bytes, err);
    if (rc)
        return rc;
    at += r->env_state_bytes;
    memcpy(r->state + (size_t)e * (size_t)r->S, at, (size_t)r->S * sizeof(float));
    at += (size_t)r->S * sizeof(float);
    uint64_t pos;
    memcpy(&pos, at, sizeof pos);
    rng_seek(&r->action_rng[e], pos);
    at += sizeof pos;
    struct env_result *x = &r->obs_result[e];
    uint16_t caption_len;
    memcpy(&caption_len, at, sizeof caption_len);
    x->caption_len = caption_len < ENV_CAPTION_MAX ? caption_len : ENV_CAPTION_MAX;
    memcpy(x->caption, at + sizeof caption_len, (size_t)x->caption_len);
    x->caption[x->caption_len] = '\0';
    return ONIC_OK;
}

static bool rollout_ended(const struct env_result *x)
{
    return x->terminated || x->truncated || x->failed;
}

/* Of environment e, which has been stepped. */
static void rollout_remember(struct rollout *r, int e, const struct env_result *x)
{
    if (r->remembers)
        policy_remember(r->p.policy, r->state + (size_t)e * (size_t)r->S,
                        r->action + (size_t)e * (size_t)r->parts, (float)x->reward);
}

static void rollout_forget(struct rollout *r, int e)
{
    if (r->S)
        memset(r->state + (size_t)e * (size_t)r->S, 0, (size_t)r->S * sizeof(float));
}

/* Environment e takes warmup e / (E - 1) random steps: episodes that all begin at once would also
 * end together for a while, and a batch would hold one phase of the game. */
static int rollout_warm_up(struct rollout *r, struct onic_err *err)
{
    struct rng rng = rng_stream(r->p.seed, "warmup", r->p.actor_id, 0, r->p.life);
    for (int step = 0; step < r->p.warmup && r->E > 1; step++) {
        for (int e = 0; e < r->E; e++) {
            bool moves = step < (int)((int64_t)r->p.warmup * e / (r->E - 1));
            union action_cell *action = r->action + (size_t)e * (size_t)r->parts;
            if (moves)
                vec_env_random_action(r->p.envs, e, &rng, action);
            else
                action->choice = ACTION_NONE;
        }
        int rc = vec_env_step(r->p.envs, r->action, r->obs, r->obs_result, err);
        for (int e = 0; !rc && e < r->E; e++) {
            if (r->action[(size_t)e * (size_t)r->parts].choice == ACTION_NONE)
                continue;
            rollout_remember(r, e, &r->obs_result[e]);
            if (!rollout_ended(&r->obs_result[e]))
                continue;
            rollout_forget(r, e);
            rc = vec_env_reset_one(r->p.envs, e, r->obs + (size_t)e * r->obs_bytes,
                                   &r->obs_result[e], err);
        }
        if (rc)
            return rc;
    }
    return ONIC_OK;
}

int rollout_start(struct rollout *r, const uint8_t *blob, size_t len, struct onic_err *err)
{
    if (!blob) {
        int rc = vec_env_reset_all(r->p.envs, r->obs, r->obs_result, err);
        return rc ? rc : rollout_warm_up(r, err);
    }
    size_t each = trajectory_snapshot_bytes(r->env_state_bytes, r->S);
    if (len != each * (size_t)r->E)
        return err_set(
            err, ONIC_ECONFIG,
            "the resume point holds %zu bytes, %d environments need %zu: env.count must stay "
            "what it was when a deterministic run is resumed",
            len, r->E, each * (size_t)r->E);
    for (int e = 0; e < r->E; e++) {
        int rc = load_env(r, e, blob + (size_t)e * each, err);
        if (rc)
            return rc;
    }
    return ONIC_OK;
}

/* --- one trajectory -------------------------------------------------------------------------- */

static void rollout_begin(struct rollout *r, struct trajectory *t, uint64_t version)
{
    trajectory_clear(t);
    t->actor_id = r->p.actor_id;
    t->weights_version = version;
    t->env_steps_before = r->env_steps;
    memcpy(t->obs, r->obs, (size_t)r->E * r->obs_bytes);
    if (r->S)
        memcpy(t->state0, r->state, (size_t)r->E * (size_t)r->S * sizeof(float));
    for (int e = 0; e < r->E; e++) {
        const struct vec_episode *ep = vec_env_episode(r->p.envs, e);
        t->episode_id[e] = ep->id;
        t->episode_seed[e] = ep->seed;
        t->first_step[e] = ep->steps;
        t->first_count[e] = ep->caption_count;
        t->obs_caption[e] =
            trajectory_caption(t, r->obs_result[e].caption, (size_t)r->obs_result[e].caption_len);
    }
}

/* The actions of a step, as the policy gave them, and what was possible. */
static void record_action(const struct rollout *r, struct trajectory *t, size_t at)
{
    size_t parts = (size_t)r->parts, n = (size_t)r->E * parts;
    for (size_t i = 0; t->action && i < n; i++)
        t->action[at * parts + i] = (int16_t)r->action[i].choice;
    for (size_t i = 0; t->number && i < n; i++)
        t->number[at * parts + i] = r->action[i].number;
    if (t->mask)
        memcpy(t->mask + at * r->mask_bytes, vec_env_mask(r->p.envs), (size_t)r->E * r->mask_bytes);
}

static void act(struct rollout *r, const float *weights, struct trajectory *t, int step)
{
    const uint8_t *row = t->obs + (size_t)step * (size_t)r->E * r->obs_bytes;
    size_t at = (size_t)step * (size_t)r->E, draws = (size_t)action_dist_uniforms(r->dist);
    for (size_t e = 0; e < (size_t)r->E; e++) {
        r->rows[e] = row + e * r->obs_bytes;
        for (size_t k = 0; k < draws; k++)
            r->u[e * draws + k] = rng_float(&r->action_rng[e]);
    }
    policy_act(r->p.policy, r->ws, weights, r->rows, r->E, r->state, r->outputs,
               t->value + at * POLICY_HEADS);
    action_dist_sample(r->dist, r->outputs, vec_env_mask(r->p.envs), r->u, r->E, r->action,
                       t->logp + at);
    record_action(r, t, at);
    action_dist_act(r->dist, r->action, r->E);
}

static uint8_t flags_of(const struct env_result *x)
{
    return (uint8_t)((x->terminated ? STEP_TERMINATED : 0) | (x->truncated ? STEP_TRUNCATED : 0) |
                     (x->failed ? STEP_FAILED : 0) | (x->success ? STEP_SUCCESS : 0));
}

static void finish_episode(struct rollout *r, struct trajectory *t, int e, const uint8_t *final_obs)
{
    vec_env_episode_row(r->p.envs, e, r->episode);
    trajectory_episode(t, r->episode, final_obs);
    r->episodes++;
}

/* Values of the final observations of environments that were cut off but not ended by their task.
 */
static void value_cut(struct rollout *r, const float *weights, struct trajectory *t, int step)
{
    size_t S = (size_t)r->S, at = (size_t)step * (size_t)r->E;
    uint8_t *next = t->obs + (at + (size_t)r->E) * r->obs_bytes;
    int n = 0;
    for (int e = 0; e < r->E; e++) {
        const struct env_result *x = &r->result[e];
        float *final_value = t->final_value + (at + (size_t)e) * POLICY_HEADS;
        final_value[0] = final_value[1] = 0.0f;
        if (x->terminated || !rollout_ended(x))
            continue;
        if (x->failed) { /* no trustworthy observation: keep the value of the step itself */
            memcpy(final_value, t->value + (at + (size_t)e) * POLICY_HEADS,
                   POLICY_HEADS * sizeof(float));
            continue;
        }
        r->cut_rows[n] = next + (size_t)e * r->obs_bytes;
        memcpy(r->cut_state + (size_t)n * S, r->state + (size_t)e * S, S * sizeof(float));
        r->cut[n++] = e;
    }
    if (n == 0)
        return;
    policy_act(r->p.policy, r->ws, weights, r->cut_rows, n, r->cut_state, r->outputs, r->cut_value);
    for (int i = 0; i < n; i++)
        memcpy(t->final_value + (at + (size_t)r->cut[i]) * POLICY_HEADS,
               r->cut_value + (size_t)i * POLICY_HEADS, POLICY_HEADS * sizeof(float));
}

static void record(struct rollout *r, struct trajectory *t, int step)
{
    size_t at = (size_t)step * (size_t)r->E;
    for (int e = 0; e < r->E; e++) {
        const struct env_result *x = &r->result[e];
        size_t i = at + (size_t)e;
        t->reward[i] = (float)x->reward;
        t->flags[i] = flags_of(x);
        rollout_remember(r, e, x);
        t->caption[i] = trajectory_caption(t, x->caption, (size_t)x->caption_len);
        t->caption_count[i] = vec_env_episode(r->p.envs, e)->caption_count;
        t->obs_caption[i + (size_t)r->E] = t->caption[i];
    }
}

static int reset_ended(struct rollout *r, struct trajectory *t, int step, struct onic_err *err)
{
    size_t next = ((size_t)step + 1) * (size_t)r->E;
    for (int e = 0; e < r->E; e++) {
        if (!rollout_ended(&r->result[e]))
            continue;
        uint8_t *obs = t->obs + (next + (size_t)e) * r->obs_bytes;
        finish_episode(r, t, e, obs);
        int rc = vec_env_reset_one(r->p.envs, e, obs, &r->result[e], err);
        if (rc)
            return rc;
        t->obs_caption[next + (size_t)e] =
            trajectory_caption(t, r->result[e].caption, (size_t)r->result[e].caption_len);
        rollout_forget(r, e);
    }
    return ONIC_OK;
}

int rollout_fill(struct rollout *r, const float *weights, uint64_t version, struct trajectory *t,
                 rollout_tick *tick, void *ctx, struct onic_err *err)
{
    rollout_begin(r, t, version);
    for (int step = 0; step < r->p.T; step++) {
        act(r, weights, t, step);
        uint8_t *next = t->obs + ((size_t)step + 1) * (size_t)r->E * r->obs_bytes;
        int rc = vec_env_step(r->p.envs, r->action, next, r->result, err);
        if (rc)
            return rc;
        record(r, t, step);
        value_cut(r, weights, t, step);
        rc = reset_ended(r, t, step, err);
        if (rc)
            return rc;
        if (tick)
            tick(ctx, (uint64_t)r->E);
    }
    memcpy(r->obs, t->obs + (size_t)r->p.T * (size_t)r->E * r->obs_bytes,
           (size_t)r->E * r->obs_bytes);
    memcpy(r->obs_result, r->result, (size_t)r->E * sizeof *r->result);
    r->env_steps += (uint64_t)r->p.T * (uint64_t)r->E;
    size_t each = t->shape.snapshot_bytes;
    for (int e = 0; each && e < r->E; e++)
        save_env(r, e, t->snapshot + (size_t)e * each);
    return ONIC_OK;
}
