/* SPDX-License-Identifier: MIT */
/* label_store.c - opening, locking, committing and closing the label database.
 *
 * Why SQLite: the store needs an index, atomic groups of rows and recovery after kill -9, and
 * nothing of that is worth writing again. Why FULL: a label costs money or seconds, a commit costs
 * milliseconds. Why WAL only on local file systems: its shared-memory index does not work across
 * hosts, and NFS or Lustre is where a cluster keeps its run directories.
 *
 * Invariants
 *   - one transaction per group; a group is wholly on disk or not at all;
 *   - after a failed fsync the connection is not trusted: label_store_probe opens a new one;
 *   - identities are read once and kept: a handful per file. */
#define _GNU_SOURCE
#include "reward_server/store/label_store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/file_kind.h"
#include "common/base/lock_file.h"
#include "common/base/log.h"
#include "common/base/plain_file.h"
#include "common/base/shell.h"
#include "common/base/xmalloc.h"

enum {
    CHECK_WHOLE_BELOW_BYTES = 64 << 20,
    SCHEMA_VERSION = 1,
    WORD_MAX = 4096,
    ROW_BYTES_MAX = 1 << 24
};

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO meta VALUES ('schema', 1), ('last_id', 0), ('asked_twice', 0),"
    " ('maybe_paid_twice', 0), ('quarantined', 0), ('probes', 0), ('store', abs(random() >> 1) + "
    "1);"
    "CREATE TABLE IF NOT EXISTS identities(number INTEGER PRIMARY KEY, annotator TEXT,"
    " model TEXT, goal TEXT, goal_version TEXT, parameters TEXT, vote INTEGER, row_check INTEGER);"
    "CREATE TABLE IF NOT EXISTS labels(key BLOB PRIMARY KEY, id INTEGER UNIQUE, identity INTEGER,"
    " caption BLOB, state INTEGER, label REAL, confidence REAL, raw TEXT, asked_at REAL,"
    " answered_at REAL, delivered INTEGER, attempts INTEGER, row_check INTEGER);"
    "CREATE TABLE IF NOT EXISTS notes(identity INTEGER, name TEXT, value TEXT,"
    " row_check INTEGER, PRIMARY KEY (identity, name)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS quarantine(why TEXT, key BLOB, id INTEGER, identity INTEGER,"
    " caption BLOB, state INTEGER, label REAL, confidence REAL, raw TEXT, asked_at REAL,"
    " answered_at REAL, delivered INTEGER, attempts INTEGER, row_check INTEGER);"
    "COMMIT;";

void label_store_delivered(struct label_store *s, uint64_t id)
{
    if (s->npending ==
        LABEL_PENDING_MAX) { /* nobody asked anything for long: a commit of its own */
        if (label_begin(s, NULL) == ONIC_OK)
            label_end(s, ONIC_OK, NULL);
        s->npending = 0;
    }
    s->pending[s->npending++] = id;
}

/* --- open and close -------------------------------------------------------------------- */

