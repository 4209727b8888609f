/* SPDX-License-Identifier: MIT */
/* canaries.c - see canaries.h. */
#define _GNU_SOURCE /* strchrnul */
#include "reward_server/goals/canaries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/xmalloc.h"
#include "reward_server/goals/yaml_file.h"

enum { CANARIES_PATH_MAX = 4200 };

/* canaries.txt in the folder of `path`; false when it is not there. */
static bool canaries_beside(const char *path, char out[CANARIES_PATH_MAX])
{
    const char *end = strrchr(path, '/');
    if (!*path)
        return false;
    snprintf(out, CANARIES_PATH_MAX, "%.*s/canaries.txt", end ? (int)(end - path) : 1,
             end ? path : ".");
    return access(out, F_OK) == 0;
}

/* The answer to a message of `len` bytes, or GOAL_RULE_ABSTAIN where the goal has none. */
static int canaries_by_rules(const struct goal *g, const char *text, size_t len)
{
    char caption[BOUND_CAPTION + 1];
    snprintf(caption, sizeof caption, "%.*s", (int)len, text);
    int rule = goal_match(g, caption);
    if (g->nrules == 0)
        return GOAL_RULE_ABSTAIN;
    return rule == GOAL_NO_RULE ? 0 : g->rules[rule].label;
}

static int canaries_line(struct canaries *c, const struct goal *g, const char *line, size_t len,
                         const char *where, struct onic_err *err)
{
    static const char *const kind[] = {"0:", "1:", "rules:"};
    int i = 0;
    while (i < 3 && strncmp(line, kind[i], strlen(kind[i])) != 0)
        i++;
    const char *text = line + (i < 3 ? strlen(kind[i]) : 0);
    text += strspn(text, " \t");
    size_t n = (size_t)(line + len - text);
    if (i == 3 || text >= line + len || n > BOUND_CAPTION)
        return err_set(err, ONIC_ECONFIG,
                       "%s: a canary is \"1: MESSAGE\", \"0: MESSAGE\" or \"rules: MESSAGE\", of a "
                       "message of 1 to %d bytes",
                       where, BOUND_CAPTION);
    int label = i < 2 ? i : canaries_by_rules(g, text, n);
    if (label == GOAL_RULE_ABSTAIN)
        return ONIC_OK;
    c->text[label] = xrealloc(c->text[label], (size_t)(c->n[label] + 1) * sizeof *c->text[label]);
    c->text[label][c->n[label]] = xcalloc(n + 1, 1);
    memcpy(c->text[label][c->n[label]++], text, n);
    return ONIC_OK;
}

static int canaries_read(struct canaries *c, const struct goal *g, const char *path,
                         const struct buf *text, struct onic_err *err)
{
    char where[CANARIES_PATH_MAX + 16];
    int rc = ONIC_OK, number = 0;
    for (const char *line = text->data; !rc && line && *line;) {
        const char *end = strchrnul(line, '\n'), *next = *end ? end + 1 : end;
        while (end > line && strchr("\r \t", end[-1]))
            end--;
        snprintf(where, sizeof where, "%s:%d", path, ++number);
        if (number > CANARIES_MAX)
            rc = err_set(err, ONIC_ECONFIG, "%s has more than %d lines", path, CANARIES_MAX);
        else if (end > line && *line != '#')
            rc = canaries_line(c, g, line, (size_t)(end - line), where, err);
        line = next;
    }
    return rc;
}

int canaries_load(struct canaries *out, const struct goal *g, const char *file,
                  struct onic_err *err)
{
    char path[CANARIES_PATH_MAX];
    struct buf text;
    *out = (struct canaries){0};
    if (g->no_preference)
        return ONIC_OK;
    if (*file)
        snprintf(path, sizeof path, "%s", file);
    else if (!canaries_beside(g->path, path) && !canaries_beside(g->pool_path, path))
        return ONIC_OK;
    buf_init(&text, GOAL_FILE_MAX_BYTES);
    int rc = yaml_file_read(path, &text, err);
    if (!rc)
        rc = canaries_read(out, g, path, &text, err);
    buf_release(&text);
    return rc;
}

bool canaries_tell_apart(const struct canaries *c)
{
    return c->n[0] > 0 && c->n[1] > 0;
}

void canaries_release(struct canaries *c)
{
    for (int label = 0; label < 2; label++) {
        for (int i = 0; i < c->n[label]; i++)
            free(c->text[label][i]);
        free(c->text[label]);
    }
    *c = (struct canaries){0};
}
