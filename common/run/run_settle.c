/* SPDX-License-Identifier: MIT */
/* run_settle.c - see run_settle.h and run_dir_settle. */
#include "common/run/run_settle.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/xmalloc.h"
#include "common/run/run_file.h"
#include "common/run/run_seal.h"

enum { SETTLE_TEXT_MAX = 1 << 20, NAME_MAX_BYTES = 64, STATE_MAX = 2 * NAME_MAX_BYTES + 2 };

static const char MARK[] = "# checkpoints then: ";
static const char NOT_WHOLE[] = "# config.yaml was not whole then; what there was of it is "
                                "beside this: " RUN_DIR_BROKEN "\n";

/* What config.yaml.before says. */
struct kept_config {
    bool whole;           /* it is the file that comes back */
    char then[STATE_MAX]; /* checkpoints_text of when it was made */
};

static void settle_path(const char *dir, const char *name, char out[CONFIG_STR_MAX + 64])
{
    snprintf(out, CONFIG_STR_MAX + 64, "%s/%s", dir, name);
}

/* The checkpoint of the highest version, "" when there is none: whether a run was trained must not
 * depend on LATEST, which is a hint. */
static void highest_checkpoint(const char *dir, char out[NAME_MAX_BYTES])
{
    char path[CONFIG_STR_MAX + 64];
    settle_path(dir, "checkpoints", path);
    DIR *d = opendir(path);
    out[0] = '\0';
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
        if (strlen(e->d_name) == strlen(RUN_DIR_UNTRAINED) && strncmp(e->d_name, "ckpt-", 5) == 0 &&
            strcmp(e->d_name, out) > 0)
            snprintf(out, NAME_MAX_BYTES, "%.60s", e->d_name);
    if (d)
        closedir(d);
}

/* What of the checkpoints changes when one is written: the highest, and the last one. */
static void checkpoints_text(const char *dir, char out[STATE_MAX])
{
    char highest[NAME_MAX_BYTES], latest[NAME_MAX_BYTES];
    highest_checkpoint(dir, highest);
    if (run_dir_read(dir, "checkpoints/LATEST", latest, sizeof latest, NULL) != ONIC_OK)
        latest[0] = '\0';
    latest[strcspn(latest, "\n")] = '\0';
    snprintf(out, STATE_MAX, "%s %s", highest, latest);
}

bool run_dir_trained(const char *dir)
{
    char highest[NAME_MAX_BYTES];
    highest_checkpoint(dir, highest);
    return highest[0] && strcmp(highest, RUN_DIR_UNTRAINED) != 0;
}

static bool rename_in(const char *dir, const char *from, const char *to)
{
    char a[CONFIG_STR_MAX + 64], b[CONFIG_STR_MAX + 64];
    settle_path(dir, from, a);
    settle_path(dir, to, b);
    return rename(a, b) == 0;
}

static void unlink_in(const char *dir, const char *name)
{
    char path[CONFIG_STR_MAX + 64];
    settle_path(dir, name, path);
    unlink(path);
}

/* --- before a life --------------------------------------------------------------------------- */

/* The checkpoints of then stand in the file, and below them its own checksum. */
static int write_before(const char *dir, struct buf *text, struct onic_err *err)
{
    char now[STATE_MAX];
    checkpoints_text(dir, now);
    buf_printf(text, "%s%s\n", MARK, now);
    run_seal_close(text);
    return run_file_replace(dir, RUN_DIR_BEFORE, text->data, text->len, err);
}

int run_dir_keep_config(const char *dir, struct onic_err *err)
{
    char *text = xmalloc(SETTLE_TEXT_MAX);
    struct buf kept;
    buf_init(&kept, SETTLE_TEXT_MAX);
    int rc = run_dir_read(dir, "config.yaml", text, SETTLE_TEXT_MAX - 1024, err);
    if (!rc) {
        buf_append(&kept, text, run_seal_body(text, strlen(text)));
        if (kept.len && kept.data[kept.len - 1] != '\n')
            buf_puts(&kept, "\n");
        rc = write_before(dir, &kept, err);
    }
    if (!rc)
        unlink_in(dir, RUN_DIR_BROKEN);
    buf_release(&kept);
    free(text);
    return rc;
}

