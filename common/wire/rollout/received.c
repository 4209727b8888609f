/* SPDX-License-Identifier: MIT */
/* received.c - a TRAJECTORY frame as a struct trajectory, every field checked; see received.h.
 *
 * The learner trains on what it reads here without looking again: an action outside the policy's
 * range would index past a row of logits, a NaN would reach the weights, a caption index past the
 * table would read foreign memory. So all of them are checked once, where a message turns into
 * memory, and the first wrong one is named with its position and value.
 *
 * Floats are tested by their bits, which without the sign are in the order of the magnitudes: the
 * loops stay free of branches, so they are vectorised, and they do not depend on what the compiler
 * may assume of NaN. Those of observations are looked at where the learner has said what an
 * observation is made of; whole numbers there are of a type that holds nothing absurd.
 *
 * Episodes are held against the flags: an actor lists those that ended, in the order in which they
 * did, so that nobody reports successes of which no step tells.
 *
 * libzmq hands small messages out as pieces of its read buffer, at any address. Such a message is
 * copied to aligned memory; large ones always come aligned and are used where they lie. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/data/episode.h"
#include "common/data/trajectory_block.h"
#include "common/wire/rollout/received.h"
#include "trajectory.pb-c.h"

enum { MAGNITUDE = 0x7fffffff };

/* Far beyond what any environment, policy or action has, and near enough that sums of squares of a
 * whole batch stay finite: what is larger, finite or not, would reach the weights as a NaN. */
static const float REWARD_MOST = 1e15f, VALUE_MOST = 1e8f, LOGP_MOST = 1e4f, NUMBER_MOST = 1e6f,
                   STATE_MOST = 1e6f, EPISODE_MOST = 1e30f;

/* The first that is not a number within -most..most; n: there is none. */
static size_t first_beyond(const float *x, size_t n, float most)
{
    uint32_t any = 0, limit;
    memcpy(&limit, &most, sizeof limit);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        any |= (uint32_t)((bits & MAGNITUDE) > limit);
    }
    for (size_t i = 0; any && i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        if ((bits & MAGNITUDE) > limit)
            return i;
    }
    return n;
}

static const char *say_beyond(const char *name, size_t i, float value, float most, char why[160])
{
    if (isfinite(value))
        snprintf(why, 160, "%s[%zu] is %g, must be within %g..%g", name, i, (double)value,
                 -(double)most, (double)most);
    else
        snprintf(why, 160, "%s[%zu] is not a finite number", name, i);
    return name;
}

static const char *check_floats(const struct trajectory *t, char why[160])
{
    size_t te = (size_t)t->shape.T * (size_t)t->shape.E;
    const struct {
        const char *name;
        const float *data;
        size_t n;
        float most;
    } fields[] = {
        {"logp", t->logp, te, LOGP_MOST},
        {"value", t->value, te * POLICY_HEADS, VALUE_MOST},
        {"reward", t->reward, te, REWARD_MOST},
        {"final_value", t->final_value, te * POLICY_HEADS, VALUE_MOST},
        {"number", t->number, t->number ? te * (size_t)t->shape.actions.n : 0, NUMBER_MOST},
        {"state0", t->state0, (size_t)t->shape.E * (size_t)t->shape.state_size, STATE_MOST},
        {"episodes", t->episodes,
         (size_t)t->nepisodes * (size_t)(TRAJECTORY_EPISODE_HEAD + t->shape.nstats), EPISODE_MOST},
    };
    for (size_t k = 0; k < sizeof fields / sizeof fields[0]; k++) {
        size_t bad = first_beyond(fields[k].data, fields[k].n, fields[k].most);
        if (bad < fields[k].n)
            return say_beyond(fields[k].name, bad, fields[k].data[bad], fields[k].most, why);
    }
    for (size_t i = 0; t->action && i < te; i++) /* a density may be above 1 */
        if (t->logp[i] > 1e-3f) {
            snprintf(why, 160, "logp[%zu] is %g, a log-probability is at most 0", i,
                     (double)t->logp[i]);
            return "logp";
        }
    return NULL;
}

/* A final value belongs to a step that was cut off, and is 0 everywhere else. */
static const char *check_final_values(const struct trajectory *t, char why[160])
{
    size_t te = (size_t)t->shape.T * (size_t)t->shape.E;
    for (size_t i = 0; i < te * POLICY_HEADS; i++) {
        if (t->final_value[i] == 0.0f)
            continue;
        uint8_t flags = t->flags[i / POLICY_HEADS];
        bool cut = !(flags & STEP_TERMINATED) && (flags & (STEP_TRUNCATED | STEP_FAILED));
        if (!cut) {
            snprintf(why, 160, "final_value[%zu] is %g at a step that was not cut off", i,
                     (double)t->final_value[i]);
            return "final_value";
        }
    }
    return NULL;
}

