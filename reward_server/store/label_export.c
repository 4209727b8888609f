/* SPDX-License-Identifier: MIT */
/* label_export.c - walking through the store: export, import, what a dead process left unanswered.
 *
 * A walk reads pages of rows and holds no read transaction between them, so that an export of a
 * large store never keeps the server's write-ahead log from being folded back. Rows are visited by
 * their rising id, hence none is seen twice and none that existed at the start is missed. A reader
 * that meets a damaged page goes on by the numbers of rows, which need no index, and passes over
 * those that it does not get. */
#include "reward_server/store/label_store_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

/* Calls back for one row of the walk; a damaged row is counted and skipped. */
static int visit(struct label_store *s, sqlite3_stmt *q,
                 int (*each)(void *ctx, const struct label_row *row), void *ctx)
{
    struct label_row row;
    if (label_row_read(s, q, &row))
        return each(ctx, &row);
    s->damaged_read++;
    return 0;
}

/* More than one damaged page can hide of a table, but for its first; each is looked for in
 * microseconds. */
enum { LOST_IN_A_ROW_MAX = 1 << 18 };

int label_rows_each(struct label_store *s, int (*each)(void *ctx, sqlite3_stmt *row), void *ctx,
                    struct onic_err *err)
{
    sqlite3_int64 after = 0;
    int lost = 0;
    for (bool more = true; more;) {
        sqlite3_stmt *q = label_sql(s, LABEL_SQL_ROWS);
        if (!q)
            return label_sql_fail(s, "reading", err);
        sqlite3_bind_int64(q, 1, after);
        int rows = 0, step = SQLITE_DONE, stop = 0;
        while (!stop && (step = sqlite3_step(q)) == SQLITE_ROW) {
            after = sqlite3_column_int64(q, 13);
            rows++;
            stop = each(ctx, q);
        }
        sqlite3_reset(q);
        if (stop)
            return stop;
        bool damaged = (step & 0xff) == SQLITE_CORRUPT;
        if (step != SQLITE_DONE && !damaged)
            return label_sql_fail(s, "reading", err);
        if (damaged && !s->pages[0])
            snprintf(s->pages, sizeof s->pages, "%.200s", sqlite3_errmsg(s->db));
        lost = damaged && rows == 0 ? lost + 1 : 0;
        after += lost > 0 && after < INT64_MAX;
        more = rows > 0 || (damaged && lost < LOST_IN_A_ROW_MAX);
    }
    return ONIC_OK;
}

struct salvage {
    struct label_store *s;
    uint64_t after; /* those up to this number were visited */
    int (*each)(void *ctx, const struct label_row *row);
    void *ctx;
};

static int visit_salvaged(void *ctx, sqlite3_stmt *q)
{
    struct salvage *v = ctx;
    uint64_t id = (uint64_t)sqlite3_column_int64(q, 1);
    return id > v->after ? visit(v->s, q, v->each, v->ctx) : 0;
}

int label_store_each(struct label_store *s, uint64_t after,
                     int (*each)(void *ctx, const struct label_row *row), void *ctx,
                     struct onic_err *err)
{
    for (;;) {
        sqlite3_stmt *q = label_sql(s, LABEL_SQL_EACH);
        if (!q)
            return label_sql_fail(s, "reading", err);
        sqlite3_bind_int64(q, 1, (sqlite3_int64)after);
        int rows = 0, step = SQLITE_DONE, stop = 0;
        while (!stop && (step = sqlite3_step(q)) == SQLITE_ROW) {
            after = (uint64_t)sqlite3_column_int64(q, 1);
            rows++;
            stop = visit(s, q, each, ctx);
        }
        sqlite3_reset(q);
        if (stop)
            return stop;
        if ((step & 0xff) == SQLITE_CORRUPT && s->mode == LABEL_STORE_READ)
            return label_rows_each(s, visit_salvaged, &(struct salvage){s, after, each, ctx}, err);
        if (step != SQLITE_DONE)
            return label_sql_fail(s, "reading", err);
        if (rows == 0)
            return ONIC_OK;
    }
}

int label_store_unanswered(struct label_store *s, int max,
                           void (*each)(void *ctx, const char *question, size_t len), void *ctx,
                           struct onic_err *err)
{
    ONIC_ASSERT(s->current);
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_UNANSWERED);
    if (!q)
        return label_sql_fail(s, "reading", err);
    sqlite3_bind_int64(q, 1, s->current->number);
    sqlite3_bind_int(q, 2, max);
    int n = 0, step;
    struct label_row row;
    while ((step = sqlite3_step(q)) == SQLITE_ROW) {
        if (!label_row_read(s, q, &row))
            continue; /* asking again meets it by its key and sets it aside */
        each(ctx, row.label.question, row.label.question_len);
        n++;
    }
    sqlite3_reset(q);
    return step == SQLITE_DONE ? n : label_sql_fail(s, "reading", err);
}

