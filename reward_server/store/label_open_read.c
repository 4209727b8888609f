/* SPDX-License-Identifier: MIT */
/* label_open_read.c - a label store for reading, wherever it lies and whosever it is.
 *
 * A reader of a store in write-ahead mode needs the index beside it (-shm) and makes it where it is
 * missing, which a folder that is read-only, or another user's, or on a full disk, does not allow
 * (labels are to be saved from there above all). Without a
 * write-ahead file there is nothing to index: SQLite then reads the file as one that cannot change.
 * With one (the server was killed, and only the files were copied) it must be merged first, which
 * is done to a private copy; so is a write-ahead file that is damaged. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file_kind.h"
#include "common/base/xmalloc.h"
#include "reward_server/store/label_store_impl.h"

enum { COPY_BLOCK = 1 << 18, COPY_PATH = 4200 };

/* What SQLite keeps beside a database; "" is the database itself. The index (-shm) is not copied:
 * it is made anew. */
static const char *const copied[] = {"", "-wal", "-journal"};
static const char *const left_by_copy[] = {"", "-wal", "-journal", "-shm"};

/* Reads the first page, and thereby recovers what needs it. */
static int touch(struct label_store *s)
{
    return sqlite3_exec(s->db, "PRAGMA query_only = 1; PRAGMA schema_version", NULL, NULL, NULL);
}

static int try_open(struct label_store *s, const char *name, int flags)
{
    sqlite3_close(s->db);
    s->db = NULL;
    int rc = sqlite3_open_v2(name, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    /* Another reader, the last one for a moment, may just be tidying the write-ahead file away. */
    sqlite3_busy_timeout(s->db, LABEL_BUSY_WAIT_MS);
    return rc == SQLITE_OK ? touch(s) : rc;
}

/* It may hold transactions that are not in the database yet. */
static bool has_log(const char *path)
{
    char name[COPY_PATH];
    struct stat st;
    for (int i = 1; i < 3; i++) {
        snprintf(name, sizeof name, "%.4096s%s", path, copied[i]);
        if (stat(name, &st) == 0 && st.st_size > 0)
            return true;
    }
    return false;
}

/* As a file that nobody changes. */
static int open_immutable(struct label_store *s)
{
    struct buf uri;
    buf_init(&uri, 1 << 16);
    buf_puts(&uri, "file:");
    for (const char *p = s->path; *p; p++)
        if (isalnum((unsigned char)*p) || strchr("/._-~", *p))
            buf_append(&uri, p, 1);
        else
            buf_printf(&uri, "%%%02X", (unsigned)(unsigned char)*p);
    buf_puts(&uri, "?immutable=1");
    int rc = try_open(s, uri.data, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    buf_release(&uri);
    return rc;
}

int label_file_copy(const char *from, const char *to, mode_t mode, bool *from_failed)
{
    char *block = xmalloc(COPY_BLOCK);
    int in = open(from, O_RDONLY | O_CLOEXEC), out = -1, code = 0;
    *from_failed = in < 0;
    if (in < 0)
        code = errno;
    else if ((out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)) < 0)
        code = errno;
    while (!code) {
        ssize_t n = read(in, block, COPY_BLOCK);
        if (n < 0) {
            *from_failed = true;
            code = errno;
        }
        if (n <= 0)
            break;
        for (ssize_t done = 0, put; done < n && !code; done += put) {
            put = write(out, block + done, (size_t)(n - done));
            if (put <= 0)
                code = put < 0 ? errno : ENOSPC;
        }
    }
    if (in >= 0)
        close(in);
    if (out >= 0 && close(out) != 0 && !code)
        code = errno;
    free(block);
    return code;
}

static const char *why_a_copy(const struct label_store *s)
{
    return s->log.damaged ? "its write-ahead file is damaged"
                          : "it was not closed, its folder cannot be written";
}

/* A file that is not there needs no copy. */
static int copy_all(const struct label_store *s, const char *dir, struct onic_err *err)
{
    const char *path = s->path;
    for (int i = 0; i < 3; i++) {
        char from[COPY_PATH], to[COPY_PATH];
        bool from_failed;
        snprintf(from, sizeof from, "%.4096s%s", path, copied[i]);
        snprintf(to, sizeof to, "%.4096s/labels%s", dir, copied[i]);
        int code = label_file_copy(from, to, 0600, &from_failed);
        if (code && from_failed && !(i && code == ENOENT))
            return file_unreadable(from, code, err);
        if (code && !from_failed)
            return err_set(err, ONIC_ECANTCREATE,
                           "%s: %s, and a copy to read in %s failed: %s; set TMPDIR to a folder "
                           "with room",
                           path, why_a_copy(s), dir, strerror(code));
    }
    return ONIC_OK;
}

/* The files of the copy live on through the open connection alone. */
static int open_copy(struct label_store *s, struct onic_err *err)
{
    const char *tmp = getenv("TMPDIR");
    char dir[4096], name[COPY_PATH];
    snprintf(dir, sizeof dir, "%.4000s/onic-labels-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (!mkdtemp(dir))
        return err_set(err, ONIC_ECANTCREATE,
                       "%s: %s, and no folder for a copy can be made as %s: %s; set TMPDIR to one "
                       "that can be written",
                       s->path, why_a_copy(s), dir, strerror(errno));
    int rc = copy_all(s, dir, err);
    snprintf(name, sizeof name, "%s/labels-wal", dir);
    int code = !rc && s->log.damaged ? label_wal_mend(name) : 0;
    if (code)
        rc = err_set(err, ONIC_EIO, "a copy of %s in %s cannot be written: %s", s->path, dir,
                     strerror(code));
    snprintf(name, sizeof name, "%s/labels", dir);
    if (!rc && try_open(s, name, SQLITE_OPEN_READWRITE) != SQLITE_OK)
        rc = label_sql_fail(s, "opening a copy of", err);
    for (size_t i = 0; i < sizeof left_by_copy / sizeof *left_by_copy; i++) {
        snprintf(name, sizeof name, "%s/labels%s", dir, left_by_copy[i]);
        unlink(name);
    }
    rmdir(dir);
    return rc;
}

int label_open_read(struct label_store *s, struct onic_err *err)
{
    int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return file_unreadable(s->path, errno, err);
    close(fd);
    int checked = label_wal_check(s->path, &s->log, err);
    if (checked)
        return checked;
    if (s->log.damaged && !s->log.hopeless)
        return open_copy(s, err);
    /* Only a connection that may write takes the files away again that it made for reading. */
    int flags = has_log(s->path) ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    int rc = try_open(s, s->path, flags) & 0xff;
    bool no_index = rc == SQLITE_CANTOPEN || rc == SQLITE_READONLY || rc == SQLITE_PERM ||
                    rc == SQLITE_IOERR || rc == SQLITE_FULL;
    if (!no_index)
        return rc == SQLITE_OK ? ONIC_OK : label_sql_fail(s, "opening", err);
    if (has_log(s->path))
        return open_copy(s, err);
    return open_immutable(s) == SQLITE_OK ? ONIC_OK : label_sql_fail(s, "opening", err);
}
