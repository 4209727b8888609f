/* SPDX-License-Identifier: MIT */
/* checkpoint_folder.c - which file of a folder to resume from, and which to remove; see
 * checkpoint.h.
 *
 * The number in the name decides, not the modification time (copies and restores change it) and not
 * LATEST (it may be older than the file it should name, because the two renames are two steps). It
 * cannot be newer, though: a file that it names was there. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file_kind.h"
#include "common/base/plain_file.h"
#include "common/base/xmalloc.h"
#include "common/checkpoint/checkpoint.h"

enum { VERSION_DIGITS = 12, LEFT_OVER_S = 600 };
static const char PREFIX[] = "ckpt-", SUFFIX[] = ".safetensors", TEMP[] = ".tmp.";

struct versions {
    uint64_t *v;
    size_t n, cap;
};

/* ckpt-<12 digits>.safetensors and nothing behind it; *rest is what follows otherwise. */
static bool checkpoint_folder_parse(const char *name, uint64_t *version, const char **rest)
{
    if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0)
        return false;
    const char *digits = name + sizeof PREFIX - 1;
    if (strspn(digits, "0123456789") != VERSION_DIGITS ||
        strncmp(digits + VERSION_DIGITS, SUFFIX, sizeof SUFFIX - 1) != 0)
        return false;
    *version = strtoull(digits, NULL, 10);
    *rest = digits + VERSION_DIGITS + sizeof SUFFIX - 1;
    return true;
}

static int newest_first(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? 1 : x > y ? -1 : 0;
}

/* A temporary file whose writer is gone: it has the number of no other process of this machine, and
 * nobody (another machine may share the folder) has written to it for long. With our own number it
 * is of an earlier life, as in a container, where every life is process 1: who prunes has just
 * written its own. */
static bool is_left_over(const char *path, const char *number)
{
    struct stat st;
    long pid = strtol(number, NULL, 10);
    bool alive = pid > 0 && pid != getpid() && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
    return !alive && stat(path, &st) == 0 && clock_wall_s() - (double)st.st_mtime > LEFT_OVER_S;
}

/* The number of the process in the name of a temporary file; NULL: it is none. */
static const char *temp_number(const char *name, const char *rest)
{
    if (strncmp(rest, TEMP, sizeof TEMP - 1) == 0)
        return rest + sizeof TEMP - 1;
    return strncmp(name, "LATEST.tmp.", 11) == 0 ? name + 11 : NULL;
}

/* Lists the versions, newest first; removes left-over temporary files when asked. */
static int checkpoint_folder_list(const char *dir, struct versions *out, int *removed,
                                  struct onic_err *err)
{
    DIR *d = opendir(dir);
    if (!d && errno == ENOTDIR) /* something is there: not a fresh start */
        return err_set(err, ONIC_EIO, "%s is not a folder", dir);
    if (!d)
        return file_unreadable(dir, errno, err);
    struct dirent *e;
    while (errno = 0, (e = readdir(d))) {
        uint64_t version = 0;
        const char *rest = "";
        bool ours = checkpoint_folder_parse(e->d_name, &version, &rest);
        const char *number = temp_number(e->d_name, ours ? rest : "");
        if (number && removed) {
            char path[CHECKPOINT_PATH_MAX];
            int n = snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
            if (n < (int)sizeof path && is_left_over(path, number) && unlink(path) == 0)
                (*removed)++;
        }
        if (!ours || *rest)
            continue;
        if (out->n == out->cap) {
            out->cap = out->cap ? out->cap * 2 : 16;
            out->v = xrealloc(out->v, out->cap * sizeof *out->v);
        }
        out->v[out->n++] = version;
    }
    int failed = errno;
    closedir(d);
    if (failed) /* what was not listed may be the newest, or all there is */
        return file_unreadable(dir, failed, err);
    if (out->n)
        qsort(out->v, out->n, sizeof *out->v, newest_first);
    return ONIC_OK;
}

static bool make_path(char path[CHECKPOINT_PATH_MAX], const char *dir, uint64_t version)
{
    int n = snprintf(path, CHECKPOINT_PATH_MAX, "%s/%s%012llu%s", dir, PREFIX,
                     (unsigned long long)version, SUFFIX);
    return n > 0 && n < CHECKPOINT_PATH_MAX;
}

/* For good: an older one is used instead. What a permission, more memory, another try or the onic
 * that wrote it mends is not that; it would silently cost what was trained since. A disk or a file
 * server that does not answer says nothing of the bytes that lie there. */
static bool is_no_use(int rc)
{
    return rc != ONIC_EAUTH && rc != ONIC_EAGAIN && rc != ONIC_EIO && rc != ONIC_EINCOMPATIBLE;
}

static int not_passed_over(const struct onic_err *why, struct onic_err *err)
{
    if (why->code != ONIC_EIO) {
        if (err)
            *err = *why;
        return why->code;
    }
    return err_set(err, ONIC_EIO,
                   "%.700s; this may pass, so no older one is taken instead: try again, and rename "
                   "or remove the file if it can never be read",
                   why->msg);
}

/* The newest of `all` that can be used, the others on the way to it in the report. */
static int open_newest(struct checkpoint_file **out, const char *dir, const struct versions *all,
                       struct buf *report, struct onic_err *err)
{
    struct onic_err first = {0};
    for (size_t i = 0; i < all->n; i++) {
        char path[CHECKPOINT_PATH_MAX];
        struct onic_err why = {0};
        if (!make_path(path, dir, all->v[i]))
            continue;
        int rc = checkpoint_open(out, path, &why);
        if (!rc)
            return ONIC_OK;
        if (!is_no_use(rc))
            return not_passed_over(&why, err);
        if (!first.code)
            first = why;
        if (report)
            buf_printf(report, "%s%012llu%s: %s\n", PREFIX, (unsigned long long)all->v[i], SUFFIX,
                       why.msg);
    }
    return err_set(err, ONIC_EDAMAGED,
                   "none of the %zu checkpoints in %s can be used (the newest: %.500s); restore "
                   "one from a copy",
                   all->n, dir, first.msg);
}

