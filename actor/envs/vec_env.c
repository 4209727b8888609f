/* SPDX-License-Identifier: MIT */
/* vec_env.c - E environments and the books of their episodes; see vec_env.h.
 *
 * Episodic caption counts. The reward is divided by a power of N, the number of times its caption
 * has occurred in the episode, so N must be exact and survive a resume. Each environment has a map
 * from the caption's 64-bit hash to N (8-byte keys keep the snapshot small: 16 bytes per distinct
 * caption; two captions of one episode share a hash once in about 10^15 episodes). The number of
 * entries is bounded by a constant per environment, and the same bound holds live, so a resumed run
 * counts as the unbroken one would. Captions beyond it share SHARED counters by their hash: N is
 * then at least the true number, so what an episode can be paid stays bounded however many captions
 * it has.
 *
 * Unique captions for benchmarks. bench.captions_per_s marks captions with a running number to
 * imitate a world whose captions never repeat. A token bucket (one second deep at most, refilled
 * from the monotonic clock) decides which, so the rate holds whatever the speed of the
 * environments; the rest of the captions pass unchanged. */
#include "actor/envs/vec_env.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "actor/envs/env_faults.h"
#include "actor/envs/progress.h"
#include "common/base/bounds.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "common/data/episode.h"

enum {
    SNAPSHOT_MAGIC = 0x564e4532, /* "2ENV", layout 2 */
    RESETS_MAX = 100,            /* episodes broken before their first step, in a row */
    SHARED = 64
};

struct slot {
    struct env *env;
    struct strmap *counts;   /* caption hash -> occurrences in this episode */
    uint32_t shared[SHARED]; /* of captions that found no room there */
    uint64_t number;         /* of the next episode */
    struct vec_episode episode;
};

struct vec_env {
    uint64_t run_seed;
    int actor_id, count;
    size_t obs_bytes;
    size_t counts_max; /* entries per episode */
    double unique_per_s, tokens;
    int64_t refilled_ns;
    uint64_t unique;          /* captions made unique so far */
    int parts;                /* cells of an action */
    int options;              /* of the one choice that an action is; 0: of other kinds */
    size_t mask_bytes;        /* of one environment */
    uint8_t *mask, *possible; /* [count, mask_bytes], [options]; NULL without masks */
    struct {
        size_t from, count;
        const char *name;
    } floats[OBS_FIELDS_MAX]; /* fields of an observation that could hold a NaN: offset, elements */
    int nfloats;
    const char *fault; /* of the last reset or step, NULL: none */
    char fault_text[OBS_NAME_MAX + 64];
    struct env_faults faults;
    struct slot *slots; /* [count] */
};

/* Start of a snapshot; count_entry[counts_max] and the family's own state follow. */
struct snapshot_head {
    uint32_t magic, entries;
    uint64_t number, id, seed;
    double ret;
    uint32_t steps;
    uint16_t caption_count;
    uint8_t ended, success;
    uint32_t shared[SHARED];
};

struct count_entry {
    uint64_t hash, count;
};

struct vec_env *vec_env_create(const struct vec_env_params *p, struct env *const *envs, int count)
{
    ONIC_ASSERT(p->actor_id >= 0 && p->actor_id < BOUND_ACTORS && count > 0 && count <= BOUND_ENVS);
    const struct env_spec *spec = &envs[0]->spec;
    struct vec_env *v = xcalloc(1, sizeof *v);
    v->run_seed = p->run_seed;
    v->actor_id = p->actor_id;
    v->unique_per_s = p->unique_per_s;
    v->refilled_ns = clock_ns();
    v->obs_bytes = spec->obs.obs_bytes;
    v->counts_max = spec->state_bytes ? VEC_CAPTIONS_SAVED : VEC_CAPTIONS_MAX;
    v->slots = xcalloc((size_t)count, sizeof *v->slots);
    v->count = count;
    v->parts = action_space_parts(&spec->actions);
    v->options = spec->actions.kind == ACTION_DISCRETE ? spec->actions.n : 0;
    v->mask_bytes = action_space_mask_bytes(&spec->actions);
    if (v->mask_bytes) {
        v->mask = xcalloc((size_t)count, v->mask_bytes);
        v->possible = xcalloc((size_t)action_space_all_options(&spec->actions), 1);
    }
    for (int i = 0; i < spec->obs.nfields; i++)
        if (spec->obs.field[i].type == OBS_F32) {
            v->floats[v->nfloats].from = spec->obs.field[i].offset;
            v->floats[v->nfloats].name = spec->obs.field[i].name;
            v->floats[v->nfloats++].count = (size_t)obs_field_count(&spec->obs.field[i]);
        }
    for (int i = 0; i < count; i++)
        v->slots[i] =
            (struct slot){.env = envs[i], .counts = strmap_create(64), .episode = {.ended = true}};
    return v;
}