/* Write-ahead logging needs memory shared between processes of one host. */
static bool on_local_disk(const char *path)
{
    static const unsigned long local[] = {
        0xEF53,     /* ext2, ext3, ext4 */
        0x58465342, /* xfs */
        0x9123683E, /* btrfs */
        0x01021994, /* tmpfs */
        0x794C7630, /* overlayfs */
        0xF2F52010, /* f2fs */
        0x2FC12FC1, /* zfs */
    };
    char *dir = xstrdup(path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = '\0';
    struct statfs fs;
    bool known = false;
    if (statfs(slash ? dir : ".", &fs) == 0)
        for (size_t i = 0; i < sizeof local / sizeof *local; i++)
            known = known || (unsigned long)fs.f_type == local[i];
    free(dir);
    return known;
}

static int take_lock(struct label_store *s, struct onic_err *err)
{
    struct buf name;
    buf_init(&name, 8192);
    buf_printf(&name, "%s.lock", s->path);
    int rc = ONIC_OK;
    s->lock_fd = lock_file_open(name.data);
    if (s->lock_fd < 0)
        rc = err_set(err, ONIC_ECANTCREATE, "cannot create %s: %s", name.data, strerror(errno));
    else if (lock_file_take(s->lock_fd) != LOCK_FILE_MINE)
        rc = s->mode == LABEL_STORE_IMPORT
                 ? err_set(err, ONIC_ECANTCREATE,
                           "label store %s is in use and its write-ahead file is damaged at byte "
                           "%lld; stop the reward server first",
                           s->path, (long long)s->log.at)
                 : err_set(err, ONIC_ECANTCREATE,
                           "label store %s is in use by another reward server; stop it or choose "
                           "another labels.path",
                           s->path);
    buf_release(&name);
    return rc;
}

static int pragma(struct label_store *s, const char *text, struct onic_err *err)
{
    if (sqlite3_exec(s->db, text, NULL, NULL, NULL) != SQLITE_OK)
        return label_sql_fail(s, "opening", err);
    return ONIC_OK;
}

/* A reader says what is wrong when it is done, and reads what can be read. */
static int check_whole(struct label_store *s, struct onic_err *err)
{
    char word[WORD_MAX], verdict[LABEL_VERDICT_MAX];
    int rc = label_pages_verdict(s, CHECK_WHOLE_BELOW_BYTES, verdict, err);
    if (rc || !verdict[0])
        return rc;
    if (s->mode == LABEL_STORE_READ) {
        snprintf(s->pages, sizeof s->pages, "%s", verdict);
        return ONIC_OK;
    }
    return err_set(err, ONIC_EDAMAGED,
                   "label store %s is damaged (%s); export what is readable with `onic labels "
                   "export %s`, then move the file away",
                   s->path, verdict, shell_word(s->path, word, sizeof word));
}

static void disconnect(struct label_store *s)
{
    for (int i = 0; i < LABEL_SQL_COUNT; i++) {
        sqlite3_finalize(s->sql[i]);
        s->sql[i] = NULL;
    }
    sqlite3_close(s->db);
    s->db = NULL;
}

/* Made here where it is missing: SQLite would make it 0644 whatever the umask allows. Its other
 * files take the mode of this one. One that is there is not opened here: closing any descriptor of
 * a file gives up every lock that this process has on it, also those of the connection that
 * label_store_probe keeps. */
static int make_missing_file(const char *path, struct onic_err *err)
{
    if (eaccess(path, R_OK | W_OK) == 0 && !plain_file_is_foreign_link(path))
        return ONIC_OK;
    int fd = plain_file_open_own(path, O_RDWR | O_CREAT, 0666);
    if (fd < 0)
        return err_set(err, ONIC_EIO, "opening %s: %s", path, plain_file_why(errno));
    close(fd);
    return ONIC_OK;
}

static int open_for_writing(struct label_store *s, struct onic_err *err)
{
    int rc = make_missing_file(s->path, err);
    if (rc)
        return rc;
    if (sqlite3_open_v2(s->path, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        return label_sql_fail(s, "opening", err);
    return ONIC_OK;
}

/* A file may be somebody's: nothing that its schema says is run, no row is longer than any of ours,
 * and its cells are looked at before they are believed. */
static int distrust_file(struct label_store *s, struct onic_err *err)
{
    static const struct {
        int what, value;
    } switches[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
    };
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        sqlite3_db_config(s->db, switches[i].what, switches[i].value, NULL);
    sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, ROW_BYTES_MAX);
    return pragma(s, "PRAGMA cell_size_check = 1; PRAGMA mmap_size = 0", err);
}

static int connect_file(struct label_store *s, struct onic_err *err)
{
    int opened = s->mode == LABEL_STORE_READ ? label_open_read(s, err) : open_for_writing(s, err);
    if (opened != ONIC_OK)
        return opened;
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, LABEL_BUSY_WAIT_MS);
    int rc = distrust_file(s, err);
    if (!rc)
        rc = pragma(s, "PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY", err);
    if (rc || s->mode == LABEL_STORE_READ)
        return rc;
    rc = pragma(
        s, on_local_disk(s->path) ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode = DELETE",
        err);
    if (!rc)
        rc = pragma(s, "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216", err);
    return rc;
}

/* A reader meets databases of other programs, and a store that a server is just making. */
static int check_is_store(struct label_store *s, struct onic_err *err)
{
    struct stat st;
    int rc = sqlite3_table_column_metadata(s->db, NULL, "labels", "caption", NULL, NULL, NULL, NULL,
                                           NULL);
    if (rc == SQLITE_OK)
        return ONIC_OK;
    if (rc != SQLITE_ERROR)
        return label_sql_fail(s, "checking", err);
    if (stat(s->path, &st) == 0 && st.st_size == 0)
        return err_set(err, ONIC_ENOTFOUND, "%s is empty: there is no label store yet", s->path);
    if (s->log.damaged)
        return err_set(err, ONIC_EDAMAGED,
                       "nothing of label store %s can be read: its write-ahead file is damaged at "
                       "byte %lld and all over; restore both files from a copy, or move them away "
                       "to go on without their labels",
                       s->path, (long long)s->log.at);
    return err_set(err, ONIC_ECONFIG, "%s is an SQLite database, but no label store of onic",
                   s->path);
}

/* Identities and notes of stores made by onic 0.1 carry no checks: they are believed, and what is
 * written from now on gets one. */
static int add_checks(struct label_store *s, struct onic_err *err)
{
    static const char *const tables[] = {"identities", "notes"};
    for (int i = 0; i < 2; i++) {
        char text[80];
        if (sqlite3_table_column_metadata(s->db, NULL, tables[i], "row_check", NULL, NULL, NULL,
                                          NULL, NULL) == SQLITE_OK)
            continue;
        snprintf(text, sizeof text, "ALTER TABLE %s ADD COLUMN row_check INTEGER", tables[i]);
        if (sqlite3_exec(s->db, text, NULL, NULL, NULL) != SQLITE_OK)
            return label_sql_fail(s, "preparing", err);
    }
    return ONIC_OK;
}

static int check_schema(struct label_store *s, struct onic_err *err)
{
    int64_t version = 0;
    if (s->mode != LABEL_STORE_READ && sqlite3_exec(s->db, schema, NULL, NULL, NULL) != SQLITE_OK)
        return label_sql_fail(s, "preparing", err);
    int checks = s->mode != LABEL_STORE_READ ? add_checks(s, err) : ONIC_OK;
    if (checks)
        return checks;
    int rc = s->mode == LABEL_STORE_READ ? check_is_store(s, err) : ONIC_OK;
    if (!rc)
        rc = label_meta_add(s, "schema", 0, &version, err);
    if (!rc && version != SCHEMA_VERSION)
        rc = err_set(
            err, ONIC_EINCOMPATIBLE,
            "label store %s has layout %d, this program knows layout %d; use the onic that wrote "
            "it",
            s->path, (int)version, SCHEMA_VERSION);
    return rc;
}

/* A file of another kind is named; one that is a database may still be another program's. */
static int refuse_other_file(const char *path, enum label_store_mode mode, struct onic_err *err)
{
    const char *kind = file_kind(path);
    if (kind && strcmp(kind, "an SQLite database") == 0)
        return ONIC_OK;
    int rc = file_kind_refuse(path, "a label store (labels.sqlite of a run)", err);
    if (!rc || mode != LABEL_STORE_SERVER)
        return rc;
    return err_set(err, ONIC_EDAMAGED,
                   "%s is %s where the label store should be; restore the store from a copy, or "
                   "move the file away to go on without its labels",
                   path, kind);
}

/* What SQLite keeps beside a store it opens by name: a pipe there has no end, and what a link leads
 * to is no business of whoever can write the folder. */
static int refuse_what_is_beside(const char *path, struct onic_err *err)
{
    static const char *const beside[] = {"-wal", "-journal", "-shm"};
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        char name[4200];
        struct stat st;
        snprintf(name, sizeof name, "%.4096s%s", path, beside[i]);
        if (lstat(name, &st) != 0 || S_ISREG(st.st_mode))
            continue;
        const char *kind = S_ISLNK(st.st_mode) ? "a link" : file_kind(name);
        return err_set(err, ONIC_ECONFIG,
                       "%s is %s, where the label store has a file of its own; move it away", name,
                       kind ? kind : "something else");
    }
    return ONIC_OK;
}

