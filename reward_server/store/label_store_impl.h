/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_STORE_LABEL_STORE_IMPL_H
#define ONIC_REWARD_SERVER_STORE_LABEL_STORE_IMPL_H

/* label_store_impl.h - what the files of the label store share: statements, error translation, the
 * row codec. Private to label_store*.c and their tests. */

#include <sqlite3.h>

#include "reward_server/store/label_store.h"
#include "reward_server/store/label_wal.h"

enum {
    LABEL_IDENTITIES_MAX = 4096,
    LABEL_IDENTITIES_OWN = 256, /* of them kept for servers: a file of labels may not take all */
    LABEL_PENDING_MAX = 4096,
    LABEL_NOTE_MAX = 4096,
    LABEL_PAGE = 256,
    LABEL_BUSY_WAIT_MS = 5000 /* for the lock of another process */
};

#define LABEL_SQL_MAP(XX)                                                                          \
    XX(BEGIN, "BEGIN IMMEDIATE")                                                                   \
    XX(COMMIT, "COMMIT")                                                                           \
    XX(META_ADD, "UPDATE meta SET value = value + ?2 WHERE name = ?1 RETURNING value")             \
    XX(META_GET, "SELECT value FROM meta WHERE name = ?1")                                         \
    XX(IDENTITY_ADD, "INSERT INTO identities (annotator, model, goal, goal_version, parameters,"   \
                     " vote, row_check) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING number")     \
    XX(IDENTITY_SET, "UPDATE identities SET annotator = ?1, model = ?2, goal = ?3,"                \
                     " goal_version = ?4, parameters = ?5, vote = ?6, row_check = ?7"              \
                     " WHERE number = ?8")                                                         \
    /* every column: an older store has no row_check */                                            \
    XX(IDENTITIES, "SELECT * FROM identities ORDER BY number")                                     \
    XX(DATA_VERSION, "PRAGMA data_version")                                                        \
    XX(NOTE_GET, "SELECT * FROM notes WHERE identity = ?1 AND name = ?2")                          \
    XX(NOTE_PUT, "INSERT OR REPLACE INTO notes (identity, name, value, row_check)"                 \
                 " VALUES (?1, ?2, ?3, ?4)")                                                       \
    XX(FIND, "SELECT " LABEL_COLUMNS " FROM labels WHERE key = ?1")                                \
    XX(PUT, "INSERT OR REPLACE INTO labels (" LABEL_COLUMNS ") VALUES"                             \
            " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)")                           \
    XX(DELETE, "DELETE FROM labels WHERE key = ?1")                                                \
    XX(QUARANTINE,                                                                                 \
       "INSERT INTO quarantine SELECT ?2, " LABEL_COLUMNS " FROM labels WHERE key = ?1")           \
    XX(DELIVERED, "UPDATE labels SET delivered = 1 WHERE id = ?1")                                 \
    XX(UNANSWERED, "SELECT " LABEL_COLUMNS " FROM labels WHERE id IS NULL AND identity = ?1"       \
                   " ORDER BY asked_at DESC LIMIT ?2")                                             \
    XX(EACH, "SELECT " LABEL_COLUMNS                                                               \
             " FROM labels WHERE id > ?1 ORDER BY id LIMIT 256") /* LABEL_PAGE */                  \
    XX(OF_IDENTITY, "SELECT " LABEL_COLUMNS " FROM labels WHERE identity = ?1 LIMIT 16")           \
    XX(NEWEST, "SELECT " LABEL_COLUMNS " FROM labels WHERE id > ?1 ORDER BY id DESC LIMIT 64")     \
    XX(SET_ASIDE, "SELECT COUNT(id) FROM quarantine")                                              \
    XX(ROWS, "SELECT " LABEL_COLUMNS ", rowid FROM labels WHERE rowid > ?1 ORDER BY rowid"         \
             " LIMIT 256")                                                                         \
    XX(NOTES, "SELECT * FROM notes")                                                               \
    XX(COUNTS, "SELECT state, COUNT(*), SUM(delivered) FROM labels GROUP BY state")

/* Order of the columns in every statement that reads or writes a row. */
#define LABEL_COLUMNS                                                                              \
    "key, id, identity, caption, state, label, confidence, raw, asked_at, answered_at, delivered," \
    " attempts, row_check"

enum label_sql {
#define XX(name, text) LABEL_SQL_##name,
    LABEL_SQL_MAP(XX)
#undef XX
        LABEL_SQL_COUNT
};

/* An identity as the table holds it. */
struct label_identity_row {
    int64_t number;
    char annotator[LABEL_ID_FIELD_MAX], model[LABEL_ID_FIELD_MAX];
    char goal[LABEL_ID_FIELD_MAX], goal_version[LABEL_ID_FIELD_MAX], parameters[LABEL_ID_FIELD_MAX];
    int vote;
    bool checked; /* false: of onic 0.1, and believed */
    bool damaged; /* its check does not match: only keys of its labels tell what it was */
};

