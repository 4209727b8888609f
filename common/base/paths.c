/* SPDX-License-Identifier: MIT */
/* paths.c - lookup relative to the running program; see paths.h.
 *
 * No path of the build machine is compiled in: a binary that remembers where it was built stops
 * working when the checkout moves, and silently reads another checkout's files when that one still
 * exists. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "common/base/paths.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file_limits.h"
#include "common/base/plain_file.h"

static int paths_join(char *out, size_t size, const char *a, const char *b, struct onic_err *err)
{
    int n = snprintf(out, size, "%s/%s", a, b);
    if (n < 0 || (size_t)n >= size)
        return err_set(err, ONIC_ELIMIT, "the path %s/%s is too long", a, b);
    return ONIC_OK;
}

static int copy_path(char *out, size_t size, const char *path, struct onic_err *err)
{
    if (strlen(path) >= size)
        return err_set(err, ONIC_ELIMIT, "the path %s is too long", path);
    memcpy(out, path, strlen(path) + 1);
    return ONIC_OK;
}

int paths_program(char *out, size_t size, struct onic_err *err)
{
    char exe[PATHS_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n < 0)
        return err_set(err, ONIC_EIO, "/proc/self/exe cannot be read; is /proc mounted?");
    exe[n] = '\0';
    return copy_path(out, size, exe, err);
}

int paths_program_dir(char *out, size_t size, struct onic_err *err)
{
    char exe[PATHS_MAX];
    int rc = paths_program(exe, sizeof exe, err);
    if (rc)
        return rc;
    char *slash = strrchr(exe, '/');
    if (slash)
        *slash = '\0';
    return copy_path(out, size, exe, err);
}

/* The first of bases that holds name; -1 when none does. */
static int first_existing(const char *dir, const char *const *bases, const char *name, char *out,
                          size_t size, struct onic_err *err)
{
    for (int i = 0; bases[i]; i++) {
        char base[PATHS_MAX], path[PATHS_MAX], real[PATHS_MAX];
        int rc = paths_join(base, sizeof base, dir, bases[i], err);
        if (!rc)
            rc = paths_join(path, sizeof path, base, name, err);
        if (rc)
            return rc;
        if (!realpath(path, real))
            continue;
        return copy_path(out, size, real, err);
    }
    return err_set(err, ONIC_ENOTFOUND,
                   "%s is neither in the deploy folder of a checkout nor in share/onic around %s",
                   name, dir);
}

int paths_beside_program(const char *name, char *out, size_t size, struct onic_err *err)
{
    char dir[PATHS_MAX];
    int rc = paths_program_dir(dir, sizeof dir, err);
    if (!rc)
        rc = paths_join(out, size, dir, name, err);
    if (rc)
        return rc;
    if (access(out, X_OK) != 0 && errno == EACCES)
        return err_set(err, ONIC_EAUTH,
                       "the program %s may not be run by this user (%u): Permission denied, for it "
                       "or for a folder on the way to it",
                       out, (unsigned)geteuid());
    if (access(out, X_OK) != 0)
        return err_set(err, ONIC_ENOTFOUND,
                       "the program %s is missing beside %s; build or install all of onic", name,
                       dir);
    return ONIC_OK;
}

int paths_cache_dir(char *out, size_t size, struct onic_err *err)
{
    static const char *const bases[] = {".", "..", "../build", "../../build", "../share/onic",
                                        NULL};
    const char *env = getenv("ONIC_CACHE");
    if (env && env[0]) {
        char real[PATHS_MAX];
        const char *path = realpath(env, real) ? real : env;
        if (strlen(path) >= size)
            return err_set(err, ONIC_ELIMIT, "ONIC_CACHE is too long");
        memcpy(out, path, strlen(path) + 1);
        return ONIC_OK;
    }
    char dir[PATHS_MAX];
    int rc = paths_program_dir(dir, sizeof dir, err);
    if (rc)
        return rc;
    if (first_existing(dir, bases, "cache", out, size, NULL) == ONIC_OK)
        return ONIC_OK;
    return paths_join(out, size, dir, "cache", err);
}

int paths_share(const char *name, char *out, size_t size, struct onic_err *err)
{
    static const char *const bases[] = {"../deploy", "../../deploy", "../share/onic", NULL};
    char dir[PATHS_MAX];
    int rc = paths_program_dir(dir, sizeof dir, err);
    return rc ? rc : first_existing(dir, bases, name, out, size, err);
}

int paths_make_dirs(const char *dir, struct onic_err *err)
{
    char path[PATHS_MAX];
    if (snprintf(path, sizeof path, "%s", dir) >= (int)sizeof path)
        return err_set(err, ONIC_ECANTCREATE, "the path %.200s... is too long", dir);
    int rc = file_check_umask(err);
    if (rc)
        return rc;
    for (char *p = path + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char keep = *p;
        *p = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return err_set(err, ONIC_ECANTCREATE, "the folder %s cannot be created: %s", path,
                           strerror(errno));
        bool last = !keep || p[1 + strspn(p + 1, "/")] == '\0';
        if (last && plain_file_is_foreign_link(path))
            return err_set(err, ONIC_ECANTCREATE,
                           "the folder %s is not used: another user made a link there", path);
        *p = keep;
        if (!keep)
            return ONIC_OK;
    }
}
