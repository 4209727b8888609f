/* SPDX-License-Identifier: MIT */
/* label_damage.c - what a bad disk does to a store: found, put right where that can be proven, said
 * everywhere else. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/shell.h"
#include "reward_server/store/label_store_impl.h"

enum { DAMAGE_WORD_MAX = 4096, DAMAGE_NAME_MAX = 4200 };

int label_pages_verdict(struct label_store *s, int64_t max_bytes, char out[LABEL_VERDICT_MAX],
                        struct onic_err *err)
{
    struct stat st;
    out[0] = '\0';
    if (stat(s->path, &st) != 0 || st.st_size == 0 || (max_bytes && st.st_size > max_bytes))
        return ONIC_OK;
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(s->db, "PRAGMA integrity_check(1)", -1, &q, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(q);
    const char *verdict = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(q, 0) : NULL;
    int result = ONIC_OK;
    if (verdict && strcmp(verdict, "ok") != 0)
        snprintf(out, LABEL_VERDICT_MAX, "%.200s", verdict);
    else if (rc != SQLITE_ROW && (rc & 0xff) == SQLITE_CORRUPT)
        snprintf(out, LABEL_VERDICT_MAX, "%.200s", sqlite3_errmsg(s->db));
    else if (rc != SQLITE_ROW)
        result = label_sql_fail(s, "checking", err);
    sqlite3_finalize(q);
    return result;
}

/* --- the write-ahead file -------------------------------------------------------------------- */

int label_log_mend(struct label_store *s, struct onic_err *err)
{
    char wal[DAMAGE_NAME_MAX], kept[DAMAGE_NAME_MAX];
    bool from_failed;
    snprintf(wal, sizeof wal, "%.4096s-wal", s->path);
    snprintf(kept, sizeof kept, "%.4096s-wal.damaged", s->path);
    if (unlink(kept) != 0 && errno != ENOENT)
        return err_set(err, ONIC_ECANTCREATE, "%s cannot be replaced: %s", kept, strerror(errno));
    int code = label_file_copy(wal, kept, 0666, &from_failed);
    if (!code)
        code = label_wal_mend(wal);
    if (code)
        return err_set(err, ONIC_ECANTCREATE,
                       "%s is damaged at byte %lld and cannot be put right: %s", wal,
                       (long long)s->log.at, strerror(code));
    log_warn("the write-ahead file of the label store was damaged and is put right; labels after "
             "the damage are kept",
             kv("byte", (long long)s->log.at), kv("frames", s->log.damaged),
             kv("known_exactly", s->log.exact), kv("commits_after", s->log.commits),
             kv("as_it_was", (const char *)kept));
    return ONIC_OK;
}

/* --- numbers --------------------------------------------------------------------------------- */

/* The highest number above `last` of a row that matches its check; 0 = none. */
static uint64_t newest_above(struct label_store *s, int64_t last)
{
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_NEWEST);
    struct label_row row;
    uint64_t id = 0;
    if (!q)
        return 0;
    sqlite3_bind_int64(q, 1, last);
    while (!id && sqlite3_step(q) == SQLITE_ROW)
        if (label_row_read(s, q, &row))
            id = row.label.id;
    sqlite3_reset(q);
    return id;
}

int label_last_id_check(struct label_store *s, struct onic_err *err)
{
    int64_t last = 0;
    int rc = label_begin(s, err);
    if (rc)
        return rc;
    rc = label_meta_add(s, "last_id", 0, &last, err);
    int64_t newest = !rc ? (int64_t)newest_above(s, last) : 0;
    if (newest > last) {
        log_warn("the counter of the label store was damaged and is put right",
                 kv("was", (long long)last), kv("is", (long long)newest),
                 kv("store", (const char *)s->path));
        rc = label_meta_add(s, "last_id", newest - last, NULL, err);
    }
    return label_end(s, rc, err);
}

