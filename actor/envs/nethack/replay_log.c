/* SPDX-License-Identifier: MIT */
/* replay_log.c - one mapped file per environment.
 *
 * The file is locked while its process lives, so that two actors which share a folder by mistake
 * get an error instead of each other's games, and so that a file found unlocked with `running` set
 * is known to be a crash. Its room is allocated at the start: a store into a mapped hole of a full
 * disk would kill the process. */
#define _GNU_SOURCE /* flock */
#include "actor/envs/nethack/replay_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/base/plain_file.h"
#include "common/base/rotated.h"
#include "common/base/xmalloc.h"

enum { CRASHES_KEPT = 16 };

struct replay_log {
    char path[PATHS_MAX];
    int fd;
    size_t bytes;
    struct replay_head *head; /* the mapping */
    uint8_t *actions;
};

/* Renames the file of a crashed game to the first free crash name, or over the oldest one. */
static void keep_crash(const char *dir, const char *path, const char *who)
{
    char name[PATHS_MAX], target[PATHS_MAX] = "";
    struct timespec oldest = {0};
    for (int k = 0; k < CRASHES_KEPT; k++) {
        struct stat st;
        int n = snprintf(name, sizeof name, "%s/crash-%s-%d.replay", dir, who, k);
        if (n < 0 || (size_t)n >= sizeof name)
            return;
        bool free_name = stat(name, &st) != 0;
        if (free_name || k == 0 || st.st_mtim.tv_sec < oldest.tv_sec) {
            memcpy(target, name, sizeof target);
            oldest = free_name ? oldest : st.st_mtim;
        }
        if (free_name)
            break;
    }
    if (rename(path, target) == 0)
        log_warn("an earlier game ended in a crash; its seeds and actions are kept",
                 kv("file", target));
}

static bool was_running(int fd)
{
    struct replay_head head;
    return pread(fd, &head, sizeof head, 0) == (ssize_t)sizeof head &&
           memcmp(head.magic, REPLAY_MAGIC, sizeof head.magic) == 0 && head.running == 1;
}

static int replay_log_map_file(struct replay_log *r, const struct replay_head *head,
                               struct onic_err *err)
{
    r->bytes = sizeof *head + head->capacity;
    int full = ftruncate(r->fd, 0) != 0 ? errno : posix_fallocate(r->fd, 0, (off_t)r->bytes);
    if (full)
        return err_set(err, ONIC_ECANTCREATE, "the replay file %s cannot be sized: %s", r->path,
                       strerror(full));
    void *map = mmap(NULL, r->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
    if (map == MAP_FAILED)
        return err_set(err, ONIC_ECANTCREATE, "the replay file %s cannot be mapped: %s", r->path,
                       strerror(errno));
    r->head = map;
    r->actions = (uint8_t *)map + sizeof *head;
    *r->head = *head;
    memcpy(r->head->magic, REPLAY_MAGIC, sizeof r->head->magic);
    r->head->running = 0;
    r->head->count = 0;
    return ONIC_OK;
}

/* The file, locked for this actor; r->fd is open only on success. */
static int replay_log_lock_file(struct replay_log *r, struct onic_err *err)
{
    r->fd = plain_file_open_own(r->path, O_RDWR | O_CREAT, 0666);
    if (r->fd < 0)
        return err_set(err, ONIC_ECANTCREATE,
                       "the replay file %s cannot be created: %s; does actors.state_dir exist?",
                       r->path, plain_file_why(errno));
    if (flock(r->fd, LOCK_EX | LOCK_NB) == 0)
        return ONIC_OK;
    close(r->fd);
    return err_set(err, ONIC_ECANTCREATE,
                   "%s is in use by another actor; give each actor its own actors.state_dir",
                   r->path);
}

int replay_log_open(struct replay_log **out, const char *dir, const char *who,
                    const struct replay_head *head, struct onic_err *err)
{
    *out = NULL;
    if (dir[0] == '\0')
        return ONIC_OK;
    struct replay_log *r = xcalloc(1, sizeof *r);
    snprintf(r->path, sizeof r->path, "%s/replay-%s.bin", dir, who);
    int rc = replay_log_lock_file(r, err);
    if (!rc && was_running(r->fd)) {
        keep_crash(dir, r->path, who);
        close(r->fd);
        rc = replay_log_lock_file(r, err);
    }
    if (rc) {
        free(r);
        return rc;
    }
    rc = replay_log_map_file(r, head, err);
    if (rc) {
        close(r->fd);
        free(r);
        return rc;
    }
    *out = r;
    return ONIC_OK;
}

void replay_log_close(struct replay_log *r)
{
    if (!r)
        return;
    if (!rotated_away(r->fd, r->path)) /* else it is another run's by now */
        unlink(r->path);
    munmap(r->head, r->bytes);
    close(r->fd);
    free(r);
}

void replay_log_episode(struct replay_log *r, uint64_t seed, uint64_t episode,
                        const uint64_t seeds[3])
{
    if (!r)
        return;
    r->head->seed = seed;
    r->head->episode = episode;
    memcpy(r->head->seeds, seeds, sizeof r->head->seeds);
    r->head->count = 0;
    r->head->running = 1;
}

void replay_log_action(struct replay_log *r, int action)
{
    if (r &&
        r->head->count < r->head->capacity) /* written before the step: it may be the fatal one */
        r->actions[r->head->count++] = (uint8_t)action;
}

void replay_log_end(struct replay_log *r)
{
    if (r)
        r->head->running = 0;
}
