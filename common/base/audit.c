/* SPDX-License-Identifier: MIT */
/* audit.c - see audit.h. Two budgets, because a flood of refusals must not hide who joined. */
#define _GNU_SOURCE
#include "common/base/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/plain_file.h"
#include "common/base/rotated.h"

enum { AUDIT_PATH_MAX = 4096, LINE_MAX_BYTES = 4096, LOOK_EVERY_MS = 1000 };
enum { BUDGET_PRESENCE, BUDGET_REFUSALS, BUDGETS };

static const struct {
    const char *text;
    int budget;
} events[AUDIT_EVENTS] = {
    [AUDIT_JOINED] = {"joined", BUDGET_PRESENCE},
    [AUDIT_BACK] = {"back", BUDGET_PRESENCE},
    [AUDIT_LEFT] = {"left", BUDGET_PRESENCE},
    [AUDIT_LOST] = {"lost", BUDGET_PRESENCE},
    [AUDIT_REFUSED] = {"refused", BUDGET_REFUSALS},
    [AUDIT_QUARANTINED] = {"quarantined", BUDGET_PRESENCE},
    [AUDIT_KEY] = {"key_refused", BUDGET_REFUSALS},
    [AUDIT_CUT] = {"cut", BUDGET_REFUSALS},
};

/* Lines in a row, and lines a second after that. */
static const struct {
    double most, rate;
} budgets[BUDGETS] = {[BUDGET_PRESENCE] = {2000, 33}, [BUDGET_REFUSALS] = {60, 1}};

static struct {
    pthread_mutex_t lock; /* of all below */
    int fd;               /* -1: no file is open */
    char path[AUDIT_PATH_MAX];
    struct rotated_folder folder;
    int64_t looked_ms, filled_ms;
    double room[BUDGETS];
    uint64_t unwritten[BUDGETS];
} audit = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1, .folder = {.fd = -1}};

static int audit_open_file(const char *path)
{
    return plain_file_open_own(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0666);
}

int audit_open(const char *path, struct onic_err *err)
{
    int fd = strlen(path) < AUDIT_PATH_MAX ? audit_open_file(path) : -1;
    if (fd < 0) /* no link is followed, whoever made it */
        return err_set(err, ONIC_ECANTCREATE, "%s: cannot be opened: %s", path,
                       errno == ELOOP ? strerror(errno) : plain_file_why(errno));
    audit_close();
    pthread_mutex_lock(&audit.lock);
    audit.fd = fd;
    snprintf(audit.path, sizeof audit.path, "%s", path);
    audit.folder = rotated_folder_of(path);
    audit.looked_ms = 0;
    audit.filled_ms = clock_ms();
    for (int b = 0; b < BUDGETS; b++) {
        audit.room[b] = budgets[b].most;
        audit.unwritten[b] = 0;
    }
    pthread_mutex_unlock(&audit.lock);
    return ONIC_OK;
}

void audit_open_in(const char *run_dir, const char *role)
{
    char folder[AUDIT_PATH_MAX], path[AUDIT_PATH_MAX], whole[PATH_MAX];
    struct onic_err err = {0};
    snprintf(folder, sizeof folder, "%.2000s/log", run_dir);
    if (plain_folder_make(folder, &err) == ONIC_OK &&
        snprintf(path, sizeof path, "%.3000s/audit-%.64s.log",
                 realpath(folder, whole) ? whole : folder, role) > 0)
        audit_open(path, &err);
    if (err.code)
        log_warn("who joins and who is refused is not written down", kv("why", (char *)err.msg));
}

/* Somebody may have renamed it; one that has become large is renamed here. */
static void audit_look(void)
{
    struct stat st;
    char before[AUDIT_PATH_MAX + 2];
    if (!log_every_ms(&audit.looked_ms, LOOK_EVERY_MS))
        return;
    if (fstat(audit.fd, &st) == 0 && st.st_size >= AUDIT_BYTES) {
        snprintf(before, sizeof before, "%s.1", audit.path);
        if (!rotated_away(audit.fd, audit.path) && rename(audit.path, before) != 0)
            return;
    }
    rotated_reopen(audit.fd, audit.path, &audit.folder);
}

static bool audit_may_write(int b)
{
    int64_t now = clock_ms();
    for (int i = 0; i < BUDGETS; i++) {
        double room = audit.room[i] + budgets[i].rate * (double)(now - audit.filled_ms) * 1e-3;
        audit.room[i] = room < budgets[i].most ? room : budgets[i].most;
    }
    audit.filled_ms = now;
    if (audit.room[b] < 1)
        return false;
    audit.room[b] -= 1;
    return true;
}

/* Locked, and a file is open. Counted where it cannot be written. */
static void audit_put(int b, const char *event, const char *role, const struct log_kv *kvs)
{
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    log_format(&line, event, role, kvs);
    bool done = write(audit.fd, line.data, line.len) == (ssize_t)line.len;
    audit.unwritten[b] = done ? 0 : audit.unwritten[b] + 1;
    buf_release(&line);
}

void audit_write(enum audit_event event, const struct audit_who *who, const char *reason)
{
    int b = events[event].budget;
    pthread_mutex_lock(&audit.lock);
    if (audit.fd >= 0 && !audit_may_write(b)) {
        audit.unwritten[b]++;
    } else if (audit.fd >= 0) {
        audit_look();
        const struct log_kv kvs[] = {kv("address", who->address ? who->address : ""),
                                     kv("key", who->key ? who->key : ""),
                                     kv("actor", who->actor),
                                     kv("host", who->host ? who->host : ""),
                                     kv("pid", who->pid),
                                     kv("reason", reason),
                                     kv("not_written_before", audit.unwritten[b]),
                                     {.key = NULL}};
        audit_put(b, events[event].text, who->role ? who->role : "somebody", kvs);
    }
    pthread_mutex_unlock(&audit.lock);
}

void audit_close(void)
{
    pthread_mutex_lock(&audit.lock);
    uint64_t n = audit.unwritten[BUDGET_PRESENCE] + audit.unwritten[BUDGET_REFUSALS];
    const struct log_kv kvs[] = {kv("not_written_before", n), {.key = NULL}};
    if (audit.fd >= 0 && n)
        audit_put(BUDGET_PRESENCE, "end", "of", kvs);
    if (audit.fd >= 0)
        close(audit.fd);
    audit.fd = -1;
    rotated_folder_forget(&audit.folder);
    pthread_mutex_unlock(&audit.lock);
}
