/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_CHAOS_STORM_H
#define ONIC_TESTS_CHAOS_STORM_H

/* storm.h - a run of real programs that are killed and started again at once, without a supervisor
 * that waits longer after each death. What they do is read from their traces while they live, so
 * that recovery is known to the millisecond and nobody polls files of the run.
 *
 * One thread. Every program dies with the one that started it. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "common/base/rng.h"
#include "common/base/trace.h"
#include "tests/chaos/traces.h"

enum { STORM_ACTORS = 2, STORM_PARTS = STORM_ACTORS + 2, STORM_TEXT_MAX = 1024 };
/* Parts: actors by number, then */
enum { STORM_LEARNER = STORM_ACTORS, STORM_SERVER = STORM_ACTORS + 1 };
enum { STORM_RECOVER_MS = 300000, STORM_TIMES_MAX = 4096 };

struct storm_part {
    enum trace_role role;
    pid_t pid; /* 0 = not running */
    int trace_fd;
    bool sick;                /* killed, or stopped, and nothing useful was seen of it since */
    uint64_t hurt_ns;         /* when that began */
    uint64_t incarnation;     /* of an actor: the newest of which a trajectory was accepted */
    uint64_t old_incarnation; /* at hurt_ns */
    uint64_t deaths;          /* by itself, with a code that asks for another process */
    bool faulty;              /* its life was begun with a fault: it may end as it must */
};

/* Seconds between what was done to a part and the first useful thing that was seen of it. */
struct storm_times {
    double s[STORM_TIMES_MAX];
    int n;
};

struct storm {
    char dir[256], run[300], traces[300];
    char learner_listen[128], learner_reach[128]; /* where it binds, where actors look for it */
    char server_listen[128], server_reach[128];
    char options[STORM_TEXT_MAX];              /* of learner and reward server */
    char actor_options[STORM_TEXT_MAX];        /* what actors do not take from a learner */
    char preload[STORM_PARTS][STORM_TEXT_MAX]; /* NAME=VALUE words for the next life of a part */
    struct storm_part part[STORM_PARTS];
    struct storm_times times[TRACE_ROLES];
    struct rng rng;
    char actor_net[64];         /* file of the network namespace that actors live in; "" = ours */
    uint64_t consumed, durable; /* seen since the beginning */
    uint64_t version;           /* of the weights, as the learner said last */
    int recover_ms;             /* a part that is not well for so long has failed */
    bool may_end, ended;        /* the learner may end by itself, and then the actors; it has */
    bool may_refuse;            /* a part may say that the machine has too little for it */
    bool failed;
    char why[STORM_TEXT_MAX];
};

/* A folder of its own below `base`, sockets in it. options: words for all programs. */
bool storm_open(struct storm *s, const char *base, uint64_t seed, const char *options);
bool storm_start_all(struct storm *s);
bool storm_start(struct storm *s, int part);
/* SIGKILL and a new process at once. */
void storm_kill(struct storm *s, int part);
/* A second process of a part's kind and number, of which nothing else is kept; 0 = failed. */
pid_t storm_impostor(struct storm *s, int part);
/* One look: reads what the parts did, starts again what ended and may. False: failed, why. */
bool storm_look(struct storm *s);
/* Looks for ms milliseconds. */
bool storm_wait_ms(struct storm *s, int64_t ms);
/* Until nobody is sick. */
bool storm_recover(struct storm *s);
/* Drains learner and actors, then the server. */
bool storm_drain(struct storm *s);
void storm_close(struct storm *s, bool keep);
bool storm_fail(struct storm *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

double storm_quantile(struct storm_times *t, double q);
/* Beginning of a hurt that is not a kill. */
void storm_hurt(struct storm *s, int part);
uint64_t storm_now_ns(void);
const char *storm_part_name(int part);

#endif /* ONIC_TESTS_CHAOS_STORM_H */
