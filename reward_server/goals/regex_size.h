/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_GOALS_REGEX_SIZE_H
#define ONIC_REWARD_SERVER_GOALS_REGEX_SIZE_H

/* regex_size.h - how large a POSIX extended regular expression is once regcomp has written out its
 * repetitions: x+ is x twice, x{2,9} nine times x, and what they repeat may be repeated itself, so
 * that 30 characters can take all memory. */

#include <stdbool.h>

enum {
    REGEX_SIZE_MAX = 4000, /* characters and sets, written out */
    REGEX_DEPTH_MAX = 32   /* groups within groups; regcomp calls itself for each */
};

/* False: it is larger, or deeper. Whether it is valid is not asked; where it is in doubt what a
 * character means, the larger of the two is counted. */
bool regex_is_small(const char *pattern);

#endif /* ONIC_REWARD_SERVER_GOALS_REGEX_SIZE_H */
