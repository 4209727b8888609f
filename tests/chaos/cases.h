/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_CHAOS_CASES_H
#define ONIC_TESTS_CHAOS_CASES_H

/* cases.h - the kinds of faults of onic-chaos. Each is a run of its own: programs, faults by a
 * seed, drain, check of traces and files. */

#include "tests/chaos/check.h"
#include "tests/chaos/proxy.h"
#include "tests/chaos/storm.h"

enum { CASE_SKIPPED = 77 };

struct chaos_case {
    uint64_t seed;
    int faults;          /* of each kind or part, as many as the case is asked for */
    const char *base;    /* folder for the run */
    const char *samples; /* file for what processes hold, a line of JSON each time; NULL = none */
    bool keep;           /* also when all is well */
    /* results */
    uint64_t injected;
    struct check check;
    struct storm_times times[TRACE_ROLES];
    double seconds;
    char note[STORM_TEXT_MAX]; /* why it failed, or was skipped; "" else */
};

/* 0 well, 1 failed or a promise broken, CASE_SKIPPED. */
int case_kills(struct chaos_case *k);
int case_pauses(struct chaos_case *k);
int case_impostors(struct chaos_case *k);
int case_proxy(struct chaos_case *k);
int case_calls(struct chaos_case *k);
int case_memory(struct chaos_case *k);
int case_clock(struct chaos_case *k);
int case_disk(struct chaos_case *k);
int case_cgroup(struct chaos_case *k);
int case_network(struct chaos_case *k);
int case_determinism(struct chaos_case *k);
int case_determinism_nethack(struct chaos_case *k);
int case_soak(struct chaos_case *k);
int case_flood(struct chaos_case *k);
int case_idle(struct chaos_case *k);

/* Options of all cases: new captions for ever, labelled one by one; short trajectories and frequent
 * checkpoints, so that a fault hits something. */
extern const char case_options[];
/* Drains, checks, fills in the results, removes the run unless it is wanted. ok: nothing has failed
 * so far. */
int case_end(struct chaos_case *k, struct storm *s, bool ok);
/* The same of a run that has drained, without the check of its traces. */
int case_close(struct chaos_case *k, struct storm *s, bool ok);
/* An address of this machine's loopback, "tcp://127.0.0.1:PORT". */
bool case_free_port(char address[128]);
/* Waits for more trajectories that are trained on and more labels that are durable. */
bool case_goes_on(struct storm *s);
int case_skip(struct chaos_case *k, const char *why);
/* A proxy of that name before the address at which a part listens; reach becomes the proxy's. */
bool case_between(struct storm *s, struct proxy *p, char listen[128], char reach[128],
                  const char *name, uint64_t seed);

#endif /* ONIC_TESTS_CHAOS_CASES_H */
