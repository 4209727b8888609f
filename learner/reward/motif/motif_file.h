/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_MOTIF_MOTIF_FILE_H
#define ONIC_LEARNER_REWARD_MOTIF_MOTIF_FILE_H

/* motif_file.h - a reward network that was trained offline, as one file (safetensors: "weights"
 * F32, "quantiles" F32, metadata mean, var, holdout and the identity of the labels).
 *
 * Quantiles are of the normalised reward over the distinct captions of the training pairs, at 0.05,
 * 0.10 .. 0.95. */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

enum { MOTIF_QUANTILES = 19, MOTIF_TEXT_MAX = 256 };

struct motif_reward {
    float *weights; /* [floats] owned */
    size_t floats;
    double mean, var; /* of the raw reward over both captions of all training pairs */
    float quantile[MOTIF_QUANTILES];
    double holdout;              /* share of the pairs it was not trained on */
    char labels[MOTIF_TEXT_MAX]; /* label identity of the pairs, for people */
};

void motif_reward_release(struct motif_reward *r);
int motif_file_write(const char *path, const struct motif_reward *r, struct onic_err *err);
/* r->floats says how many weights the network has. ONIC_ENOTFOUND, ONIC_EDAMAGED. */
int motif_file_read(const char *path, struct motif_reward *r, struct onic_err *err);

/* Value of the nearest quantile of the table: q in [0.05, 0.95]. */
float motif_quantile(const struct motif_reward *r, double q);

#endif /* ONIC_LEARNER_REWARD_MOTIF_MOTIF_FILE_H */