void vec_env_free(struct vec_env *v)
{
    if (!v)
        return;
    for (int i = 0; i < v->count; i++) {
        env_free(v->slots[i].env);
        strmap_free(v->slots[i].counts);
    }
    free(v->slots);
    free(v->mask);
    free(v->possible);
    free(v);
}

const struct env_spec *vec_env_spec(const struct vec_env *v)
{
    return &v->slots[0].env->spec;
}

int vec_env_count(const struct vec_env *v)
{
    return v->count;
}

void vec_env_describe(const struct vec_env *v, struct env_description *out)
{
    const struct env_spec *s = vec_env_spec(v);
    *out = (struct env_description){.obs = s->obs,
                                    .actions = s->actions,
                                    .nstats = s->nstats,
                                    .default_count = s->default_count,
                                    .has_success = s->has_success,
                                    .snapshot_bytes = vec_env_snapshot_bytes(v),
                                    .max_steps = s->max_steps};
    snprintf(out->id, sizeof out->id, "%s", s->id);
    snprintf(out->default_net, sizeof out->default_net, "%s", s->default_net);
    snprintf(out->default_goal, sizeof out->default_goal, "%s", s->default_goal);
    snprintf(out->domain, sizeof out->domain, "%s", v->slots[0].env->family->domain);
    for (int i = 0; i < s->nstats; i++)
        snprintf(out->stat_names[i], sizeof out->stat_names[i], "%s", s->stat_names[i]);
}

struct env *vec_env_at(struct vec_env *v, int i)
{
    ONIC_ASSERT(i >= 0 && i < v->count);
    return v->slots[i].env;
}

void vec_env_number_episodes_from(struct vec_env *v, uint64_t first)
{
    for (int i = 0; i < v->count; i++)
        v->slots[i].number = first;
}

/* Appends " #<n>" when the bucket has a token; n differs between the actors of a run. */
static void make_unique(struct vec_env *v, struct env_result *r)
{
    int64_t now = clock_ns();
    v->tokens += (double)(now - v->refilled_ns) * 1e-9 * v->unique_per_s;
    v->tokens = fmin(v->tokens, fmax(1.0, v->unique_per_s));
    v->refilled_ns = now;
    if (v->tokens < 1.0)
        return;
    v->tokens -= 1.0;
    char mark[32];
    int n = snprintf(mark, sizeof mark, " #%llu",
                     (unsigned long long)(v->unique++ * BOUND_ACTORS + (uint64_t)v->actor_id));
    int keep = r->caption_len + n > ENV_CAPTION_MAX ? ENV_CAPTION_MAX - n : r->caption_len;
    memcpy(r->caption + keep, mark, (size_t)n + 1);
    r->caption_len = keep + n;
}

