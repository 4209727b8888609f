/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_CHECKPOINT_WRITER_H
#define ONIC_LEARNER_PROCESS_CHECKPOINT_WRITER_H

/* checkpoint_writer.h - writes checkpoints on a thread of its own, from a copy.
 *
 * The training thread fills the builder (a memcpy) and goes on; disk and fsync are this thread's
 * problem. A failed write leaves the checkpoints that exist untouched and is reported with the next
 * look. Everything here is called by the training thread. */

#include <stdbool.h>
#include <stdint.h>

#include "common/checkpoint/checkpoint.h"
#include "common/run/run_home.h"

struct checkpoint_writer;

/* dir: .../checkpoints, must exist. keep: newest versions kept. home: nothing is written once the
 * run is no longer there; borrowed, NULL: not asked. */
struct checkpoint_writer *checkpoint_writer_create(const char *dir, int keep,
                                                   const struct run_home *home);
/* waits for a write under way; NULL is allowed */
void checkpoint_writer_free(struct checkpoint_writer *s);

/* Who hears of each checkpoint that was written, on the writer's thread and before older ones go;
 * NULL: nobody. While nothing is being written. */
void checkpoint_writer_tell(struct checkpoint_writer *s,
                            void (*written)(void *ctx, const char *path, uint64_t version),
                            void *ctx);

/* The empty builder to fill, or NULL while the last write is under way. */
struct checkpoint *checkpoint_writer_begin(struct checkpoint_writer *s);
/* Writes what was filled in as `version`; milestone not 0: also kept for good, named by these
 * environment steps. */
void checkpoint_writer_commit(struct checkpoint_writer *s, uint64_t version, uint64_t milestone);
/* Waits until nothing is being written. */
void checkpoint_writer_wait(struct checkpoint_writer *s);

struct checkpoint_writer_result {
    uint64_t version;     /* of the last finished write; meaningful when any */
    int failures;         /* in a row */
    uint64_t written;     /* successes */
    int64_t last_good_ms; /* clock_ms of the last success, 0 = none */
    struct onic_err err;  /* of the last failure */
    bool fresh;           /* first look since it finished */
};
void checkpoint_writer_look(struct checkpoint_writer *s, struct checkpoint_writer_result *out);

#endif /* ONIC_LEARNER_PROCESS_CHECKPOINT_WRITER_H */
