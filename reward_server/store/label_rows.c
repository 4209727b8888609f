/* SPDX-License-Identifier: MIT */
/* label_rows.c - questions, answers and their checks.
 *
 * The key is a hash of identity and question, so verifying a row needs two comparisons: the key
 * against these two, and the row check against what was answered. A bit that flipped anywhere in a
 * row is caught by one of them, and the row is moved to `quarantine`
 * (kept for people, never served): the question then counts as unknown and is asked again. So is
 * one that another program wrote, whole and with a label that nobody takes (label_fault).
 *
 * Delivered is outside the check: it is bookkeeping and changes without touching the answer. */
#include "reward_server/store/label_store_impl.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/trace.h"

/* --- rows ------------------------------------------------------------------------------ */

static size_t copy_bytes(char *out, size_t max, sqlite3_stmt *q, int column)
{
    const void *data = sqlite3_column_blob(q, column);
    size_t len = (size_t)sqlite3_column_bytes(q, column);
    len = len > max ? max : len;
    if (len)
        memcpy(out, data, len);
    out[len] = '\0';
    return len;
}

static const char unlike_check[] = "its check does not match its content";

bool label_row_read(struct label_store *s, sqlite3_stmt *q, struct label_row *row)
{
    s->row_fault = unlike_check;
    struct label_identity_row *identity = label_identity_number(s, sqlite3_column_int64(q, 2));
    if (!identity) {
        label_identities_refresh(s, NULL);
        identity = label_identity_number(s, sqlite3_column_int64(q, 2));
    }
    if (!identity || sqlite3_column_bytes(q, 0) != (int)sizeof row->key.byte)
        return false;
    *row = (struct label_row){
        .label = {.id = (uint64_t)sqlite3_column_int64(q, 1),
                  .state = (enum label_state)sqlite3_column_int(q, 4),
                  .value = sqlite3_column_double(q, 5),
                  .confidence = sqlite3_column_double(q, 6),
                  .asked_at = sqlite3_column_double(q, 8),
                  .answered_at = sqlite3_column_double(q, 9),
                  .question = s->question,
                  .question_len = copy_bytes(s->question, QUESTION_MAX, q, 3),
                  .raw = s->raw},
        .identity = label_identity_view(identity),
        .delivered = sqlite3_column_int(q, 10) != 0,
        .attempts = sqlite3_column_int(q, 11),
    };
    memcpy(row->key.byte, sqlite3_column_blob(q, 0), sizeof row->key.byte);
    copy_bytes(s->raw, LABEL_RAW_MAX, q, 7);
    struct label_key want =
        label_key_make(&row->identity, row->label.question, row->label.question_len);
    bool whole = memcmp(want.byte, row->key.byte, sizeof want.byte) == 0 &&
                 label_row_check(row) == sqlite3_column_int64(q, 12);
    if (whole)
        s->row_fault = label_fault(&row->label,
                                   question_kind_of(row->label.question, row->label.question_len));
    return !s->row_fault;
}

int label_row_put(struct label_store *s, const struct label_row *row, int64_t identity,
                  struct onic_err *err)
{
    const struct label *l = &row->label;
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_PUT);
    if (!q)
        return label_sql_fail(s, "writing", err);
    sqlite3_bind_blob(q, 1, row->key.byte, sizeof row->key.byte, SQLITE_STATIC);
    if (l->id)
        sqlite3_bind_int64(q, 2, (sqlite3_int64)l->id);
    sqlite3_bind_int64(q, 3, identity);
    sqlite3_bind_blob(q, 4, l->question, (int)l->question_len, SQLITE_STATIC);
    sqlite3_bind_int(q, 5, l->state);
    sqlite3_bind_double(q, 6, l->value);
    sqlite3_bind_double(q, 7, l->confidence);
    sqlite3_bind_text(q, 8, l->raw, -1, SQLITE_STATIC);
    sqlite3_bind_double(q, 9, l->asked_at);
    sqlite3_bind_double(q, 10, l->answered_at);
    sqlite3_bind_int(q, 11, row->delivered);
    sqlite3_bind_int(q, 12, row->attempts);
    sqlite3_bind_int64(q, 13, label_row_check(row));
    return label_sql_run(s, q, err);
}

static int delete_row(struct label_store *s, const struct label_key *key, struct onic_err *err)
{
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_DELETE);
    if (q)
        sqlite3_bind_blob(q, 1, key->byte, sizeof key->byte, SQLITE_STATIC);
    return label_sql_run(s, q, err);
}