/* Counts the caption of a reset or step; sets episode.caption_count. */
static void count_caption(struct vec_env *v, struct slot *s, struct env_result *r)
{
    s->episode.caption_count = 0;
    if (r->caption_len == 0)
        return;
    if (v->unique_per_s > 0.0)
        make_unique(v, r);
    uint64_t hash = XXH3_64bits(r->caption, (size_t)r->caption_len);
    uint64_t *n = strmap_get(s->counts, &hash, sizeof hash);
    if (!n && strmap_count(s->counts) < v->counts_max)
        n = strmap_put(s->counts, &hash, sizeof hash, NULL);
    uint64_t occurrences = n ? ++*n : ++s->shared[hash % SHARED];
    s->episode.caption_count = occurrences > UINT16_MAX ? UINT16_MAX : (uint16_t)occurrences;
}

/* --- what an environment gave ---------------------------------------------------------------- */

/* Reads the mask of environment i; false when it leaves a choice without an option. Where the
 * episode is over nothing is forbidden: actions are drawn for all environments at once, also for
 * those that are left alone. */
static bool read_mask(struct vec_env *v, int i, bool over)
{
    const struct env *e = v->slots[i].env;
    uint8_t *mask = v->mask + (size_t)i * v->mask_bytes;
    if (over)
        memset(v->possible, 1, (size_t)action_space_all_options(&e->spec.actions));
    else
        e->family->mask(e, v->possible);
    action_mask_pack(&e->spec.actions, v->possible, mask);
    return action_mask_fault(&e->spec.actions, mask) < 0;
}

static const char *vec_env_strange_float(struct vec_env *v, const char *field, float value)
{
    if (isfinite(value))
        snprintf(v->fault_text, sizeof v->fault_text,
                 "the field '%s' of the observation holds %g, more than anything that is measured",
                 field, (double)value);
    else
        snprintf(v->fault_text, sizeof v->fault_text,
                 "the field '%s' of the observation is not finite", field);
    return v->fault_text;
}

/* NULL: every float of the observation can be one. */
static const char *check_obs_floats(struct vec_env *v, const uint8_t *obs)
{
    for (int k = 0; k < v->nfloats; k++) {
        const uint8_t *at = obs + v->floats[k].from;
        size_t i = obs_floats_beyond(at, v->floats[k].count);
        float value;
        if (i == v->floats[k].count)
            continue;
        memcpy(&value, at + i * sizeof value, sizeof value);
        return vec_env_strange_float(v, v->floats[k].name, value);
    }
    return NULL;
}

/* Why the result or observation is of no use; NULL: it is. */
static const char *vec_env_fault(struct vec_env *v, int i, const uint8_t *obs,
                                 const struct env_result *r)
{
    if (r->failed) {
        if (v->mask)
            read_mask(v, i, true);
        return r->fault ? r->fault : "it does not say why";
    }
    if (!isfinite((float)r->reward))
        return "the reward is not a finite number";
    const char *strange = check_obs_floats(v, obs);
    if (strange)
        return strange;
    if (v->mask && !read_mask(v, i, r->terminated || r->truncated || r->failed))
        return "the mask forbids every option of a choice";
    return NULL;
}

/* What no policy could use ends the episode as broken; nothing of it is trained on. */
static void vec_env_judge(struct vec_env *v, int i, const uint8_t *obs, struct env_result *r)
{
    const char *fault = v->fault = vec_env_fault(v, i, obs, r);
    if (!fault)
        return;
    r->failed = true;
    r->terminated = r->truncated = r->success = false;
    r->reward = 0.0;
    if (v->mask)
        read_mask(v, i, true);
    int64_t times = env_faults_to_tell(&v->faults, fault);
    if (times)
        log_warn("an environment broke; its episode counts as cut off",
                 kv("env", (const char *)v->slots[i].env->spec.id), kv("environment", i),
                 kv("step", (int64_t)v->slots[i].episode.steps), kv("why", fault),
                 kv("times", times));
}

/* Called for each result. Of a world without floats and masks there is nothing else to look at. */
static void vec_env_inspect(struct vec_env *v, int i, const uint8_t *obs, struct env_result *r)
{
    env_progress_if_asked(); /* this one has answered; the whole vector may take long */
    if (v->nfloats || v->mask || r->failed || !isfinite((float)r->reward))
        vec_env_judge(v, i, obs, r);
    else
        v->fault = NULL;
}

