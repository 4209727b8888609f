/* SPDX-License-Identifier: MIT */
/* ledger.c - the ledger as JSON and as a line; see ledger.h.
 *
 * The document is small and written by ledger_json only, so it is read back by looking for its keys
 * in order; anything else is refused. */
#include "common/data/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const drop_names[] = {
#define XX(name, text) text,
    LEDGER_DROP_MAP(XX)
#undef XX
};
static const char *const lost_names[] = {
#define XX(name, text) text,
    LEDGER_LOST_MAP(XX)
#undef XX
};

static bool sums_balanced(const struct ledger_sums *s)
{
    uint64_t total = s->consumed + s->in_flight;
    for (int i = 0; i < LEDGER_DROPS; i++)
        total += s->dropped[i];
    for (int i = 0; i < LEDGER_LOSTS; i++)
        total += s->lost[i];
    return total == s->produced;
}

bool ledger_balanced(const struct ledger *l)
{
    return sums_balanced(&l->trajectories) && sums_balanced(&l->steps);
}

static void write_reasons(struct buf *out, const char *key, const char *const *names,
                          const uint64_t *n, int count)
{
    buf_printf(out, "\"%s\":{", key);
    for (int i = 0; i < count; i++)
        buf_printf(out, "%s\"%s\":%" PRIu64, i ? "," : "", names[i], n[i]);
    buf_puts(out, "},");
}

static void write_sums(struct buf *out, const char *key, const struct ledger_sums *s)
{
    buf_printf(out, "\"%s\":{\"produced\":%" PRIu64 ",\"consumed\":%" PRIu64 ",", key, s->produced,
               s->consumed);
    write_reasons(out, "dropped", drop_names, s->dropped, LEDGER_DROPS);
    write_reasons(out, "lost", lost_names, s->lost, LEDGER_LOSTS);
    buf_printf(out, "\"in_flight\":%" PRIu64 ",\"consumed_twice\":%" PRIu64 ",\"balanced\":%s}",
               s->in_flight, s->consumed_twice, sums_balanced(s) ? "true" : "false");
}

static void ledger_put_reasons(const char *prefix, const char *const *names, const uint64_t *n,
                               int count, void (*put)(void *ctx, const char *name, double value),
                               void *ctx)
{
    for (int i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, "ledger/%s/%s", prefix, names[i]);
        put(ctx, name, (double)n[i]);
    }
}

void ledger_numbers(const struct ledger *l, void (*put)(void *ctx, const char *name, double value),
                    void *ctx)
{
    const struct ledger_sums *s = &l->trajectories;
    put(ctx, "ledger/produced", (double)s->produced);
    put(ctx, "ledger/consumed", (double)s->consumed);
    put(ctx, "ledger/consumed_twice", (double)s->consumed_twice);
    put(ctx, "ledger/in_flight", (double)s->in_flight);
    ledger_put_reasons("dropped", drop_names, s->dropped, LEDGER_DROPS, put, ctx);
    ledger_put_reasons("lost", lost_names, s->lost, LEDGER_LOSTS, put, ctx);
    put(ctx, "ledger/balanced", ledger_balanced(l));
}

void ledger_json(const struct ledger *l, struct buf *out)
{
    buf_puts(out, "{");
    write_sums(out, "trajectories", &l->trajectories);
    buf_puts(out, ",");
    write_sums(out, "steps", &l->steps);
    buf_puts(out, "}\n");
}

/* Moves *p behind `"key":`; white space is allowed around the colon and before the key. */
static bool skip_key(const char **p, const char *key)
{
    size_t n = strlen(key);
    const char *at = *p + strspn(*p, " \t\r\n,{");
    if (*at != '"' || strncmp(at + 1, key, n) != 0 || at[1 + n] != '"')
        return false;
    at += n + 2;
    at += strspn(at, " \t\r\n");
    if (*at != ':')
        return false;
    *p = at + 1;
    return true;
}

static bool ledger_read_number(const char **p, const char *key, uint64_t *out)
{
    int used = 0;
    if (!skip_key(p, key) || sscanf(*p, " %20" SCNu64 "%n", out, &used) != 1)
        return false;
    *p += used;
    return true;
}

static bool read_reasons(const char **p, const char *key, const char *const *names, uint64_t *n,
                         int count)
{
    if (!skip_key(p, key))
        return false;
    for (int i = 0; i < count; i++)
        if (!ledger_read_number(p, names[i], &n[i]))
            return false;
    *p += strspn(*p, " \t\r\n");
    if (**p != '}')
        return false;
    (*p)++;
    return true;
}

static bool read_sums(const char **p, const char *key, struct ledger_sums *s)
{
    if (!skip_key(p, key) || !ledger_read_number(p, "produced", &s->produced) ||
        !ledger_read_number(p, "consumed", &s->consumed) ||
        !read_reasons(p, "dropped", drop_names, s->dropped, LEDGER_DROPS) ||
        !read_reasons(p, "lost", lost_names, s->lost, LEDGER_LOSTS) ||
        !ledger_read_number(p, "in_flight", &s->in_flight) ||
        !ledger_read_number(p, "consumed_twice", &s->consumed_twice) || !skip_key(p, "balanced"))
        return false;
    const char *end = strchr(*p, '}');
    if (!end)
        return false;
    *p = end + 1;
    return true;
}

int ledger_parse(struct ledger *l, const char *json, size_t len, struct onic_err *err)
{
    enum { MAX = 16384 };
    char text[MAX];
    struct ledger got = {0};
    if (len >= MAX)
        return err_set(err, ONIC_EDAMAGED, "the ledger is longer than %d bytes", MAX);
    memcpy(text, json, len);
    text[len] = '\0';
    const char *p = text;
    if (!read_sums(&p, "trajectories", &got.trajectories) || !read_sums(&p, "steps", &got.steps))
        return err_set(err, ONIC_EDAMAGED, "the ledger cannot be read near byte %d",
                       (int)(p - text));
    *l = got;
    return ONIC_OK;
}

static void line_reasons(struct buf *out, const char *what, const char *const *names,
                         const uint64_t *n, int count)
{
    for (int i = 0; i < count; i++)
        if (n[i])
            buf_printf(out, " + %" PRIu64 " %s(%s)", n[i], what, names[i]);
}

void ledger_line(const struct ledger *l, struct buf *out)
{
    const struct ledger_sums *s = &l->trajectories;
    buf_printf(out, "%" PRIu64 " trajectories produced = %" PRIu64 " consumed", s->produced,
               s->consumed);
    line_reasons(out, "dropped", drop_names, s->dropped, LEDGER_DROPS);
    line_reasons(out, "lost", lost_names, s->lost, LEDGER_LOSTS);
    buf_printf(out, " + %" PRIu64 " in flight", s->in_flight);
    if (s->consumed_twice)
        buf_printf(out, ", %" PRIu64 " CONSUMED TWICE", s->consumed_twice);
    if (!ledger_balanced(l))
        buf_puts(out, ", DOES NOT BALANCE");
}