const char *received_beyond(const struct received *r, float value_most, char why[160])
{
    const struct trajectory *t = &r->t;
    size_t n = (size_t)t->shape.T * (size_t)t->shape.E * POLICY_HEADS;
    size_t bad = first_beyond(t->value, n, value_most);
    if (bad < n)
        return say_beyond("value", bad, t->value[bad], value_most, why);
    bad = first_beyond(t->final_value, n, value_most);
    return bad < n ? say_beyond("final_value", bad, t->final_value[bad], value_most, why) : NULL;
}

/* Rows of observations, one behind the other. */
static const char *check_rows(const struct obs_spec *obs, const uint8_t *row, size_t rows,
                              char why[160])
{
    for (int k = 0; k < obs->nfields; k++) {
        const struct obs_field *f = &obs->field[k];
        size_t n = (size_t)obs_field_count(f);
        for (size_t r = 0; f->type == OBS_F32 && r < rows; r++) {
            const uint8_t *at = row + r * obs->obs_bytes + f->offset;
            size_t i = obs_floats_beyond(at, n);
            if (i == n)
                continue;
            snprintf(why, 160, "element %zu of the field '%s' of row %zu is %g", i, f->name, r,
                     obs_value(f, row + r * obs->obs_bytes, (int)i));
            return "obs";
        }
    }
    return NULL;
}

/* What an episode that broke ended with means nothing, and nobody reads it. */
static const char *check_last_rows(const struct trajectory *t, const struct obs_spec *obs,
                                   char why[160])
{
    const char *bad = NULL;
    int k = 0;
    for (size_t i = 0; !bad && k < t->nepisodes; i++)
        if (t->flags[i] & STEP_ENDED) {
            const uint8_t *row = t->final_obs + (size_t)k++ * obs->obs_bytes;
            bad = t->flags[i] & STEP_FAILED ? NULL : check_rows(obs, row, 1, why);
        }
    return bad ? "final_obs" : NULL;
}

const char *received_strange(const struct received *r, const struct obs_spec *obs, char why[160])
{
    const struct trajectory *t = &r->t;
    size_t rows = ((size_t)t->shape.T + 1) * (size_t)t->shape.E;
    if (obs->obs_bytes != t->shape.obs_bytes)
        return NULL; /* READY compares what is known */
    const char *bad = check_rows(obs, t->obs, rows, why);
    return bad ? bad : check_last_rows(t, obs, why);
}

static const char *out_of_range(const char *name, size_t i, long value, long end, char why[160])
{
    snprintf(why, 160, "%s[%zu] is %ld, must be 0..%ld", name, i, value, end - 1);
    return name;
}

/* Choices in range, masks that leave something, and choices that they allow. */
static const char *check_actions(const struct trajectory *t, char why[160])
{
    const struct action_space *s = &t->shape.actions;
    size_t parts = (size_t)action_space_parts(s), bytes = action_space_mask_bytes(s);
    size_t n = (size_t)t->shape.T * (size_t)t->shape.E * parts;
    for (size_t part = 0; t->action && part < parts; part++) {
        int options = action_space_options(s, (int)part);
        for (size_t i = part; i < n; i += parts)
            if (t->action[i] < 0 || t->action[i] >= options)
                return out_of_range("action", i, t->action[i], options, why);
    }
    for (size_t i = 0; t->mask && i < n / parts; i++)
        if (action_mask_fault(s, t->mask + i * bytes) >= 0) {
            snprintf(why, 160, "mask[%zu] forbids every option of a choice or has bits too many",
                     i);
            return "mask";
        }
    for (size_t i = 0, first = 0; t->mask && i < n; i++) {
        first = i % parts ? first : 0;
        if (!action_mask_get(t->mask + i / parts * bytes, (int)first + t->action[i])) {
            snprintf(why, 160, "action[%zu] is %d, which its mask forbids", i, t->action[i]);
            return "action";
        }
        first += (size_t)action_space_options(s, (int)(i % parts));
    }
    return NULL;
}

