/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_RECORD_RECORD_READER_H
#define ONIC_LEARNER_RECORD_RECORD_READER_H

/* record_reader.h - one segment, record by record, each checked before it is handed out: lengths,
 * checksums, numbers, and that they stand in an order that a run could have had. A file is trusted
 * no more than a peer. One thread. */

#include <stdbool.h>
#include <stdint.h>

#include "learner/record/record_format.h"

struct record_reader;

/* One of the kinds of record_format.h. Texts and arrays are borrowed until the next call. */
struct record {
    enum record_kind kind;
    union {
        struct {
            struct record_label is;
            const char *question;
        } label;
        struct record_batch batch;
        struct record_turn turn;
        struct {
            struct record_update is;
            const uint64_t *hash; /* [is.tensors] */
        } update;                 /* and of a roll-back */
    };
    /* of a trajectory: the caller's from here on, for free() */
    void *frame;
    size_t len;
};

/* Reads the head. ONIC_ENOTFOUND: the writer was killed before it was whole; ONIC_ECONFIG: no
 * record; ONIC_EINCOMPATIBLE: of a newer onic; ONIC_EDAMAGED; ONIC_EIO and what else a file that
 * cannot be read has. */
int record_reader_open(struct record_reader **out, const char *path, struct onic_err *err);
void record_reader_close(struct record_reader *r); /* NULL is allowed */

const struct record_head *record_reader_head(const struct record_reader *r);
/* The options of that life, config_len bytes of the head. */
const char *record_reader_config(const struct record_reader *r);

/* ONIC_OK; ONIC_ENOTFOUND at the end, which is where the file was cut if it was: then
 * record_reader_is_cut. ONIC_EDAMAGED names the file and the last update that is whole. */
int record_reader_next(struct record_reader *r, struct record *out, struct onic_err *err);
/* The writer was killed, or could not write: there is no RECORD_END. */
bool record_reader_is_cut(const struct record_reader *r);

#endif /* ONIC_LEARNER_RECORD_RECORD_READER_H */
