/* SPDX-License-Identifier: MIT */
/* stored_text.c - see stored_text.h. */
#define _GNU_SOURCE /* memmem */
#include "learner/train/stored_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 1 << 16, SHOWN_MAX = 120 };

static int part_length(const char *part, size_t left)
{
    size_t n = 0;
    while (n < left && n < SHOWN_MAX - 1 && part[n] != ';' && part[n] != '\n')
        n++;
    return (int)n;
}

/* The first part (parts end with "; " or the line) in which two texts differ, cut to fit. */
static bool first_difference(const char *a, size_t alen, const char *b, size_t blen,
                             char was[SHOWN_MAX], char now[SHOWN_MAX])
{
    if (alen == blen && memcmp(a, b, alen) == 0)
        return false;
    size_t i = 0, start = 0;
    for (; i < alen && i < blen && a[i] == b[i]; i++)
        if (a[i] == '\n' || (i > 0 && a[i - 1] == ';' && a[i] == ' '))
            start = i + 1;
    snprintf(was, SHOWN_MAX, "%.*s", part_length(a + start, alen - start), a + start);
    snprintf(now, SHOWN_MAX, "%.*s", part_length(b + start, blen - start), b + start);
    return true;
}

/* text [len]: what the checkpoint says. */
static int compare_stored(const char *text, size_t len, const struct buf *mine, const char *what,
                          const char *remedy, struct onic_err *err)
{
    char was[SHOWN_MAX], now[SHOWN_MAX];
    if (!first_difference(text, len, mine->data, mine->len, was, now))
        return ONIC_OK;
    return err_set(err, ONIC_ECONFIG,
                   "the run was trained with another %s: \"%s\" then, \"%s\" now; %s", what, was,
                   now, remedy);
}

/* Whether an environment tells successes may have been found out late, and changes no number that
 * was learned. */
static void stored_all_but_success(const char *text, size_t len, struct buf *out)
{
    static const char success[] = "success: ";
    buf_init(out, len + 1);
    for (size_t at = 0, end; at < len; at = end) {
        const char *line = memchr(text + at, '\n', len - at);
        end = line ? (size_t)(line - text) + 1 : len;
        if (end - at < sizeof success || memcmp(text + at, success, sizeof success - 1) != 0)
            buf_append(out, text + at, end - at);
    }
}

int stored_text_check(const struct checkpoint_file *f, const char *tensor, const struct buf *mine,
                      const char *what, const char *remedy, struct onic_err *err)
{
    struct buf then, now;
    const void *data;
    size_t len;
    int rc = checkpoint_get_bytes(f, tensor, &data, &len, err);
    if (rc)
        return rc;
    stored_all_but_success(data, len, &then);
    stored_all_but_success(mine->data, mine->len, &now);
    rc = compare_stored(then.data, then.len, &now, what, remedy, err);
    buf_release(&then);
    buf_release(&now);
    return rc;
}

/* The parts of a network's text (policy_text) but the fields of its observation. Parameters are
 * "name [rows,columns]", fields "name type[shape]". */
static void network_alone(const char *text, size_t len, struct buf *out)
{
    static const char head[] = "observation ";
    bool field = false;
    buf_init(out, TEXT_MAX);
    for (size_t at = 0, end; at < len; at = end) {
        const char *next = memmem(text + at, len - at, "; ", 2);
        end = next ? (size_t)(next - text) + 2 : len;
        bool first = end - at >= sizeof head && memcmp(text + at, head, sizeof head - 1) == 0;
        field = first || (field && !memmem(text + at, end - at, " [", 2));
        if (!field)
            buf_append(out, text + at, end - at);
    }
}

int stored_text_check_network(const struct checkpoint_file *f, const struct policy *p,
                              struct onic_err *err)
{
    struct buf whole, mine, theirs;
    const void *data;
    size_t len;
    int rc = checkpoint_get_bytes(f, "net", &data, &len, err);
    if (rc)
        return rc;
    buf_init(&whole, TEXT_MAX);
    policy_text(p, &whole);
    network_alone(whole.data, whole.len, &mine);
    network_alone(data, len, &theirs);
    rc = compare_stored(theirs.data, theirs.len, &mine, "network", "leave these options out", err);
    buf_release(&whole);
    buf_release(&mine);
    buf_release(&theirs);
    return rc;
}
