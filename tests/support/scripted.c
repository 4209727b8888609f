/* SPDX-License-Identifier: MIT */
/* scripted.c - see scripted.h. */
#define _GNU_SOURCE
#include "tests/support/scripted.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/onic_test.h"

bool scripted_start(struct scripted *s, const char *script, const char *arg, int port)
{
    int in[2], out[2];
    char path[700], number[16], line[32] = "";
    snprintf(path, sizeof path, "%s/tests/support/%s", getenv("ONIC_SOURCE"), script);
    snprintf(number, sizeof number, "%d", port);
    assert_true(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    signal(SIGPIPE, SIG_IGN);
    s->pid = fork();
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        dup2(in[0], 0);
        dup2(out[1], 1);
        execlp("python3", "python3", path, arg, number, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    s->in = in[1];
    for (size_t n = 0; n + 1 < sizeof line && read(out[0], line + n, 1) == 1 && line[n] != '\n';)
        n++;
    close(out[0]);
    s->port = atoi(line);
    return s->port > 0;
}

void scripted_stop(struct scripted *s)
{
    if (s->pid <= 0)
        return;
    close(s->in);
    kill(s->pid, SIGTERM);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

bool scripted_begin(struct scripted *s, const char *script, char dir[256])
{
    temp_dir_create(dir);
    return scripted_start(s, script, "", 0);
}

int scripted_end(struct scripted *s, const char *dir, int failed)
{
    scripted_stop(s);
    temp_dir_remove(dir);
    return failed;
}