struct label_store {
    sqlite3 *db;
    sqlite3_stmt *sql[LABEL_SQL_COUNT];
    char *path;
    enum label_store_mode mode;
    int lock_fd;
    bool reopen; /* a failed fsync: what the connection believes may not be on disk */
    bool opened; /* to whoever asked for it: what comes after is no failure to open it */
    struct label_identity_row *identities;
    int nidentities;
    int64_t identities_of; /* PRAGMA data_version when they were read; -1: read them again */
    struct label_identity_row *current;
    struct label_identity current_view;
    uint64_t pending[LABEL_PENDING_MAX]; /* delivered, not yet marked */
    int npending;
    uint64_t damaged_read; /* damaged rows met by a reader that may not move them */
    struct label_wal log;  /* its write-ahead file, as it was found */
    char pages
        [LABEL_VERDICT_MAX]; /* of a reader: SQLite's verdict on the pages, "" = nothing is wrong */
    char question[QUESTION_MAX + 1], raw[LABEL_RAW_MAX + 1]; /* of the row handed out last */
    const char *row_fault; /* of the row read last: why it is set aside; NULL: it is whole */
};

/* label_sql.c */
/* The statement, reset and without bindings; ready to bind. */
sqlite3_stmt *label_sql(struct label_store *s, enum label_sql which);
/* Runs a statement that gives no rows. */
int label_sql_run(struct label_store *s, sqlite3_stmt *stmt, struct onic_err *err);
/* SQLite's last error as a sentence; remembers that a reopen is due. */
int label_sql_fail(struct label_store *s, const char *doing, struct onic_err *err);
/* Opens s->db for reading alone, also where nothing can be written. */
int label_open_read(struct label_store *s, struct onic_err *err);
/* ONIC_ECANTCREATE: the file is no longer where it was opened. */
int label_check_place(struct label_store *s, struct onic_err *err);
int label_begin(struct label_store *s, struct onic_err *err);
/* Commits, or rolls back when rc is negative; returns the final code. */
int label_end(struct label_store *s, int rc, struct onic_err *err);
/* Adds to a counter of `meta`; *value (may be NULL) gets the sum. */
int label_meta_add(struct label_store *s, const char *name, int64_t add, int64_t *value,
                   struct onic_err *err);

/* label_damage.c */
/* Puts the damaged write-ahead file of s->log right; what it was is kept beside it. */
int label_log_mend(struct label_store *s, struct onic_err *err);
/* SQLite's verdict on the pages of a file of at most max_bytes (0 = any): "" = nothing is wrong. */
int label_pages_verdict(struct label_store *s, int64_t max_bytes, char out[LABEL_VERDICT_MAX],
                        struct onic_err *err);
/* A counter that is behind the labels there are would give their numbers a second time. */
int label_last_id_check(struct label_store *s, struct onic_err *err);

/* label_open_read.c: a new file of that mode; 0, or an errno, *from_failed says of which of the two
 * files. */
int label_file_copy(const char *from, const char *to, mode_t mode, bool *from_failed);

/* label_check.c */
int64_t label_row_check(const struct label_row *row);
/* Of a small row: its texts and a number. */
int64_t label_texts_check(const char *const *text, int n, int64_t number);

/* label_identities.c */
struct label_identity label_identity_view(const struct label_identity_row *row);
struct label_identity_row *label_identity_number(struct label_store *s, int64_t number);
/* Number of an identity, added when new (inside a transaction). by_key: one that differs in the
 * name of its goal alone is the same and keeps its own, as those of whoever hands labels on. */
int label_identity_get(struct label_store *s, const struct label_identity *id, bool by_key,
                       struct label_identity_row **out, struct onic_err *err);
int label_identities_load(struct label_store *s, struct onic_err *err);
/* Only where another connection has changed the store since. */
int label_identities_refresh(struct label_store *s, struct onic_err *err);

int label_notes_damaged(struct label_store *s);

/* label_export.c: every row there is, open questions too, by the numbers of rows. Those of pages
 * that cannot be read are passed over, and s->pages says so. */
int label_rows_each(struct label_store *s, int (*each)(void *ctx, sqlite3_stmt *row), void *ctx,
                    struct onic_err *err);

/* label_rows.c */
/* Reads a row of LABEL_COLUMNS into *row, copying into the store's buffers. False: damaged, or no
 * label that anybody takes; s->row_fault. */
bool label_row_read(struct label_store *s, sqlite3_stmt *stmt, struct label_row *row);
/* Writes a row with its check (inside a transaction). */
int label_row_put(struct label_store *s, const struct label_row *row, int64_t identity,
                  struct onic_err *err);
/* Moves a damaged row away, says so, counts it. */
int label_row_quarantine(struct label_store *s, const struct label_key *key, const char *why,
                         struct onic_err *err);

#endif /* ONIC_REWARD_SERVER_STORE_LABEL_STORE_IMPL_H */
