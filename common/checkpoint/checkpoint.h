/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_CHECKPOINT_CHECKPOINT_H
#define ONIC_COMMON_CHECKPOINT_CHECKPOINT_H

/* checkpoint.h - the whole state of a learner as one safetensors file (FORMAT.md), written safely,
 * read suspiciously.
 *
 * Numbers are F32 tensors; everything else (ledger, generators, reward model, configuration text)
 * is a U8 tensor with a name; short facts are metadata strings. The builder copies what it is
 * given, so a caller pauses for a memcpy and hands the builder to a thread that writes.
 *
 * Threads: a builder and a file belong to one thread at a time; different objects are independent.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/checkpoint/safe_file.h"

enum {
    CHECKPOINT_NAME_MAX =
        96, /* tensor name and metadata key, NUL included; letters, digits, ._-/ */
    CHECKPOINT_VALUE_MAX = 1024, /* metadata value, NUL included; printable ASCII */
    CHECKPOINT_TENSORS_MAX = 1024,
    CHECKPOINT_META_MAX = 256,
    CHECKPOINT_HEADER_MAX = 1 << 20, /* bytes */
    CHECKPOINT_DIMS_MAX = 2,
    CHECKPOINT_PATH_MAX = 4096
};
#define CHECKPOINT_FILE_MAX ((uint64_t)1 << 33) /* bytes; a larger file is refused */

enum checkpoint_dtype { CHECKPOINT_F32, CHECKPOINT_U8 };

/* --- writing --------------------------------------------------------------------------------- */

struct checkpoint;

struct checkpoint *checkpoint_create(void);
void checkpoint_free(struct checkpoint *c); /* NULL is allowed */
/* empty again; keeps its memory, so the next one allocates nothing */
void checkpoint_reset(struct checkpoint *c);

/* Adds a tensor [rows, cols] (rows 1: a vector [cols]) and copies data. Names must be unique
 * (asserted). */
void checkpoint_add_f32(struct checkpoint *c, const char *name, int rows, int cols,
                        const float *data);
void checkpoint_add_bytes(struct checkpoint *c, const char *name, const void *data, size_t len);
/* The same of a document. One that has overflown is cut off: the checkpoint is not written then. */
void checkpoint_add_buf(struct checkpoint *c, const char *name, const struct buf *document);
void checkpoint_add_meta(struct checkpoint *c, const char *key, const char *value);
void checkpoint_add_meta_u64(struct checkpoint *c, const char *key, uint64_t value);

/* File operations of later writes; NULL (default) = the real ones. For tests. */
void checkpoint_use_io(struct checkpoint *c, const struct safe_io *io);

/* Replaces `path` by safe_replace: on failure the old file is intact. ONIC_ELIMIT when over a limit
 * above, or with a document that is cut off. */
int checkpoint_write(struct checkpoint *c, const char *path, struct onic_err *err);

/* Space for one more checkpoint, in the folder of the others. */
#define CHECKPOINT_RESERVE "RESERVE"
/* Writes dir/ckpt-<version, 12 digits>.safetensors, on a full disk into what is reserved, and then
 * dir/LATEST (a hint for people: where there is no room for it, there is none). What has outgrown
 * the reserve gets the space of the oldest ones, too, one after the other (checkpoint_make_room).
 * `dir` must exist. path: the file's path, may be NULL. */
int checkpoint_write_version(struct checkpoint *c, const char *dir, uint64_t version,
                             char path[CHECKPOINT_PATH_MAX], struct onic_err *err);

/* How many older ones the last checkpoint_write_version gave up. */
int checkpoint_given_up(const struct checkpoint *c);

/* After a write: reserves space for the next one, a quarter more than this one took. False: there
 * is no room for that now. */
bool checkpoint_reserve(const struct checkpoint *c, const char *dir);

/* --- reading --------------------------------------------------------------------------------- */

struct checkpoint_tensor {
    char name[CHECKPOINT_NAME_MAX];
    enum checkpoint_dtype dtype;
    int ndim;
    size_t shape[CHECKPOINT_DIMS_MAX];
    /* borrowed from the file; 4-byte aligned for F32; valid until checkpoint_close */
    const void *data;
    size_t bytes;
    char xxh3[33]; /* XXH3-128 of the data, lower-case hexadecimal */
};

