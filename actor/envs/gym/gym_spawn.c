/* SPDX-License-Identifier: MIT */
/* gym_spawn.c - see gym_spawn.h.
 *
 * The worker gets descriptors 0 to 4 and no other: nothing, its output twice, the socket, the
 * memory. Its package comes from this onic (deploy/python), so that both ends are of one version
 * whatever is installed. It is a process group of its own: Ctrl-C is the actor's alone, and a
 * simulator that it has started is killed with it. */
#define _GNU_SOURCE
#include "actor/envs/gym/gym_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/paths.h"
#include "common/base/process.h"
#include "common/base/secrets.h"

enum { FD_SOCKET = 3, FD_MEMORY = 4, FD_SPARE = 10 };

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

int gym_find_python(const char *asked, char *out, size_t size, struct onic_err *err)
{
    const char *name = asked[0] ? asked : "python3", *path = getenv("PATH");
    if (strchr(name, '/')) {
        snprintf(out, size, "%s", name);
        return is_program(out)
                   ? ONIC_OK
                   : err_set(err, ONIC_ECONFIG,
                             "gym.python: %s is not a program that can be executed", name);
    }
    for (path = path ? path : "/usr/local/bin:/usr/bin:/bin"; *path;) {
        int n = (int)strcspn(path, ":");
        snprintf(out, size, "%.*s/%s", n, path, name);
        if (n && is_program(out))
            return ONIC_OK;
        path += n + (path[n] == ':');
    }
    return err_set(err, ONIC_ECONFIG,
                   "there is no %s in the PATH: give --gym.python=PATH of an interpreter that has "
                   "gymnasium and numpy",
                   name);
}

/* --- in the forked child --------------------------------------------------------------------- */

/* Our package, then what was there but its empty entries: Python takes those for the current
 * folder, and most come from PYTHONPATH=$PYTHONPATH:... with nothing before. */
static void gym_python_path(const char *package)
{
    char path[2 * PATHS_MAX];
    const char *p = getenv("PYTHONPATH");
    size_t at = (size_t)snprintf(path, sizeof path, "%s", package);
    for (size_t n; p && *p && at < sizeof path; p += n + (p[n] == ':')) {
        n = strcspn(p, ":");
        if (n)
            at += (size_t)snprintf(path + at, sizeof path - at, "%s%.*s", at ? ":" : "", (int)n, p);
    }
    setenv("PYTHONPATH", path, 1);
}

static void gym_environment(const char *package, bool anywhere)
{
    static const char *const one[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"};
    gym_python_path(package);
    setenv("PYTHONUNBUFFERED", "1", 1);
    if (!anywhere)
        setenv("PYTHONSAFEPATH", "1", 1);
    for (size_t i = 0; i < sizeof one / sizeof one[0]; i++)
        setenv(one[i], "1", 0); /* many small environments: threads would only wait */
    setenv("PYGAME_HIDE_SUPPORT_PROMPT", "1", 0);
    setenv("SDL_VIDEODRIVER", "dummy", 0);
    secrets_forget();
}

static void gym_descriptors(const struct gym_process *p, int theirs, int output)
{
    int sock = fcntl(theirs, F_DUPFD_CLOEXEC, FD_SPARE),
        memory = fcntl(p->memory, F_DUPFD_CLOEXEC, FD_SPARE);
    int out = fcntl(output, F_DUPFD_CLOEXEC, FD_SPARE), null = open("/dev/null", O_RDONLY);
    if (sock < 0 || memory < 0 || out < 0 || null < 0)
        _exit(127);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    dup2(sock, FD_SOCKET);
    dup2(memory, FD_MEMORY);
    close_range(FD_MEMORY + 1, ~0U, 0);
}

static void gym_signals(void)
{
    static const int ours[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ};
    sigset_t none;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        signal(ours[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Never returns. */
static void gym_become(const struct gym_process *p, int theirs, int output, pid_t parent,
                       const char *python, const char *package, bool anywhere)
{
    static const char from_here[] =
        "import sys, os; sys.path[:] = [p or os.getcwd() for p in sys.path]; " GYM_PROGRAM;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before the line above */
        _exit(127);
    setpgid(0, 0);
    gym_descriptors(p, theirs, output);
    gym_signals();
    gym_environment(package, anywhere);
    process_restore_limits();
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    execl(python, python, "-c", anywhere ? from_here : GYM_PROGRAM, "onic.worker", (char *)NULL);
    dprintf(STDERR_FILENO, "%s cannot be executed: %s\n", python, strerror(errno));
    _exit(127);
}

/* --- in the parent --------------------------------------------------------------------------- */

static void gym_close(struct gym_process *p)
{
    int *const fds[] = {&p->sock, &p->memory, &p->output};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

static int gym_no_descriptors(struct gym_process *p, const int *others, int n, struct onic_err *err)
{
    int why = errno;
    gym_close(p);
    for (int i = 0; i < n; i++)
        if (others[i] >= 0)
            close(others[i]);
    return err_set(err, ONIC_ECONFIG, "a Python process cannot be started: %s", strerror(why));
}

int gym_spawn(struct gym_process *out, const char *python, bool anywhere, struct onic_err *err)
{
    char package[PATHS_MAX] = "";
    int pair[2] = {-1, -1}, output[2] = {-1, -1};
    *out = (struct gym_process){.sock = -1, .memory = -1, .output = -1};
    if (paths_share("python", package, sizeof package, NULL) != ONIC_OK)
        package[0] = '\0'; /* then it must be installed */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 ||
        pipe2(output, O_CLOEXEC) != 0 || fcntl(output[0], F_SETFL, O_NONBLOCK) != 0 ||
        (out->memory = memfd_create("onic-gym", MFD_CLOEXEC)) < 0)
        return gym_no_descriptors(out, (int[]){pair[0], pair[1], output[0], output[1]}, 4, err);
    pid_t parent = getpid(), pid = fork();
    int why = errno;
    if (pid == 0)
        gym_become(out, pair[1], output[1], parent, python, package, anywhere);
    close(pair[1]);
    close(output[1]);
    out->sock = pair[0];
    out->output = output[0];
    if (pid > 0) {
        setpgid(pid, pid); /* here too: whoever comes first */
        out->pid = pid;
        return ONIC_OK;
    }
    gym_close(out);
    return limits_no_process("an environment of Gymnasium", why, err);
}

bool gym_has_ended(struct gym_process *p, int *status)
{
    if (p->pid == 0)
        return true;
    pid_t got = waitpid(p->pid, status, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR))
        return false;
    kill(-p->pid, SIGKILL); /* whom it has left behind */
    p->pid = 0;
    return true;
}

void gym_kill(struct gym_process *p, int *status)
{
    if (p->pid > 0) {
        kill(-p->pid, SIGKILL);
        kill(p->pid, SIGKILL);
        while (waitpid(p->pid, status, 0) < 0 && errno == EINTR)
            ;
        p->pid = 0;
    }
    gym_close(p);
}
