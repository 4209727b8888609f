/* SPDX-License-Identifier: MIT */
/* gym_output.c - see gym_output.h. */
#include "actor/envs/gym/gym_output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"

enum { MINUTE_MS = 60000, LINES_PER_MINUTE = 60, READS_MAX = 64 };

static void output_log(struct gym_output *o, const char *env)
{
    int64_t now = clock_ms();
    if (now - o->minute_ms >= MINUTE_MS || o->minute_ms == 0) {
        if (o->left_out)
            log_info("an environment prints much; lines were left out", kv("env", env),
                     kv("lines", o->left_out));
        o->minute_ms = now;
        o->logged = o->left_out = 0;
    }
    if (o->logged++ < LINES_PER_MINUTE)
        log_info("printed", kv("env", env), kv("line", (const char *)o->line));
    else
        o->left_out++;
}

static void output_line(struct gym_output *o, const char *env)
{
    o->line[o->len] = '\0';
    o->len = 0;
    if (!o->line[strspn(o->line, " \t\r")])
        return;
    memcpy(o->last, o->line, sizeof o->last);
    if (!o->place[0] && strncmp(o->line, "  File \"", 8) == 0)
        memcpy(o->place, o->line + 2, sizeof o->place - 2);
    if (!o->held)
        output_log(o, env);
}

bool gym_output_read(struct gym_output *o, int fd, const char *env)
{
    char chunk[4096];
    for (int k = 0; k < READS_MAX; k++) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return false;
        for (ssize_t i = 0; i < n; i++) {
            if (chunk[i] == '\n')
                output_line(o, env);
            else if (o->len < GYM_LINE_MAX)
                o->line[o->len++] = chunk[i];
        }
        if (n < (ssize_t)sizeof chunk)
            return true;
    }
    return true;
}

void gym_output_mark(struct gym_output *o)
{
    o->place[0] = '\0';
}
