/* SPDX-License-Identifier: MIT */
/* shipped.c - see shipped.h. */
#define _GNU_SOURCE
#include "common/config/shipped.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/paths.h"
#include "common/base/shell.h"
#include "common/base/xmalloc.h"
#include "common/config/options.h"

enum { WORD_MAX = 128, NO_MATCH = 1000 };

/* A file's name without folder and extension, folded. */
static void fold_name(const char *path, char out[WORD_MAX])
{
    char stem[WORD_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(stem, sizeof stem, "%s", slash && slash[1] ? slash + 1 : path);
    char *dot = strrchr(stem, '.');
    if (dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0))
        *dot = '\0';
    option_fold(stem, out, WORD_MAX);
}

/* The environment of a configuration, "" when it cannot be read; folded, with its family. */
static void environment_of(const char *path, char out[WORD_MAX])
{
    struct config *c = xmalloc(sizeof *c);
    config_defaults(c);
    out[0] = '\0';
    int code;
    if (option_read_file(c, path, &code, NULL) == ONIC_OK)
        option_fold(c->env_id, out, WORD_MAX);
    free(c);
}

static bool shipped_ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return m <= n && strcmp(text + n - m, end) == 0;
}

/* How far a configuration is from what was asked for: 0 its name, 1 its environment after which it
 * is named, 2 its environment, 3 the beginning of its name, 4 and more a slip. */
static int shipped_distance(const char *wanted, const char *name, const char *path)
{
    char folded[WORD_MAX], env[WORD_MAX];
    size_t n = strlen(wanted);
    fold_name(name, folded);
    if (strcmp(wanted, folded) == 0)
        return 0;
    environment_of(path, env);
    if (n >= 4 && env[0] && (shipped_ends_with(env, wanted) || shipped_ends_with(wanted, env)))
        return strstr(wanted, folded) ? 1 : 2;
    if (n >= 4 && strncmp(wanted, folded, n) == 0)
        return 3;
    int d = option_distance(wanted, folded);
    return d <= (int)n / 4 ? 3 + d : NO_MATCH;
}

/* A path as it is said from here. */
static void from_here(const char *path, struct buf *out)
{
    char here[PATHS_MAX];
    size_t n = getcwd(here, sizeof here) ? strlen(here) : 0;
    bool below = n && strncmp(path, here, n) == 0 && path[n] == '/';
    shell_put(out, below ? path + n + 1 : path);
}

static bool nearest_in(const char *folder, const char *wanted, char best[PATHS_MAX])
{
    struct dirent **entry = NULL;
    int n = wanted[0] ? scandir(folder, &entry, NULL, alphasort) : 0, least = NO_MATCH;
    for (int i = 0; i < n; i++) {
        char path[PATHS_MAX + 300];
        snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
        int d = shipped_ends_with(path, ".yaml") ? shipped_distance(wanted, entry[i]->d_name, path)
                                                 : NO_MATCH;
        if (d < least && strlen(path) < PATHS_MAX) {
            least = d;
            memcpy(best, path, strlen(path) + 1);
        }
        free(entry[i]);
    }
    free(entry);
    return least < NO_MATCH;
}

static bool holds_a_run(const char *path)
{
    char file[PATHS_MAX];
    int n = snprintf(file, sizeof file, "%s/config.yaml", path);
    return n > 0 && (size_t)n < sizeof file && access(file, F_OK) == 0;
}

void shipped_suggest(const char *path, struct buf *out)
{
    char folder[PATHS_MAX], best[PATHS_MAX], wanted[WORD_MAX];
    if (holds_a_run(path)) {
        buf_puts(out, "; it holds a run, which goes on with --run-dir=");
        shell_put(out, path);
        return;
    }
    if (paths_share("configs", folder, sizeof folder, NULL) != ONIC_OK)
        return;
    fold_name(path, wanted);
    if (nearest_in(folder, wanted, best)) {
        buf_puts(out, "; did you mean ");
        from_here(best, out);
        buf_puts(out, "?");
        return;
    }
    buf_puts(out, "; those that come with onic are in ");
    from_here(folder, out);
    buf_puts(out, ", and an environment is given as --env.id=NAME (`onic env list`)");
}
