/* links: onic_wire */
/* SPDX-License-Identifier: MIT */
/* fuzz_wire.c - what a peer may send, given to the code that reads it.
 *
 * Input: byte 0 picks the message, bytes 1-2 the length of its meta part (little-endian), the rest
 * is meta and bulk; checksums are put right, or nothing behind them would ever be reached. The raw
 * input goes to the frame parser too. Every accepted trajectory is read to its end, so that a
 * pointer that leads out of the message is an error of the sanitizer, and held against everything
 * that a learner holds it against.
 *
 * The corpus must have one of each that is taken: one that is refused at its first field leads
 * nowhere, and all were refused for months when a field was added. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "annotation.pb-c.h"
#include "common/base/err.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/meta.h"
#include "common/wire/rollout/received.h"
#include "session.pb-c.h"
#include "weights.pb-c.h"

enum { INPUT_MAX = 1 << 16, HEAD = 3, ACTOR = 5 };

static const ProtobufCMessageDescriptor *const messages[] = {
    &onic__wire__hello__descriptor,         &onic__wire__welcome__descriptor,
    &onic__wire__ready__descriptor,         &onic__wire__credit__descriptor,
    &onic__wire__reject__descriptor,        &onic__wire__heartbeat__descriptor,
    &onic__wire__skip__descriptor,          &onic__wire__bye__descriptor,
    &onic__wire__weights_get__descriptor,   &onic__wire__weights_manifest__descriptor,
    &onic__wire__weights_chunk__descriptor, &onic__wire__annot_hello__descriptor,
    &onic__wire__annot_welcome__descriptor, &onic__wire__annot_ask__descriptor,
    &onic__wire__annot_labels__descriptor,  &onic__wire__annot_numbers__descriptor,
};
enum { MESSAGES = sizeof messages / sizeof messages[0] };

static int taken[MESSAGES + 1]; /* that could be read to their end */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *fuzz_corpus_lacks(void);

const char *fuzz_corpus_lacks(void)
{
    for (int i = 0; i < MESSAGES; i++)
        if (!taken[i])
            return messages[i]->name;
    return taken[MESSAGES] ? NULL : "a trajectory";
}

static size_t read_all(const struct trajectory *t)
{
    size_t sum = 0;
    int steps = t->shape.T * t->shape.E;
    for (int i = 0; i < steps; i++)
        sum += t->flags[i] + (size_t)t->caption_len[t->caption[i]];
    for (int i = 0; i < t->ncaptions; i++)
        for (int j = 0; j < t->caption_len[i]; j++)
            sum += (uint8_t)t->caption_text[i][j];
    for (int i = 0; i < t->nepisodes * (TRAJECTORY_EPISODE_HEAD + t->shape.nstats); i++)
        sum += t->episodes[i] > 0;
    for (size_t i = 0; i < (size_t)t->nepisodes * t->shape.obs_bytes; i++)
        sum += t->final_obs[i];
    return sum;
}

static void trajectory(struct meta_arena *arena, const struct frame *f)
{
    const struct trajectory_shape shape = {
        .T = 2, .E = 2, .obs_bytes = 8, .actions = {.n = 3}, .state_size = 2, .nstats = 1};
    static struct obs_spec obs;
    struct received r = {0};
    char why[160];
    if (!obs.nfields)
        obs_spec_add(&obs, "x", OBS_F32, 1, (int[]){2});
    if (!received_decode(&r, arena, f, &shape, why)) {
        bool bad = received_untrue(&r, why) != NULL;
        bad |= received_beyond(&r, 100, why) != NULL;
        bad |= received_strange(&r, &obs, why) != NULL;
        taken[MESSAGES] += !bad;
        if (read_all(&r.t) == SIZE_MAX)
            abort();
    }
    received_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct meta_arena *arena; /* a block of half a MiB: mapped once, as its users do */
    struct frame f = {0};
    frame_parse(&f, data, size);
    if (size < HEAD || size > INPUT_MAX)
        return 0;
    size_t rest = size - HEAD, meta_len = data[1] | (size_t)data[2] << 8;
    if (meta_len > rest)
        return 0;
    struct frame_head h = {.actor_id = ACTOR,
                           .type = data[0] == MESSAGES ? FRAME_TRAJECTORY : FRAME_HELLO,
                           .meta_len = (uint32_t)meta_len,
                           .bulk_len = (uint32_t)(rest - meta_len)};
    uint8_t *frame = malloc(FRAME_HEADER + rest); /* exactly as long as the message */
    ONIC_ASSERT(frame != NULL);
    memcpy(frame + FRAME_HEADER, data + HEAD, rest);
    frame_seal(frame, &h, crc32c(0, frame + FRAME_HEADER, rest));
    if (!arena)
        arena = meta_arena_create();
    if (frame_parse(&f, frame, FRAME_HEADER + rest) == FRAME_FINE) {
        if (data[0] == MESSAGES)
            trajectory(arena, &f);
        else if (meta_unpack(arena, messages[data[0] % MESSAGES], f.meta, f.head.meta_len))
            taken[data[0] % MESSAGES] += meta_len > 0;
    }
    free(frame);
    return 0;
}
