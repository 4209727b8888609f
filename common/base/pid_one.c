/* SPDX-License-Identifier: MIT */
/* pid_one.c - see pid_one.h. */
#define _GNU_SOURCE
#include "common/base/pid_one.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/secrets.h"

/* Every signal that can be waited for; a fault of this process is its own. */
static void signals_to_wait_for(sigset_t *out)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigfillset(out);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(out, faults[i]);
}

/* Waits for all that have ended; true: the program is one of them. */
static bool wait_for_the_dead(pid_t program, int *status)
{
    bool ended = false;
    int how;
    for (pid_t pid; (pid = waitpid(-1, &how, WNOHANG)) > 0;)
        if (pid == program) {
            *status = how;
            ended = true;
        }
    return ended;
}

/* What is typed at a terminal goes to all in the foreground, so the program has it from there: once
 * more would be "now". A terminal that hangs up tells its session's leader alone, which is this. */
static bool was_typed(const siginfo_t *s)
{
    return s->si_code == SI_KERNEL &&
           (s->si_signo == SIGINT || s->si_signo == SIGQUIT || s->si_signo == SIGTSTP);
}

/* Whoever is left when this one ends is killed by the system. */
static void stand_in_for(pid_t program, const sigset_t *signals)
{
    int status = 0;
    secrets_forget();
    secrets_hold();
    while (!wait_for_the_dead(program, &status)) {
        siginfo_t info;
        int sig = sigwaitinfo(signals, &info);
        if (sig > 0 && sig != SIGCHLD && !was_typed(&info))
            kill(program, sig);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

void pid_one_stand_in(void)
{
    sigset_t signals, before;
    if (getpid() != 1)
        return;
    signals_to_wait_for(&signals);
    sigprocmask(SIG_BLOCK, &signals, &before);
    pid_t program = fork();
    if (program > 0)
        stand_in_for(program, &signals);
    sigprocmask(SIG_SETMASK, &before, NULL);
}