/* Read as a copy in which the file is put right, does the store hold together? */
static int try_mended_log(struct label_store *s, struct onic_err *err)
{
    struct label_store *trial = NULL;
    char word[WORD_MAX], verdict[LABEL_VERDICT_MAX] = "";
    int rc = ONIC_OK;
    if (!s->log.hopeless)
        rc = label_store_open(&trial, s->path, LABEL_STORE_READ, err);
    if (rc == ONIC_EDAMAGED) {
        rc = ONIC_OK;
        snprintf(verdict, sizeof verdict, "the pages do not fit together");
    }
    if (trial)
        snprintf(verdict, sizeof verdict, "%s", trial->pages);
    label_store_close(trial);
    if (rc || (!verdict[0] && !s->log.hopeless))
        return rc;
    return err_set(err, ONIC_EDAMAGED,
                   "label store %s: its write-ahead file is damaged at byte %lld, and so are the "
                   "%d commits after it (%s); export what is readable with `onic labels export "
                   "%s`, then move the files away",
                   s->path, (long long)s->log.at, s->log.commits,
                   verdict[0] ? verdict : "too much is damaged",
                   shell_word(s->path, word, sizeof word));
}

/* Only who has the store's lock may change the write-ahead file: a server may be writing to it.
 * Then looks again: a server may have ended meanwhile. */
