/* SPDX-License-Identifier: MIT */
/* run_id.c - see run_id.h. */
#include "common/run/run_id.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/data/ledger.h"
#include "common/run/run_dir.h"
#include "common/run/run_file.h"

enum { LEDGER_TEXT_MAX = 1 << 16 };

void run_id_text(const uint8_t id[RUN_ID_BYTES], char out[RUN_ID_TEXT_MAX])
{
    for (int i = 0; i < RUN_ID_BYTES; i++)
        snprintf(out + 2 * i, 3, "%02x", id[i]);
}

bool run_id_parse(const char *text, uint8_t id[RUN_ID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    if (strspn(text, digits) != 2 * RUN_ID_BYTES || text[2 * RUN_ID_BYTES] != '\n')
        return false;
    for (int i = 0; i < RUN_ID_BYTES; i++)
        id[i] = (uint8_t)((strchr(digits, text[2 * i]) - digits) * 16 +
                          (strchr(digits, text[2 * i + 1]) - digits));
    return true;
}

int run_id_read(const char *dir, uint8_t id[RUN_ID_BYTES], struct onic_err *err)
{
    char text[256];
    int rc = run_dir_read(dir, RUN_ID_FILE, text, sizeof text, err);
    if (!rc && (!run_id_parse(text, id) || text[RUN_ID_TEXT_MAX] != '\0'))
        rc = err_set(err, ONIC_ECONFIG,
                     "%s/" RUN_ID_FILE " holds no run id (32 hexadecimal digits); remove it, and "
                     "the id of the newest checkpoint is taken",
                     dir);
    return rc;
}

int run_id_of_checkpoint(const struct checkpoint_file *f, uint8_t id[RUN_ID_BYTES],
                         struct onic_err *err)
{
    const void *data;
    size_t len;
    int rc = checkpoint_get_bytes(f, "run_id", &data, &len, err);
    if (!rc && len != RUN_ID_BYTES)
        rc = err_set(err, ONIC_EDAMAGED, "%s: the run id has %zu bytes", checkpoint_path(f), len);
    if (!rc)
        memcpy(id, data, RUN_ID_BYTES);
    return rc;
}

static int draw_id(uint8_t id[RUN_ID_BYTES], struct onic_err *err)
{
    if (getrandom(id, RUN_ID_BYTES, 0) != RUN_ID_BYTES)
        return err_set(err, ONIC_EIO, "the system gives no random numbers: %s", strerror(errno));
    return ONIC_OK;
}

/* Of the newest checkpoint. Drawn only where there is none: one that cannot be read today may be
 * tomorrow, after a permission was given or a copy restored, and would then be of another run. */
static int make_id(const char *dir, uint8_t id[RUN_ID_BYTES], struct onic_err *err)
{
    struct checkpoint_file *newest = NULL;
    int rc = run_dir_newest(&newest, dir, NULL, err);
    if (rc == ONIC_ENOTFOUND)
        return draw_id(id, err);
    if (!rc)
        rc = run_id_of_checkpoint(newest, id, err);
    checkpoint_close(newest);
    if (rc)
        err_wrap(err, "the run id, which is not in %s, is that of the newest checkpoint", dir);
    return rc;
}

int run_id_find(const char *dir, uint8_t id[RUN_ID_BYTES], struct onic_err *err)
{
    int rc = run_id_read(dir, id, err);
    return rc == ONIC_ENOTFOUND ? make_id(dir, id, err) : rc;
}

int run_id_keep(const char *dir, const uint8_t id[RUN_ID_BYTES], struct onic_err *err)
{
    char text[RUN_ID_TEXT_MAX], line[RUN_ID_TEXT_MAX + 1];
    if (run_file_exists(dir, RUN_ID_FILE))
        return ONIC_OK;
    run_id_text(id, text);
    int n = snprintf(line, sizeof line, "%s\n", text);
    return run_file_replace(dir, RUN_ID_FILE, line, (size_t)n, err);
}

int run_id_ensure(const char *dir, uint8_t id[RUN_ID_BYTES], struct onic_err *err)
{
    int rc = run_id_read(dir, id, err);
    if (rc != ONIC_ENOTFOUND)
        return rc;
    rc = make_id(dir, id, err);
    return rc ? rc : run_id_keep(dir, id, err);
}

static int check_run(const struct checkpoint_file *f, const char *dir, struct onic_err *err)
{
    uint8_t here[RUN_ID_BYTES], there[RUN_ID_BYTES];
    char a[RUN_ID_TEXT_MAX], b[RUN_ID_TEXT_MAX];
    int rc = run_id_read(dir, here, err);
    if (rc) /* nothing to compare with */
        return rc == ONIC_ENOTFOUND ? ONIC_OK : rc;
    rc = run_id_of_checkpoint(f, there, err);
    if (rc || memcmp(here, there, RUN_ID_BYTES) == 0)
        return rc;
    run_id_text(here, a);
    run_id_text(there, b);
    return err_set(err, ONIC_ECONFIG,
                   "the newest checkpoint, %s, is of another run (%.8s, %s is run %.8s): move it "
                   "away or, if it is this run's, remove %s/" RUN_ID_FILE,
                   checkpoint_path(f), b, dir, a, dir);
}

/* A copy of an older one under a higher number would be gone on with in every life, whatever was
 * trained since. */
static int check_number(const struct checkpoint_file *f, struct onic_err *err)
{
    const char *path = checkpoint_path(f), *name = strrchr(path, '/');
    uint64_t is = 0, called = strtoull((name ? name + 1 : path) + strlen("ckpt-"), NULL, 10);
    int rc = checkpoint_meta(f, "weights_version")
                 ? checkpoint_meta_u64(f, "weights_version", &is, err)
                 : ONIC_OK;
    if (rc || !checkpoint_meta(f, "weights_version") || is == called)
        return rc;
    return err_set(err, ONIC_ECONFIG,
                   "the newest checkpoint, %s, holds update %llu, not %llu as it is called: it was "
                   "renamed or copied; move it away, or give it the number of what it holds",
                   path, (unsigned long long)is, (unsigned long long)called);
}

/* A run that is still to begin, or one whose checkpoints are gone: the folder was removed, or is on
 * a disk that is not mounted. */
static int none_was_there(const char *dir, struct onic_err *err)
{
    struct ledger before;
    char text[LEDGER_TEXT_MAX];
    if (run_dir_read(dir, "ledger.json", text, sizeof text, NULL) != ONIC_OK ||
        ledger_parse(&before, text, strlen(text), NULL) != ONIC_OK ||
        before.trajectories.consumed == 0)
        return ONIC_ENOTFOUND;
    return err_set(err, ONIC_EDAMAGED,
                   "%s/checkpoints holds no checkpoint, though %llu trajectories were trained on "
                   "(ledger.json): put the newest one back",
                   dir, (unsigned long long)before.trajectories.consumed);
}

int run_dir_newest(struct checkpoint_file **out, const char *dir, struct buf *report,
                   struct onic_err *err)
{
    char path[CHECKPOINT_PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/checkpoints", dir);
    *out = NULL;
    if (n < 0 || (size_t)n >= sizeof path)
        return err_set(err, ONIC_ENOTFOUND, "the path %.80s... is too long", dir);
    int rc = checkpoint_newest_valid(out, path, report, err);
    if (rc == ONIC_ENOTFOUND)
        rc = none_was_there(dir, err);
    if (!rc)
        rc = check_run(*out, dir, err);
    if (!rc)
        rc = check_number(*out, err);
    if (rc) {
        checkpoint_close(*out);
        *out = NULL;
    }
    return rc;
}
