/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_METRICS_PROMETHEUS_H
#define ONIC_COMMON_METRICS_PROMETHEUS_H

/* prometheus.h - numbers of a registry in Prometheus' text format (version 0.0.4), under the names
 * of prometheus.def.
 *
 * A number that is not finite is left out: a series that is not there is unknown, and NaN would
 * poison every sum over it. A family has at most PROMETHEUS_SERIES_MAX series, whatever a peer
 * reports; how many were left out is a series of its own. Pure functions of their arguments but
 * for prometheus_process. */

#include "common/base/buf.h"
#include "common/metrics/metrics.h"

#define PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum { PROMETHEUS_SERIES_MAX = 64 };

struct prometheus_label {
    const char *name, *value; /* name NULL ends a list; a value may be any text */
};

/* The n numbers; the same name twice is the caller's mistake. */
void prometheus_numbers(struct buf *out, const struct metrics_number *numbers, int n);
/* <name>{labels} 1: what there is to say in words. */
void prometheus_info(struct buf *out, const char *name, const char *help,
                     const struct prometheus_label *labels);
/* onic_build_info, and of this process the process_* names that every client library has. */
void prometheus_process(struct buf *out);
/* All names as Markdown: deploy/monitoring/metrics.md. */
void prometheus_reference(struct buf *out);

#endif /* ONIC_COMMON_METRICS_PROMETHEUS_H */
