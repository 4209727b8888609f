/* SPDX-License-Identifier: MIT */
/* check_files.c - the run's ledger and newest checkpoint against the books of the traces: I1 and
 * I10; see check.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/checkpoint/checkpoint.h"
#include "tests/chaos/check.h"

enum { LEDGER_MAX = 65536 };

int check_read_ledger(const char *run, struct ledger *out, struct onic_err *err)
{
    char path[4096], text[LEDGER_MAX];
    snprintf(path, sizeof path, "%s/ledger.json", run);
    FILE *f = fopen(path, "re");
    if (!f)
        return err_set(err, ONIC_ENOTFOUND, "there is no %s", path);
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    return ledger_parse(out, text, n, err);
}

static void compare_sum(struct check *c, const char *what, uint64_t ledger, uint64_t traces)
{
    if (ledger == traces)
        return;
    c->unaccounted += ledger > traces ? ledger - traces : traces - ledger;
    check_violation(c, 1, "the ledger has %llu trajectories %s, the traces %llu",
                    (unsigned long long)ledger, what, (unsigned long long)traces);
}

static void compare_ledger(struct check *c, const struct ledger *l)
{
    static const char *const drop[] = {
#define XX(name, text) "dropped(" text ")",
        LEDGER_DROP_MAP(XX)
#undef XX
    };
    static const char *const lost[] = {
#define XX(name, text) "lost(" text ")",
        LEDGER_LOST_MAP(XX)
#undef XX
    };
    const struct ledger_sums *a = &l->trajectories, *b = &c->books;
    compare_sum(c, "produced", a->produced, b->produced);
    compare_sum(c, "consumed", a->consumed, b->consumed);
    for (int i = 0; i < LEDGER_DROPS; i++)
        compare_sum(c, drop[i], a->dropped[i], b->dropped[i]);
    for (int i = 0; i < LEDGER_LOSTS; i++)
        compare_sum(c, lost[i], a->lost[i], b->lost[i]);
}

static void check_ledger(struct check *c, const struct ledger *l, bool ended)
{
    if (!ledger_balanced(l))
        check_violation(c, 1, "the ledger does not balance");
    if (l->trajectories.consumed_twice)
        check_violation(c, 2, "the ledger has %llu trajectories consumed twice",
                        (unsigned long long)l->trajectories.consumed_twice);
    if (ended && l->trajectories.in_flight)
        check_violation(c, 10, "%llu trajectories are in flight after the drain, says the ledger",
                        (unsigned long long)l->trajectories.in_flight);
    if (c->has_books)
        compare_ledger(c, l);
}

/* The newest checkpoint is the last that was written, and it can be read. */
static int check_checkpoint(struct check *c, const char *run, struct onic_err *err)
{
    char path[4096];
    const void *books;
    size_t n;
    uint64_t sum = 0;
    struct checkpoint_file *f = NULL;
    snprintf(path, sizeof path, "%s/checkpoints", run);
    int rc = checkpoint_newest_valid(&f, path, NULL, err);
    if (rc == ONIC_ENOTFOUND)
        return ONIC_OK;
    if (!rc)
        rc = checkpoint_get_bytes(f, "ledger", &books, &n, err);
    if (!rc && n >= 8)
        memcpy(&sum, (const char *)books + n - 8, 8);
    if (!rc && c->has_books && sum != c->last_saved)
        check_violation(c, 1, "%s is the newest that can be read, and not the last that was made",
                        checkpoint_path(f));
    checkpoint_close(f);
    return rc;
}

int check_files(struct check *c, const char *run, struct onic_err *err)
{
    struct ledger l;
    bool ended = c->nlives && c->lives[c->nlives - 1].ended;
    int rc = check_read_ledger(run, &l, err);
    if (!rc)
        check_ledger(c, &l, ended);
    else if (rc == ONIC_ENOTFOUND && !ended) /* a run that was killed early */
        rc = ONIC_OK;
    return rc ? rc : check_checkpoint(c, run, err);
}
