/* SPDX-License-Identifier: MIT */
/* ranking_state.c - see ranking_state.h. */
#include "learner/reward/ranking/ranking_state.h"

#include <math.h>
#include <string.h>

#include "learner/reward/observation_store.h"
#include "learner/reward/ranking/open_pairs.h"
#include "learner/reward/ranking/pair_data.h"
#include "learner/reward/ranking/recent_captions.h"

enum {
    MAGIC_BYTES = 4,
    HEAD_BYTES = MAGIC_BYTES + 8 + 8,
    TAIL_BYTES = RANKING_STATE_NORM * 8 + 8 + 8,
    SHARE_BYTES = 8 + (int)sizeof(struct label_pass) /* before the recent captions */
};
const char ranking_state_magic[4] = "RNK2", ranking_state_magic_open[4] = "RNK3";
static const char magic_before[4] = "RNK1";

static bool begins_with(const char *p, size_t len, const char magic[4])
{
    return len >= MAGIC_BYTES && memcmp(p, magic, MAGIC_BYTES) == 0;
}

/* Cuts the pairs that are asked again off the end. */
static bool split_open(const char *p, size_t *len, struct ranking_state *s)
{
    uint64_t n;
    if (!begins_with(p, *len, ranking_state_magic_open))
        return true;
    if (*len < MAGIC_BYTES + 8)
        return false;
    memcpy(&n, p + *len - 8, 8);
    if (n > *len - MAGIC_BYTES - 8)
        return false;
    *len -= 8 + n;
    s->open = p + *len;
    s->open_len = (size_t)n;
    return open_pairs_load(NULL, s->open, s->open_len);
}

static bool read_share(const char *p, size_t len, struct ranking_state *s)
{
    memcpy(&s->threshold, p, 8);
    memcpy(&s->pass, p + 8, sizeof s->pass);
    s->recent = p + SHARE_BYTES;
    s->recent_len = len - SHARE_BYTES;
    s->has_share = true;
    struct recent_captions *probe = recent_captions_create();
    bool fine = isfinite(s->threshold) && s->pass.at <= s->pass.count &&
                s->pass.count <= PAIR_DATA_MAX &&
                recent_captions_load(probe, s->recent, s->recent_len);
    recent_captions_free(probe);
    return fine;
}

/* Passes over what is of the share, and leaves *p four bytes in front of what follows, where "RNK1"
 * was. False when malformed. */
static bool split_share(const char **p, size_t *len, struct ranking_state *s)
{
    uint64_t n;
    if (begins_with(*p, *len, magic_before))
        return true;
    if (*len < MAGIC_BYTES + 8 || (!begins_with(*p, *len, ranking_state_magic) &&
                                   !begins_with(*p, *len, ranking_state_magic_open)))
        return false;
    memcpy(&n, *p + MAGIC_BYTES, 8);
    if (n < SHARE_BYTES || n > *len - MAGIC_BYTES - 8)
        return false;
    if (!read_share(*p + MAGIC_BYTES + 8, (size_t)n, s))
        return false;
    *p += 8 + n;
    *len -= 8 + n;
    return true;
}

/* What lies behind the share. False when malformed. */
static bool split_rest(const char *p, size_t len, const struct trained_net *w, size_t capacity,
                       struct ranking_state *s)
{
    size_t fixed = HEAD_BYTES + trained_net_bytes(w) + TAIL_BYTES;
    uint64_t store;
    if (len < fixed)
        return false;
    const char *tail = p + fixed - TAIL_BYTES;
    memcpy(&s->version, p + MAGIC_BYTES, 8);
    memcpy(&s->count, p + MAGIC_BYTES + 8, 8);
    memcpy(s->norm, tail, sizeof s->norm);
    memcpy(&s->captioned, tail + sizeof s->norm, 8);
    memcpy(&store, p + fixed - 8, 8);
    s->net = p + HEAD_BYTES;
    if (s->count > PAIR_DATA_MAX || store > len - fixed || !trained_net_check(w, s->net))
        return false;
    for (int i = 0; i < RANKING_STATE_NORM; i++)
        if (!isfinite(s->norm[i]) || (i % 3 && s->norm[i] < 0))
            return false;
    s->store = p + fixed;
    s->store_len = (size_t)store;
    s->pairs = s->store + store;
    s->pairs_len = len - fixed - (size_t)store;
    struct observation_store *probe = observation_store_create(capacity, false, 0);
    bool fine = observation_store_load(probe, s->store, s->store_len);
    observation_store_free(probe);
    return fine && pair_data_load(NULL, s->pairs, s->pairs_len, s->count);
}

int ranking_state_split(struct ranking_state *out, const struct trained_net *w, size_t capacity,
                        const void *data, size_t len, struct onic_err *err)
{
    const char *p = data;
    size_t given = len;
    *out = (struct ranking_state){.has_share = false};
    if (split_open(p, &len, out) && split_share(&p, &len, out) &&
        split_rest(p, len, w, capacity, out))
        return ONIC_OK;
    return err_set(err, ONIC_EDAMAGED,
                   "the state of reward model ranking is malformed (%zu bytes), or its store is "
                   "larger than reward.store",
                   given);
}