static const char *check_integers(const struct trajectory *t, char why[160])
{
    size_t E = (size_t)t->shape.E, te = (size_t)t->shape.T * E;
    for (size_t i = 0; i < te; i++)
        if (t->flags[i] > (STEP_ENDED | STEP_SUCCESS))
            return out_of_range("flags", i, t->flags[i], (STEP_ENDED | STEP_SUCCESS) + 1, why);
    for (size_t i = 0; i < te; i++)
        if (t->caption[i] >= t->ncaptions)
            return out_of_range("caption", i, t->caption[i], t->ncaptions, why);
    for (size_t i = 0; i < te + E; i++)
        if (t->obs_caption[i] >= t->ncaptions)
            return out_of_range("obs_caption", i, t->obs_caption[i], t->ncaptions, why);
    for (int i = 0; i < t->nepisodes; i++) {
        const float *e =
            t->episodes + (size_t)i * (size_t)(TRAJECTORY_EPISODE_HEAD + t->shape.nstats);
        if (e[1] < 0 || (e[2] != 0 && e[2] != 1 && e[2] != -1) || e[3] < 0 || e[3] >= (float)E) {
            snprintf(why, 160, "episode %d has length %g, success %g, environment %g", i,
                     (double)e[1], (double)e[2], (double)e[3]);
            return "episodes";
        }
    }
    return NULL;
}

static const char *say_episode(int k, const char *what, double is, double must, char why[160])
{
    snprintf(why, 160, "%s of episode %d is %g, the step that ended it says %g", what, k, is, must);
    return "episodes";
}

/* As many as steps ended one, in order of time, then of environment; those for which there was no
 * room are the last ones. */
static const char *check_episodes(const struct trajectory *t, char why[160])
{
    size_t E = (size_t)t->shape.E, te = (size_t)t->shape.T * E;
    uint64_t ended = 0, listed = (uint64_t)t->nepisodes + t->episodes_dropped;
    for (size_t i = 0; i < te; i++) {
        if (!(t->flags[i] & STEP_ENDED) || ended++ >= (uint64_t)t->nepisodes)
            continue;
        int k = (int)ended - 1, width = TRAJECTORY_EPISODE_HEAD + t->shape.nstats;
        const float *e = t->episodes + (size_t)k * (size_t)width;
        float success = t->flags[i] & STEP_SUCCESS ? 1.0f : 0.0f;
        if (e[3] != (float)(i % E))
            return say_episode(k, "environment", (double)e[3], (double)(i % E), why);
        if (e[2] >= 0 && e[2] != success) /* -1: this world knows none */
            return say_episode(k, "success", (double)e[2], (double)success, why);
    }
    bool full = t->nepisodes == trajectory_episodes_max(&t->shape);
    if (ended == listed && (full || t->episodes_dropped == 0))
        return NULL;
    snprintf(why, 160, "%llu steps ended an episode, %d are listed and %u had no room",
             (unsigned long long)ended, t->nepisodes, t->episodes_dropped);
    return "episodes";
}

/* Whose episode it is says its number: whoever looks for it looks there. */
static const char *check_numbers(const struct trajectory *t, char why[160])
{
    for (int e = 0; e < t->shape.E; e++) {
        uint64_t id = t->episode_id[e];
        if (episode_actor(id) == (int)t->actor_id && episode_environment(id) == e)
            continue;
        snprintf(why, 160, "episode_id[%d] is of environment %d of actor %d", e,
                 episode_environment(id), episode_actor(id));
        return "episode_id";
    }
    return NULL;
}

static bool matches(const Onic__Wire__TrajectoryMeta *m, const struct trajectory_shape *s)
{
    return m->steps == (uint32_t)s->T && m->envs == (uint32_t)s->E &&
           m->obs_bytes == s->obs_bytes && m->actions == (uint32_t)s->actions.n &&
           m->action_kind == (uint32_t)s->actions.kind && !m->masked == !s->actions.masked &&
           m->state_size == (uint32_t)s->state_size && m->nstats == (uint32_t)s->nstats &&
           m->snapshot_bytes == s->snapshot_bytes;
}

static const char *point_captions(struct received *r, const uint8_t *tail, size_t tail_len,
                                  uint32_t ncaptions, uint32_t text_len, char why[160])
{
    struct trajectory *t = &r->t;
    size_t lens = (size_t)ncaptions * sizeof(uint16_t);
    if (ncaptions < 1 || ncaptions > TRAJECTORY_CAPTIONS_MAX + 1 || tail_len != lens + text_len) {
        snprintf(why, 160,
                 "the caption table does not fill the message: %u captions, %u bytes of text, %zu "
                 "bytes left",
                 ncaptions, text_len, tail_len);
        return "caption_table";
    }
    if (r->captions_cap < (int)ncaptions) {
        r->captions_cap = (int)ncaptions * 2;
        t->caption_text =
            xrealloc(t->caption_text, (size_t)r->captions_cap * sizeof *t->caption_text);
    }
    t->ncaptions = (int)ncaptions;
    t->caption_len = (void *)(uintptr_t)tail;
    const char *text = (const char *)tail + lens;
    size_t at = 0;
    for (uint32_t i = 0; i < ncaptions; i++) {
        uint16_t n = t->caption_len[i];
        if (n > BOUND_CAPTION || n > text_len - at || (i == 0 && n != 0)) {
            snprintf(why, 160, "caption %u claims %u bytes", i, n);
            return "caption_table";
        }
        t->caption_text[i] = text + at;
        at += n;
    }
    if (at != text_len) {
        snprintf(why, 160, "the captions are %zu bytes long, %u were announced", at, text_len);
        return "caption_table";
    }
    return NULL;
}

