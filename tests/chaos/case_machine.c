/* SPDX-License-Identifier: MIT */
/* case_machine.c - a disk that fills up, and too little memory: what only root may do to a machine.
 * Skipped, with the reason, where it is not allowed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/chaos/cases.h"

/* --- disk ---------------------------------------------------------------------------------- */

enum { FULL_MS = 1500 };

static void fill_disk(const char *path)
{
    static char block[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    while (fd >= 0 && write(fd, block, sizeof block) > 0)
        ;
    if (fd >= 0)
        close(fd);
}

int case_disk(struct chaos_case *k)
{
    struct storm s;
    char disk[300], ballast[350];
    bool ok = storm_open(&s, k->base, k->seed, case_options);
    snprintf(disk, sizeof disk, "%s/disk", s.dir);
    snprintf(ballast, sizeof ballast, "%s/ballast", disk);
    snprintf(s.run, sizeof s.run, "%.250s/run", disk);
    mkdir(disk, 0700);
    if (ok && mount("none", disk, "tmpfs", 0, "size=24m") != 0) {
        storm_close(&s, false);
        return case_skip(k, "a file system cannot be mounted here");
    }
    snprintf(s.options + strlen(s.options), sizeof s.options - strlen(s.options),
             " --checkpoint.fail_max=1000");
    ok = ok && storm_start_all(&s);
    for (int i = 0; ok && i < k->faults; i++) {
        fill_disk(ballast);
        k->injected++;
        ok = storm_wait_ms(&s, rng_below(&s.rng, FULL_MS));
        if (rng_below(&s.rng, 2)) /* and somebody dies before there is room again */
            storm_kill(&s, (int)rng_below(&s.rng, STORM_ACTORS));
        unlink(ballast);
        ok = ok && case_goes_on(&s) && storm_recover(&s);
    }
    int result = case_end(k, &s, ok);
    if (result || k->keep) /* what is kept lies on that disk */
        return result;
    umount2(disk, MNT_DETACH);
    storm_close(&s, false);
    return result;
}

/* --- memory -------------------------------------------------------------------------------- */

static bool write_word(const char *folder, const char *file, const char *word)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, word, strlen(word)) == (ssize_t)strlen(word);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* A group whose processes may have so many MiB; of cgroups of either version. */
static bool make_group(char out[256], int mib)
{
    static const char *const roots[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"};
    static const char *const limits[] = {"memory.limit_in_bytes", "memory.max"};
    char bytes[32];
    snprintf(bytes, sizeof bytes, "%d", mib << 20);
    for (int i = 0; i < 2; i++) {
        snprintf(out, 256, "%s/onic-chaos-%ld", roots[i], (long)getpid());
        if (mkdir(out, 0755) != 0 && errno != EEXIST)
            continue;
        if (write_word(out, limits[i], bytes))
            return true;
        rmdir(out);
    }
    return false;
}

int case_cgroup(struct chaos_case *k)
{
    struct storm s;
    char group[256];
    if (!make_group(group, 64))
        return case_skip(k, "a memory cgroup cannot be made here");
    bool ok = storm_open(&s, k->base, k->seed, case_options);
    s.may_refuse = true;
    ok = ok && storm_start_all(&s);
    for (int i = 0; ok && i < k->faults; i++) {
        int part = i % STORM_PARTS; /* what it needs is between 6 and 30 MiB */
        make_group(group, 2 + (int)rng_below(&s.rng, part == STORM_LEARNER ? 28 : 14));
        snprintf(s.preload[part], sizeof s.preload[part], "CHAOS_GROUP=%s/cgroup.procs", group);
        storm_kill(&s, part);
        uint64_t deaths = s.part[part].deaths;
        for (int t = 0; ok && t < 300 && s.part[part].deaths == deaths && s.part[part].sick; t++)
            ok = storm_wait_ms(&s, 5);
        k->injected += s.part[part].deaths > deaths;
        if (s.part[part].deaths == deaths)
            storm_kill(&s, part); /* it had enough: the next one has no limit */
        ok = ok && storm_recover(&s) && case_goes_on(&s);
    }
    int result = case_end(k, &s, ok);
    rmdir(group);
    return result;
}