/* The file that LATEST names and that is gone since; false: there is no such. */
static bool names_a_lost_one(const char *dir, uint64_t *version)
{
    char path[CHECKPOINT_PATH_MAX], name[64] = "";
    const char *rest;
    int n = snprintf(path, sizeof path, "%s/LATEST", dir);
    FILE *f = n < (int)sizeof path ? plain_file_read(path, false) : NULL;
    bool named = f && fgets(name, sizeof name, f) &&
                 checkpoint_folder_parse(name, version, &rest) && strcmp(rest, "\n") == 0;
    if (f)
        fclose(f);
    return named && make_path(path, dir, *version) && access(path, F_OK) != 0 && errno == ENOENT;
}

/* What a run begins with is not missed. */
static int none_at_all(const char *dir, struct onic_err *err)
{
    uint64_t lost;
    if (!names_a_lost_one(dir, &lost) || lost == 0)
        return err_set(err, ONIC_ENOTFOUND, "%s holds no checkpoint", dir);
    return err_set(err, ONIC_EDAMAGED,
                   "%s holds no checkpoint, though LATEST names %s%012llu%s: put it back", dir,
                   PREFIX, (unsigned long long)lost, SUFFIX);
}

int checkpoint_newest_valid(struct checkpoint_file **out, const char *dir, struct buf *report,
                            struct onic_err *err)
{
    struct versions all = {0};
    uint64_t lost;
    *out = NULL;
    int rc = checkpoint_folder_list(dir, &all, NULL, err);
    if (!rc && report && all.n && names_a_lost_one(dir, &lost) && lost > all.v[0])
        buf_printf(report, "%s%012llu%s: it is gone, though LATEST names it\n", PREFIX,
                   (unsigned long long)lost, SUFFIX);
    if (!rc)
        rc = all.n ? open_newest(out, dir, &all, report, err) : none_at_all(dir, err);
    free(all.v);
    return rc;
}

int checkpoint_milestone(const char *dir, uint64_t version, uint64_t steps, struct onic_err *err)
{
    char from[CHECKPOINT_PATH_MAX], to[CHECKPOINT_PATH_MAX];
    int n =
        snprintf(to, sizeof to, "%s/milestone-%012llu%s", dir, (unsigned long long)steps, SUFFIX);
    if (!make_path(from, dir, version) || n >= (int)sizeof to)
        return err_set(err, ONIC_ECANTCREATE, "the path of a milestone in %s is too long", dir);
    if (unlink(to) != 0 && errno != ENOENT)
        return err_set(err, ONIC_ECANTCREATE, "%s cannot be replaced: %s", to, strerror(errno));
    if (link(from, to) != 0)
        return err_set(err, ONIC_ECANTCREATE, "the milestone %s cannot be kept: %s", to,
                       strerror(errno));
    return ONIC_OK;
}

static bool reserve_path(char path[CHECKPOINT_PATH_MAX], const char *dir)
{
    int n = snprintf(path, CHECKPOINT_PATH_MAX, "%s/" CHECKPOINT_RESERVE, dir);
    return n > 0 && n < CHECKPOINT_PATH_MAX;
}

/* Not of one that has a second name, as a milestone has. */
static bool has_space(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && st.st_nlink == 1;
}

/* Its space stays ours. */
static bool reserve_instead(const char *dir, const char *path)
{
    char reserve[CHECKPOINT_PATH_MAX];
    return reserve_path(reserve, dir) && access(reserve, F_OK) != 0 && has_space(path) &&
           rename(path, reserve) == 0;
}

static bool checkpoint_folder_give_up(const char *dir, const char *path)
{
    char reserve[CHECKPOINT_PATH_MAX];
    return reserve_instead(dir, path) ||
           (has_space(path) && reserve_path(reserve, dir) && safe_reserve_add(reserve, path));
}

bool checkpoint_make_room(const char *dir, uint64_t version)
{
    struct checkpoint_file *newest;
    struct versions all = {0};
    char path[CHECKPOINT_PATH_MAX];
    bool done = false;
    if (checkpoint_newest_valid(&newest, dir, NULL, NULL) != ONIC_OK)
        return false;
    if (checkpoint_folder_list(dir, &all, NULL, NULL) == ONIC_OK)
        for (size_t i = all.n; i-- > 0 && !done;)
            done = all.v[i] < version && make_path(path, dir, all.v[i]) &&
                   strcmp(path, checkpoint_path(newest)) != 0 &&
                   checkpoint_folder_give_up(dir, path);
    checkpoint_close(newest);
    free(all.v);
    return done;
}

int checkpoint_prune(const char *dir, int keep, uint64_t newest)
{
    struct versions all = {0};
    int removed = 0;
    ONIC_ASSERT(keep >= 1);
    if (checkpoint_folder_list(dir, &all, &removed, NULL) == ONIC_OK)
        for (size_t i = 0, good = 0; i < all.n; i++) {
            char path[CHECKPOINT_PATH_MAX];
            if (all.v[i] > newest || good++ < (size_t)keep)
                continue;
            if (make_path(path, dir, all.v[i]) && (reserve_instead(dir, path) || unlink(path) == 0))
                removed++;
        }
    free(all.v);
    return removed;
}
