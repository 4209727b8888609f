/* SPDX-License-Identifier: MIT */
/* run_dir.c - run directories; see run_dir.h.
 *
 * A directory that exists is resumed: its stored configuration is the base, what is given now wins
 * and is said. It is never emptied unless asked, and then only when it is a run directory of ours
 * and nobody uses it. */
#define _XOPEN_SOURCE 700
#include "common/run/run_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cpu.h"
#include "common/base/file_kind.h"
#include "common/base/file_limits.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/base/plain_file.h"
#include "common/base/run_lock.h"
#include "common/base/xmalloc.h"
#include "common/config/overlay.h"
#include "common/run/run_config.h"
#include "common/run/run_file.h"
#include "common/run/run_id.h"
#include "common/run/run_settle.h"
#include "common/run/run_trust.h"

enum { VERSIONS_MAX = 1 << 20, ROOM_NEEDED = 1 << 20 };

static int make_sub_dir(const char *dir, const char *name, struct onic_err *err)
{
    char path[CONFIG_STR_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return err_set(err, ONIC_ECANTCREATE,
                       "the run directory's name is too long; give a shorter --run-dir");
    return plain_folder_make(path, err);
}

static int make_folders(const char *dir, struct onic_err *err)
{
    static const char *const folders[] = {"log", "checkpoints", "replays"};
    int rc = ONIC_OK;
    for (int i = 0; !rc && i < 3; i++)
        rc = make_sub_dir(dir, folders[i], err);
    return rc;
}

static int run_dir_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* What a run writes, by name: what a person put beside it stays. Names of the second kind go on.
 */
static const char *const run_dir_names[] = {
    "config.yaml",   RUN_DIR_BEFORE, RUN_DIR_BROKEN, RUN_DIR_REFUSED, "version.txt", RUN_ID_FILE,
    "metrics.jsonl", "checkpoints",  "log",          "replays",       "actors",      "ledger.json",
    "epoch",         "places.key",   "dashboard",    "record"};
static const char *const run_dir_prefixes[] = {"events.out.tfevents.", "labels.sqlite"};

/* What a killed process left of a file's replacement: NAME.tmp... (safe_file.h) or NAME.PID.tmp
 * (private_file.h, whose are secrets). */
static bool run_dir_is_temporary(const char *name)
{
    for (size_t i = 0; i < sizeof run_dir_names / sizeof run_dir_names[0]; i++) {
        size_t n = strlen(run_dir_names[i]);
        const char *rest = name + n;
        if (strncmp(name, run_dir_names[i], n) != 0 || *rest != '.')
            continue;
        size_t digits = strspn(rest + 1, "0123456789");
        rest += digits ? 1 + digits : 0;
        if (strcmp(rest, ".tmp") == 0 || (!digits && strncmp(rest, ".tmp.", 5) == 0))
            return true;
    }
    return false;
}

static bool run_dir_is_ours(const char *name)
{
    bool ours = run_dir_is_temporary(name);
    for (size_t i = 0; i < sizeof run_dir_names / sizeof run_dir_names[0]; i++)
        ours |= strcmp(name, run_dir_names[i]) == 0;
    for (size_t i = 0; i < sizeof run_dir_prefixes / sizeof run_dir_prefixes[0]; i++)
        ours |= strncmp(name, run_dir_prefixes[i], strlen(run_dir_prefixes[i])) == 0;
    return ours;
}

static int run_dir_remove(const char *dir, bool (*wanted)(const char *name), struct onic_err *err)
{
    DIR *d = opendir(dir);
    int rc =
        d ? ONIC_OK : err_set(err, ONIC_ECANTCREATE, "%s cannot be read: %s", dir, strerror(errno));
    for (struct dirent *e = d ? readdir(d) : NULL; e && !rc; e = readdir(d)) {
        char path[CONFIG_STR_MAX + 300];
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (wanted(e->d_name) && nftw(path, run_dir_remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
            rc = err_set(err, ONIC_ECANTCREATE, "%s cannot be removed: %s", path, strerror(errno));
    }
    if (d)
        closedir(d);
    return rc;
}

int run_dir_ledger(const char *dir, struct ledger *out, struct onic_err *err)
{
    char text[65536];
    int rc = file_want_folder(dir, "a run directory", err);
    if (rc)
        return rc;
    rc = run_dir_read(dir, "ledger.json", text, sizeof text, err);
    if (!rc)
        rc = ledger_parse(out, text, strlen(text), err);
    return rc ? err_wrap(err, "the ledger of %s", dir) : ONIC_OK;
}

int run_dir_labels(const char *dir, const char *given, char *out, size_t size, struct onic_err *err)
{
    int n = snprintf(out, size, "%s", given);
    if (!given[0]) {
        struct config *stored = xmalloc(sizeof *stored);
        config_defaults(stored);
        int rc = run_file_exists(dir, "config.yaml") ? run_dir_config(dir, stored, err) : ONIC_OK;
        n = snprintf(out, size, "%s/labels.sqlite", dir);
        if (!rc && stored->labels_path[0] && strcmp(stored->labels_path, out) != 0)
            rc = err_set(err, ONIC_ECONFIG,
                         "the labels of %s are in another place, as its config.yaml says "
                         "(labels.path): give --labels.path=%.300s, since no path is taken from a "
                         "file that may come from anywhere",
                         dir, stored->labels_path);
        free(stored);
        if (rc)
            return rc;
    }
    if (n < 0 || (size_t)n >= size)
        return err_set(err, ONIC_ECONFIG, "the path of the label store is too long");
    return ONIC_OK;
}

/* Differs from life to life by nature: not worth a line. */
static bool belongs_to_a_life(const char *key)
{
    static const char *const keys[] = {"run.dir",        "run.on_exists",   "listen.address",
                                       "weights.listen", "reward.server",   "actors.count",
                                       "run.config",     "dashboard.listen"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static void log_differences(const struct config *stored, const struct config *now)
{
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char key[64], a[CONFIG_STR_MAX], b[CONFIG_STR_MAX];
        config_key(i, key);
        config_get(stored, key, a, sizeof a);
        config_get(now, key, b, sizeof b);
        if (strcmp(a, b) != 0 && !belongs_to_a_life(key))
            log_info("resuming with another value", kv("option", (const char *)key),
                     kv("was", (const char *)a), kv("now", (const char *)b));
    }
}

static int resume(const char *dir, const struct config *given, struct config *cfg,
                  struct onic_err *err)
{
    struct config *stored = xmalloc(sizeof *stored);
    int rc = run_config_take(dir, given, stored, err);
    if (!rc)
        rc = run_dir_trust(dir, stored, given, err);
    if (!rc) {
        *cfg = *stored;
        rc = config_overlay(cfg, given, err);
    }
    if (!rc)
        config_use_log(cfg);
    if (!rc)
        log_differences(stored, cfg);
    free(stored);
    return rc;
}

/* Not begun: its first life could not be written, say. What is there is made again. */
static bool holds_nothing(const char *dir)
{
    char path[CONFIG_STR_MAX + 16];
    snprintf(path, sizeof path, "%s/checkpoints", dir);
    return !run_file_exists(dir, "labels.sqlite") && (rmdir(path) == 0 || errno == ENOENT);
}

static bool was_refused(const char *dir)
{
    return run_config_look(dir, NULL) == RUN_CONFIG_NONE && run_file_exists(dir, RUN_DIR_REFUSED) &&
           run_file_exists(dir, "version.txt");
}

static int refuse_existing(const char *dir, struct onic_err *err)
{
    return err_set(
        err, ONIC_ECANTCREATE,
        "the run directory %s exists and --on-exists=fail was given; give another --run-dir", dir);
}

bool run_dir_resumes(const char *dir, const struct config *given)
{
    return run_config_look(dir, NULL) != RUN_CONFIG_NONE &&
           given->run_on_exists == CONFIG_run_on_exists_resume;
}

/* A run that is not whole is one still; somebody's folder is none. */
static bool may_be_overwritten(const char *dir, enum run_config_state state)
{
    return state == RUN_CONFIG_WHOLE || was_refused(dir) || holds_nothing(dir) ||
           (run_file_exists(dir, "config.yaml") &&
            (run_file_exists(dir, "version.txt") || run_file_exists(dir, RUN_ID_FILE)));
}

/* What is there, under the lock, and whether it is a run that goes on. */
static int run_dir_judge(const char *dir, const struct config *given, bool *goes_on,
                         struct onic_err *err)
{
    char why[RUN_CONFIG_WHY_MAX];
    enum run_config_state state = run_config_look(dir, why);
    *goes_on = false;
    switch (given->run_on_exists) {
    case CONFIG_run_on_exists_fail: /* made since the first look */
        return state == RUN_CONFIG_NONE ? ONIC_OK : refuse_existing(dir, err);
    case CONFIG_run_on_exists_overwrite: /* run_dir_write empties it */
        return may_be_overwritten(dir, state)
                   ? ONIC_OK
                   : err_set(err, ONIC_ECANTCREATE,
                             "%s holds no config.yaml and version.txt, so it is not a run and is "
                             "not overwritten",
                             dir);
    default:
        *goes_on = state != RUN_CONFIG_NONE;
        return state == RUN_CONFIG_BAD && given->run_config == CONFIG_run_config_kept
                   ? run_config_refuse(dir, why, err)
                   : ONIC_OK;
    }
}

int run_dir_open(const char *dir, const struct config *given, struct config *cfg, int *lock_fd,
                 bool *resumed, struct onic_err *err)
{
    bool goes_on = false;
    *lock_fd = -1;
    if (given->run_on_exists == CONFIG_run_on_exists_fail && access(dir, F_OK) == 0 &&
        !was_refused(dir))
        return refuse_existing(dir, err);
    int rc = paths_make_dirs(dir, err);
    if (!rc)
        rc = run_lock_take(dir, lock_fd, err);
    bool alone = !run_lock_is_inherited();
    if (!rc && alone)
        rc = run_dir_remove(dir, run_dir_is_temporary, err);
    if (!rc && alone && given->run_on_exists == CONFIG_run_on_exists_resume)
        run_dir_recover_config(dir);
    if (!rc)
        rc = run_dir_judge(dir, given, &goes_on, err);
    *cfg = *given;
    if (!rc && goes_on)
        rc = resume(dir, given, cfg, err);
    cfg->run_config = CONFIG_run_config_kept; /* said once, of what is there now */
    cfg->origin[CONFIG_I_run_config] = CONFIG_DEFAULT;
    if (!rc && strcmp(cfg->run_dir, dir) != 0)
        rc = config_set(cfg, "run.dir", dir, CONFIG_AUTO, "run directory", err);
    if (!rc)
        rc = make_folders(dir, err);
    *resumed = goes_on;
    return rc;
}

/* A disk that is full already is said here, in one place: later it would be a log file without
 * words. */
static int check_room(const char *dir, struct onic_err *err)
{
    char path[CONFIG_STR_MAX + 32];
    snprintf(path, sizeof path, "%s/.room", dir);
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int code = fd < 0 ? errno : posix_fallocate(fd, 0, ROOM_NEEDED);
    if (fd >= 0)
        close(fd);
    unlink(path);
    if (code)
        return err_set(err, ONIC_ECANTCREATE,
                       "there is no room for a run in %s, not even for %d MiB: %s", dir,
                       ROOM_NEEDED >> 20, file_write_why(code));
    return ONIC_OK;
}

/* A run that is not resumed but is there is to be overwritten; labels of one that was refused
 * before it began are kept unless that was asked for. */
static int empty_overwritten(const char *dir, const struct config *cfg, struct onic_err *err)
{
    if (run_config_look(dir, NULL) == RUN_CONFIG_NONE &&
        !(was_refused(dir) && cfg->run_on_exists == CONFIG_run_on_exists_overwrite))
        return ONIC_OK;
    int rc = run_dir_remove(dir, run_dir_is_ours, err);
    return rc ? rc : make_folders(dir, err);
}

/* A line more of version.txt: when, what, on what. */
static int add_version(const char *dir, struct onic_err *err)
{
    char stamp[32], model[CPU_MODEL_MAX];
    char *before = xmalloc(VERSIONS_MAX);
    struct buf text, version;
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
    buf_init(&text, VERSIONS_MAX + 8192);
    /* it goes into the new one: not what another user's link makes of it */
    if (run_file_read_own(dir, "version.txt", before, VERSIONS_MAX, NULL) == ONIC_OK)
        buf_puts(&text, before);
    if (text.len && text.data[text.len - 1] != '\n')
        buf_puts(&text, "\n");
    buf_init(&version, 4096);
    config_version(&version);
    cpu_model(model);
    buf_printf(&text, "%s %.*s, %d cores of %s\n", stamp, (int)strcspn(version.data, "\n"),
               version.data, cpu_usable(), model);
    int rc = run_file_replace(dir, "version.txt", text.data, text.len, err);
    buf_release(&version);
    buf_release(&text);
    free(before);
    return rc;
}

/* So that a life which is refused leaves the run as it was. */
static int keep_present_config(const char *dir, struct onic_err *err)
{
    switch (run_config_look(dir, NULL)) {
    case RUN_CONFIG_WHOLE:
        return run_dir_keep_config(dir, err);
    case RUN_CONFIG_BAD:
        return run_dir_keep_broken_config(dir, err);
    case RUN_CONFIG_NONE:
        break;
    }
    run_dir_drop_kept_config(dir);
    return ONIC_OK;
}

int run_dir_write(const char *dir, const struct config *cfg, bool resumed, struct onic_err *err)
{
    char path[CONFIG_STR_MAX + 32];
    uint8_t id[RUN_ID_BYTES];
    int rc = check_room(dir, err);
    if (!rc && !resumed)
        rc = empty_overwritten(dir, cfg, err);
    if (!rc) /* a run whose id cannot be told stays as it is */
        rc = run_id_find(dir, id, err);
    if (!rc)
        rc = keep_present_config(dir, err);
    if (!rc)
        rc = run_config_write(dir, cfg, id, err);
    if (!rc) /* from here on a config.yaml without a checksum is not whole */
        rc = run_id_keep(dir, id, err);
    if (rc)
        return rc;
    snprintf(path, sizeof path, "%s/" RUN_DIR_REFUSED, dir);
    unlink(path);
    return add_version(dir, err);
}
