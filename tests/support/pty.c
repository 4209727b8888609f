/* SPDX-License-Identifier: MIT */
/* pty.c - see pty.h. */
#define _GNU_SOURCE
#include "tests/support/pty.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/onic_test.h"

enum { PATIENCE_MS = 60000 };

static void become_line(const struct pty *p, const char *dir, const char *line)
{
    const char *build = getenv("ONIC_BUILD"), *path = getenv("PATH");
    char search[4096];
    snprintf(search, sizeof search, "%s:%s", build, path ? path : "/usr/bin:/bin");
    setenv("PATH", search, 1);
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    setenv("XDG_RUNTIME_DIR", dir, 1);
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (chdir(dir) != 0 || ioctl(p->other, TIOCSCTTY, 0) != 0)
        _exit(126);
    for (int fd = 0; fd < 3; fd++)
        dup2(p->other, fd);
    execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    _exit(127);
}

void pty_start(struct pty *p, int rows, int cols, const char *dir, const char *line)
{
    char name[64];
    memset(p, 0, sizeof *p);
    vt_init(&p->vt, rows, cols);
    p->fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_true(p->fd >= 0 && grantpt(p->fd) == 0 && unlockpt(p->fd) == 0);
    assert_int_equal(ptsname_r(p->fd, name, sizeof name), 0);
    p->other = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(p->other >= 0);
    pty_resize(p, rows, cols);
    assert_int_equal(tcgetattr(p->other, &p->before), 0);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0)
        become_line(p, dir, line);
}

void pty_read(struct pty *p)
{
    char part[65536];
    for (ssize_t n; (n = read(p->fd, part, sizeof part)) > 0;) {
        size_t room = sizeof p->bytes - 1 - p->len;
        size_t kept = (size_t)n < room ? (size_t)n : room;
        memcpy(p->bytes + p->len, part, kept);
        p->len += kept;
        vt_write(&p->vt, part, (size_t)n);
    }
}

void pty_type(struct pty *p, const char *keys)
{
    assert_int_equal(write(p->fd, keys, strlen(keys)), strlen(keys));
}

void pty_resize(struct pty *p, int rows, int cols)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    pty_read(p);
    vt_init(&p->vt, rows, cols);
    assert_int_equal(ioctl(p->fd, TIOCSWINSZ, &size), 0);
}

static bool pty_shows(void *ctx)
{
    struct pty *p = ctx;
    pty_read(p);
    return vt_shows(&p->vt, p->want);
}

void pty_await(struct pty *p, const char *part)
{
    p->want = part;
    if (wait_until(pty_shows, p, PATIENCE_MS))
        return;
    print_error("'%s' is not shown:\n", part);
    for (int r = 0; r < p->vt.rows; r++)
        print_error("%s|\n", p->vt.cell[r]);
    pty_close(p);
    fail();
}

static bool pty_ended(void *ctx)
{
    struct pty *p = ctx;
    siginfo_t info = {0};
    pty_read(p);
    return waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == p->pid;
}

int pty_end(struct pty *p)
{
    int status;
    if (!wait_until(pty_ended, p, PATIENCE_MS)) {
        pty_close(p);
        fail_msg("it does not end");
    }
    waitpid(p->pid, &status, 0);
    p->pid = 0;
    pty_read(p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool pty_is_restored(const struct pty *p)
{
    struct termios now;
    return tcgetattr(p->other, &now) == 0 && !p->vt.hidden && p->vt.wrap &&
           now.c_lflag == p->before.c_lflag && now.c_iflag == p->before.c_iflag &&
           now.c_oflag == p->before.c_oflag && now.c_cc[VMIN] == p->before.c_cc[VMIN] &&
           now.c_cc[VTIME] == p->before.c_cc[VTIME];
}

void pty_close(struct pty *p)
{
    if (p->pid > 0) {
        kill(-p->pid, SIGKILL);
        kill(p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
        p->pid = 0;
    }
    close(p->other);
    close(p->fd);
}
