/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_METRICS_TENSORBOARD_H
#define ONIC_COMMON_METRICS_TENSORBOARD_H

/* tensorboard.h - a writer of TensorBoard event files: scalars, histograms, text, and
 * hyper-parameters as PyTorch's add_hparams writes them.
 *
 * A file is a sequence of records: length (u64 LE), masked CRC-32C of the length (u32 LE), payload,
 * masked CRC-32C of the payload. Payloads are the protobuf message Event. Single-threaded. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct tensorboard;

/* Creates <dir>/events.out.tfevents.<unix time>.<host>.<pid>, writes the version record, and a mark
 * that the run starts, or goes on, at `step`: of earlier files readers then show only what lies
 * before it, so that a curve does not run backwards where a life was rolled back. ONIC_ECANTCREATE.
 * *out is owned by the caller. */
int tensorboard_create(struct tensorboard **out, const char *dir, double now, int64_t step,
                       struct onic_err *err);
void tensorboard_free(struct tensorboard *t); /* NULL is allowed */
/* Starts an event, adds values (non-finite ones are left out), writes it as one record. */
void tensorboard_begin(struct tensorboard *t, double now, int64_t step);
void tensorboard_value(struct tensorboard *t, const char *tag, double value);
/* How the n numbers are spread, in 30 buckets of equal width; those that are not finite are left
 * out. */
void tensorboard_histogram(struct tensorboard *t, const char *tag, const float *values, size_t n);
/* Markdown, as <tag>/text_summary. */
void tensorboard_text(struct tensorboard *t, const char *tag, const char *text);

enum tensorboard_type { TENSORBOARD_NUMBER, TENSORBOARD_FLAG, TENSORBOARD_TEXT };
struct tensorboard_hparam {
    const char *name;
    enum tensorboard_type type;
    double number;    /* a flag is 0 or not */
    const char *text; /* of TENSORBOARD_TEXT */
};
/* The session that begins: its n hyper-parameters, and the tags of the scalars it is judged by
 * (NULL ends the list). Readers take the first of a run. */
void tensorboard_hparams(struct tensorboard *t, const struct tensorboard_hparam *h, int n,
                         const char *const *metrics);
void tensorboard_hparams_end(struct tensorboard *t, bool success);
int tensorboard_commit(struct tensorboard *t, struct onic_err *err); /* ONIC_EIO */

/* CRC-32C (Castagnoli), and the mask of the record format. */
uint32_t tensorboard_crc32c(const void *data, size_t len);
uint32_t tensorboard_mask(uint32_t crc);

#endif /* ONIC_COMMON_METRICS_TENSORBOARD_H */
