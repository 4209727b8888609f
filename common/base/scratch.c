/* SPDX-License-Identifier: MIT */
/* scratch.c - see scratch.h. */
#define _GNU_SOURCE /* flock, nftw, mkdtemp */
#include "common/base/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file_owner.h"

#define OWNER ".owner"

enum { NFTW_DESCRIPTORS = 8, WHY_MAX = 600 };

/* --- removing ---------------------------------------------------------------------------- */

static int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    remove(path);
    return 0;
}

static void remove_tree(const char *path)
{
    nftw(path, scratch_remove_one, NFTW_DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}

/* Ours, and nobody holds its lock. */
static bool is_dead(int dir_fd)
{
    struct stat st;
    if (fstat(dir_fd, &st) != 0 || st.st_uid != geteuid())
        return false;
    int fd = openat(dir_fd, OWNER, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false; /* being made */
    bool dead = flock(fd, LOCK_EX | LOCK_NB) == 0;
    close(fd);
    return dead;
}

static void remove_leftovers(const char *place, const char *prefix)
{
    DIR *dir = opendir(place);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        char path[PATHS_MAX];
        if (strncmp(e->d_name, prefix, strlen(prefix)) != 0)
            continue;
        int n = snprintf(path, sizeof path, "%s/%s", place, e->d_name);
        int fd = n > 0 && (size_t)n < sizeof path
                     ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
                     : -1;
        if (fd < 0)
            continue;
        if (is_dead(fd))
            remove_tree(path);
        close(fd);
    }
    if (dir)
        closedir(dir);
}

void scratch_remove(struct scratch *s)
{
    if (!s->path[0])
        return;
    remove_tree(s->path);
    if (s->owner_fd >= 0)
        close(s->owner_fd);
    *s = (struct scratch){.owner_fd = -1};
}

/* --- making ------------------------------------------------------------------------------ */

/* The lock is taken under another name first, so that nobody finds the owner file unlocked. */
static int take_ownership(struct scratch *s)
{
    int rc = 0, dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return errno;
    s->owner_fd = openat(dir, OWNER ".new", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s->owner_fd < 0 || flock(s->owner_fd, LOCK_EX | LOCK_NB) != 0 ||
        renameat(dir, OWNER ".new", dir, OWNER) != 0)
        rc = errno;
    close(dir);
    return rc;
}

bool scratch_keep(struct scratch *s)
{
    if (!s->path[0] || access(s->path, F_OK) == 0 || errno != ENOENT || mkdir(s->path, 0700) != 0)
        return false;
    int before = s->owner_fd;
    if (take_ownership(s) != 0) { /* nobody's folder is removed by nobody: good enough */
        if (s->owner_fd >= 0)
            close(s->owner_fd);
        s->owner_fd = before;
        return true;
    }
    if (before >= 0)
        close(before);
    return true;
}

/* 0, or an errno. */
static int make_in(struct scratch *s, const struct scratch_wish *wish, const char *place)
{
    size_t n = (size_t)snprintf(s->path, sizeof s->path, "%s%s%sXXXXXX", place,
                                strcmp(place, "/") == 0 ? "" : "/", wish->prefix);
    s->owner_fd = -1;
    if (n >= sizeof s->path || (wish->path_max && n > wish->path_max)) {
        s->path[0] = '\0';
        return ENAMETOOLONG;
    }
    if (!mkdtemp(s->path)) { /* mode 0700 */
        s->path[0] = '\0';
        return errno;
    }
    int rc = take_ownership(s);
    if (!rc && wish->check)
        rc = wish->check(s->path);
    if (rc)
        scratch_remove(s);
    return rc;
}

/* Who can, puts a folder of the same name in its place, and hears whoever comes to it. The group is
 * trusted where the umask trusts it: it can write everything else in a run directory, and the next
 * place, XDG_RUNTIME_DIR, is gone when its user has logged out. */
static bool others_may_rename(const char *place)
{
    struct stat st;
    return stat(place, &st) == 0 &&
           (file_owner_is_another(&st) || ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX)));
}

static void add_reason(char why[WHY_MAX], const struct scratch_wish *wish, const char *place,
                       int rc)
{
    size_t n = strlen(why);
    char limit[80] = "";
    if (rc == ENAMETOOLONG)
        snprintf(limit, sizeof limit, " (%zu bytes may stand before the folder's name)",
                 (wish->path_max ? wish->path_max : PATHS_MAX - 1) - strlen(wish->prefix) - 7);
    snprintf(why + n, WHY_MAX - n, "%s%.120s: %s%s", n ? "; " : "", place, strerror(rc), limit);
}

int scratch_create(struct scratch *s, const struct scratch_wish *wish, const char *const *places,
                   int count, struct onic_err *err)
{
    char why[WHY_MAX] = "";
    bool done = false;
    *s = (struct scratch){.owner_fd = -1};
    for (int i = 0; i < 2 * count; i++) { /* all of them, then those left out before */
        char place[PATHS_MAX];
        const char *given = places[i % count];
        bool again = i >= count;
        if (!given || !given[0])
            continue;
        if (!realpath(given, place)) {
            if (!again)
                add_reason(why, wish, given, errno);
            continue;
        }
        if (others_may_rename(place) != again)
            continue;
        remove_leftovers(place, wish->prefix);
        int rc = done ? 0 : make_in(s, wish, place);
        done |= !rc;
        if (rc)
            add_reason(why, wish, place, rc);
    }
    return done ? ONIC_OK
                : err_set(err, ONIC_ECANTCREATE,
                          "no folder for %s can be made: %s; set TMPDIR to a folder that can "
                          "be written and has a short path",
                          wish->what, why);
}