int run_dir_keep_broken_config(const char *dir, struct onic_err *err)
{
    struct buf kept;
    buf_init(&kept, SETTLE_TEXT_MAX);
    unlink_in(dir, RUN_DIR_BROKEN);
    buf_puts(&kept, NOT_WHOLE);
    int rc = write_before(dir, &kept, err);
    buf_release(&kept);
    if (rc || rename_in(dir, "config.yaml", RUN_DIR_BROKEN) || errno == ENOENT)
        return rc;
    return err_set(err, ONIC_ECANTCREATE, "%s/config.yaml cannot be renamed: %s", dir,
                   strerror(errno));
}

/* --- after it -------------------------------------------------------------------------------- */

/* False when there is no config.yaml.before, or one that is not whole and so brings nothing back.
 */
static bool read_before(const char *dir, struct kept_config *out)
{
    char *text = xmalloc(SETTLE_TEXT_MAX), *mark = NULL;
    bool found = run_dir_read(dir, RUN_DIR_BEFORE, text, SETTLE_TEXT_MAX, NULL) == ONIC_OK &&
                 run_seal_look(text, strlen(text)) != RUN_SEAL_BROKEN &&
                 !run_seal_is_anothers(dir, text, NULL);
    for (char *p = text; found && (p = strstr(p, MARK)) != NULL; p++)
        mark = p;
    snprintf(out->then, STATE_MAX, "%.*s", mark ? (int)strcspn(mark + strlen(MARK), "\n") : 0,
             mark ? mark + strlen(MARK) : "");
    out->whole = mark && strncmp(text, NOT_WHOLE, strlen(NOT_WHOLE)) != 0;
    free(text);
    return mark != NULL;
}

void run_dir_drop_untrained(const char *dir)
{
    unlink_in(dir, "checkpoints/LATEST");
    unlink_in(dir, "checkpoints/" RUN_DIR_UNTRAINED);
}

/* As a life that keeps config.yaml.before wrote it. */
static bool config_is_sealed(const char *dir)
{
    char *text = xmalloc(SETTLE_TEXT_MAX);
    bool sealed = run_dir_read(dir, "config.yaml", text, SETTLE_TEXT_MAX, NULL) == ONIC_OK &&
                  run_seal_look(text, strlen(text)) == RUN_SEAL_GOOD &&
                  !run_seal_is_anothers(dir, text, NULL);
    free(text);
    return sealed;
}

void run_dir_drop_kept_config(const char *dir)
{
    unlink_in(dir, RUN_DIR_BEFORE);
    unlink_in(dir, RUN_DIR_BROKEN);
}

/* The life was killed after what was there had gone, and before its own was written. */
static bool was_between(const char *dir, const struct kept_config *kept)
{
    return !kept->whole && !run_file_exists(dir, "config.yaml") &&
           run_file_exists(dir, RUN_DIR_BROKEN);
}

/* As it was: no more whole than then, or not there. */
static bool take_back_broken(const char *dir)
{
    char path[CONFIG_STR_MAX + 64];
    settle_path(dir, "config.yaml", path);
    bool back =
        rename_in(dir, RUN_DIR_BROKEN, "config.yaml") || (errno == ENOENT && unlink(path) == 0);
    if (back)
        run_dir_drop_kept_config(dir);
    return back;
}

/* A later life: back to config.yaml.before, or rid of it. What a person made of config.yaml since
 * is never replaced: both files stay for whoever starts the run next, who is asked. */
static bool settle_resumed(const char *dir, const struct kept_config *kept, bool take_back)
{
    char now[STATE_MAX];
    if (take_back && !config_is_sealed(dir) && !was_between(dir, kept))
        return false;
    checkpoints_text(dir, now);
    if (take_back && (!run_dir_trained(dir) || strcmp(kept->then, now) == 0)) {
        if (kept->then[0] == ' ') /* there was none */
            run_dir_drop_untrained(dir);
        return kept->whole ? rename_in(dir, RUN_DIR_BEFORE, "config.yaml") : take_back_broken(dir);
    }
    run_dir_drop_kept_config(dir);
    return false;
}

bool run_dir_settle(const char *dir, bool refused)
{
    struct kept_config kept;
    if (read_before(dir, &kept))
        return settle_resumed(dir, &kept, refused);
    if (!refused || run_dir_trained(dir))
        return false;
    run_dir_drop_untrained(dir);
    return rename_in(dir, "config.yaml", RUN_DIR_REFUSED);
}

void run_dir_recover_config(const char *dir)
{
    struct kept_config kept;
    if (read_before(dir, &kept) && settle_resumed(dir, &kept, true))
        log_info("the options of a life that was killed before it trained are not taken over",
                 kv("run", dir));
}
