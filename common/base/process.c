/* SPDX-License-Identifier: MIT */
/* process.c - see process.h. */
#define _GNU_SOURCE
#include "common/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/pid_one.h"

enum { STACK_LEAST = 1 << 20, STACK_USUAL = 8 << 20 };

static struct rlimit files_before;
static bool files_raised;

/* open() takes the lowest free number, so they are filled from 0 upwards. */
static void fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            _exit(74); /* nowhere to say why */
}

static void raise_files(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return;
    files_before = r;
    r.rlim_cur = r.rlim_max;
    files_raised = setrlimit(RLIMIT_NOFILE, &r) == 0;
}

/* Threads that are made without a size get what the limit was when the C library was loaded. A hard
 * limit that is too low ends the program here: later it would be a SIGSEGV somewhere. */
static void raise_stack(void)
{
    struct rlimit r;
    pthread_attr_t threads;
    if (getrlimit(RLIMIT_STACK, &r) != 0 || r.rlim_cur >= STACK_USUAL)
        return;
    r.rlim_cur = r.rlim_max < STACK_USUAL ? r.rlim_max : STACK_USUAL;
    if (r.rlim_cur < STACK_LEAST) {
        fprintf(stderr,
                "%s: it needs %d kB of stack, and the limit is %llu kB; raise it "
                "(ulimit -s %d)\n",
                program_invocation_short_name, STACK_LEAST >> 10,
                (unsigned long long)r.rlim_cur >> 10, STACK_USUAL >> 10);
        _exit(64);
    }
    if (setrlimit(RLIMIT_STACK, &r) != 0 || pthread_getattr_default_np(&threads) != 0)
        return;
    pthread_attr_setstacksize(&threads, r.rlim_cur);
    pthread_setattr_default_np(&threads);
    pthread_attr_destroy(&threads);
}

void process_start(void)
{
    fill_standard_descriptors();
    pid_one_stand_in();

    raise_files();
    raise_stack();
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write, as a full disk is */
}

void process_restore_limits(void)
{
    if (files_raised)
        setrlimit(RLIMIT_NOFILE, &files_before);
}

unsigned long long process_files_before(void)
{
    return files_before.rlim_cur == RLIM_INFINITY ? 0 : (unsigned long long)files_before.rlim_cur;
}

int process_need_files(unsigned long long needed, const char *who, struct onic_err *err)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= needed)
        return ONIC_OK;
    return err_set(err, ONIC_ECONFIG,
                   "%s needs %llu open files, and the limit is %llu; raise it (ulimit -n %llu)",
                   who, needed, (unsigned long long)r.rlim_cur, needed);
}

int process_stop_signals(int signals[PROCESS_STOPS_MAX])
{
    struct sigaction hangup;
    int n = 0;
    if (sigaction(SIGHUP, NULL, &hangup) != 0 || hangup.sa_handler != SIG_IGN)
        signals[n++] = SIGHUP;
    signals[n++] = SIGINT;
    signals[n++] = SIGTERM;
    return n;
}
