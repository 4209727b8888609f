/* SPDX-License-Identifier: MIT */
/* test_pid_one.c - a program that is process 1 of a PID namespace, as in a container: what it
 * starts and loses, the signals that it gets, how it ends. The test executes itself for it. */
#define _GNU_SOURCE
#include "common/base/pid_one.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/process.h"
#include "tests/onic_test.h"

enum { READY = 3, HUNG_UP = 10, NO_NAMESPACE = 77, FAULT = 99 };

/* --- the program --------------------------------------------------------------------------- */

/* Its parent's end makes it an orphan. */
static void be_an_orphan(int told, pid_t parent)
{
    pid_t self = getpid();
    while (getppid() == parent)
        usleep(1000);
    _exit(write(told, &self, sizeof self) == sizeof self ? 0 : 1);
}

static bool orphan_is_gone(void *ctx)
{
    const pid_t *orphan = ctx;
    return kill(*orphan, 0) != 0 && errno == ESRCH; /* a zombie is there */
}

static int program_of_an_orphan(void)
{
    int told[2];
    pid_t orphan = 0, parent;
    if (getpid() == 1 || pipe(told) != 0)
        return FAULT;
    parent = fork();
    if (parent == 0) {
        pid_t self = getpid();
        if (fork() == 0)
            be_an_orphan(told[1], self);
        _exit(0);
    }
    if (waitpid(parent, NULL, 0) != parent ||
        read(told[0], &orphan, sizeof orphan) != sizeof orphan)
        return FAULT;
    return wait_until(orphan_is_gone, &orphan, 20000) ? 0 : 1;
}

static void on_term(int sig)
{
    (void)sig;
    _exit(5);
}

static int program_that_is_asked_to_end(void)
{
    signal(SIGTERM, on_term);
    if (write(READY, "", 1) != 1)
        return FAULT;
    for (;;)
        pause();
}

/* How often it was asked to stop before it was to end, and whether its terminal is gone. */
static int program_at_a_terminal(void)
{
    static const int waited_for[] = {SIGHUP, SIGINT, SIGTERM};
    sigset_t waited;
    int sig, stops = 0;
    sigemptyset(&waited);
    for (size_t i = 0; i < sizeof waited_for / sizeof *waited_for; i++)
        sigaddset(&waited, waited_for[i]);
    sigprocmask(SIG_BLOCK, &waited, NULL);
    do { /* ready, and after each SIGINT */
        if (write(READY, "", 1) != 1 || sigwait(&waited, &sig) != 0)
            return FAULT;
        stops += sig == SIGINT;
    } while (sig == SIGINT);
    return stops + (sig == SIGHUP ? HUNG_UP : 0);
}

static int program_main(const char *which)
{
    process_start(); /* which every program calls first */
    if (strcmp(which, "orphan") == 0)
        return program_of_an_orphan();
    if (strcmp(which, "term") == 0)
        return program_that_is_asked_to_end();
    if (strcmp(which, "typed") == 0 || strcmp(which, "hangup") == 0)
        return program_at_a_terminal();
    if (strcmp(which, "dies") == 0)
        return raise(SIGTERM) ? FAULT : 0;
    return atoi(which);
}

/* --- outside ------------------------------------------------------------------------------- */

/* Process 1 wipes its copy while the program goes on. */
static bool keys_are_wiped(void *ctx)
{
    const pid_t *one = ctx;
    char path[64], text[8192] = "";
    snprintf(path, sizeof path, "/proc/%d/environ", (int)*one);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text, f) : 0; /* nothing: it may not be looked at */
    if (f)
        fclose(f);
    return !memmem(text, n, "very-secret", 11);
}

/* Once the program has said that it is ready. */
static void look_and_ask_to_end(pid_t one, int ready)
{
    char byte;
    bool fine = read(ready, &byte, 1) == 1 && wait_until(keys_are_wiped, &one, 20000);
    kill(one, fine ? SIGTERM : SIGKILL);
}

static int pseudo_terminal(void)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    return terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0 ? terminal : -1;
}

