/* SPDX-License-Identifier: MIT */
/* trajectory.c - one block of memory per trajectory; see trajectory.h and trajectory_block.h.
 *
 * Captions repeat: a rollout of a thousand steps shows a few dozen different texts. They are stored
 * once, in a table that grows at the end of the block, and a step carries an index. The table and
 * the finished episodes are the only parts of a variable size; they are gathered beside the block
 * and copied behind the arrays at the end. Room is kept in front of the arrays, so that a sender
 * can write its header there and send the block without any further copy.
 *
 * The memory is not touched before it is used: room for the largest caption table costs address
 * space only. */
#include "common/data/trajectory.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "common/data/trajectory_block.h"

enum { ALIGN = 64, TEXT_CAP = 4 << 20 };

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* Choices and numbers of an action. */
static size_t choices(const struct trajectory_shape *s)
{
    return s->actions.kind == ACTION_CONTINUOUS ? 0 : (size_t)action_space_parts(&s->actions);
}

static size_t trajectory_numbers(const struct trajectory_shape *s)
{
    return s->actions.kind == ACTION_CONTINUOUS ? (size_t)s->actions.n : 0;
}

/* The fixed arrays: field, C type, number of elements. The order is part of the protocol. */
#define FIELDS(XX)                                                                                 \
    XX(obs, uint8_t, (T + 1) * E * s->obs_bytes)                                                   \
    XX(action, int16_t, T *E *choices(s))                                                          \
    XX(logp, float, T *E)                                                                          \
    XX(value, float, T *E *POLICY_HEADS)                                                           \
    XX(reward, float, T *E)                                                                        \
    XX(flags, uint8_t, T *E)                                                                       \
    XX(final_value, float, T *E *POLICY_HEADS)                                                     \
    XX(caption, uint16_t, T *E)                                                                    \
    XX(caption_count, uint16_t, T *E)                                                              \
    XX(obs_caption, uint16_t, (T + 1) * E)                                                         \
    XX(first_count, uint16_t, E)                                                                   \
    XX(state0, float, E *(size_t)s->state_size)                                                    \
    XX(episode_id, uint64_t, E)                                                                    \
    XX(episode_seed, uint64_t, E)                                                                  \
    XX(first_step, uint32_t, E)                                                                    \
    XX(snapshot, uint8_t, E * s->snapshot_bytes)                                                   \
    XX(number, float, T *E *trajectory_numbers(s))                                                 \
    XX(mask, uint8_t, T *E *action_space_mask_bytes(&s->actions))

bool trajectory_shape_valid(const struct trajectory_shape *s)
{
    if (s->T < 1 || s->T > BOUND_STEPS || s->E < 1 || s->E > BOUND_ENVS || s->obs_bytes < 1 ||
        s->obs_bytes > (1u << 24) || action_space_fault(&s->actions) || s->state_size < 0 ||
        s->state_size > BOUND_STATE || s->nstats < 0 || s->nstats > BOUND_STATS ||
        s->snapshot_bytes > BOUND_SNAPSHOT)
        return false;
    double obs = ((double)s->T + 1) * s->E * (double)s->obs_bytes;
    double each_step =
        4.0 * action_space_parts(&s->actions) + (double)action_space_mask_bytes(&s->actions);
    double rest =
        (double)s->E * ((double)s->snapshot_bytes + 4.0 * s->state_size + each_step * (double)s->T);
    return obs + rest < (double)(1u << 30);
}

size_t trajectory_fixed_bytes(const struct trajectory_shape *s)
{
    size_t T = (size_t)s->T, E = (size_t)s->E, total = 0;
#define XX(name, type, count) total += aligned((count) * sizeof(type));
    FIELDS(XX)
#undef XX
    return total;
}

void trajectory_point(struct trajectory *t, uint8_t *bulk)
{
    const struct trajectory_shape *s = &t->shape;
    size_t T = (size_t)s->T, E = (size_t)s->E, at = 0;
#define XX(name, type, count)                                                                      \
    t->name = (void *)(bulk + at);                                                                 \
    at += aligned((count) * sizeof(type));
    FIELDS(XX)
#undef XX
    t->episodes = (void *)(bulk + at);
    if (s->snapshot_bytes == 0)
        t->snapshot = NULL;
    if (choices(s) == 0)
        t->action = NULL;
    if (trajectory_numbers(s) == 0)
        t->number = NULL;
    if (!s->actions.masked)
        t->mask = NULL;
}

int trajectory_episodes_max(const struct trajectory_shape *s)
{
    return s->T * s->E / 4 + 64;
}

static size_t episode_bytes(const struct trajectory_shape *s)
{
    return (size_t)(TRAJECTORY_EPISODE_HEAD + s->nstats) * sizeof(float);
}

size_t trajectory_numbers_bytes(const struct trajectory_shape *s, size_t episodes)
{
    return (episodes * episode_bytes(s) + 7) / 8 * 8;
}

size_t trajectory_episodes_bytes(const struct trajectory_shape *s, size_t episodes)
{
    return trajectory_numbers_bytes(s, episodes) + episodes * s->obs_bytes;
}

static int captions_max(const struct trajectory_shape *s)
{
    long n = (2L * s->T + 1) * s->E + 1; /* every step and every observation a different one */
    return n < TRAJECTORY_CAPTIONS_MAX + 1 ? (int)n : TRAJECTORY_CAPTIONS_MAX + 1;
}

