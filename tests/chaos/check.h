/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_CHAOS_CHECK_H
#define ONIC_TESTS_CHAOS_CHECK_H

/* check.h - the promises of a run, held against what its processes say that they did.
 *
 * I1 produced = consumed + dropped + lost + in flight   I6 a durable label is never asked again
 * I2 no trajectory is consumed twice in a lineage        I7 what is delivered is durable before
 * I3 acknowledged is consumed or counted                 I8 one living holder of an actor's number
 * I4 versions never go back within an epoch              I9 nothing is sent beyond its credit
 * I5 a trajectory is no newer than its learner's         I10 nothing is in flight after a drain
 *    weights, and no older than train.max_policy_lag
 *
 * A lineage is what the weights of a learner life know of: the life, and of the life whose
 * checkpoint it began with all up to that checkpoint, and so on. */

#include <stdarg.h>
#include <stddef.h>

#include "common/data/ledger.h"
#include "tests/chaos/traces.h"

enum { CHECK_INVARIANTS = 10, CHECK_TEXT_MAX = 400, CHECK_SHOWN_MAX = 20 };

/* What an actor's trace says of itself; made: trajectories; left: said BYE and was answered. */
struct check_made {
    const struct trace_process *process;
    uint64_t run, incarnation, made;
    bool left;
};

/* One life of a learner: events [from, to) of its process. */
struct check_life {
    const struct trace_process *process;
    size_t from, to;
    uint64_t run, window, lag;
    uint32_t epoch;
    bool deterministic;
    int parent;       /* life whose checkpoint it began with; -1 = none */
    size_t parent_to; /* of the parent's events, those before are in the checkpoint */
    bool partial;     /* that checkpoint was made by nobody who is in the traces */
    bool ended;
};

struct check {
    const struct trace_set *traces;
    struct check_life *lives; /* [nlives] */
    int nlives;
    struct check_made *actors; /* [nactors], by incarnation */
    int nactors;
    uint64_t violated[CHECK_INVARIANTS + 1]; /* by number */
    int shown;
    void (*say)(void *ctx, const char *line); /* a violation, or a remark */
    void *ctx;
    /* the last life, when it has ended */
    bool has_books;
    struct ledger_sums books;
    uint64_t last_saved; /* checksum of the books in its last checkpoint */
    /* figures */
    uint64_t made, labels, reasked, labels_lost, unaccounted;
    uint64_t unknown_after_rollback; /* made by actors that no restored learner heard of */
};

/* Checks traces, and files of the run when run is not NULL. Returns ONIC_OK also when promises are
 * broken: check_violations. */
int check_all(struct check *c, const struct trace_set *traces, const char *run,
              struct onic_err *err);
void check_release(struct check *c);
uint64_t check_violations(const struct check *c);
void check_violation(struct check *c, int invariant, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void check_remark(struct check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* check_lives.c */
void check_find_lives(struct check *c);
/* check_books.c: what learners did with trajectories, and what actors say they made of them */
void check_books(struct check *c);
/* check_actors.c */
void check_find_actors(struct check *c);
void check_actors(struct check *c);
/* check_labels.c; run may be NULL */
int check_labels(struct check *c, const char *run, struct onic_err *err);
/* check_files.c */
int check_files(struct check *c, const char *run, struct onic_err *err);
int check_read_ledger(const char *run, struct ledger *out, struct onic_err *err);

/* NULL: this incarnation has no trace. */
const struct check_made *check_made_by(const struct check *c, uint64_t run, uint64_t incarnation);

#endif /* ONIC_TESTS_CHAOS_CHECK_H */
