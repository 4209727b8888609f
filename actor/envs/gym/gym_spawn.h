/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_GYM_SPAWN_H
#define ONIC_ACTOR_ENVS_GYM_SPAWN_H

/* gym_spawn.h - a Python process with `onic.worker` in it.
 *
 * It dies with us in three ways: the kernel kills it when the thread that started it ends
 * (PR_SET_PDEATHSIG), the end of its socket tells it to go, and gym_kill kills it with everything
 * in its process group. When it is killed so that we cannot do this, because we are dead ourselves,
 * a process of its own does (guard in worker.py). */

#include <stdbool.h>
#include <sys/types.h>

#include "common/base/err.h"

/* The program of that process, for `python -c`. Neither -m nor a script: before 3.11, which reads
 * PYTHONSAFEPATH, both put a folder in front of sys.path, and numpy.py of a run directory that
 * somebody handed over would be executed. Here it is an empty entry, which goes before anything is
 * looked for. */
#define GYM_PROGRAM                                                                                \
    "import sys; sys.path[:] = filter(None, sys.path); import os; from onic.worker import main; "  \
    "os._exit(main())"

struct gym_process {
    pid_t pid;  /* 0: none */
    int sock;   /* messages, one packet each; CLOEXEC, as the others */
    int memory; /* shared memory, of length 0 */
    int output; /* what it prints, stdout and stderr together; reading never blocks */
};

/* python: path or name of an interpreter. anywhere: modules may come from the current folder too.
 * ONIC_ECONFIG when no process can be made; a program that cannot be executed prints why and ends
 * with 127. */
int gym_spawn(struct gym_process *out, const char *python, bool anywhere, struct onic_err *err);
/* True when it has ended; *status as of waitpid, and it is no zombie any more. */
bool gym_has_ended(struct gym_process *p, int *status);
/* Kills it with its process group, waits for its end and closes the descriptors. */
void gym_kill(struct gym_process *p, int *status);

/* "/usr/bin/python3" for gym.python (empty: python3 of the PATH); ONIC_ECONFIG when there is no
 * such program. */
int gym_find_python(const char *asked, char *out, size_t size, struct onic_err *err);

#endif /* ONIC_ACTOR_ENVS_GYM_SPAWN_H */