static int lock_damaged_log(struct label_store *s, struct onic_err *err)
{
    int rc = take_lock(s, err);
    return rc ? rc : label_wal_check(s->path, &s->log, err);
}

/* A damaged write-ahead file is put right before SQLite meets it, or refused. */
static int open_log(struct label_store *s, struct onic_err *err)
{
    int rc = label_wal_check(s->path, &s->log, err);
    if (!rc && s->log.damaged && s->lock_fd < 0)
        rc = lock_damaged_log(s, err);
    if (rc)
        return rc;
    if (s->log.unfinished)
        log_warn("the last labels of the store's write-ahead file are not whole: they were being "
                 "written when a process died, or are damaged; they are passed over",
                 kv("store", (const char *)s->path));
    if (s->log.damaged)
        rc = try_mended_log(s, err);
    return s->log.damaged && !rc ? label_log_mend(s, err) : rc;
}

int label_store_open(struct label_store **out, const char *path, enum label_store_mode mode,
                     struct onic_err *err)
{
    *out = NULL;
    if (mode == LABEL_STORE_READ && access(path, F_OK) != 0 && errno == ENOENT)
        return err_set(err, ONIC_ENOTFOUND, "there is no label store at %s", path);
    int other = refuse_other_file(path, mode, err);
    if (!other)
        other = refuse_what_is_beside(path, err);
    if (other)
        return other;
    struct label_store *s = xcalloc(1, sizeof *s);
    s->path = xstrdup(path);
    s->mode = mode;
    s->lock_fd = -1;
    s->identities = xcalloc(LABEL_IDENTITIES_MAX, sizeof *s->identities);
    int rc = ONIC_OK;
    if (mode == LABEL_STORE_SERVER)
        rc = take_lock(s, err);
    if (!rc && mode != LABEL_STORE_READ)
        rc = open_log(s, err);
    if (!rc)
        rc = connect_file(s, err);
    if (!rc && mode != LABEL_STORE_IMPORT)
        rc = check_whole(s, err);
    if (!rc)
        rc = check_schema(s, err);
    if (!rc)
        rc = label_identities_load(s, err);
    if (!rc && mode != LABEL_STORE_READ)
        rc = label_last_id_check(s, err);
    if (rc == ONIC_EIO && mode != LABEL_STORE_READ) { /* nothing is lost yet: refuse to start */
        rc = ONIC_ECANTCREATE;
        if (err)
            err->code = rc;
    }
    s->opened = !rc;
    if (!rc)
        *out = s;
    else
        label_store_close(s);
    return rc;
}

