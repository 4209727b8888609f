/* SPDX-License-Identifier: MIT */
/* labels_rows.c - see labels_rows.h. */
#include "deploy/cli/labels_rows.h"

#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/shown.h"
#include "common/wire/keys/keys.h"
#include "common/wire/labels/labels.h"
#include "deploy/cli/result_file.h"
#include "reward_server/store/label_store.h"

enum { ROW_MAX = 1 << 16, ASK_SERVER_MS = 1500 };

/* False when nobody answers in time. */
static bool labels_ask_server(const char *address, struct wire_keys *keys,
                              unsigned long long *total)
{
    struct wire_labels_client *c = NULL;
    struct wire_labels_client_status st = {0};
    log_set_level(LOG_WARN); /* stdout and one sentence on failure are enough */
    if (!address[0] || wire_labels_client_create(&c, address, NULL, keys, NULL) != ONIC_OK)
        return false;
    int64_t end = clock_ms() + ASK_SERVER_MS;
    do {
        wire_labels_client_poll(c, 50);
        wire_labels_client_status(c, &st);
    } while (st.server_labels_total == 0 && clock_ms() < end);
    wire_labels_client_free(c);
    *total = st.server_labels_total;
    return st.server_labels_total > 0; /* 0 may also mean "not told yet": the file knows */
}

int labels_count(const char *path, const char *address, const char *folder, struct onic_err *err)
{
    unsigned long long total = 0;
    struct wire_keys *keys = NULL;
    const struct wire_keys_wish wish = {
        .folder = folder, .self = KEY_OBSERVER, .address = {address}};
    int opened = wire_keys_open(&keys, &wish, err);
    if (opened)
        return opened;
    bool answered = labels_ask_server(address, keys, &total);
    wire_keys_free(keys);
    if (!answered) {
        struct label_store *s = NULL;
        struct label_counts n = {0};
        int rc = label_store_open(&s, path, LABEL_STORE_READ, err);
        if (!rc)
            rc = label_store_counts(s, &n, err);
        if (!rc) {
            printf("%llu\n", (unsigned long long)n.answered);
            rc = label_store_damage(s, err);
        }
        label_store_close(s);
        return rc;
    }
    printf("%llu\n", total);
    return ONIC_OK;
}

struct writer {
    FILE *to;
    struct buf line;
    bool json;
};

static void put_row_text(const struct label_row *row, struct buf *line)
{
    const struct label *l = &row->label;
    buf_printf(line, "%8llu  ", (unsigned long long)l->id);
    if (l->state == LABEL_ANSWERED)
        buf_printf(line, "%4g  %4.2f  ", l->value, l->confidence);
    else
        buf_puts(line, "none     -  ");
    char origin[LABEL_SOURCE_MAX];
    label_origin(row->identity.annotator, l->raw, origin);
    buf_printf(line, "%-10s %-28s ", origin, row->identity.goal);
    struct question q;
    if (!question_split(l->question, l->question_len, &q))
        q = (struct question){.caption = l->question, .len = l->question_len};
    buf_json_string(line, q.caption, q.len);
    if (q.kind == QUESTION_PAIR) {
        buf_puts(line, " | ");
        buf_json_string(line, q.caption_b, q.len_b);
    }
    buf_puts(line, "\n");
}

/* Ends the reading when nobody takes the rows. */
static int write_row(void *ctx, const struct label_row *row)
{
    struct writer *w = ctx;
    buf_reset(&w->line);
    if (w->json && row->label.state != LABEL_ANSWERED)
        return 0;
    if (w->json) {
        label_row_json(row, &w->line);
        return fwrite(w->line.data, 1, w->line.len, w->to) == w->line.len ? 0 : ONIC_EIO;
    }
    put_row_text(row, &w->line);
    return shown_write(w->to, w->line.data, w->line.len) ? 0 : ONIC_EIO;
}

int labels_write(const char *path, bool json, const char *file, struct onic_err *err)
{
    struct writer w = {.to = stdout, .json = json};
    struct label_store *s = NULL;
    int rc = label_store_open(&s, path, LABEL_STORE_READ, err);
    if (rc)
        return rc;
    rc = result_open(&w.to, file[0] ? file : "-", err);
    if (rc) {
        label_store_close(s);
        return rc;
    }
    buf_init(&w.line, ROW_MAX);
    if (!w.json)
        fputs("      id  label conf  annotator  goal                         caption\n", w.to);
    rc = label_store_each(s, 0, write_row, &w, err);
    if (!rc)
        rc = label_store_damage(s, err);
    bool unwritten = ferror(w.to) != 0; /* then that is the reason why the reading ended */
    int closed = result_close(w.to, file, rc && !unwritten ? NULL : err);
    rc = unwritten || !rc ? closed : rc;
    buf_release(&w.line);
    label_store_close(s);
    return rc;
}
