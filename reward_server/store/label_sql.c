/* SPDX-License-Identifier: MIT */
/* label_sql.c - the store's statements, errors and transactions: below opening it and below its
 * rows. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file_limits.h"
#include "common/base/shell.h"
#include "reward_server/store/label_store_impl.h"

/* SQLite's own limit of a path is 512 bytes, less the ends of the names beside it. */
enum { WORD_MAX = 4096, SQLITE_PATH_MAX = 504 };

static const char *const sql_text[LABEL_SQL_COUNT] = {
#define XX(name, text) text,
    LABEL_SQL_MAP(XX)
#undef XX
};

sqlite3_stmt *label_sql(struct label_store *s, enum label_sql which)
{
    if (!s->sql[which] && sqlite3_prepare_v3(s->db, sql_text[which], -1, SQLITE_PREPARE_PERSISTENT,
                                             &s->sql[which], NULL) != SQLITE_OK)
        /* binding to and stepping NULL is SQLITE_MISUSE; label_sql_fail has the reason */
        return NULL;
    sqlite3_reset(s->sql[which]);
    sqlite3_clear_bindings(s->sql[which]);
    return s->sql[which];
}

static bool is_beyond_sqlite(const char *path)
{
    char here[8192];
    size_t n = strlen(path);
    if (path[0] != '/' && getcwd(here, sizeof here))
        n += strlen(here) + 1;
    return n > SQLITE_PATH_MAX;
}

int label_sql_fail(struct label_store *s, const char *doing, struct onic_err *err)
{
    int extended = s->db ? sqlite3_extended_errcode(s->db) : SQLITE_CANTOPEN;
    const char *why = s->db ? sqlite3_errmsg(s->db) : "not open";
    char word[WORD_MAX];
    switch (extended & 0xff) {
    case SQLITE_FULL:
        return err_set(err, ONIC_EIO, "%s %s: the disk is full", doing, s->path);
    case SQLITE_NOTADB:
        return err_set(err, ONIC_EDAMAGED,
                       "%s %s: it is not an SQLite database, or its first bytes are damaged; "
                       "restore it from a copy, or move it away to go on without its labels",
                       doing, s->path);
    case SQLITE_CORRUPT:
        if (s->mode == LABEL_STORE_READ && !s->opened) /* an export is such a reader */
            return err_set(err, ONIC_EDAMAGED,
                           "%s %s: %s, and none of its labels can be exported; restore it from a "
                           "copy, or move it away to go on without them (SQLite's own tools may "
                           "find more in it)",
                           doing, s->path, why);
        return err_set(
            err, ONIC_EDAMAGED,
            "%s %s: %s; export what is readable with `onic labels export %s`, then move the "
            "file away",
            doing, s->path, why, shell_word(s->path, word, sizeof word));
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        s->reopen = true;
        if (is_beyond_sqlite(s->path))
            return err_set(err, ONIC_EIO,
                           "%s %s: its whole path is longer than %d bytes, which SQLite does not "
                           "take: choose a shorter labels.path",
                           doing, s->path, SQLITE_PATH_MAX);
        return err_set(err, ONIC_EIO,
                       "%s %s: the file or its folder cannot be written (read-only, or of another "
                       "user)",
                       doing, s->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ONIC_EAGAIN, "%s %s: another program has it locked", doing, s->path);
    default:
        s->reopen = true;
        if (s->db && sqlite3_system_errno(s->db) == EFBIG)
            why = file_write_why(EFBIG);
        return err_set(err, ONIC_EIO, "%s %s: %s", doing, s->path, why);
    }
}

int label_sql_run(struct label_store *s, sqlite3_stmt *stmt, struct onic_err *err)
{
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    int out = ONIC_OK;
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        out = label_sql_fail(s, "writing", err);
    if (stmt)
        sqlite3_reset(stmt);
    return out;
}

int label_meta_add(struct label_store *s, const char *name, int64_t add, int64_t *value,
                   struct onic_err *err)
{
    sqlite3_stmt *q = label_sql(s, add ? LABEL_SQL_META_ADD : LABEL_SQL_META_GET);
    int64_t got = 0;
    int rc = ONIC_OK;
    if (q) {
        sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
        if (add)
            sqlite3_bind_int64(q, 2, add);
    }
    if (q && sqlite3_step(q) == SQLITE_ROW) {
        got = sqlite3_column_int64(q, 0);
        if (add &&
            sqlite3_step(q) != SQLITE_DONE) /* RETURNING: the change is made by the last step */
            rc = label_sql_fail(s, "counting in", err);
    } else {
        rc = label_sql_fail(s, "counting in", err);
    }
    if (q)
        sqlite3_reset(q);
    if (value)
        *value = got;
    return rc;
}

static void mark_delivered(struct label_store *s)
{
    for (int i = 0; i < s->npending; i++) {
        sqlite3_stmt *q = label_sql(s, LABEL_SQL_DELIVERED);
        if (!q)
            break;
        sqlite3_bind_int64(q, 1, (sqlite3_int64)s->pending[i]);
        sqlite3_step(q);
        sqlite3_reset(q);
    }
}

/* A file without a name is lost with its last process, and one that took its place is not ours. */
int label_check_place(struct label_store *s, struct onic_err *err)
{
    struct stat st;
    int moved = 0;
    if (!s->db ||
        sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK || !moved)
        return ONIC_OK;
    if (stat(s->path, &st) != 0 && errno != ENOENT && errno != ENOTDIR)
        return ONIC_OK; /* the file system does not answer just now */
    return err_set(err, ONIC_ECANTCREATE,
                   "the label store %s was removed, moved or replaced while it was in use: nothing "
                   "more is kept there",
                   s->path);
}

int label_begin(struct label_store *s, struct onic_err *err)
{
    int gone = label_check_place(s, err);
    if (gone)
        return gone;
    if (s->reopen)
        return err_set(err, ONIC_EIO, "writing %s failed before and was not repaired yet", s->path);
    return label_sql_run(s, label_sql(s, LABEL_SQL_BEGIN), err);
}

int label_end(struct label_store *s, int rc, struct onic_err *err)
{
    if (rc >= 0) {
        mark_delivered(s);
        int committed = label_sql_run(s, label_sql(s, LABEL_SQL_COMMIT), err);
        if (committed == ONIC_OK) {
            s->npending = 0;
            return rc;
        }
        rc = committed;
    }
    if (s->db && !sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}
