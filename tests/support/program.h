/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_PROGRAM_H
#define ONIC_TESTS_SUPPORT_PROGRAM_H

/* program.h - real programs of the build in tests: start, find children, wait, read what they
 * wrote.
 *
 * A program gets a process group of its own and dies with the test (also when the test is killed).
 * Nothing is ever signalled by name: only what the test started, and children of that. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    PROGRAM_ARGS_MAX = 40,
    PROGRAM_TEXT_MAX = 1 << 18,
    PROGRAM_STILL_RUNS = 1000 /* program_wait: after timeout_ms */
};

struct program {
    pid_t pid;     /* 0 = not running */
    char err[400]; /* file with its stderr */
    char out[400]; /* file with its stdout */
};

/* Starts $ONIC_BUILD/<name> with the words of `args` (split at blanks) in folder `dir`; stdout and
 * stderr go to dir/<tag>.out and dir/<tag>.err. No ONIC_ variable of the caller is passed on except
 * ONIC_CACHE and what `args` starts with as NAME=value words. */
void program_start(struct program *p, const char *dir, const char *tag, const char *name,
                   const char *args);
/* The same in a session of its own, where no shell could continue it. */
void program_start_session(struct program *p, const char *dir, const char *tag, const char *name,
                           const char *args);
/* The same for a line of /bin/sh, which finds the programs in $ONIC_BUILD; `exec` keeps the pid. */
void program_start_shell(struct program *p, const char *dir, const char *tag, const char *line);
/* Exit code, -signal, or PROGRAM_STILL_RUNS. */
int program_wait(struct program *p, int timeout_ms);
/* Kills the process group of a program that still runs; returns when it and its children are gone.
 */
void program_kill(struct program *p);
/* start and wait. */
int program_run(struct program *p, const char *dir, const char *tag, const char *name,
                const char *args, int timeout_ms);
/* `onic train ARGS` in the folder's `run` until a metric is above a number; then it is ended in
 * order. For runs that need labels: the reward server works beside the training, and on some
 * machine any number of frames is over before its first. */
void program_train_until(struct program *p, const char *dir, const char *args, const char *key,
                         double above);
/* Whole text of a file in a static buffer that the next call overwrites; "" when there is none. */
const char *program_text(const char *path);
/* Lines of stderr, without empty ones. */
int program_lines(const struct program *p);

/* Newest child of `parent` whose command line holds `word` (its program or an option); 0 = none. */
pid_t process_child(pid_t parent, const char *word);
/* All children; returns how many. */
int process_children(pid_t parent, pid_t *out, int max);
/* Gone, or a zombie that its parent has not read. */
bool process_gone(pid_t pid);

/* A number of the last whole line of RUN/metrics.jsonl; NAN when there is no such line or key. */
double metrics_last(const char *run, const char *key);
/* Whole lines of RUN/metrics.jsonl so far. */
int metrics_lines(const char *run);
/* A number of line i (from 0). */
double metrics_at(const char *run, int i, const char *key);

#endif /* ONIC_TESTS_SUPPORT_PROGRAM_H */