static size_t text_max(const struct trajectory_shape *s)
{
    size_t n = (size_t)captions_max(s) * BOUND_CAPTION;
    return n < TEXT_CAP ? n : TEXT_CAP;
}

static size_t tail_max(const struct trajectory_shape *s)
{
    return trajectory_episodes_bytes(s, (size_t)trajectory_episodes_max(s)) +
           (size_t)captions_max(s) * sizeof(uint16_t) + text_max(s);
}

size_t trajectory_bytes_max(const struct trajectory_shape *s)
{
    return TRAJECTORY_HEADROOM + trajectory_fixed_bytes(s) + tail_max(s);
}

struct trajectory_block *trajectory_block_create(const struct trajectory_shape *shape)
{
    ONIC_ASSERT(trajectory_shape_valid(shape));
    struct trajectory_block *b = xcalloc(1, sizeof *b);
    b->t.shape = *shape;
    size_t fixed = trajectory_fixed_bytes(shape);
    b->raw = xmalloc(TRAJECTORY_HEADROOM + ALIGN + fixed + tail_max(shape));
    b->bulk = b->raw + TRAJECTORY_HEADROOM;
    b->bulk += (ALIGN - (uintptr_t)b->bulk % ALIGN) % ALIGN;
    memset(b->bulk, 0, fixed);
    trajectory_point(&b->t, b->bulk);
    b->captions_cap = captions_max(shape);
    b->text_cap = text_max(shape);
    b->text = xmalloc(b->text_cap);
    b->final_obs = xmalloc((size_t)trajectory_episodes_max(shape) * shape->obs_bytes);
    b->t.final_obs = b->final_obs;
    b->captions = strmap_create(64);
    b->t.caption_text = xmalloc((size_t)b->captions_cap * sizeof *b->t.caption_text);
    b->t.caption_len = xmalloc((size_t)b->captions_cap * sizeof *b->t.caption_len);
    b->t.storage = b;
    trajectory_clear(&b->t);
    return b;
}

void trajectory_block_free(struct trajectory_block *b)
{
    if (!b)
        return;
    free(b->raw);
    free(b->text);
    free(b->final_obs);
    strmap_free(b->captions);
    free(b->t.caption_text);
    free(b->t.caption_len);
    free(b);
}

struct trajectory *trajectory_create(const struct trajectory_shape *shape)
{
    return &trajectory_block_create(shape)->t;
}

void trajectory_free(struct trajectory *t)
{
    if (t)
        trajectory_block_free(t->storage);
}

void trajectory_clear(struct trajectory *t)
{
    struct trajectory_block *b = t->storage;
    strmap_clear(b->captions);
    b->text_len = 0;
    t->nepisodes = 0;
    t->captions_dropped = t->episodes_dropped = 0;
    t->ncaptions = 1;
    t->caption_text[0] = b->text;
    t->caption_len[0] = 0;
}

uint16_t trajectory_caption(struct trajectory *t, const char *text, size_t len)
{
    struct trajectory_block *b = t->storage;
    if (len == 0)
        return 0;
    if (len > BOUND_CAPTION)
        len = BOUND_CAPTION;
    uint64_t *known = strmap_get(b->captions, text, len);
    if (known)
        return (uint16_t)*known;
    if (t->ncaptions == b->captions_cap || len > b->text_cap - b->text_len) {
        t->captions_dropped++;
        return 0;
    }
    int i = t->ncaptions++;
    *strmap_put(b->captions, text, len, NULL) = (uint64_t)i;
    char *to = b->text + b->text_len;
    memcpy(to, text, len);
    b->text_len += len;
    t->caption_text[i] = to;
    t->caption_len[i] = (uint16_t)len;
    return (uint16_t)i;
}

bool trajectory_episode(struct trajectory *t, const float *episode, const uint8_t *final_obs)
{
    if (t->nepisodes == trajectory_episodes_max(&t->shape)) {
        t->episodes_dropped++;
        return false;
    }
    size_t n = (size_t)(TRAJECTORY_EPISODE_HEAD + t->shape.nstats);
    memcpy(t->final_obs + (size_t)t->nepisodes * t->shape.obs_bytes, final_obs, t->shape.obs_bytes);
    memcpy(t->episodes + (size_t)t->nepisodes++ * n, episode, n * sizeof(float));
    return true;
}

size_t trajectory_block_finish(struct trajectory_block *b)
{
    const struct trajectory *t = &b->t;
    size_t episodes = (size_t)t->nepisodes, rows = episodes * t->shape.obs_bytes;
    uint8_t *end = (uint8_t *)t->episodes + episodes * episode_bytes(&t->shape);
    uint8_t *p = (uint8_t *)t->episodes + trajectory_numbers_bytes(&t->shape, episodes);
    memset(end, 0, (size_t)(p - end));
    memcpy(p, b->final_obs, rows);
    p += rows;
    size_t lens = (size_t)t->ncaptions * sizeof *t->caption_len;
    memcpy(p, t->caption_len, lens);
    memcpy(p + lens, b->text, b->text_len);
    return (size_t)(p - b->bulk) + lens + b->text_len;
}