void label_store_close(struct label_store *s)
{
    if (!s)
        return;
    if (s->db && s->npending && label_begin(s, NULL) == ONIC_OK)
        label_end(s, ONIC_OK, NULL);
    disconnect(s);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s->identities);
    free(s->path);
    free(s);
}

static int probe_write(struct label_store *s, struct onic_err *err)
{
    int rc = label_begin(s, err);
    return rc ? rc : label_end(s, label_meta_add(s, "probes", 1, NULL, err), err);
}

/* The old connection stays open until the new one has committed: closing the last connection
 * removes the write-ahead index, which a full disk would not take back, and known labels could not
 * be read. */
int label_store_probe(struct label_store *s, struct onic_err *err)
{
    int gone = label_check_place(s, err);
    if (gone)
        return gone;
    if (!s->reopen)
        return probe_write(s, err);
    struct label_store old = {.db = s->db};
    memcpy(old.sql, s->sql, sizeof old.sql);
    s->db = NULL;
    memset(s->sql, 0, sizeof s->sql);
    s->identities_of = -1; /* a number of the old connection */
    s->reopen = false;
    int rc = connect_file(s, err);
    if (!rc)
        rc = probe_write(s, err);
    if (!rc) {
        disconnect(&old);
        return rc;
    }
    disconnect(s);
    s->db = old.db;
    memcpy(s->sql, old.sql, sizeof old.sql);
    s->reopen = true;
    return rc;
}

int label_store_counts(struct label_store *s, struct label_counts *out, struct onic_err *err)
{
    *out = (struct label_counts){0};
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_COUNTS);
    int rc = q ? SQLITE_ROW : SQLITE_ERROR;
    while (q && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        int state = sqlite3_column_int(q, 0);
        uint64_t n = (uint64_t)sqlite3_column_int64(q, 1);
        out->answered += state == LABEL_ANSWERED ? n : 0;
        out->abstained += state == LABEL_ABSTAINED ? n : 0;
        out->asked += state == LABEL_ASKED ? n : 0;
        out->delivered += (uint64_t)sqlite3_column_int64(q, 2);
    }
    if (q)
        sqlite3_reset(q);
    if (rc != SQLITE_DONE)
        return label_sql_fail(s, "counting", err);
    return label_store_counters(s, out, err);
}

int label_store_counters(struct label_store *s, struct label_counts *out, struct onic_err *err)
{
    struct {
        const char *name;
        uint64_t *to;
    } counter[] = {{"last_id", &out->last_id},
                   {"asked_twice", &out->asked_twice},
                   {"maybe_paid_twice", &out->maybe_paid_twice},
                   {"quarantined", &out->quarantined}};
    for (size_t i = 0; i < sizeof counter / sizeof *counter; i++) {
        int64_t value = 0;
        int rc = label_meta_add(s, counter[i].name, 0, &value, err);
        if (rc)
            return rc;
        *counter[i].to = (uint64_t)value;
    }
    out->quarantined += s->damaged_read;
    int64_t store = 0; /* there is none in what onic 0.1 made and nobody has written to since */
    out->store = label_meta_add(s, "store", 0, &store, NULL) == ONIC_OK ? (uint64_t)store : 0;
    return ONIC_OK;
}
