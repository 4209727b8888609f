/* SPDX-License-Identifier: MIT */
/* env_query.c - one short-lived child with two pipes; see env_query.h. Its sentence on stderr
 * becomes ours, so that a mistyped env.id reads the same whether the actor or the learner finds it.
 */
#define _GNU_SOURCE
#include "learner/process/env_query.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/base/log_json.h"
#include "common/base/paths.h"
#include "common/base/xmalloc.h"

/* Reads both pipes to their ends. */
static void read_pipes(const int fds[2], struct buf *const bufs[2])
{
    struct pollfd p[2] = {{.fd = fds[0], .events = POLLIN}, {.fd = fds[1], .events = POLLIN}};
    while (p[0].fd >= 0 || p[1].fd >= 0) {
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return;
        for (int i = 0; i < 2; i++) {
            char chunk[4096];
            if (p[i].fd < 0 || !(p[i].revents & (POLLIN | POLLHUP | POLLERR)))
                continue;
            ssize_t n = read(p[i].fd, chunk, sizeof chunk);
            if (n > 0)
                buf_append(bufs[i], chunk, (size_t)n);
            else if (n == 0 || errno != EINTR)
                p[i].fd = -1;
        }
    }
}

static int make_pipes(int out[2], int errors[2], struct onic_err *err)
{
    int why = pipe2(out, O_CLOEXEC) != 0 ? errno : 0;
    if (!why && pipe2(errors, O_CLOEXEC) != 0) {
        why = errno;
        close(out[0]);
        close(out[1]);
    }
    return why ? err_set(err, ONIC_EIO, "no pipe from onic-actor can be made: %s", strerror(why))
               : ONIC_OK;
}

static int run_child(const char *program, char *const *argv, struct buf *out, struct buf *errors,
                     int *status, struct onic_err *err)
{
    int o[2], e[2];
    int rc = make_pipes(o, e, err);
    if (rc)
        return rc;
    pid_t pid = fork();
    int why = errno;
    if (pid == 0) {
        dup2(o[1], STDOUT_FILENO);
        dup2(e[1], STDERR_FILENO);
        execv(program, argv);
        _exit(127);
    }
    close(o[1]);
    close(e[1]);
    if (pid < 0)
        rc = limits_no_process("what the environment is", why, err);
    else
        read_pipes((int[2]){o[0], e[0]}, (struct buf *const[2]){out, errors});
    close(o[0]);
    close(e[0]);
    while (pid > 0 && waitpid(pid, status, 0) < 0 && errno == EINTR)
        ;
    return rc;
}

/* The last line, without the program's name in front. */
static const char *last_sentence(struct buf *errors)
{
    while (errors->len && errors->data[errors->len - 1] == '\n')
        errors->data[--errors->len] = '\0';
    char *line = strrchr(errors->data, '\n');
    line = line ? line + 1 : errors->data;
    char *text = xmalloc(strlen(line) + 1); /* with log.format=json in its environment */
    if (log_json_message(line, text, strlen(line) + 1))
        memcpy(line, text, strlen(text) + 1);
    free(text);
    const char *prefix = "onic-actor: ";
    return strncmp(line, prefix, strlen(prefix)) == 0 ? line + strlen(prefix) : line;
}

static int env_query_judge(int status, struct buf *errors, const char *program,
                           struct onic_err *err)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return ONIC_OK;
    const char *why = last_sentence(errors);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 78)
        return err_set(err, ONIC_EINCOMPATIBLE, "%s", why);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 64)
        return err_set(err, ONIC_ECONFIG, "%s", why);
    return err_set(err, ONIC_EIO, "%s --describe ended with status %d: %s", program,
                   WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), why);
}

int env_query(const char *env_id, char *const *options, int n, struct env_description *out,
              struct onic_err *err)
{
    char program[PATHS_MAX], name[] = "onic-actor", describe[] = "--describe";
    int rc = paths_beside_program(name, program, sizeof program, err);
    if (rc)
        return err_wrap(err, "the learner asks onic-actor what %s is", env_id);
    char **argv = xcalloc((size_t)n + 3, sizeof *argv);
    argv[0] = name;
    argv[1] = describe;
    memcpy(argv + 2, options, (size_t)n * sizeof *argv);
    struct buf text, errors;
    int status = 0;
    buf_init(&text, ENV_DESCRIPTION_TEXT_MAX);
    buf_init(&errors, 1 << 16);
    rc = run_child(program, argv, &text, &errors, &status, err);
    if (!rc)
        rc = env_query_judge(status, &errors, program, err);
    struct onic_err why = {0};
    if (!rc && env_describe_read(text.data, text.len, out, &why) != ONIC_OK)
        rc = err_set(err, ONIC_EINCOMPATIBLE, "%s is of another version than this learner: %s",
                     program, why.msg);
    free(argv);
    buf_release(&text);
    buf_release(&errors);
    return rc;
}
