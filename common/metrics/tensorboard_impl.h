/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_METRICS_TENSORBOARD_IMPL_H
#define ONIC_COMMON_METRICS_TENSORBOARD_IMPL_H

/* tensorboard_impl.h - a writer of event files, shared by tensorboard.c (records) and
 * tensorboard_values.c (values that are no scalars). Private to these two. */

#include "common/base/rotated.h"
#include "common/metrics/proto_put.h"
#include "common/metrics/tensorboard.h"

enum { RECORD_MAX = 1 << 20 };

struct tensorboard {
    int fd;
    char *path;
    struct rotated_folder folder;
    struct buf summary, event, record;
    struct buf part, value; /* of a histogram; kept, so that none allocates */
    double now;
    int64_t step;
    uint32_t table[256];
};

#endif /* ONIC_COMMON_METRICS_TENSORBOARD_IMPL_H */