/* --- what readers say ------------------------------------------------------------------------ */

static int identities_damaged(const struct label_store *s)
{
    int n = 0;
    for (int i = 0; i < s->nidentities; i++)
        n += s->identities[i].damaged;
    return n;
}

int label_store_damage(struct label_store *s, struct onic_err *err)
{
    char word[DAMAGE_WORD_MAX], what[512];
    struct buf b;
    buf_init(&b, sizeof what);
    if (s->damaged_read)
        buf_printf(&b, "%llu rows that do not match their checks are left out; ",
                   (unsigned long long)s->damaged_read);
    if (identities_damaged(s))
        buf_puts(&b, "what its labels are answers to is damaged; ");
    if (s->pages[0])
        buf_printf(&b, "rows may be missing (%s); ", s->pages);
    if (s->log.hopeless)
        buf_printf(&b, "what follows byte %lld of its write-ahead file cannot be read; ",
                   (long long)s->log.at);
    snprintf(what, sizeof what, "%.*s", (int)b.len, b.data);
    buf_release(&b);
    if (!what[0])
        return ONIC_OK;
    return err_set(err, ONIC_EDAMAGED,
                   "label store %s is damaged: %.400s`onic labels verify %s` says more", s->path,
                   what, shell_word(s->path, word, sizeof word));
}

/* --- all of it ------------------------------------------------------------------------------- */

struct verification {
    struct label_store *s;
    struct label_verdict *out;
    void (*each)(void *ctx, const struct label_key *key, uint64_t id);
    void *ctx;
};

static int verify_row(void *ctx, sqlite3_stmt *q)
{
    struct verification *v = ctx;
    struct label_row row;
    struct label_key key = {{0}};
    if (label_row_read(v->s, q, &row)) {
        v->out->settled += label_is_settled(row.label.state);
        v->out->asked += !label_is_settled(row.label.state);
        return 0;
    }
    v->out->damaged++;
    if (sqlite3_column_bytes(q, 0) == (int)sizeof key)
        memcpy(&key, sqlite3_column_blob(q, 0), sizeof key);
    if (v->each)
        v->each(v->ctx, &key, (uint64_t)sqlite3_column_int64(q, 1));
    return 0;
}

static int verify_numbers(struct label_store *s, struct label_verdict *out, struct onic_err *err)
{
    int64_t last = 0;
    int rc = label_meta_add(s, "last_id", 0, &last, err);
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_SET_ASIDE);
    int step = q ? sqlite3_step(q) : SQLITE_ERROR;
    if (!rc && step == SQLITE_ROW)
        out->set_aside = (uint64_t)sqlite3_column_int64(q, 0);
    else if (!rc && (step & 0xff) != SQLITE_CORRUPT) /* the verdict on the pages says that */
        rc = label_sql_fail(s, "reading", err);
    if (q)
        sqlite3_reset(q);
    uint64_t there = out->settled + out->damaged + out->set_aside;
    out->missing = (uint64_t)last > there ? (uint64_t)last - there : 0;
    out->counter_behind = newest_above(s, last) > 0;
    return rc;
}

int label_store_verify(struct label_store *s, struct label_verdict *out,
                       void (*each)(void *ctx, const struct label_key *key, uint64_t id), void *ctx,
                       struct onic_err *err)
{
    *out = (struct label_verdict){.log_frames = s->log.damaged,
                                  .log_commits = s->log.commits,
                                  .log_hopeless = s->log.hopeless,
                                  .log_unfinished = s->log.unfinished,
                                  .identities = identities_damaged(s)};
    int rc = label_pages_verdict(s, 0, out->pages, err);
    if (!rc)
        rc = label_rows_each(s, verify_row, &(struct verification){s, out, each, ctx}, err);
    if (!rc)
        rc = verify_numbers(s, out, err);
    out->notes = !rc ? label_notes_damaged(s) : 0;
    return rc;
}
