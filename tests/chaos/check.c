/* SPDX-License-Identifier: MIT */
/* check.c - see check.h. */
#include "tests/chaos/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(struct check *c, const char *format, va_list ap)
    __attribute__((format(printf, 2, 0)));
static void say(struct check *c, const char *format, va_list ap)
{
    char line[CHECK_TEXT_MAX];
    vsnprintf(line, sizeof line, format, ap);
    if (c->say)
        c->say(c->ctx, line);
}

void check_remark(struct check *c, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    say(c, format, ap);
    va_end(ap);
}

void check_violation(struct check *c, int invariant, const char *format, ...)
{
    char text[CHECK_TEXT_MAX];
    va_list ap;
    c->violated[invariant]++;
    if (c->shown++ >= CHECK_SHOWN_MAX)
        return;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    check_remark(c, "I%d violated: %s", invariant, text);
}

uint64_t check_violations(const struct check *c)
{
    uint64_t n = 0;
    for (int i = 1; i <= CHECK_INVARIANTS; i++)
        n += c->violated[i];
    return n;
}

int check_all(struct check *c, const struct trace_set *traces, const char *run,
              struct onic_err *err)
{
    c->traces = traces;
    check_find_lives(c);
    check_find_actors(c);
    check_books(c);
    check_actors(c);
    int rc = check_labels(c, run, err);
    if (!rc && run)
        rc = check_files(c, run, err);
    if (c->nlives && !c->has_books)
        check_remark(c, "the last life of the learner has not ended, or began before the traces: "
                        "its ledger is not compared");
    if (traces->empty)
        check_remark(c, "%d processes could not write their trace", traces->empty);
    if (!rc && c->nlives == 0 && c->nactors == 0 && c->labels == 0)
        return err_set(err, ONIC_ENOTFOUND,
                       "no learner, actor or label is in the traces: nothing "
                       "was checked");
    return rc;
}

void check_release(struct check *c)
{
    free(c->lives);
    free(c->actors);
    c->lives = NULL;
    c->actors = NULL;
}
