/* SPDX-License-Identifier: MIT */
/* budget.c - what may be spent, and what was; see llm_impl.h.
 *
 * The file <store>.spent holds amounts that are never less than what was really spent: before a
 * request goes out its most expensive outcome must be covered by the file. To write it once per
 * request would cost a disk round trip each, so the file runs ahead by a block of requests; an
 * orderly end writes the exact amounts, and a crash costs at most one block of budget, never
 * money. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/plain_file.h"
#include "common/checkpoint/safe_file.h"
#include "reward_server/annotators/llm/llm_impl.h"

static const char spent_suffix[] = ".spent";
enum { BLOCK = 32 }; /* requests the file runs ahead, at most; fewer near the end of a budget */

static int read_file(struct llm_budget *b, struct onic_err *err)
{
    json_error_t e;
    FILE *f = plain_file_read(b->path, false);
    if (!f)
        return errno == ENOENT
                   ? ONIC_OK
                   : err_set(err, ONIC_EIO, "%.300s cannot be read: %s", b->path, strerror(errno));
    json_t *root = json_loadf(f, JSON_REJECT_DUPLICATES, &e);
    fclose(f);
    json_int_t requests = -1, in = -1, out = -1;
    int bad = json_unpack(root, "{s:I, s:I, s:I}", "requests", &requests, "tokens_in", &in,
                          "tokens_out", &out);
    json_decref(root);
    if (bad || requests < 0 || in < 0 || out < 0)
        return err_set(err, ONIC_EDAMAGED,
                       "%.300s, which says what the language model has cost so far, is damaged: "
                       "mend it, or remove it to start the budget anew",
                       b->path);
    b->spent = (struct llm_spent){requests, in, out};
    return ONIC_OK;
}

int llm_budget_open(struct llm_budget *b, const struct llm_limits *limits, const char *store_path,
                    uint64_t labels, struct onic_err *err)
{
    bool bounded = limits->max_requests > 0 || limits->max_tokens > 0 || limits->max_cost > 0;
    *b = (struct llm_budget){.limits = *limits};
    snprintf(b->path, sizeof b->path, "%s%s", store_path, spent_suffix);
    if (stat(store_path, &b->store) != 0)
        b->store.st_ino = 0;
    int rc = read_file(b, err);
    b->written = b->spent;
    if (!rc && labels > 0 && bounded && access(b->path, F_OK) != 0)
        log_warn("labels are there, and no file says what the language model has cost so far: "
                 "unless others gave them, its budget begins anew",
                 kv("file", (const char *)b->path), kv("labels", labels));
    return rc;
}

/* The file is written by name beside the label store: not where that is another run's by now. */
static int budget_check_store(const struct llm_budget *b, struct onic_err *err)
{
    char store[sizeof b->path];
    struct stat now;
    snprintf(store, sizeof store, "%.*s", (int)(strlen(b->path) - strlen(spent_suffix)), b->path);
    if (b->store.st_ino == 0 ||
        (stat(store, &now) == 0 && now.st_ino == b->store.st_ino && now.st_dev == b->store.st_dev))
        return ONIC_OK;
    return err_set(err, ONIC_ECANTCREATE, "the label store %.300s was removed or replaced", store);
}

static bool budget_write_file(struct llm_budget *b, const struct llm_spent *s)
{
    char text[160];
    struct onic_err err = {0};
    if (!*b->path) { /* a check, not a run */
        b->written = *s;
        return true;
    }
    int n = snprintf(text, sizeof text,
                     "{\"requests\": %lld, \"tokens_in\": %lld, \"tokens_out\": %lld}\n",
                     (long long)s->requests, (long long)s->tokens_in, (long long)s->tokens_out);
    if (budget_check_store(b, &err) == ONIC_OK &&
        safe_replace_bytes(b->path, text, (size_t)n, &err) == ONIC_OK) {
        b->written = *s;
        b->broken = false;
        return true;
    }
    if (!b->broken)
        log_error("the language model is not asked: what it costs cannot be written down",
                  kv("why", (const char *)err.msg));
    b->broken = true;
    return false;
}

bool llm_budget_full(const struct llm_budget *b)
{
    return b->full || b->broken;
}

double llm_budget_cost(const struct llm_budget *b, const struct llm_spent *s)
{
    return ((double)s->tokens_in * b->limits.price_in +
            (double)s->tokens_out * b->limits.price_out) /
           1e6;
}

static bool budget_fits(const struct llm_budget *b, const struct llm_spent *s)
{
    return (b->limits.max_requests == 0 || s->requests <= b->limits.max_requests) &&
           (b->limits.max_tokens == 0 || s->tokens_in + s->tokens_out <= b->limits.max_tokens) &&
           (b->limits.max_cost <= 0 || llm_budget_cost(b, s) <= b->limits.max_cost);
}

static struct llm_spent with(const struct llm_spent *a, const struct llm_spent *b, int64_t times)
{
    return (struct llm_spent){a->requests + times * b->requests,
                              a->tokens_in + times * b->tokens_in,
                              a->tokens_out + times * b->tokens_out};
}

static bool covers(const struct llm_spent *a, const struct llm_spent *b)
{
    return a->requests >= b->requests && a->tokens_in >= b->tokens_in &&
           a->tokens_out >= b->tokens_out;
}

bool llm_budget_reserve(struct llm_budget *b, int64_t tokens_in, int64_t tokens_out)
{
    struct llm_spent one = {1, tokens_in, tokens_out};
    struct llm_spent now = with(&b->spent, &b->reserved, 1), next = with(&now, &one, 1);
    b->full = !budget_fits(b, &next);
    if (b->full)
        return false;
    if (!covers(&b->written, &next)) {
        struct llm_spent ahead = with(&next, &one, BLOCK);
        if (!budget_write_file(b, budget_fits(b, &ahead) ? &ahead : &next))
            return false;
    }
    b->reserved = with(&b->reserved, &one, 1);
    return true;
}

void llm_budget_settle(struct llm_budget *b, const struct llm_spent *reserved,
                       const struct llm_spent *real)
{
    b->reserved = with(&b->reserved, reserved, -1);
    b->spent = with(&b->spent, real, 1);
}

void llm_budget_close(struct llm_budget *b)
{
    struct llm_spent all = with(&b->spent, &b->reserved, 1); /* cut off: perhaps paid */
    if (memcmp(&all, &b->written, sizeof all) != 0)
        budget_write_file(b, &all);
}

void llm_budget_text(const struct llm_budget *b, char out[160])
{
    out[0] = '\0';
    if (b->broken) {
        snprintf(out, 160, "asking pauses: %.80s cannot be written", b->path);
        return;
    }
    struct llm_spent all = with(&b->spent, &b->reserved, 1), next = all;
    next.requests++;
    bool requests = b->limits.max_requests && next.requests > b->limits.max_requests;
    if (requests)
        snprintf(out, 160, "budget used up: %lld of llm.max_requests=%lld; asking pauses",
                 (long long)all.requests, (long long)b->limits.max_requests);
    else if (b->limits.max_cost > 0)
        snprintf(out, 160, "budget used up: %.4g of llm.max_cost=%.6g; asking pauses",
                 llm_budget_cost(b, &all), b->limits.max_cost);
    else
        snprintf(out, 160, "budget used up: %lld of llm.max_tokens_total=%lld; asking pauses",
                 (long long)(all.tokens_in + all.tokens_out), (long long)b->limits.max_tokens);
}
