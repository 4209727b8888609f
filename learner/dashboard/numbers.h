/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_DASHBOARD_NUMBERS_H
#define ONIC_LEARNER_DASHBOARD_NUMBERS_H

/* numbers.h - the numbers of a run at one moment: names of metrics.jsonl and values, NAN where a
 * number is not known. */

enum { NUMBERS_MAX = 384, NUMBERS_NAME_MAX = 80 };

struct numbers {
    int count;
    struct {
        char name[NUMBERS_NAME_MAX];
        double value;
    } at[NUMBERS_MAX];
};

/* A longer name, and what there is no room for, is left out. */
void numbers_put(struct numbers *n, const char *name, double value);
double numbers_get(const struct numbers *n, const char *name); /* NAN: there is none */

#endif /* ONIC_LEARNER_DASHBOARD_NUMBERS_H */