/* Inside a transaction. */
static int set_row_aside(struct label_store *s, const struct label_key *key, const char *why,
                         struct onic_err *err)
{
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_QUARANTINE);
    if (q) {
        sqlite3_bind_blob(q, 1, key->byte, sizeof key->byte, SQLITE_STATIC);
        sqlite3_bind_text(q, 2, why, -1, SQLITE_STATIC);
    }
    int rc = label_sql_run(s, q, err);
    return rc ? rc : delete_row(s, key, err);
}

int label_row_quarantine(struct label_store *s, const struct label_key *key, const char *why,
                         struct onic_err *err)
{
    char hex[33];
    for (int i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", key->byte[i]);
    log_error("damaged row of the label store set aside", kv("key", (const char *)hex),
              kv("why", why), kv("store", (const char *)s->path));
    bool own = sqlite3_get_autocommit(s->db);
    int rc = own ? label_begin(s, err) : ONIC_OK;
    if (rc)
        return rc;
    rc = set_row_aside(s, key, why, err);
    if (!rc)
        rc = label_meta_add(s, "quarantined", 1, NULL, err);
    return own ? label_end(s, rc, err) : rc;
}

/* State of the row with this key; fills *row unless it is unknown. */
static int find_key(struct label_store *s, const struct label_key *key, struct label_row *row,
                    struct onic_err *err)
{
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_FIND);
    if (!q)
        return label_sql_fail(s, "reading", err);
    sqlite3_bind_blob(q, 1, key->byte, sizeof key->byte, SQLITE_STATIC);
    int step = sqlite3_step(q), rc = LABEL_UNKNOWN;
    bool good = step == SQLITE_ROW && label_row_read(s, q, row);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        rc = label_sql_fail(s, "reading", err);
    sqlite3_reset(q);
    if (good)
        return row->label.state;
    if (step == SQLITE_ROW && s->mode == LABEL_STORE_READ)
        s->damaged_read++;
    else if (step == SQLITE_ROW)
        rc = label_row_quarantine(s, key, s->row_fault, err);
    return rc;
}

int label_store_find(struct label_store *s, const char *question, size_t len, struct label_row *row,
                     struct onic_err *err)
{
    struct label_row scratch;
    struct label_key key = label_key_make(&s->current_view, question, len);
    ONIC_ASSERT(s->current);
    return find_key(s, &key, row ? row : &scratch, err);
}

static int label_rows_ask_one(struct label_store *s, struct label *l, double now, bool paid,
                              struct onic_err *err)
{
    struct label_row row;
    struct label_key key = label_key_make(&s->current_view, l->question, l->question_len);
    int state = find_key(s, &key, &row, err);
    if (state < 0)
        return state;
    l->state = state == LABEL_UNKNOWN ? LABEL_ASKED : (enum label_state)state;
    if (label_is_settled(l->state))
        return label_meta_add(s, "asked_twice", 1, NULL, err);
    if (state == LABEL_ASKED && paid) {
        int rc = label_meta_add(s, "maybe_paid_twice", 1, NULL, err);
        if (rc)
            return rc;
    }
    struct label_row next = {.label = {.question = l->question,
                                       .question_len = l->question_len,
                                       .state = LABEL_ASKED,
                                       .raw = "",
                                       .asked_at = now},
                             .key = key,
                             .attempts = state == LABEL_ASKED ? row.attempts + 1 : 1};
    return label_row_put(s, &next, s->current->number, err);
}

int label_store_ask(struct label_store *s, struct label *l, int n, bool paid, struct onic_err *err)
{
    ONIC_ASSERT(s->current);
    double now = clock_wall_s();
    int rc = label_begin(s, err);
    if (rc)
        return rc;
    for (int i = 0; i < n && !rc; i++) {
        ONIC_ASSERT(l[i].question_len > 0 && l[i].question_len <= QUESTION_MAX);
        rc = label_rows_ask_one(s, &l[i], now, paid, err);
    }
    return label_end(s, rc, err);
}

int label_store_forget(struct label_store *s, const struct label *l, int n, struct onic_err *err)
{
    int rc = label_begin(s, err);
    if (rc)
        return rc;
    for (int i = 0; i < n && !rc; i++) {
        struct label_row row;
        struct label_key key = label_key_make(&s->current_view, l[i].question, l[i].question_len);
        int state = find_key(s, &key, &row, err);
        if (state < 0)
            rc = state;
        else if (state == LABEL_ASKED)
            rc = delete_row(s, &key, err);
    }
    return label_end(s, rc, err);
}

