/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_PAID_H
#define ONIC_LEARNER_REWARD_PAID_H

/* paid.h - which captions were paid how much, over the whole run, in bounded memory.
 *
 * A run can have any number of distinct captions; the books keep at most PAID_ENTRIES_MAX. Up to so
 * many the sums are exact. Beyond, small ones are dropped and every sum is between `sum` and
 * `sum + missing`, where missing <= total / (PAID_ENTRIES_MAX / 2): whatever was paid more than
 * that is still in the list (Misra and Gries' heavy hitters).
 *
 * Training thread; a loaded copy may be read by another program. */

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum { PAID_ENTRIES_MAX = 4096 };

struct paid;

struct paid *paid_create(void);
void paid_free(struct paid *p); /* NULL is allowed */

/* Adds `sum` >= 0 (magnitude of what was paid, coefficient included), over `steps` steps. Captions
 * of 1..256 bytes; others are ignored, as are sums that are 0 or not finite. */
void paid_add(struct paid *p, const char *caption, size_t len, double sum, uint64_t steps);

struct paid_entry {
    const char *caption; /* [len], borrowed until the next paid_add */
    size_t len;
    double sum;     /* at least this much */
    uint64_t steps; /* at least so many */
};
/* The n best-paid captions, best first; returns how many there are (<= n). */
int paid_top(const struct paid *p, struct paid_entry *out, int n);
double paid_total(const struct paid *p);   /* of all captions, those that were dropped too */
double paid_missing(const struct paid *p); /* at most so much is missing from each sum */

void paid_save(const struct paid *p, struct buf *out);
/* ONIC_EDAMAGED; p is then empty. */
int paid_load(struct paid *p, const void *data, size_t len, struct onic_err *err);

#endif /* ONIC_LEARNER_REWARD_PAID_H */
