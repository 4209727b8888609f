/* SPDX-License-Identifier: MIT */
/* run_live.c - see run_live.h.
 *
 * A run that is under way holds its lock. Who may read a run but not open its lock (another user)
 * goes by metrics.jsonl: it says when a life has ended, and grows while one goes on. */
#include "deploy/cli/run_live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file_kind.h"
#include "common/base/run_lock.h"

enum { TAIL_BYTES = 1 << 16, SILENT_S = 120 };

static bool metrics_say_end(const char *run)
{
    static char tail[TAIL_BYTES + 1];
    char path[4096];
    struct stat st;
    snprintf(path, sizeof path, "%.4000s/metrics.jsonl", run);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0)
        return false; /* it may be about to begin */
    off_t from = st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0;
    ssize_t n = pread(fd, tail, TAIL_BYTES, from);
    close(fd);
    if (clock_wall_s() - (double)st.st_mtime > SILENT_S)
        return true;
    tail[n > 0 ? n : 0] = '\0';
    while (n > 0 && tail[n - 1] == '\n')
        tail[--n] = '\0';
    const char *last = strrchr(tail, '\n');
    return strstr(last ? last : tail, "\"event\":\"end\"") != NULL;
}

bool run_is_live(const char *run)
{
    char holder[512], lock[4096];
    int held;
    if (run_lock_peek(run, holder, sizeof holder, &held) == ONIC_OK)
        return held;
    snprintf(lock, sizeof lock, "%.4000s/lock", run);
    return access(lock, F_OK) == 0 && !metrics_say_end(run);
}

int run_check_live(const char *run, struct onic_err *err)
{
    struct stat st;
    if (stat(run, &st) != 0 && errno != ENOENT)
        return file_unreadable(run, errno, err);
    if (stat(run, &st) != 0)
        return err_set(err, ONIC_ENOTFOUND, "there is no run %s: give the directory of a run", run);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ONIC_ECONFIG,
                       "%s is no run directory: `onic play` and `onic replay` show checkpoints and "
                       "kept episodes",
                       run);
    if (access(run, R_OK | X_OK) != 0)
        return file_unreadable(run, errno, err);
    if (run_is_live(run))
        return ONIC_OK;
    return err_set(err, ONIC_ENOTFOUND,
                   "no run is under way in %s: `onic play` shows its newest checkpoint, `onic "
                   "replay` its newest kept episode",
                   run);
}