struct checkpoint_file;

/* Reads and verifies the whole file. ONIC_ENOTFOUND, ONIC_EAUTH, ONIC_EAGAIN or ONIC_EIO when it
 * cannot be read (file_kind.h), ONIC_ELIMIT when too large, ONIC_ECONFIG when it is another kind of
 * file, ONIC_EINCOMPATIBLE when it is whole and of another format, ONIC_EDAMAGED with the reason
 * for everything else: truncated, a flipped bit, overlapping or missing sections. */
int checkpoint_open(struct checkpoint_file **out, const char *path, struct onic_err *err);
void checkpoint_close(struct checkpoint_file *f); /* NULL is allowed */

const char *checkpoint_path(const struct checkpoint_file *f);
int checkpoint_count(const struct checkpoint_file *f);
const struct checkpoint_tensor *checkpoint_at(const struct checkpoint_file *f, int i);
/* or NULL */
const struct checkpoint_tensor *checkpoint_find(const struct checkpoint_file *f, const char *name);

/* Copies a tensor of exactly rows x cols, of finite numbers. ONIC_EDAMAGED naming tensor, wanted
 * and found shape, or the first number that is none. */
int checkpoint_get_f32(const struct checkpoint_file *f, const char *name, int rows, int cols,
                       float *out, struct onic_err *err);
/* Borrows a U8 tensor. ONIC_EDAMAGED when absent. */
int checkpoint_get_bytes(const struct checkpoint_file *f, const char *name, const void **data,
                         size_t *len, struct onic_err *err);

/* NULL when absent */
const char *checkpoint_meta(const struct checkpoint_file *f, const char *key);
/* ONIC_EDAMAGED when absent or not a decimal number. */
int checkpoint_meta_u64(const struct checkpoint_file *f, const char *key, uint64_t *out,
                        struct onic_err *err);

/* --- a folder of versions -------------------------------------------------------------------- */

/* Opens the newest checkpoint of dir that is valid, by the number in its name. Every newer one that
 * was skipped, or that LATEST names and that is gone, is appended to report (may be NULL) as one
 * line "<name>: <reason>\n". ONIC_ENOTFOUND when dir does not exist or holds no checkpoint at all
 * (a fresh start is right), ONIC_EDAMAGED when it holds some and none is valid, or none and LATEST
 * names one that was trained (a fresh start would lose a run silently), ONIC_EAUTH, ONIC_EAGAIN,
 * ONIC_EIO or ONIC_EINCOMPATIBLE when a newer one than any that is valid could not be read for want
 * of permission or memory, or for an error of the disk, or is of another format; ONIC_EIO also when
 * the folder cannot be listed to its end. */
int checkpoint_newest_valid(struct checkpoint_file **out, const char *dir, struct buf *report,
                            struct onic_err *err);

/* Gives version a second name that is never pruned nor resumed from: milestone-<steps>.safetensors.
 * One that exists (the same steps again, after a kill) is replaced. ONIC_ECANTCREATE. */
int checkpoint_milestone(const char *dir, uint64_t version, uint64_t steps, struct onic_err *err);

/* For `version`, which has no room: the oldest one becomes the reserve, or its space is added to
 * that. Never the newest valid one, nor one with a second name (of a milestone, of a record: its
 * space would not be free). False: there is none to give up. */
bool checkpoint_make_room(const char *dir, uint64_t version);

/* Removes all but the `keep` newest versions, and temporary files that a crash left (untouched for
 * ten minutes, their process not alive); where nothing is reserved, the first of the versions
 * becomes the reserve, so that on a full disk each checkpoint takes the place of an old one.
 * newest: the version just written. Larger ones (damaged, skipped when the run was resumed) do not
 * count and stay: else they would push out the good ones. Call it after a successful
 * checkpoint_write_version, from the same thread. Other names in dir are left alone. Returns the
 * number removed. */
int checkpoint_prune(const char *dir, int keep, uint64_t newest);

#endif /* ONIC_COMMON_CHECKPOINT_CHECKPOINT_H */
