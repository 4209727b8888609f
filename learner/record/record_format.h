/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_RECORD_RECORD_FORMAT_H
#define ONIC_LEARNER_RECORD_RECORD_FORMAT_H

/* record_format.h - what a record of a run is made of, for its writer and its reader; README.md
 * describes it. Numbers are little-endian, structs lie in the file as they are here. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/bounds.h"
#include "common/base/err.h"
#include "common/data/label.h"
#include "common/run/run_id.h"

enum { RECORD_FORMAT = 1, RECORD_PATH_MAX = 1024, RECORD_CONFIG_MAX = 1 << 20 };
#define RECORD_FOLDER "record"
#define RECORD_MAGIC "onicrec"

enum record_kind {
    RECORD_HEAD = 1,   /* struct record_head, then the options of that life as YAML */
    RECORD_TRAJECTORY, /* a frame of the trajectory plane */
    RECORD_LABEL,      /* struct record_label, then its question */
    RECORD_DRAWN,      /* empty: the reward model was asked for its next question */
    RECORD_BATCH,      /* struct record_batch: the trajectories before it are one */
    RECORD_TURN,       /* struct record_turn: the reward model trained */
    RECORD_UPDATE,     /* struct record_update, then a hash of each tensor */
    RECORD_ROLL_BACK,  /* struct record_update, then the same: in place of an update */
    RECORD_END         /* struct record_batch, 0: what follows is in the next segment */
};

struct record_prefix {
    uint32_t kind, len;
    uint64_t xxh3; /* XXH3-64 of the payload, its seed kind and len */
};

enum { RECORD_FORGOT = 1, RECORD_UNLABELLED = 2 };

struct record_head {
    char magic[8];
    uint32_t format, epoch;
    uint64_t version; /* of the weights it begins with: those of its checkpoint */
    uint8_t run_id[RUN_ID_BYTES];
    uint32_t threads; /* that trained: sums are in their order */
    uint32_t flags;   /* how the checkpoint was loaded: RECORD_FORGOT (its labels were distrusted),
                         RECORD_UNLABELLED */
    uint32_t tensors; /* of the policy */
    uint32_t config_len;
    char kernels[64]; /* whose sums they are: "avx2 Zen", our kernels and those of OpenBLAS */
    char onic[32];    /* version that wrote it */
};

struct record_label {
    uint64_t id;
    double value, confidence, asked_at, answered_at;
    uint32_t question_len, reserved;
    char source[LABEL_SOURCE_MAX];
};

struct record_batch {
    uint32_t trajectories, reserved;
};

struct record_turn {
    uint8_t beside, idle, reserved[2];
    uint32_t steps;
};

struct record_update {
    uint64_t version; /* afterwards, like all of these */
    uint64_t env_steps, adam_steps;
    uint64_t checkpoint; /* ROLL_BACK: version of the weights that came back; else 0 */
    uint32_t flags;      /* ROLL_BACK: as in the head */
    uint32_t tensors;
};

/* The most bytes that a record of this kind may have. */
size_t record_most(uint32_t kind);
uint64_t record_hash(uint32_t kind, const void *payload, size_t len);
/* What every record of this machine says of its kernels. */
void record_kernels(char out[64]);

/* --- a folder of segments -------------------------------------------------------------------- */

#define RECORD_SEGMENT ".rec.zst"
#define RECORD_CHECKPOINT ".safetensors"

/* One name, EPOCH-VERSION: a segment, its checkpoint, or both. */
struct record_entry {
    uint32_t epoch;
    uint64_t version;
    bool segment, checkpoint;
    uint64_t bytes; /* of both */
};

struct record_list {
    struct record_entry *e; /* [n] the oldest first */
    size_t n;
};

/* dir: RUN/record. What has another name is passed over. ONIC_ENOTFOUND: there is no such folder.
 */
int record_list(const char *dir, struct record_list *out, struct onic_err *err);
void record_list_free(struct record_list *l);
void record_path(char out[RECORD_PATH_MAX], const char *dir, uint32_t epoch, uint64_t version,
                 const char *suffix);
/* "EPOCH-VERSION", whole; false when it is none. */
bool record_name_read(const char *name, size_t len, uint32_t *epoch, uint64_t *version);

#endif /* ONIC_LEARNER_RECORD_RECORD_FORMAT_H */