/* *last_id: of the answers so far; rises when this one is new. */
static int answer_one(struct label_store *s, struct label *l, double now, int64_t *last_id,
                      struct onic_err *err)
{
    struct label_row row;
    struct label_key key = label_key_make(&s->current_view, l->question, l->question_len);
    int state = find_key(s, &key, &row, err);
    if (state < 0)
        return state;
    if (label_is_settled((enum label_state)state)) {
        l->id = row.label.id;
        l->state = row.label.state;
        l->value = row.label.value;
        l->confidence = row.label.confidence;
        l->asked_at = row.label.asked_at;
        l->answered_at = row.label.answered_at;
        return label_meta_add(s, "asked_twice", 1, NULL, err);
    }
    char raw[LABEL_RAW_MAX + 1];
    snprintf(raw, sizeof raw, "%s", l->raw ? l->raw : "");
    *last_id += 1;
    l->id = (uint64_t)*last_id;
    if (state == LABEL_ASKED && row.label.asked_at > l->asked_at)
        l->asked_at = row.label.asked_at;
    else if (l->asked_at <= 0)
        l->asked_at = now;
    l->answered_at = now;
    struct label_row next = {
        .label = *l, .key = key, .attempts = state == LABEL_ASKED ? row.attempts : 1};
    next.label.raw = raw;
    if (l->state == LABEL_ABSTAINED)
        next.label.value = 0;
    return label_row_put(s, &next, s->current->number, err);
}

static void trace_answers(const struct label_store *s, const struct label *l, int n)
{
    char identity[192];
    label_identity_text(&s->current_view, identity);
    uint64_t id = trace_hash(identity, strlen(identity));
    for (int i = 0; i < n; i++)
        trace(DURABLE, .incarnation = id, .seq = trace_hash(l[i].question, l[i].question_len),
              .version = l[i].id, .n = trace_value(l[i].value), .reason = (uint16_t)l[i].state);
}

int label_store_answer(struct label_store *s, struct label *l, int n, struct onic_err *err)
{
    ONIC_ASSERT(s->current);
    double now = clock_wall_s();
    int64_t before = 0;
    int rc = label_begin(s, err);
    if (rc)
        return rc;
    rc = label_meta_add(s, "last_id", 0, &before, err);
    int64_t last_id = before;
    for (int i = 0; i < n && !rc; i++) {
        ONIC_ASSERT(label_is_settled(l[i].state));
        ONIC_ASSERT(l[i].question_len > 0 && l[i].question_len <= QUESTION_MAX);
        ONIC_ASSERT(!label_fault(&l[i], question_kind_of(l[i].question, l[i].question_len)));
        rc = answer_one(s, &l[i], now, &last_id, err);
    }
    if (!rc && last_id > before)
        rc = label_meta_add(s, "last_id", last_id - before, NULL, err);
    rc = label_end(s, rc, err);
    if (!rc && trace_on)
        trace_answers(s, l, n);
    return rc;
}

/* --- sources that are not trusted ------------------------------------------------------------ */

static bool is_of_source(const struct label_row *row, const char *source)
{
    char origin[LABEL_SOURCE_MAX];
    label_origin(row->identity.annotator, row->label.raw, origin);
    return strcmp(origin, source) == 0 || strcmp(row->identity.model, source) == 0;
}

/* Of up to LABEL_PAGE rows after *after; returns how many were looked at, or a negative code. */
static int distrust_page(struct label_store *s, const char *source, bool remove, int64_t *after,
                         uint64_t *n, struct onic_err *err)
{
    struct label_key key[LABEL_PAGE];
    int rows = 0, keys = 0, step, rc = ONIC_OK;
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_EACH);
    if (!q)
        return label_sql_fail(s, "reading", err);
    sqlite3_bind_int64(q, 1, *after);
    for (; (step = sqlite3_step(q)) == SQLITE_ROW; rows++) {
        struct label_row row;
        *after = sqlite3_column_int64(q, 1);
        if (label_row_read(s, q, &row) && is_of_source(&row, source) && keys < LABEL_PAGE)
            key[keys++] = row.key;
    }
    sqlite3_reset(q);
    if (step != SQLITE_DONE)
        return label_sql_fail(s, "reading", err);
    *n += (uint64_t)keys;
    for (int i = 0; remove && i < keys && !rc; i++)
        rc = set_row_aside(s, &key[i], "of a source that is not trusted", err);
    return rc ? rc : rows;
}

int label_store_distrust(struct label_store *s, const char *source, bool remove, uint64_t *n,
                         struct onic_err *err)
{
    int64_t after = 0;
    *n = 0;
    int rc = label_begin(s, err);
    if (rc)
        return rc;
    do {
        rc = distrust_page(s, source, remove, &after, n, err);
    } while (rc > 0);
    return label_end(s, rc, err);
}
