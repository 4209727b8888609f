/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_SUPERVISE_H
#define ONIC_DEPLOY_CLI_SUPERVISE_H

/* supervise.h - keeps the parts of a run on this machine alive: learner, reward server, actors.
 *
 * A child that dies is restarted after a back-off of 0.2 s that doubles to 5 s and is forgotten
 * after 10 s alive. Its deaths are counted by cause (a signal, an exit code, no sign of life, no
 * process to be had), and the one that is the `restarts`th of its cause ends the run; a life of ten
 * minutes clears the counts. 75 is temporary by its meaning, and counted like the others: a game
 * whose steps hang in every life does not mend itself. Not counted is that of an actor whose
 * learner was away or new in its life. 76 is a place still to be filled. A child that exits 64,
 * 73, 77 or 78 ends the run with its sentence. The learner's exit 0 is the end of the run. SIGINT
 * or SIGTERM drains: actors and learner first, then the reward server; a second one kills.
 *
 * The run directory is looked after by `look`: when it says that the run cannot go on there, the
 * run ends at once, and no further child is started.
 *
 * stderr of each child is <run_dir>/log/<role>.log, so that no child depends on us to write; the
 * files are followed (also when they are rotated away) and shown here: the learner's lines all, of
 * the others warnings, errors and last words. */

#include <stdbool.h>

#include "common/base/err.h"

enum child_kind { CHILD_LEARNER, CHILD_ACTOR, CHILD_REWARD };
enum { SUPERVISE_CHILDREN_MAX = 1040 };

struct child_spec {
    char role[32]; /* "learner", "actor-3", "reward-server": name of the log file */
    enum child_kind kind;
    char *const *argv; /* argv[0] is the path of the program; borrowed, NULL-terminated */
};

struct supervise_params {
    const char *run_dir;
    const struct child_spec *children; /* exactly one CHILD_LEARNER */
    int count;
    int lock_fd;         /* passed to the learner (run_lock.h), -1 = none */
    bool panel;          /* show the learner's panel when stderr is a terminal */
    int restarts;        /* run.restarts: deaths of one cause that end the run, 0 = any number */
    double stall_warn_s; /* say so when the learner gives no sign of life for so long */
    double stall_kill_s; /* then kill and restart the learner */
    double drain_s;      /* after so long a drain becomes a kill */
    /* May be NULL. Asked about once a second, starting NULL, and before each start of a child.
     * ONIC_OK, or the error that ends the run. */
    int (*look)(void *ctx, const struct child_spec *starting, struct onic_err *err);
    void *look_ctx;
};

/* Runs to the end of the run. Returns the exit code of deploy/interface.md section 3: 0 for a
 * finished or drained run, else that of the child that ended it; sentence then says why. */
int supervise(const struct supervise_params *p, struct onic_err *sentence);

#endif /* ONIC_DEPLOY_CLI_SUPERVISE_H */
