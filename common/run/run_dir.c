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

#include "common/base/file_kind.h"
#include "common/base/log.h"
#include "common/base/run_lock.h"
#include "common/base/xmalloc.h"
#include "common/config/overlay.h"
#include "common/run/run_file.h"
#include "common/run/run_settle.h"
#include "common/run/run_trust.h"

enum { CONFIG_TEXT_MAX = 1 << 20, ROOM_NEEDED = 1 << 20 };

static int make_dirs(const char *dir, struct onic_err *err)
{
    char path[CONFIG_STR_MAX];
    snprintf(path, sizeof path, "%s", dir);
    for (char *p = path + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char keep = *p;
        *p = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return err_set(err, ONIC_ECANTCREATE, "the folder %s cannot be created: %s", path,
                           strerror(errno));
        *p = keep;
        if (!keep)
            return ONIC_OK;
    }
}

static int make_sub_dir(const char *dir, const char *name, struct onic_err *err)
{
    char path[CONFIG_STR_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return err_set(err, ONIC_ECANTCREATE,
                       "the run directory's name is too long; give a shorter --run-dir");
    return make_dirs(path, err);
}

static int make_folders(const char *dir, struct onic_err *err)
{
    static const char *const folders[] = {"log", "checkpoints", "replays"};
    int rc = ONIC_OK;
    for (int i = 0; !rc && i < 3; i++)
        rc = make_sub_dir(dir, folders[i], err);
    return rc;
}

static bool has(const char *dir, const char *name)
{
    char path[CONFIG_STR_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

static int run_dir_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* Removes what a run writes, by name: what a person put beside it stays. */
static int run_dir_clear(const char *dir, struct onic_err *err)
{
    static const char *const names[] = {
        "config.yaml",   "config.yaml.tmp", RUN_DIR_BEFORE,  RUN_DIR_BEFORE ".tmp",
        RUN_DIR_REFUSED, "version.txt",     "metrics.jsonl", "checkpoints",
        "log",           "replays",         "actors",        "ledger.json",
        "epoch",         "places.key"};
    static const char *const prefixes[] = {"events.out.tfevents.", "labels.sqlite"};
    DIR *d = opendir(dir);
    int rc =
        d ? ONIC_OK : err_set(err, ONIC_ECANTCREATE, "%s cannot be read: %s", dir, strerror(errno));
    for (struct dirent *e = d ? readdir(d) : NULL; e && !rc; e = readdir(d)) {
        bool mine = false;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            mine |= strcmp(e->d_name, names[i]) == 0;
        for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
            mine |= strncmp(e->d_name, prefixes[i], strlen(prefixes[i])) == 0;
        char path[CONFIG_STR_MAX + 300];
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (mine && nftw(path, run_dir_remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
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

/* The stored configuration as a base: values equal to the defaults keep the origin "default". */
int run_dir_config(const char *dir, struct config *base, struct onic_err *err)
{
    char path[CONFIG_STR_MAX + 32];
    snprintf(path, sizeof path, "%s/config.yaml", dir);
    struct config *defaults = xmalloc(sizeof *defaults);
    char *text = xmalloc(CONFIG_TEXT_MAX);
    config_defaults(defaults);
    config_defaults(base);
    int rc = run_dir_read(dir, "config.yaml", text, CONFIG_TEXT_MAX, err);
    if (!rc)
        rc = config_read_stored(base, text, strlen(text), path, err);
    free(text);
    for (int i = 0; !rc && i < CONFIG_COUNT; i++) {
        char key[64], a[CONFIG_STR_MAX], b[CONFIG_STR_MAX];
        config_key(i, key);
        config_get(base, key, a, sizeof a);
        config_get(defaults, key, b, sizeof b);
        if (strcmp(a, b) == 0)
            base->origin[i] = CONFIG_DEFAULT;
    }
    free(defaults);
    return rc;
}

int run_dir_labels(const char *dir, const char *given, char *out, size_t size, struct onic_err *err)
{
    int n = snprintf(out, size, "%s", given);
    if (!given[0]) {
        struct config *stored = xmalloc(sizeof *stored);
        config_defaults(stored);
        int rc = has(dir, "config.yaml") ? run_dir_config(dir, stored, err) : ONIC_OK;
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
    static const char *const keys[] = {"run.dir",        "run.on_exists", "listen.address",
                                       "weights.listen", "reward.server", "actors.count"};
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
    int rc = run_dir_config(dir, stored, err);
    if (!rc)
        rc = run_dir_trust(dir, stored, given, err);
    if (!rc) {
        *cfg = *stored;
        rc = config_overlay(cfg, given, err);
    }
    if (!rc)
        log_differences(stored, cfg);
    free(stored);
    return rc;
}

static bool is_run(const char *dir)
{
    return has(dir, "config.yaml") && has(dir, "version.txt");
}

/* Not begun: its first life could not be written, say. What is there is made again. */
static bool holds_nothing(const char *dir)
{
    char path[CONFIG_STR_MAX + 16];
    snprintf(path, sizeof path, "%s/checkpoints", dir);
    return !has(dir, "labels.sqlite") && (rmdir(path) == 0 || errno == ENOENT);
}

static bool was_refused(const char *dir)
{
    return !is_run(dir) && has(dir, RUN_DIR_REFUSED) && has(dir, "version.txt");
}

static int refuse_existing(const char *dir, struct onic_err *err)
{
    return err_set(
        err, ONIC_ECANTCREATE,
        "the run directory %s exists and --on-exists=fail was given; give another --run-dir", dir);
}

bool run_dir_resumes(const char *dir, const struct config *given)
{
    return is_run(dir) && given->run_on_exists == CONFIG_run_on_exists_resume;
}

int run_dir_open(const char *dir, const struct config *given, struct config *cfg, int *lock_fd,
                 bool *resumed, struct onic_err *err)
{
    *lock_fd = -1;
    if (given->run_on_exists == CONFIG_run_on_exists_fail && access(dir, F_OK) == 0 &&
        !was_refused(dir))
        return refuse_existing(dir, err);
    int rc = make_dirs(dir, err);
    if (!rc)
        rc = run_lock_take(dir, lock_fd, err);
    bool ours = is_run(dir), refused = was_refused(dir);
    if (!rc && ours &&
        given->run_on_exists == CONFIG_run_on_exists_fail) /* made since the first look */
        rc = refuse_existing(dir, err);
    if (!rc && given->run_on_exists == CONFIG_run_on_exists_overwrite) {
        if (!ours && !refused && !holds_nothing(dir))
            rc = err_set(err, ONIC_ECANTCREATE,
                         "%s holds no config.yaml and version.txt, so it is not a run and is not "
                         "overwritten",
                         dir);
        ours = false; /* run_dir_write empties it */
    }
    *cfg = *given;
    if (!rc && ours && !run_lock_is_inherited())
        run_dir_recover_config(dir);
    if (!rc && ours)
        rc = resume(dir, given, cfg, err);
    if (!rc && strcmp(cfg->run_dir, dir) != 0)
        rc = config_set(cfg, "run.dir", dir, CONFIG_AUTO, "run directory", err);
    if (!rc)
        rc = make_folders(dir, err);
    *resumed = ours;
    return rc;
}

static int write_config(const char *dir, const struct config *cfg, struct onic_err *err)
{
    struct buf text;
    buf_init(&text, CONFIG_TEXT_MAX);
    config_dump(cfg, &text);
    int rc = run_dir_replace(dir, "config.yaml", text.data, text.len, err);
    buf_release(&text);
    return rc;
}

/* A disk that is full already is said here, in one place: later it would be a log file without
 * words. */
static int check_room(const char *dir, struct onic_err *err)
{
    char path[CONFIG_STR_MAX + 32];
    snprintf(path, sizeof path, "%s/.room", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int code = fd < 0 ? errno : posix_fallocate(fd, 0, ROOM_NEEDED);
    if (fd >= 0)
        close(fd);
    unlink(path);
    if (code)
        return err_set(err, ONIC_ECANTCREATE,
                       "there is no room for a run in %s, not even for %d MiB: %s", dir,
                       ROOM_NEEDED >> 20, strerror(code));
    return ONIC_OK;
}

/* A run that is not resumed but is there is to be overwritten; labels of one that was refused
 * before it began are kept unless that was asked for. */
static int empty_overwritten(const char *dir, const struct config *cfg, struct onic_err *err)
{
    if (!is_run(dir) && !(was_refused(dir) && cfg->run_on_exists == CONFIG_run_on_exists_overwrite))
        return ONIC_OK;
    int rc = run_dir_clear(dir, err);
    return rc ? rc : make_folders(dir, err);
}

int run_dir_write(const char *dir, const struct config *cfg, bool resumed, struct onic_err *err)
{
    int rc = check_room(dir, err);
    if (!rc && !resumed)
        rc = empty_overwritten(dir, cfg, err);
    if (!rc && is_run(dir))
        rc = run_dir_keep_config(dir, err);
    if (!rc)
        rc = write_config(dir, cfg, err);
    if (rc)
        return rc;
    char path[CONFIG_STR_MAX + 32], stamp[32];
    snprintf(path, sizeof path, "%s/" RUN_DIR_REFUSED, dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/version.txt", dir);
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
    struct buf line;
    buf_init(&line, 4096);
    buf_printf(&line, "%s ", stamp);
    config_version(&line);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0 || run_file_write(fd, line.data, line.len) != 0)
        rc = err_set(err, ONIC_ECANTCREATE, "%s cannot be written: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    buf_release(&line);
    return rc;
}
