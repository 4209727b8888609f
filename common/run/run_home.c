/* SPDX-License-Identifier: MIT */
/* run_home.c - see run_home.h. Only what is certain counts: a file system that does not answer just
 * now ends no run. */
#define _GNU_SOURCE /* O_PATH */
#include "common/run/run_home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int run_home_open(struct run_home *h, const char *dir, struct onic_err *err)
{
    *h = (struct run_home){.fd = -1};
    int rc = run_id_read(dir, h->id, err);
    if (rc)
        return rc;
    h->fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (h->fd < 0)
        return err_set(err, ONIC_ECANTCREATE, "%s cannot be opened: %s", dir, strerror(errno));
    snprintf(h->dir, sizeof h->dir, "%s", dir);
    return ONIC_OK;
}

void run_home_close(struct run_home *h)
{
    if (h->dir[0])
        close(h->fd);
    *h = (struct run_home){.fd = -1};
}

static const char *what_became_of(const struct run_home *h)
{
    struct stat mine, named;
    uint8_t id[RUN_ID_BYTES];
    if (!h->dir[0] || fstat(h->fd, &mine) != 0)
        return NULL;
    if (stat(h->dir, &named) != 0)
        return errno == ENOENT || errno == ENOTDIR ? "was removed or moved" : NULL;
    if (named.st_ino != mine.st_ino || named.st_dev != mine.st_dev)
        return "was replaced by another directory";
    int rc = run_id_read(h->dir, id, NULL);
    if (rc == ONIC_ENOTFOUND)
        return "was emptied";
    return !rc && memcmp(id, h->id, sizeof id) != 0 ? "holds another run now" : NULL;
}

int run_home_check(const struct run_home *h, struct onic_err *err)
{
    const char *fate = what_became_of(h);
    return fate ? err_set(err, ONIC_ECANTCREATE,
                          "the run directory %s %s while the run went on: nothing more is written "
                          "there, and the run ends",
                          h->dir, fate)
                : ONIC_OK;
}

bool run_home_is_here(const struct run_home *h)
{
    return !what_became_of(h);
}
