/* SPDX-License-Identifier: MIT */
/* history.c - see history.h. */
#define _GNU_SOURCE
#include "learner/dashboard/history.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/xmalloc.h"

enum { HISTORY_PATH_MAX = 4096, HISTORY_LINE_MAX = 1 << 18 };

struct history {
    FILE *file;
    off_t left; /* bytes */
    char *line;
    size_t cap;
};

struct history *history_open(const char *run_dir)
{
    char path[HISTORY_PATH_MAX];
    struct stat st;
    snprintf(path, sizeof path, "%s/metrics.jsonl", run_dir);
    /* somebody may have put a pipe there: the thread would wait for ever */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    FILE *f = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fdopen(fd, "r") : NULL;
    if (!f) {
        close(fd);
        return NULL;
    }
    struct history *h = xcalloc(1, sizeof *h);
    h->file = f;
    h->left = st.st_size;
    return h;
}

void history_free(struct history *h)
{
    if (!h)
        return;
    fclose(h->file);
    free(h->line);
    free(h);
}

bool history_line(const char *line, size_t len, struct numbers *out, double *wall_s)
{
    const char *key;
    json_t *value, *root = len < HISTORY_LINE_MAX ? json_loadb(line, len, 0, NULL) : NULL;
    out->count = 0;
    *wall_s = (double)NAN;
    json_object_foreach(root, key, value)
    {
        if (!json_is_number(value))
            continue;
        if (strcmp(key, "wall_s") == 0)
            *wall_s = json_number_value(value);
        else if (strcmp(key, "time") != 0)
            numbers_put(out, key, json_number_value(value));
    }
    bool is = json_is_object(root);
    json_decref(root);
    return is;
}

bool history_read(struct history *h, struct series *to, int lines)
{
    static struct numbers numbers;
    for (int i = 0; i < lines && h->left > 0; i++) {
        double wall_s;
        ssize_t n = getline(&h->line, &h->cap, h->file);
        if (n <= 0)
            return true;
        h->left -= n;
        if (history_line(h->line, (size_t)n, &numbers, &wall_s))
            series_push(to, wall_s, &numbers);
    }
    return h->left <= 0;
}
