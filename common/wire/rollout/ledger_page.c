/* SPDX-License-Identifier: MIT */
/* ledger_page.c - see ledger_page.h.
 *
 * The process may die between any two stores, so the order of the stores is what keeps the page
 * true: a new incarnation first makes the page empty (incarnation 0), then fills it, then names
 * itself; `produced` is stored before the trajectory is sent, `acked` after its acknowledgement was
 * read. Stores are volatile so that the compiler keeps that order. The file is locked: two
 * processes of one number on one host would otherwise write over each other. */
#define _DEFAULT_SOURCE
#include "common/wire/rollout/ledger_page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/lock_file.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/base/private_file.h"
#include "common/base/rotated.h"
#include "common/base/xmalloc.h"

static const uint64_t page_magic = 0x31656761704e4fu; /* "ONpage1" */

struct ledger_page {
    int fd;
    char path[PATHS_MAX], secret_path[PATHS_MAX];
    volatile struct ledger_page_content *map;
};

static int ledger_page_map_file(struct ledger_page *p, struct onic_err *err)
{
    const char *path = p->path;
    p->fd = lock_file_open(path);
    if (p->fd < 0)
        return err_set(err, ONIC_ECANTCREATE, "actors.state_dir: cannot open %s: %s", path,
                       strerror(errno));
    if (lock_file_take(p->fd) != LOCK_FILE_MINE)
        return err_set(err, ONIC_ECANTCREATE,
                       "actors.state_dir: %s is held by another process of this actor number",
                       path);
    int rc = posix_fallocate(p->fd, 0, sizeof *p->map);
    if (rc)
        return err_set(err, ONIC_ECANTCREATE, "actors.state_dir: cannot reserve space for %s: %s",
                       path, strerror(rc));
    void *m = mmap(NULL, sizeof *p->map, PROT_READ | PROT_WRITE, MAP_SHARED, p->fd, 0);
    if (m == MAP_FAILED)
        return err_set(err, ONIC_ECANTCREATE, "actors.state_dir: cannot map %s: %s", path,
                       strerror(errno));
    p->map = m;
    return ONIC_OK;
}

int ledger_page_open(struct ledger_page **out, const char *dir, uint32_t actor_id,
                     struct ledger_page_content *previous, struct onic_err *err)
{
    *out = NULL;
    memset(previous, 0, sizeof *previous);
    if (snprintf(NULL, 0, "%s/actor-%u.ledger", dir, actor_id) >= PATHS_MAX)
        return err_set(err, ONIC_ECONFIG, "actors.state_dir is longer than a path may be");
    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        return err_set(err, ONIC_ECANTCREATE, "actors.state_dir: cannot create %s: %s", dir,
                       strerror(errno));
    struct ledger_page *p = xcalloc(1, sizeof *p);
    snprintf(p->path, sizeof p->path, "%s/actor-%u.ledger", dir, actor_id);
    snprintf(p->secret_path, sizeof p->secret_path, "%s/actor-%u.key", dir, actor_id);
    int rc = ledger_page_map_file(p, err);
    if (rc) {
        ledger_page_close(p);
        return rc;
    }
    struct ledger_page_content now = *p->map;
    if (now.magic == page_magic && now.incarnation && now.acked <= now.produced)
        *previous = now;
    *out = p;
    return ONIC_OK;
}

void ledger_page_close(struct ledger_page *p)
{
    if (!p)
        return;
    if (p->map)
        munmap((void *)(uintptr_t)p->map, sizeof *p->map);
    if (p->fd >= 0)
        close(p->fd);
    free(p);
}

void ledger_page_begin(struct ledger_page *p, const uint8_t run_id[16], uint64_t incarnation,
                       uint64_t steps_each)
{
    if (!p)
        return;
    p->map->incarnation = 0;
    p->map->produced = p->map->acked = p->map->env_steps = 0;
    p->map->steps_each = steps_each;
    for (int i = 0; i < 16; i++)
        p->map->run_id[i] = run_id[i];
    p->map->magic = page_magic;
    p->map->incarnation = incarnation;
}

void ledger_page_update(struct ledger_page *p, uint64_t produced, uint64_t acked,
                        uint64_t env_steps)
{
    if (!p)
        return;
    p->map->produced = produced;
    p->map->acked = acked;
    p->map->env_steps = env_steps;
}

/* The secret is found by name, the page was opened: where another page has the name, a new run is
 * in the folder, and it is its actor's. */
static bool page_is_here(const struct ledger_page *p)
{
    return !rotated_away(p->fd, p->path);
}

struct ledger_page_held ledger_page_held(const struct ledger_page *p)
{
    struct ledger_page_held held;
    if (!p || !page_is_here(p) || !private_file_read(p->secret_path, &held, sizeof held))
        return (struct ledger_page_held){0};
    return held;
}

void ledger_page_hold(const struct ledger_page *p, const struct ledger_page_held *held)
{
    struct onic_err err = {0};
    if (!p)
        return;
    int rc = page_is_here(p)
                 ? private_file_write(p->secret_path, held, sizeof *held, &err)
                 : err_set(&err, ONIC_ECANTCREATE,
                           "actors.state_dir: %s was removed or replaced: what this actor would "
                           "need to have its place again at once is not kept there",
                           p->path);
    if (rc)
        log_warn(err.msg); /* a killed actor then waits for its place until its lease is over */
}
