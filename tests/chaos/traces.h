/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_CHAOS_TRACES_H
#define ONIC_TESTS_CHAOS_TRACES_H

/* traces.h - the traces of a folder, read into memory. A torn tail, as a machine that lost its
 * power leaves it, is cut off; an empty trace is of a process that could not write it. */

#include "common/base/trace.h"

enum trace_role { TRACE_ACTOR, TRACE_LEARNER, TRACE_SERVER, TRACE_TEST, TRACE_ROLES };

struct trace_process {
    char name[TRACE_NAME_MAX]; /* "learner-4711": its role and process */
    enum trace_role role;
    uint32_t pid;
    struct trace_event *events; /* [n], owned */
    size_t n;
    bool torn;
};

struct trace_set {
    struct trace_process *processes; /* [n], by the time of their first event */
    int n, empty, torn;
};

/* ONIC_ENOTFOUND: no such folder, or no trace in it; ONIC_EDAMAGED: a file that is no trace, or one
 * that is damaged before its end, named. */
int trace_set_read(struct trace_set *out, const char *folder, struct onic_err *err);
void trace_set_free(struct trace_set *s);
const char *trace_kind_name(unsigned kind);

#endif /* ONIC_TESTS_CHAOS_TRACES_H */
