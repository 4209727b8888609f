/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_CGROUP_H
#define ONIC_COMMON_BASE_CGROUP_H

/* cgroup.h - the control groups that this process is in, from its own up to the root, v1 and v2.
 * `root` is the file system root, "" but in tests. */

#include <stdbool.h>
#include <stddef.h>

/* One number of a group's folder (root + dir). */
typedef double (*cgroup_number)(const char *root, const char *dir);

/* The smallest number above 0 of all groups, 0 = none: limits. controller is the v1 name: "cpu",
 * "memory", "pids". */
double cgroup_tightest(const char *root, const char *controller, cgroup_number v2,
                       cgroup_number v1);
/* The number of the innermost group that has one, which is not below 0; -1 = none: counters. */
double cgroup_nearest(const char *root, const char *controller, cgroup_number v2, cgroup_number v1);
/* First line of root + dir + name; false when it cannot be read. */
bool cgroup_line(const char *root, const char *dir, const char *name, char *line, size_t size);

#endif /* ONIC_COMMON_BASE_CGROUP_H */
