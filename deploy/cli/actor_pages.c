/* SPDX-License-Identifier: MIT */
/* actor_pages.c - see actor_pages.h. */
#include "deploy/cli/actor_pages.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/plain_file.h"

enum { FOLDER_MAX = 4096, NAME_LEN = 256 };

static bool actor_pages_is_page(const char *name)
{
    size_t n = strlen(name);
    return strncmp(name, "actor-", 6) == 0 && n > 7 && strcmp(name + n - 7, ".ledger") == 0;
}

static int bring_page(const char *from, const char *to, const char *name, struct onic_err *err)
{
    char old[FOLDER_MAX + NAME_LEN], new[FOLDER_MAX + NAME_LEN];
    struct stat a, b;
    snprintf(old, sizeof old, "%s/%s", from, name);
    snprintf(new, sizeof new, "%s/%s", to, name);
    if (stat(old, &a) != 0)
        return ONIC_OK;
    bool newer = stat(new, &b) != 0 || a.st_mtim.tv_sec > b.st_mtim.tv_sec ||
                 (a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec > b.st_mtim.tv_nsec);
    if ((newer ? rename(old, new) : remove(old)) != 0)
        return err_set(err, ONIC_ECANTCREATE, "%s cannot be moved to %s: %s", old, to,
                       strerror(errno));
    return ONIC_OK;
}

int actor_pages_bring(const char *from, const char *to, struct onic_err *err)
{
    int rc = plain_folder_make(to, err);
    if (rc)
        return rc;
    DIR *d = opendir(from);
    for (struct dirent *e; d && !rc && (e = readdir(d));)
        if (actor_pages_is_page(e->d_name))
            rc = bring_page(from, to, e->d_name, err);
    if (d)
        closedir(d);
    return rc;
}
