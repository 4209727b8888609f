/* SPDX-License-Identifier: MIT */
/* vec_env.c - E environments and the books of their episodes; see vec_env.h.
 *
 * Episodic caption counts. The reward is divided by a power of N, the number of times its caption
 * has occurred in the episode, so N must be exact and survive a resume. Each environment has a map
 * from the caption's 64-bit hash to N (8-byte keys keep the snapshot small: 16 bytes per distinct
 * caption; two captions of one episode share a hash once in about 10^15 episodes). The number of
 * entries is bounded by a constant per environment, and the same bound holds live, so a resumed run
 * counts as the unbroken one would.
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

#include "common/base/bounds.h"
#include "common/base/clock.h"
#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "common/data/episode.h"

enum { SNAPSHOT_MAGIC = 0x564e4531 }; /* "1ENV", layout 1 */

struct slot {
    struct env *env;
    struct strmap *counts; /* caption hash -> occurrences in this episode */
    uint64_t number;       /* of the next episode */
    struct vec_episode episode;
};

struct vec_env {
    uint64_t run_seed;
    int actor_id, count;
    size_t obs_bytes;
    size_t counts_max; /* entries per episode */
    double unique_per_s, tokens;
    int64_t refilled_ns;
    uint64_t unique;    /* captions made unique so far */
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
    uint64_t occurrences = n ? ++*n : 1;
    s->episode.caption_count = occurrences > UINT16_MAX ? UINT16_MAX : (uint16_t)occurrences;
}

int vec_env_reset_one(struct vec_env *v, int i, uint8_t *obs, struct env_result *result,
                      struct onic_err *err)
{
    ONIC_ASSERT(i >= 0 && i < v->count);
    struct slot *s = &v->slots[i];
    uint64_t number = s->number++;
    uint64_t id = episode_id(v->actor_id, i, number);
    s->episode = (struct vec_episode){.id = id, .seed = episode_seed(v->run_seed, id)};
    strmap_clear(s->counts);
    s->env->family->seed(s->env, s->episode.seed);
    int rc = s->env->family->reset(s->env, obs, result, err);
    if (rc) {
        err_wrap(err, "environment %d of actor %d", i, v->actor_id);
        return rc;
    }
    s->episode.ended = result->failed; /* a reset may break, too; the caller tries again */
    count_caption(v, s, result);
    return ONIC_OK;
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

int vec_env_step(struct vec_env *v, const int32_t *action, uint8_t *obs, struct env_result *results,
                 struct onic_err *err)
{
    for (int i = 0; i < v->count; i++) {
        struct slot *s = &v->slots[i];
        struct env_result *r = &results[i];
        if (action[i] < 0)
            continue;
        ONIC_ASSERT(!s->episode.ended && action[i] < s->env->spec.actions);
        int rc = s->env->family->step(s->env, action[i], obs + (size_t)i * v->obs_bytes, r, err);
        if (rc) {
            err_wrap(err, "environment %d of actor %d", i, v->actor_id);
            return rc;
        }
        s->episode.steps++;
        s->episode.ret += r->reward;
        s->episode.ended = r->terminated || r->truncated || r->failed;
        s->episode.success = r->success;
        count_caption(v, s, r);
    }
    return ONIC_OK;
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
    s->number = head.number;
    s->episode = (struct vec_episode){.id = head.id,
                                      .seed = head.seed,
                                      .steps = head.steps,
                                      .ended = head.ended,
                                      .success = head.success,
                                      .ret = head.ret,
                                      .caption_count = head.caption_count};
    return ONIC_OK;
}