static int begin_episode(struct vec_env *v, int i, uint8_t *obs, struct env_result *result,
                         struct onic_err *err)
{
    struct slot *s = &v->slots[i];
    uint64_t number = s->number++;
    uint64_t id = episode_id(v->actor_id, i, number);
    s->episode = (struct vec_episode){.id = id, .seed = episode_seed(v->run_seed, id)};
    strmap_clear(s->counts);
    memset(s->shared, 0, sizeof s->shared);
    s->env->family->seed(s->env, s->episode.seed);
    int rc = s->env->family->reset(s->env, obs, result, err);
    if (rc) {
        err_wrap(err, "environment %d of actor %d", i, v->actor_id);
        return rc;
    }
    vec_env_inspect(v, i, obs, result);
    s->episode.ended = result->failed;
    count_caption(v, s, result);
    return ONIC_OK;
}

int vec_env_reset_one(struct vec_env *v, int i, uint8_t *obs, struct env_result *result,
                      struct onic_err *err)
{
    ONIC_ASSERT(i >= 0 && i < v->count);
    for (int tries = 0; tries < RESETS_MAX; tries++) {
        int rc = begin_episode(v, i, obs, result, err);
        if (rc || !result->failed)
            return rc;
    }
    return err_set(err, ONIC_ECONFIG,
                   "%s is broken at the start of %d episodes in a row%s%s: the environment must be "
                   "mended",
                   v->slots[i].env->spec.id, RESETS_MAX, v->fault ? ", " : "",
                   v->fault ? v->fault : "");
}

int vec_env_reset_all(struct vec_env *v, uint8_t *obs, struct env_result *results,
                      struct onic_err *err)
{
    for (int i = 0; i < v->count; i++) {
        int rc = vec_env_reset_one(v, i, obs + (size_t)i * v->obs_bytes, &results[i], err);
        if (rc)
            return rc;
    }
    return ONIC_OK;
}

/* Environments of other processes all get their action before the first one is waited for. */
static void vec_env_begin(struct vec_env *v, const union action_cell *action)
{
    void (*begin)(struct env *, const union action_cell *) = v->slots[0].env->family->begin;
    for (int i = 0; begin && i < v->count; i++, action += v->parts)
        if (action[0].choice != ACTION_NONE)
            begin(v->slots[i].env, action);
}

int vec_env_step(struct vec_env *v, const union action_cell *action, uint8_t *obs,
                 struct env_result *results, struct onic_err *err)
{
    vec_env_begin(v, action);
    for (int i = 0; i < v->count; i++, action += v->parts, obs += v->obs_bytes) {
        struct slot *s = &v->slots[i];
        struct env_result *r = &results[i];
        if (action[0].choice == ACTION_NONE)
            continue;
        ONIC_ASSERT(!s->episode.ended &&
                    (v->options ? action[0].choice >= 0 && action[0].choice < v->options
                                : action_space_holds(&s->env->spec.actions, action)));
        int rc = env_step(s->env, action, obs, r, err);
        if (rc) {
            err_wrap(err, "environment %d of actor %d", i, v->actor_id);
            return rc;
        }
        vec_env_inspect(v, i, obs, r);
        s->episode.steps++;
        s->episode.ret += r->reward;
        s->episode.ended = r->terminated || r->truncated || r->failed;
        s->episode.success = r->success;
        count_caption(v, s, r);
    }
    return ONIC_OK;
}

const uint8_t *vec_env_mask(const struct vec_env *v)
{
    return v->mask;
}

void vec_env_random_action(const struct vec_env *v, int i, struct rng *rng,
                           union action_cell *action)
{
    action_space_random(&v->slots[i].env->spec.actions,
                        v->mask ? v->mask + (size_t)i * v->mask_bytes : NULL, rng, action);
}

const struct vec_episode *vec_env_episode(const struct vec_env *v, int i)
{
    ONIC_ASSERT(i >= 0 && i < v->count);
    return &v->slots[i].episode;
}

