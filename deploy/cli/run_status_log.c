/* SPDX-License-Identifier: MIT */
/* run_status_log.c - the newest warnings of a run's logs, in either format; see run_status.h. Of
 * each file only the end is read: a log may be gigabytes. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log_json.h"
#include "common/base/log_line.h"
#include "common/base/shown.h"
#include "common/base/xmalloc.h"
#include "deploy/cli/run_status.h"

enum { LOG_TAIL_BYTES = 1 << 16, LOG_FILES_MAX = 64 };

/* Keeps the newest, oldest first: stamps of one format compare as text. */
static void keep_warning(struct run_status *s, const struct run_status_line *w)
{
    int at = s->warnings;
    while (at && strcmp(s->warning[at - 1].time, w->time) > 0)
        at--;
    if (s->warnings == RUN_STATUS_WARNINGS) {
        if (at == 0)
            return;
        memmove(s->warning, s->warning + 1, (size_t)(at - 1) * sizeof s->warning[0]);
        s->warning[at - 1] = *w;
        return;
    }
    memmove(s->warning + at + 1, s->warning + at,
            (size_t)(s->warnings - at) * sizeof s->warning[0]);
    s->warning[at] = *w;
    s->warnings++;
}

static void read_warning(struct run_status *s, const char *role, char *line)
{
    struct run_status_line w = {.level = "warn"};
    char level = log_line_level(line, strlen(line));
    const char *stamp = line;
    bool object = line[0] == '{';
    if (level != 'w' && level != 'e')
        return;
    if (level == 'e')
        memcpy(w.level, "error", sizeof "error");
    if (object) {
        stamp += strlen("{\"time\":\"");
        log_json_message(line, w.text, sizeof w.text);
    } else {
        snprintf(w.text, sizeof w.text, "%s",
                 line + LOG_LINE_STAMP + strlen(level == 'e' ? " error " : " warn "));
    }
    snprintf(w.time, sizeof w.time, "%.*s", LOG_LINE_STAMP, stamp);
    snprintf(w.role, sizeof w.role, "%s", role);
    shown_clean_line(w.text, strlen(w.text));
    shown_clean_line(w.time, strlen(w.time));
    keep_warning(s, &w);
}

char *run_status_next_line(char **at, const char *end, size_t *len)
{
    char *line = *at, *stop = memchr(line, '\n', (size_t)(end - line));
    if (!stop)
        return NULL;
    *stop = '\0';
    *len = (size_t)(stop - line);
    *at = stop + 1;
    return line;
}

static void read_log_end(struct run_status *s, int folder, const char *name)
{
    char role[64];
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    char *text = xmalloc(LOG_TAIL_BYTES + 1), *rest = text, *line;
    off_t from = size > LOG_TAIL_BYTES ? size - LOG_TAIL_BYTES : 0;
    ssize_t n = size > 0 ? pread(fd, text, LOG_TAIL_BYTES, from) : 0;
    const char *end = text + (n > 0 ? n : 0);
    size_t len;
    snprintf(role, sizeof role, "%.*s", (int)(strlen(name) - strlen(".log")), name);
    shown_clean_line(role, strlen(role));
    if (from)
        run_status_next_line(&rest, end, &len); /* begins in the middle */
    while ((line = run_status_next_line(&rest, end, &len)))
        read_warning(s, role, line);
    free(text);
    if (fd >= 0)
        close(fd);
}

static int is_log(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > 4 && n < 64 && strcmp(e->d_name + n - 4, ".log") == 0;
}

void run_status_warnings(struct run_status *s, const char *dir)
{
    char path[4096];
    struct dirent **names = NULL;
    s->warnings = 0;
    int len = snprintf(path, sizeof path, "%s/log", dir);
    int folder =
        len > 0 && (size_t)len < sizeof path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int n = folder < 0 ? 0 : scandir(path, &names, is_log, alphasort);
    for (int i = n - 1; i >= 0; i--) { /* reward server and learner come last by name */
        if (n - i <= LOG_FILES_MAX)
            read_log_end(s, folder, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    if (folder >= 0)
        close(folder);
}
