/* SPDX-License-Identifier: MIT */
/* sweep_child.c - see sweep_child.h. */
#define _GNU_SOURCE /* affinity */
#include "deploy/cli/sweep_child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/paths.h"
#include "common/base/plain_file.h"
#include "common/base/process.h"
#include "common/base/shown.h"
#include "common/base/xmalloc.h"

/* What a run chooses by the cores it may use (actors, threads) then fits beside the others. */
static void take_cores(int slot, int slots)
{
    cpu_set_t all, mine;
    if (slots < 2 || sched_getaffinity(0, sizeof all, &all) != 0)
        return;
    int n = CPU_COUNT(&all), seen = 0;
    int first = slots <= n ? slot * n / slots : slot % n;
    int end = slots <= n ? (slot + 1) * n / slots : first + 1;
    CPU_ZERO(&mine);
    for (int core = 0; core < CPU_SETSIZE; core++)
        if (CPU_ISSET(core, &all)) {
            if (seen >= first && seen < end)
                CPU_SET(core, &mine);
            seen++;
        }
    sched_setaffinity(0, sizeof mine, &mine); /* without it the run is slower, not wrong */
}

/* In the forked child: never returns. */
static void sweep_child_become(const struct sweep_child_wish *w, const char *program, char **argv,
                               pid_t parent, int log)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* it died before the line above */
        _exit(75);
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    fcntl(w->lock_fd, F_SETFD, 0);
    take_cores(w->slot, w->slots);
    sigprocmask(SIG_SETMASK, w->mask, NULL);
    process_restore_limits();
    execv(program, argv);
    shown_printf(stderr, "onic: %s cannot be executed: %s\n", program, strerror(errno));
    _exit(127);
}

int sweep_child_start(const struct sweep_child_wish *w, pid_t *pid, off_t *said,
                      struct onic_err *err)
{
    /* found once: a program that is built anew while a sweep goes on has another name in /proc */
    static char program[PATHS_MAX];
    int n = 0, rc = program[0] ? ONIC_OK : paths_program(program, sizeof program, err);
    if (rc)
        return rc;
    int log = plain_file_open_own(w->log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (log < 0)
        return err_set(err, ONIC_ECANTCREATE, "%s cannot be written: %s", w->log,
                       plain_file_why(errno));
    *said = lseek(log, 0, SEEK_END);
    while (w->words[n])
        n++;
    char **argv = xcalloc((size_t)n + 2, sizeof *argv);
    argv[0] = program;
    memcpy(argv + 1, w->words, (size_t)n * sizeof *argv);
    pid_t parent = getpid();
    *pid = fork();
    if (*pid == 0)
        sweep_child_become(w, program, argv, parent, log);
    if (*pid > 0)
        setpgid(*pid, *pid); /* whoever of the two comes first */
    rc = *pid < 0 ? limits_no_process("a run of the sweep", errno, err) : ONIC_OK;
    free(argv);
    close(log);
    return rc;
}

void sweep_child_last_words(const char *log, off_t said, char out[SWEEP_WORDS_MAX])
{
    char tail[4096];
    out[0] = '\0';
    int fd = plain_file_open_own(log, O_RDONLY, 0);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    off_t from = size - said > (off_t)sizeof tail - 1 ? size - (off_t)sizeof tail + 1 : said;
    ssize_t n = fd < 0 ? -1 : pread(fd, tail, sizeof tail - 1, from);
    if (fd >= 0)
        close(fd);
    while (n > 0 && (tail[n - 1] == '\n' || tail[n - 1] == ' '))
        n--;
    if (n <= 0)
        return;
    tail[n] = '\0';
    char *newline = strrchr(tail, '\n');
    snprintf(out, SWEEP_WORDS_MAX, "%.*s", SWEEP_WORDS_MAX - 1, newline ? newline + 1 : tail);
    shown_clean_line(out, strlen(out));
}
