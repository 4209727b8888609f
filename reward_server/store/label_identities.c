/* SPDX-License-Identifier: MIT */
/* label_identities.c - what labels are answers to, besides the question: read once and kept, and
 * the notes that an annotator keeps with its own. */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "reward_server/store/label_store_impl.h"

enum { IDENTITY_TEXTS = 5 };

static int64_t identity_check(const struct label_identity *id)
{
    const char *text[] = {id->annotator, id->model, id->goal, id->goal_version, id->parameters};
    return label_texts_check(text, IDENTITY_TEXTS, id->vote);
}

struct label_identity label_identity_view(const struct label_identity_row *row)
{
    return (struct label_identity){row->annotator,    row->model,      row->goal,
                                   row->goal_version, row->parameters, row->vote};
}

struct label_identity_row *label_identity_number(struct label_store *s, int64_t number)
{
    for (int i = 0; i < s->nidentities; i++)
        if (s->identities[i].number == number)
            return &s->identities[i];
    return NULL;
}

static void copy_column(char out[LABEL_ID_FIELD_MAX], sqlite3_stmt *q, int column)
{
    const unsigned char *text = sqlite3_column_text(q, column);
    snprintf(out, LABEL_ID_FIELD_MAX, "%s", text ? (const char *)text : "");
}

/* SQLite's number of what others have committed; -1: not known. */
static int64_t others_commits(struct label_store *s)
{
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_DATA_VERSION);
    int64_t n = q && sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int64(q, 0) : -1;
    if (q)
        sqlite3_reset(q);
    return n;
}

static void read_identity(struct label_identity_row *row, sqlite3_stmt *q)
{
    row->number = sqlite3_column_int64(q, 0);
    copy_column(row->annotator, q, 1);
    copy_column(row->model, q, 2);
    copy_column(row->goal, q, 3);
    copy_column(row->goal_version, q, 4);
    copy_column(row->parameters, q, 5);
    row->vote = sqlite3_column_int(q, 6);
    struct label_identity id = label_identity_view(row);
    row->checked = sqlite3_column_count(q) > 7 && sqlite3_column_type(q, 7) != SQLITE_NULL;
    row->damaged = row->checked && sqlite3_column_int64(q, 7) != identity_check(&id);
}

int label_identities_load(struct label_store *s, struct onic_err *err)
{
    int64_t commits = others_commits(s);
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_IDENTITIES);
    int rc = SQLITE_ERROR;
    s->nidentities = 0;
    while (q && s->nidentities < LABEL_IDENTITIES_MAX && (rc = sqlite3_step(q)) == SQLITE_ROW)
        read_identity(&s->identities[s->nidentities++], q);
    if (q)
        sqlite3_reset(q);
    bool read = rc == SQLITE_DONE || rc == SQLITE_ROW;
    s->identities_of = read ? commits : -1;
    return read ? ONIC_OK : label_sql_fail(s, "reading", err);
}

int label_identities_refresh(struct label_store *s, struct onic_err *err)
{
    return s->identities_of >= 0 && s->identities_of == others_commits(s)
               ? ONIC_OK
               : label_identities_load(s, err);
}

/* by_key: by what makes the key of a label, which has the version of its goal, not the name. */
static bool same_identity(const struct label_identity_row *a, const struct label_identity *b,
                          bool by_key)
{
    return !a->damaged && !strcmp(a->annotator, b->annotator) && !strcmp(a->model, b->model) &&
           (by_key || !strcmp(a->goal, b->goal)) && !strcmp(a->goal_version, b->goal_version) &&
           !strcmp(a->parameters, b->parameters) && a->vote == b->vote;
}

static void bind_identity(sqlite3_stmt *q, const struct label_identity *id)
{
    const char *field[] = {id->annotator, id->model, id->goal, id->goal_version, id->parameters};
    for (int i = 0; q && i < IDENTITY_TEXTS; i++)
        sqlite3_bind_text(q, i + 1, field[i], -1, SQLITE_STATIC);
    if (q) {
        sqlite3_bind_int(q, IDENTITY_TEXTS + 1, id->vote);
        sqlite3_bind_int64(q, IDENTITY_TEXTS + 2, identity_check(id));
    }
}

