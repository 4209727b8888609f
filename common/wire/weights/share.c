/* SPDX-License-Identifier: MIT */
/* share.c - see share.h.
 *
 * Two kinds of locks on one descriptor, both dropped by the kernel when a process dies: a shared
 * flock says "I use this file", so whoever can turn his into an exclusive one is the last and
 * removes it; a lock of the open file description on byte 0 is the claim.
 *
 * A slot is written by the holder of the claim only: version 0, data, hash, version. A reader looks
 * at the version before and after. Where a writer was in between, it has read nothing: of half a
 * copy the hash says so, but one that lies there whole by now has another version, and the hash of
 * that. */
#define _GNU_SOURCE
#include "common/wire/weights/share.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/xmalloc.h"

enum { SLOTS = 2, HEAD = 4096, OPEN_TRIES = 16, PATH_LEN = 128 };
static const char FOLDER[] = "/dev/shm";

struct slot {
    atomic_ullong version_plus_1; /* 0 = empty or being written */
    uint8_t hash[16];
};

struct wire_weights_share {
    char path[PATH_LEN];
    int fd;
    size_t bytes, map_bytes;
    uint8_t *map;
    struct slot *slot;    /* [SLOTS] at the start of map, */
    atomic_ullong *beats; /* and behind them */
    bool claimed;
};

static uint8_t *data_of(const struct wire_weights_share *s, int i)
{
    return s->map + HEAD + (size_t)i * s->bytes;
}

/* Files of this user whose processes are all gone. */
static void sweep(const char *prefix)
{
    DIR *d = opendir(FOLDER);
    struct dirent *e;
    while (d && (e = readdir(d))) {
        if (strncmp(e->d_name, prefix, strlen(prefix)) != 0)
            continue;
        int fd = openat(dirfd(d), e->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlinkat(dirfd(d), e->d_name, 0);
        close(fd);
    }
    if (d)
        closedir(d);
}

/* Opens or makes the file and says that it is used. -1: see errno. */
static int open_used(const char *path)
{
    for (int tries = 0; tries < OPEN_TRIES; tries++) {
        struct stat by_fd, by_name;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return -1;
        if (flock(fd, LOCK_SH) == 0 && fstat(fd, &by_fd) == 0 && stat(path, &by_name) == 0 &&
            by_fd.st_ino == by_name.st_ino && by_fd.st_uid == geteuid())
            return fd;
        close(fd); /* removed by its last user in between */
    }
    errno = EAGAIN;
    return -1;
}

static bool weights_share_map_file(struct wire_weights_share *s)
{
    /* Reserved now: a full /dev/shm would otherwise show as SIGBUS at the first write. */
    int rc = posix_fallocate(s->fd, 0, (off_t)s->map_bytes);
    if (rc) {
        errno = rc;
        return false;
    }
    void *map = mmap(NULL, s->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
    if (map == MAP_FAILED)
        return false;
    s->map = map;
    s->slot = map;
    s->beats = (atomic_ullong *)(void *)(s->slot + SLOTS);
    return true;
}

struct wire_weights_share *wire_weights_share_open(const char *address, const uint8_t run_id[16],
                                                   uint32_t epoch, size_t bytes)
{
    char prefix[48];
    struct wire_weights_share *s = xcalloc(1, sizeof *s);
    snprintf(prefix, sizeof prefix, "onic-weights-%u-", (unsigned)geteuid());
    sweep(prefix);
    int n = snprintf(s->path, sizeof s->path, "%s/%s", FOLDER, prefix);
    for (int i = 0; i < 16; i++)
        n += snprintf(s->path + n, sizeof s->path - (size_t)n, "%02x", run_id[i]);
    snprintf(s->path + n, sizeof s->path - (size_t)n, "-%u-%zu-%016llx", epoch, bytes,
             (unsigned long long)XXH3_64bits(address, strlen(address)));
    s->bytes = bytes;
    s->map_bytes = HEAD + SLOTS * bytes;
    s->fd = open_used(s->path);
    if (s->fd >= 0 && weights_share_map_file(s))
        return s;
    log_info("weights are not shared between the actors of this host, each pulls its own",
             kv("file", (const char *)s->path), kv("why", strerror(errno)));
    wire_weights_share_close(s);
    return NULL;
}

void wire_weights_share_close(struct wire_weights_share *s)
{
    if (!s)
        return;
    if (s->map)
        munmap(s->map, s->map_bytes);
    if (s->fd >= 0) {
        if (flock(s->fd, LOCK_EX | LOCK_NB) == 0)
            unlink(s->path);
        close(s->fd);
    }
    free(s);
}

int wire_weights_share_newest(const struct wire_weights_share *s, uint64_t at_least,
                              uint64_t *version)
{
    uint64_t best = 0;
    int at = -1;
    for (int i = 0; i < SLOTS; i++) {
        uint64_t v = atomic_load_explicit(&s->slot[i].version_plus_1, memory_order_acquire);
        if (v > at_least && v > best) {
            best = v;
            at = i;
        }
    }
    if (at >= 0)
        *version = best - 1;
    return at;
}

bool wire_weights_share_copy(const struct wire_weights_share *s, int slot, uint64_t version,
                             void *out)
{
    uint8_t hash[16];
    XXH128_canonical_t canon;
    memcpy(hash, s->slot[slot].hash, sizeof hash);
    memcpy(out, data_of(s, slot), s->bytes);
    atomic_thread_fence(memory_order_acquire); /* the version is looked at after them */
    if (atomic_load_explicit(&s->slot[slot].version_plus_1, memory_order_relaxed) != version + 1)
        return false;
    XXH128_canonicalFromHash(&canon, XXH3_128bits(out, s->bytes));
    return memcmp(canon.digest, hash, sizeof hash) == 0;
}

bool wire_weights_share_get(const struct wire_weights_share *s, uint64_t at_least, void *out,
                            uint64_t *version)
{
    uint64_t newest;
    int slot = wire_weights_share_newest(s, at_least, &newest);
    if (slot < 0 || !wire_weights_share_copy(s, slot, newest, out))
        return false;
    *version = newest;
    return true;
}

bool wire_weights_share_claim(struct wire_weights_share *s)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    if (!s->claimed)
        s->claimed = fcntl(s->fd, F_OFD_SETLK, &whole) == 0;
    return s->claimed;
}

void wire_weights_share_beat(struct wire_weights_share *s)
{
    if (s->claimed)
        atomic_fetch_add(s->beats, 1);
}

uint64_t wire_weights_share_beats(const struct wire_weights_share *s)
{
    return atomic_load(s->beats);
}

void wire_weights_share_release(struct wire_weights_share *s)
{
    struct flock none = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    if (s->claimed)
        fcntl(s->fd, F_OFD_SETLK, &none);
    s->claimed = false;
}

void wire_weights_share_put(struct wire_weights_share *s, uint64_t version, const void *weights,
                            const uint8_t hash[16])
{
    ONIC_ASSERT(s->claimed);
    uint64_t a = atomic_load(&s->slot[0].version_plus_1),
             b = atomic_load(&s->slot[1].version_plus_1);
    int i = a <= b ? 0 : 1; /* the older one */
    atomic_store(&s->slot[i].version_plus_1, 0);
    atomic_thread_fence(memory_order_release); /* who sees new data sees that it is another */
    memcpy(data_of(s, i), weights, s->bytes);
    memcpy(s->slot[i].hash, hash, sizeof s->slot[i].hash);
    atomic_store_explicit(&s->slot[i].version_plus_1, version + 1, memory_order_release);
}
