/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_RUN_RUN_HOME_H
#define ONIC_COMMON_RUN_RUN_HOME_H

/* run_home.h - whether the directory of a run is still the one that this life began in.
 *
 * It may be removed, moved, or emptied and used again while a run is alive, and files are opened by
 * name: without this the old run would go on in the new one's files. Everybody who writes there
 * asks first, right before. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/run/run_id.h"

enum { RUN_HOME_DIR_MAX = 512 };

struct run_home {
    char dir[RUN_HOME_DIR_MAX]; /* "": not opened, and always there */
    int fd;                     /* keeps the directory's number from being given to another one */
    uint8_t id[RUN_ID_BYTES];
};

/* Of a directory that has its run_id. */
int run_home_open(struct run_home *h, const char *dir, struct onic_err *err);
void run_home_close(struct run_home *h);
/* ONIC_ECANTCREATE: it is gone, or another directory or run is in its place. From any thread. */
int run_home_check(const struct run_home *h, struct onic_err *err);
bool run_home_is_here(const struct run_home *h);

#endif /* ONIC_COMMON_RUN_RUN_HOME_H */