void vec_env_episode_row(const struct vec_env *v, int i, float *row)
{
    ONIC_ASSERT(i >= 0 && i < v->count);
    const struct slot *s = &v->slots[i];
    row[0] = (float)s->episode.ret;
    row[1] = (float)s->episode.steps;
    row[2] = s->env->spec.has_success ? (float)s->episode.success : -1.0F;
    row[3] = (float)i;
    if (s->env->spec.nstats)
        s->env->family->stats(s->env, row + 4);
    for (int k = 0; k < 4 + s->env->spec.nstats; k++)
        if (!isfinite(row[k])) /* one such number would cost the whole trajectory */
            row[k] = 0.0f;
}

size_t vec_env_snapshot_bytes(const struct vec_env *v)
{
    size_t state = v->slots[0].env->spec.state_bytes;
    return state ? sizeof(struct snapshot_head) + v->counts_max * sizeof(struct count_entry) + state
                 : 0;
}

void vec_env_save(const struct vec_env *v, int i, uint8_t *snapshot)
{
    ONIC_ASSERT(i >= 0 && i < v->count && vec_env_snapshot_bytes(v) > 0);
    const struct slot *s = &v->slots[i];
    struct snapshot_head head;
    memset(&head, 0, sizeof head);
    head.magic = SNAPSHOT_MAGIC;
    head.entries = (uint32_t)strmap_count(s->counts);
    head.number = s->number;
    head.id = s->episode.id;
    head.seed = s->episode.seed;
    head.ret = s->episode.ret;
    head.steps = s->episode.steps;
    head.caption_count = s->episode.caption_count;
    head.ended = s->episode.ended;
    head.success = s->episode.success;
    memcpy(head.shared, s->shared, sizeof head.shared);
    memcpy(snapshot, &head, sizeof head);
    uint8_t *at = snapshot + sizeof head;
    memset(at, 0, v->counts_max * sizeof(struct count_entry));
    size_t it = 0, len;
    const char *key;
    uint64_t count;
    for (size_t k = 0; strmap_next(s->counts, &it, &key, &len, &count); k++) {
        struct count_entry entry = {.count = count};
        memcpy(&entry.hash, key, sizeof entry.hash);
        memcpy(at + k * sizeof entry, &entry, sizeof entry);
    }
    s->env->family->save(s->env, at + v->counts_max * sizeof(struct count_entry));
}

int vec_env_load(struct vec_env *v, int i, const uint8_t *snapshot, uint8_t *obs,
                 struct onic_err *err)
{
    ONIC_ASSERT(i >= 0 && i < v->count && vec_env_snapshot_bytes(v) > 0);
    struct slot *s = &v->slots[i];
    struct snapshot_head head;
    memcpy(&head, snapshot, sizeof head);
    if (head.magic != SNAPSHOT_MAGIC || head.entries > v->counts_max)
        return err_set(err, ONIC_EDAMAGED, "this is not a snapshot of %s", s->env->spec.id);
    const uint8_t *at = snapshot + sizeof head;
    int rc =
        s->env->family->load(s->env, at + v->counts_max * sizeof(struct count_entry), obs, err);
    if (rc)
        return rc;
    strmap_clear(s->counts);
    for (uint32_t k = 0; k < head.entries; k++) {
        struct count_entry entry;
        memcpy(&entry, at + k * sizeof entry, sizeof entry);
        *strmap_put(s->counts, &entry.hash, sizeof entry.hash, NULL) = entry.count;
    }
    memcpy(s->shared, head.shared, sizeof s->shared);
    s->number = head.number;
    s->episode = (struct vec_episode){.id = head.id,
                                      .seed = head.seed,
                                      .steps = head.steps,
                                      .ended = head.ended,
                                      .success = head.success,
                                      .ret = head.ret,
                                      .caption_count = head.caption_count};
    if (v->mask && !read_mask(v, i, head.ended))
        return err_set(err, ONIC_EDAMAGED, "this is not a snapshot of %s", s->env->spec.id);
    return ONIC_OK;
}