static int add_identity(struct label_store *s, const struct label_identity *id,
                        struct onic_err *err)
{
    const char *field[] = {id->annotator, id->model, id->goal, id->goal_version, id->parameters};
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_IDENTITY_ADD);
    int rc = ONIC_OK;
    bind_identity(q, id);
    if (!q || sqlite3_step(q) != SQLITE_ROW) {
        rc = label_sql_fail(s, "writing", err);
    } else {
        struct label_identity_row *row = &s->identities[s->nidentities];
        char(*to[])[LABEL_ID_FIELD_MAX] = {&row->annotator, &row->model, &row->goal,
                                           &row->goal_version, &row->parameters};
        row->number = sqlite3_column_int64(q, 0);
        for (int i = 0; i < IDENTITY_TEXTS; i++)
            snprintf(*to[i], LABEL_ID_FIELD_MAX, "%s", field[i]);
        row->vote = id->vote;
        row->checked = true;
        row->damaged = false;
        if (sqlite3_step(q) != SQLITE_DONE)
            rc = label_sql_fail(s, "writing", err);
    }
    if (q)
        sqlite3_reset(q);
    return rc;
}

/* Keys are of the identity that a label was given with, whatever stands in the table. */
static bool keys_say(struct label_store *s, const struct label_identity_row *row,
                     const struct label_identity *id)
{
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_OF_IDENTITY);
    bool same = false;
    if (!q)
        return false;
    sqlite3_bind_int64(q, 1, row->number);
    while (!same && sqlite3_step(q) == SQLITE_ROW) {
        const void *key = sqlite3_column_blob(q, 0), *question = sqlite3_column_blob(q, 3);
        int len = sqlite3_column_bytes(q, 3);
        if (!key || !question || len < 1 || len > QUESTION_MAX ||
            sqlite3_column_bytes(q, 0) != (int)sizeof(struct label_key))
            continue;
        struct label_key want = label_key_make(id, question, (size_t)len);
        same = memcmp(key, want.byte, sizeof want.byte) == 0;
    }
    sqlite3_reset(q);
    return same;
}

/* An identity that was damaged is this one, if its labels are: else none of them would be found,
 * and all be asked again. Which labels an identity has is found out by reading all of them: what
 * matches its check is not looked at. */
static int restore_identity(struct label_store *s, const struct label_identity *id, bool *restored,
                            struct onic_err *err)
{
    *restored = false;
    for (int i = 0; i < s->nidentities && !*restored; i++) {
        const struct label_identity_row *row = &s->identities[i];
        if ((row->checked && !row->damaged) || !keys_say(s, row, id))
            continue;
        log_warn("the identity of labels was damaged in the label store and is put right",
                 kv("annotator", id->annotator), kv("store", (const char *)s->path));
        sqlite3_stmt *q = label_sql(s, LABEL_SQL_IDENTITY_SET);
        bind_identity(q, id);
        if (q)
            sqlite3_bind_int64(q, IDENTITY_TEXTS + 3, row->number);
        int rc = label_sql_run(s, q, err);
        if (rc)
            return rc;
        *restored = true;
    }
    return *restored ? label_identities_load(s, err) : ONIC_OK;
}