static const uint8_t *aligned_bulk(struct received *r, const struct frame *f)
{
    if ((uintptr_t)f->bulk % 8 == 0)
        return f->bulk;
    if (r->copy_cap < f->head.bulk_len) {
        free(r->copy);
        r->copy_cap = (size_t)f->head.bulk_len * 2;
        r->copy = xaligned(r->copy_cap);
    }
    memcpy(r->copy, f->bulk, f->head.bulk_len);
    return r->copy;
}

const char *received_decode(struct received *r, struct meta_arena *arena, const struct frame *f,
                            const struct trajectory_shape *shape, char why[160])
{
    struct trajectory *t = &r->t;
    const Onic__Wire__TrajectoryMeta *m =
        meta_unpack(arena, &onic__wire__trajectory_meta__descriptor, f->meta, f->head.meta_len);
    if (!m) {
        snprintf(why, 160, "the description cannot be decoded");
        return "meta";
    }
    if (!matches(m, shape)) {
        snprintf(why, 160, "T=%u E=%u obs=%llu actions=%u state=%u differ from what READY said",
                 m->steps, m->envs, (unsigned long long)m->obs_bytes, m->actions, m->state_size);
        return "shape";
    }
    uint64_t captions_most = (2 * (uint64_t)shape->T + 1) * (uint64_t)shape->E;
    if (m->captions_dropped > captions_most) {
        snprintf(why, 160, "%u captions had no room, of %llu at most", m->captions_dropped,
                 (unsigned long long)captions_most);
        return "captions_dropped";
    }
    size_t fixed = trajectory_fixed_bytes(shape);
    size_t episodes = trajectory_episodes_bytes(shape, m->episodes);
    if (m->episodes > (uint32_t)trajectory_episodes_max(shape) ||
        f->head.bulk_len < fixed + episodes) {
        snprintf(why, 160, "%u bytes are too few for the arrays and %u episodes", f->head.bulk_len,
                 m->episodes);
        return "length";
    }
    uint8_t *bulk = (uint8_t *)(uintptr_t)aligned_bulk(r, f);
    t->shape = *shape;
    t->actor_id = f->head.actor_id;
    t->incarnation = f->head.incarnation;
    t->seq = f->head.seq;
    t->weights_version = m->weights_version;
    t->env_steps_before = m->env_steps_before;
    t->captions_dropped = m->captions_dropped;
    t->episodes_dropped = m->episodes_dropped;
    t->nepisodes = (int)m->episodes;
    t->storage = r;
    trajectory_point(t, bulk);
    t->final_obs = bulk + fixed + trajectory_numbers_bytes(shape, m->episodes);
    const char *bad =
        point_captions(r, bulk + fixed + episodes, f->head.bulk_len - fixed - episodes, m->captions,
                       m->caption_bytes, why);
    if (!bad)
        bad = check_actions(t, why);
    if (!bad)
        bad = check_integers(t, why);
    if (!bad)
        bad = check_floats(t, why);
    if (!bad)
        bad = check_final_values(t, why);
    return bad;
}

const char *received_untrue(const struct received *r, char why[160])
{
    const char *bad = check_episodes(&r->t, why);
    return bad ? bad : check_numbers(&r->t, why);
}

const char *received_read(struct received *r, struct meta_arena *arena, const struct frame *f,
                          const struct trajectory_shape *shape, const struct obs_spec *obs,
                          float value_most, char why[160])
{
    const char *bad = received_decode(r, arena, f, shape, why);
    if (!bad)
        bad = received_untrue(r, why);
    if (!bad && value_most > 0)
        bad = received_beyond(r, value_most, why);
    if (!bad && obs->nfields)
        bad = received_strange(r, obs, why);
    return bad;
}

void received_release(struct received *r)
{
    free(r->copy);
    free(r->t.caption_text);
}