int label_row_json(const struct label_row *row, struct buf *out)
{
    const struct label_identity *id = &row->identity;
    const struct label *l = &row->label;
    buf_printf(out, "{\"id\":%llu,\"caption\":", (unsigned long long)l->id);
    struct question q;
    if (!question_split(l->question, l->question_len, &q))
        q = (struct question){.caption = l->question, .len = l->question_len};
    buf_json_string(out, q.caption, q.len);
    if (q.kind == QUESTION_PAIR) {
        buf_puts(out, ",\"caption_b\":");
        buf_json_string(out, q.caption_b, q.len_b);
    }
    buf_json_key_text(out, "goal", id->goal);
    buf_json_key_text(out, "prompt_version", id->goal_version);
    buf_json_key_text(out, "annotator", id->annotator);
    buf_json_key_text(out, "model", id->model);
    buf_json_key_number(out, "label", l->state == LABEL_ANSWERED ? l->value : (double)NAN);
    buf_json_key_number(out, "confidence", l->confidence);
    buf_json_key_text(out, "raw", l->raw);
    buf_puts(out, ",\"asked_at\":");
    buf_json_number(out, l->asked_at, 17);
    buf_puts(out, ",\"answered_at\":");
    buf_json_number(out, l->answered_at, 17);
    buf_json_key_text(out, "kind", question_kind_name(q.kind));
    buf_json_key_text(out, "parameters", id->parameters);
    if (strchr(id->annotator, '>')) {
        char origin[LABEL_SOURCE_MAX];
        label_origin(id->annotator, l->raw, origin);
        buf_json_key_text(out, "origin", origin);
    }
    return buf_printf(out, ",\"vote\":%d,\"state\":\"%s\"}\n", id->vote,
                      l->state == LABEL_ANSWERED ? "answered" : "abstained");
}

static int import_one(struct label_store *s, const struct label_row *row, int *added,
                      struct onic_err *err)
{
    const struct label *l = &row->label;
    struct label_identity_row *identity = NULL;
    struct label_row old, next = *row;
    if (!label_is_settled(l->state))
        return err_set(err, ONIC_ECONFIG, "a row without an answer cannot be imported");
    struct question q;
    if (!question_split(l->question, l->question_len, &q))
        return err_set(err, ONIC_ECONFIG, "a caption has 1 to %d bytes, none of them 0",
                       QUESTION_CAPTION_MAX);
    const char *fault = label_fault(l, q.kind);
    if (fault)
        return err_set(err, ONIC_ECONFIG, "%s", fault);
    int rc = label_identity_get(s, &row->identity, true, &identity, err);
    if (rc)
        return rc;
    struct label_identity view = label_identity_view(identity);
    const struct label_identity_row *current = s->current;
    struct label_identity current_view = s->current_view;
    s->current = identity;
    s->current_view = view;
    int state = label_store_find(s, l->question, l->question_len, &old, err);
    s->current = label_identity_number(s, current ? current->number : -1);
    s->current_view = current_view;
    if (state < 0)
        return state;
    if (label_is_settled((enum label_state)state))
        return ONIC_OK;
    int64_t id = 0;
    rc = label_meta_add(s, "last_id", 1, &id, err);
    if (rc)
        return rc;
    next.label.id = (uint64_t)id;
    next.key = label_key_make(&view, l->question, l->question_len);
    next.delivered = false;
    next.attempts = row->attempts > 0 ? row->attempts : 1;
    char raw[LABEL_RAW_MAX + 1];
    size_t raw_len = l->raw ? strnlen(l->raw, LABEL_RAW_MAX) : 0;
    if (raw_len)
        memcpy(raw, l->raw, raw_len);
    raw[raw_len] = '\0';
    next.label.raw = raw;
    rc = label_row_put(s, &next, identity->number, err);
    *added += !rc;
    return rc;
}

int label_store_import(struct label_store *s, const struct label_row *rows, int n, int *added,
                       struct onic_err *err)
{
    int count = 0;
    int rc = label_begin(s, err);
    if (rc)
        return rc;
    for (int i = 0; i < n && !rc; i++)
        rc = import_one(s, &rows[i], &count, err);
    rc = label_end(s, rc, err);
    if (rc)
        label_identities_load(s, NULL);
    if (added)
        *added = !rc ? count : 0;
    return rc;
}