/* Leads the session of the terminal, as process 1 of a container with one. */
static void terminal_take(int terminal)
{
    if (terminal >= 0 && (setsid() < 0 || open(ptsname(terminal), O_RDWR) < 0))
        _exit(FAULT);
}

static bool program_said(int ready)
{
    char byte;
    return read(ready, &byte, 1) == 1;
}

/* Process 1 is held until the program has heard what was typed, else the two are perhaps one. What
 * it then has to hand on it takes in the order of the numbers. */
static void type_and_ask_to_end(pid_t one, int terminal, int ready)
{
    int status;
    kill(one, SIGSTOP);
    bool fine = waitpid(one, &status, WUNTRACED) == one && write(terminal, "\3", 1) == 1;
    kill(one, fine && program_said(ready) ? SIGTERM : SIGKILL);
    kill(one, SIGCONT);
}

/* A terminal that is typed at outlives process 1, or it would be gone first. */
static void at_the_terminal(const char *which, pid_t one, int terminal, int ready)
{
    if (!program_said(ready))
        return;
    if (strcmp(which, "typed") == 0) {
        type_and_ask_to_end(one, terminal, ready);
    } else {
        close(terminal);
        kill(one, SIGTERM); /* which is taken after the hangup */
    }
}

/* The exit code of process 1. */
static int starter_main(const char *which)
{
    int ready[2], status, terminal = -1;
    bool at_terminal = strcmp(which, "typed") == 0 || strcmp(which, "hangup") == 0;
    if (at_terminal && (terminal = pseudo_terminal()) < 0)
        return NO_NAMESPACE;
    if (unshare(CLONE_NEWPID) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0)
        return NO_NAMESPACE;
    if (pipe(ready) != 0)
        return FAULT;
    setenv("SOME_API_KEY", "very-secret", 1);
    pid_t one = fork();
    if (one == 0) {
        terminal_take(terminal);
        dup2(ready[1], READY);
        execl("/proc/self/exe", "test_pid_one", which, (char *)NULL);
        _exit(FAULT);
    }
    if (strcmp(which, "term") == 0)
        look_and_ask_to_end(one, ready[0]);
    close(ready[1]);
    if (terminal >= 0)
        at_the_terminal(which, one, terminal, ready[0]);
    if (waitpid(one, &status, 0) != one || !WIFEXITED(status))
        return FAULT;
    return WEXITSTATUS(status);
}

static void ends_as_one(const char *which, int want)
{
    int status;
    pid_t starter = fork(); /* only its children are in the namespace */
    if (starter == 0)
        _exit(starter_main(which));
    assert_int_equal(waitpid(starter, &status, 0), starter);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_NAMESPACE) {
        print_message("no PID namespace or terminal can be made here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), want);
}

static void who_loses_its_parent_is_waited_for(void **state)
{
    (void)state;
    ends_as_one("orphan", 0);
}

static void signals_are_handed_on_and_keys_are_wiped(void **state)
{
    (void)state;
    ends_as_one("term", 5);
}

/* Both have it from the terminal; and only process 1 hears that the terminal is gone. */
static void what_is_typed_reaches_the_program_once(void **state)
{
    (void)state;
    ends_as_one("typed", 1);
    ends_as_one("hangup", HUNG_UP);
}

/* Process 1 itself is not ended by a signal that it does not catch. */
static void it_ends_as_the_program_ends(void **state)
{
    (void)state;
    ends_as_one("42", 42);
    ends_as_one("0", 0);
    ends_as_one("dies", 128 + SIGTERM);
}

static void any_other_process_goes_on_as_it_is(void **state)
{
    pid_t self = getpid();
    (void)state;
    pid_one_stand_in();
    assert_int_equal(getpid(), self);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return program_main(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_loses_its_parent_is_waited_for),
        cmocka_unit_test(signals_are_handed_on_and_keys_are_wiped),
        cmocka_unit_test(what_is_typed_reaches_the_program_once),
        cmocka_unit_test(it_ends_as_the_program_ends),
        cmocka_unit_test(any_other_process_goes_on_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
