/* SPDX-License-Identifier: MIT */
/* label_identities.c - what labels are answers to, besides the question: read once and kept, and the
 * notes that an annotator keeps with its own. */
#include <stdio.h>
#include <string.h>

#include "reward_server/store/label_store_impl.h"

enum { IDENTITY_TEXTS = 5 };

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

int label_identities_load(struct label_store *s, struct onic_err *err)
{
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_IDENTITIES);
    int rc = SQLITE_ERROR;
    s->nidentities = 0;
    while (q && s->nidentities < LABEL_IDENTITIES_MAX && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        struct label_identity_row *row = &s->identities[s->nidentities++];
        row->number = sqlite3_column_int64(q, 0);
        copy_column(row->annotator, q, 1);
        copy_column(row->model, q, 2);
        copy_column(row->goal, q, 3);
        copy_column(row->goal_version, q, 4);
        copy_column(row->parameters, q, 5);
        row->vote = sqlite3_column_int(q, 6);
    }
    if (q)
        sqlite3_reset(q);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? ONIC_OK : label_sql_fail(s, "reading", err);
}

static bool same_identity(const struct label_identity_row *a, const struct label_identity *b)
{
    return !strcmp(a->annotator, b->annotator) && !strcmp(a->model, b->model) &&
           !strcmp(a->goal, b->goal) && !strcmp(a->goal_version, b->goal_version) &&
           !strcmp(a->parameters, b->parameters) && a->vote == b->vote;
}

static int add_identity(struct label_store *s, const struct label_identity *id,
                        struct onic_err *err)
{
    const char *field[] = {id->annotator, id->model, id->goal, id->goal_version, id->parameters};
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_IDENTITY_ADD);
    int rc = ONIC_OK;
    for (int i = 0; q && i < IDENTITY_TEXTS; i++)
        sqlite3_bind_text(q, i + 1, field[i], -1, SQLITE_STATIC);
    if (q)
        sqlite3_bind_int(q, IDENTITY_TEXTS + 1, id->vote);
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
        if (sqlite3_step(q) != SQLITE_DONE)
            rc = label_sql_fail(s, "writing", err);
    }
    if (q)
        sqlite3_reset(q);
    return rc;
}

int label_identity_get(struct label_store *s, const struct label_identity *id,
                       struct label_identity_row **out, struct onic_err *err)
{
    const char *field[] = {id->annotator, id->model, id->goal, id->goal_version, id->parameters};
    for (int i = 0; i < IDENTITY_TEXTS; i++)
        if (strlen(field[i]) >= LABEL_ID_FIELD_MAX)
            return err_set(err, ONIC_EINVAL, "\"%.40s...\" is longer than %d bytes", field[i],
                           LABEL_ID_FIELD_MAX - 1);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < s->nidentities; i++)
            if (same_identity(&s->identities[i], id)) {
                *out = &s->identities[i];
                return ONIC_OK;
            }
        if (pass == 0) { /* an import may have added some behind our back */
            int rc = label_identities_load(s, err);
            if (rc)
                return rc;
        }
    }
    if (s->nidentities == LABEL_IDENTITIES_MAX)
        return err_set(err, ONIC_ELIMIT, "label store %s holds %d identities, the most it can",
                       s->path, LABEL_IDENTITIES_MAX);
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
        rc = label_end(s, label_identity_get(s, id, &row, err), err);
    if (!rc) {
        s->current = row;
        s->current_view = label_identity_view(row);
    } else {
        label_identities_load(s, NULL); /* what was rolled back is not in the table */
    }
    return rc;
}

bool label_store_note(struct label_store *s, const char *name, char *out, size_t size)
{
    sqlite3_stmt *q = s->current ? label_sql(s, LABEL_SQL_NOTE_GET) : NULL;
    if (!q)
        return false;
    sqlite3_bind_int64(q, 1, s->current->number);
    sqlite3_bind_text(q, 2, name, -1, SQLITE_STATIC);
    const char *text = NULL;
    if (sqlite3_step(q) == SQLITE_ROW)
        text = (const char *)sqlite3_column_text(q, 0);
    bool fits = text && strlen(text) < size;
    if (fits)
        snprintf(out, size, "%s", text);
    sqlite3_reset(q);
    return fits;
}

int label_store_put_note(struct label_store *s, const char *name, const char *text,
                         struct onic_err *err)
{
    ONIC_ASSERT(s->current);
    int rc = label_begin(s, err);
    if (rc)
        return rc;
    sqlite3_stmt *q = label_sql(s, LABEL_SQL_NOTE_PUT);
    if (q) {
        sqlite3_bind_int64(q, 1, s->current->number);
        sqlite3_bind_text(q, 2, name, -1, SQLITE_STATIC);
        sqlite3_bind_text(q, 3, text, -1, SQLITE_STATIC);
    }
    return label_end(s, label_sql_run(s, q, err), err);
}