int label_identity_get(struct label_store *s, const struct label_identity *id, bool by_key,
                       struct label_identity_row **out, struct onic_err *err)
{
    const char *field[] = {id->annotator, id->model, id->goal, id->goal_version, id->parameters};
    for (int i = 0; i < IDENTITY_TEXTS; i++)
        if (strlen(field[i]) >= LABEL_ID_FIELD_MAX)
            return err_set(err, ONIC_EINVAL, "\"%.40s...\" is longer than %d bytes", field[i],
                           LABEL_ID_FIELD_MAX - 1);
    for (int pass = 0; pass < 3; pass++) {
        bool restored = false;
        for (int i = 0; i < s->nidentities; i++)
            if (same_identity(&s->identities[i], id, by_key)) {
                *out = &s->identities[i];
                return ONIC_OK;
            }
        int rc = ONIC_OK;
        if (pass == 0) /* an import may have added some behind our back */
            rc = label_identities_refresh(s, err);
        else if (pass == 1)
            rc = restore_identity(s, id, &restored, err);
        if (rc)
            return rc;
    }
    int most = LABEL_IDENTITIES_MAX - (by_key ? LABEL_IDENTITIES_OWN : 0);
    if (s->nidentities >= most)
        return err_set(err, ONIC_ELIMIT,
                       "label store %s holds labels of %d annotators, models, goals or votes, the "
                       "most that %s",
                       s->path, s->nidentities, by_key ? "an import may bring it to" : "it can");
    int rc = add_identity(s, id, err);
    if (!rc)
        *out = &s->identities[s->nidentities++];
    return rc;
}

int label_store_use(struct label_store *s, const struct label_identity *id, struct onic_err *err)
{
    struct label_identity_row *row = NULL;
    int rc = label_begin(s, err);
    if (!rc)
        rc = label_end(s, label_identity_get(s, id, false, &row, err), err);
    if (!rc) {
        s->current = row;
        s->current_view = label_identity_view(row);
    } else {
        label_identities_load(s, NULL); /* what was rolled back is not in the table */
    }
    return rc;
}

/* Of a row of notes; NULL: damaged, or longer than any. */
static const char *note_text(sqlite3_stmt *q)
{
    const char *name = (const char *)sqlite3_column_text(q, 1);
    const char *text = (const char *)sqlite3_column_text(q, 2);
    if (!name || !text || strlen(name) >= LABEL_NOTE_MAX || strlen(text) >= LABEL_NOTE_MAX)
        return NULL;
    bool checked = sqlite3_column_count(q) > 3 && sqlite3_column_type(q, 3) != SQLITE_NULL;
    const char *const both[] = {name, text};
    return checked && sqlite3_column_int64(q, 3) !=
                          label_texts_check(both, 2, sqlite3_column_int64(q, 0))
               ? NULL
               : text;
}

int label_notes_damaged(struct label_store *s)
{
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_NOTES);
    int n = 0;
    while (q && sqlite3_step(q) == SQLITE_ROW)
        n += note_text(q) == NULL;
    if (q)
        sqlite3_reset(q);
    return n;
}

bool label_store_note(struct label_store *s, const char *name, char *out, size_t size)
{
    sqlite3_stmt *q = s->current ? label_sql(s, LABEL_SQL_NOTE_GET) : NULL;
    if (!q)
        return false;
    sqlite3_bind_int64(q, 1, s->current->number);
    sqlite3_bind_text(q, 2, name, -1, SQLITE_STATIC);
    bool found = sqlite3_step(q) == SQLITE_ROW;
    const char *text = found ? note_text(q) : NULL;
    if (found && !text)
        log_warn("a damaged note of the label store is not used", kv("note", name),
                 kv("store", (const char *)s->path));
    bool fits = text && strlen(text) < size;
    if (fits)
        snprintf(out, size, "%s", text);
    sqlite3_reset(q);
    return fits;
}

int label_store_put_note(struct label_store *s, const char *name, const char *text,
                         struct onic_err *err)
{
    ONIC_ASSERT(s->current && strlen(name) < LABEL_NOTE_MAX && strlen(text) < LABEL_NOTE_MAX);
    int rc = label_begin(s, err);
    if (rc)
        return rc;
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_NOTE_PUT);
    if (q) {
        sqlite3_bind_int64(q, 1, s->current->number);
        sqlite3_bind_text(q, 2, name, -1, SQLITE_STATIC);
        sqlite3_bind_text(q, 3, text, -1, SQLITE_STATIC);
        const char *const both[] = {name, text};
        sqlite3_bind_int64(q, 4, label_texts_check(both, 2, s->current->number));
    }
    return label_end(s, label_sql_run(s, q, err), err);
}
