/* SPDX-License-Identifier: MIT */
/* run_settle.c - see run_settle.h and run_dir_settle. */
#include "common/run/run_settle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/xmalloc.h"

enum { SETTLE_TEXT_MAX = 1 << 20, LATEST_MAX = 256 };

static const char MARK[] = "# newest checkpoint then: ";

static void settle_path(const char *dir, const char *name, char out[CONFIG_STR_MAX + 64])
{
    snprintf(out, CONFIG_STR_MAX + 64, "%s/%s", dir, name);
}

/* "" when there is none. */
static void latest_checkpoint(const char *dir, char out[LATEST_MAX])
{
    if (run_dir_read(dir, "checkpoints/LATEST", out, LATEST_MAX, NULL) != ONIC_OK)
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

static bool is_trained(const char *checkpoint)
{
    return checkpoint[0] && strcmp(checkpoint, RUN_DIR_UNTRAINED) != 0;
}

bool run_dir_trained(const char *dir)
{
    char latest[LATEST_MAX];
    latest_checkpoint(dir, latest);
    return is_trained(latest);
}

int run_dir_keep_config(const char *dir, struct onic_err *err)
{
    char latest[LATEST_MAX];
    char *text = xmalloc(SETTLE_TEXT_MAX);
    int rc = run_dir_read(dir, "config.yaml", text, SETTLE_TEXT_MAX - 512, err);
    if (!rc) {
        latest_checkpoint(dir, latest);
        size_t n = strlen(text);
        n += (size_t)snprintf(text + n, 512, "%s%s%s\n", n && text[n - 1] != '\n' ? "\n" : "", MARK,
                              latest);
        rc = run_dir_replace(dir, RUN_DIR_BEFORE, text, n, err);
    }
    free(text);
    return rc;
}

/* The newest checkpoint when config.yaml.before was made; false when there is no such file. */
static bool kept_with(const char *dir, char out[LATEST_MAX])
{
    char *text = xmalloc(SETTLE_TEXT_MAX), *mark = NULL;
    bool found = run_dir_read(dir, RUN_DIR_BEFORE, text, SETTLE_TEXT_MAX, NULL) == ONIC_OK;
    for (char *p = text; found && (p = strstr(p, MARK)) != NULL; p++)
        mark = p;
    snprintf(out, LATEST_MAX, "%.*s", mark ? (int)strcspn(mark + strlen(MARK), "\n") : 0,
             mark ? mark + strlen(MARK) : "");
    free(text);
    return found;
}

/* It would tie the run to an environment that nothing was trained in. */
static void drop_untrained(const char *dir)
{
    char path[CONFIG_STR_MAX + 64];
    settle_path(dir, "checkpoints/LATEST", path);
    unlink(path);
    settle_path(dir, "checkpoints/" RUN_DIR_UNTRAINED, path);
    unlink(path);
}

static bool rename_in(const char *dir, const char *from, const char *to)
{
    char a[CONFIG_STR_MAX + 64], b[CONFIG_STR_MAX + 64];
    settle_path(dir, from, a);
    settle_path(dir, to, b);
    return rename(a, b) == 0;
}

/* A later life: back to config.yaml.before, or rid of it. */
static bool settle_resumed(const char *dir, const char *then, bool take_back)
{
    char path[CONFIG_STR_MAX + 64], latest[LATEST_MAX];
    latest_checkpoint(dir, latest);
    if (take_back && (!is_trained(latest) || strcmp(then, latest) == 0)) {
        if (!then[0])
            drop_untrained(dir);
        return rename_in(dir, RUN_DIR_BEFORE, "config.yaml");
    }
    settle_path(dir, RUN_DIR_BEFORE, path);
    unlink(path);
    return false;
}

bool run_dir_settle(const char *dir, bool refused)
{
    char then[LATEST_MAX];
    if (kept_with(dir, then))
        return settle_resumed(dir, then, refused);
    if (!refused || run_dir_trained(dir))
        return false;
    drop_untrained(dir);
    return rename_in(dir, "config.yaml", RUN_DIR_REFUSED);
}

void run_dir_recover_config(const char *dir)
{
    char then[LATEST_MAX];
    if (kept_with(dir, then) && settle_resumed(dir, then, true))
        log_info("the options of a life that was killed before it trained are not taken over",
                 kv("run", dir));
}
