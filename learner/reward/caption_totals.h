/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_CAPTION_TOTALS_H
#define ONIC_LEARNER_REWARD_CAPTION_TOTALS_H

/* caption_totals.h - which captions were paid how much, over the whole run, in bounded memory.
 *
 * A run can have any number of distinct captions; the books keep at most CAPTION_TOTALS_MAX. Up to
 * so many the sums are exact. Beyond, small ones are dropped and every sum is between `sum` and
 * `sum + missing`, where missing <= total / (CAPTION_TOTALS_MAX / 2): whatever was paid more than
 * that is still in the list (Misra and Gries' heavy hitters).
 *
 * Training thread; a loaded copy may be read by another program. */

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum { CAPTION_TOTALS_MAX = 4096 };

struct caption_totals;

struct caption_totals *caption_totals_create(void);
void caption_totals_free(struct caption_totals *p); /* NULL is allowed */

/* Adds `sum` >= 0 (magnitude of what was paid, coefficient included), over `steps` steps. Captions
 * of 1..256 bytes; others are ignored, as are sums that are 0 or not finite. */
void caption_totals_add(struct caption_totals *p, const char *caption, size_t len, double sum,
                        uint64_t steps);

struct caption_total {
    const char *caption; /* [len], borrowed until the next caption_totals_add */
    size_t len;
    double sum;     /* at least this much */
    uint64_t steps; /* at least so many */
};
/* The n best-paid captions, best first; returns how many there are (<= n). */
int caption_totals_top(const struct caption_totals *p, struct caption_total *out, int n);
/* of all captions, those that were dropped too */
double caption_totals_total(const struct caption_totals *p);
/* at most so much is missing from each sum */
double caption_totals_missing(const struct caption_totals *p);

void caption_totals_save(const struct caption_totals *p, struct buf *out);
/* ONIC_EDAMAGED; p is then empty. */
int caption_totals_load(struct caption_totals *p, const void *data, size_t len,
                        struct onic_err *err);

#endif /* ONIC_LEARNER_REWARD_CAPTION_TOTALS_H */
