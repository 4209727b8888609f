/* SPDX-License-Identifier: MIT */
/* onic_check.c - `onic-check TRACES [RUN]`: holds what a run's processes did against its promises.
 * README.md has the invariants and what a line means. */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "tests/chaos/check.h"

static const char usage[] = "usage: onic-check TRACES [RUN]\n"
                            "Checks the traces of a run (the folder that ONIC_TRACE named), and "
                            "its ledger, label store and\n"
                            "newest checkpoint when the run directory RUN is given. Exit code 70 "
                            "when a promise is broken.\n";

static void print_line(void *ctx, const char *line)
{
    (void)ctx;
    printf("%s\n", line);
}

static void print_summary(const struct check *c)
{
    int learners = c->nlives, actors = c->nactors;
    if (c->unknown_after_rollback)
        printf("%llu trajectories were made by actors of which no restored learner had heard so "
               "much\n",
               (unsigned long long)c->unknown_after_rollback);
    printf("%d processes, %d learner lives, %d actors, %llu trajectories made, %llu labels in the "
           "store: %llu violations\n",
           c->traces->n, learners, actors, (unsigned long long)c->made,
           (unsigned long long)c->labels, (unsigned long long)check_violations(c));
}

int main(int argc, char **argv)
{
    struct onic_err err = {0};
    struct trace_set traces;
    struct check c = {.say = print_line};
    if (argc < 2 || argc > 3 || strcmp(argv[1], "--help") == 0) {
        fputs(usage, argc == 2 ? stdout : stderr);
        return argc == 2 ? 0 : 64;
    }
    log_set_level(LOG_ERROR);
    int rc = trace_set_read(&traces, argv[1], &err);
    if (!rc) {
        rc = check_all(&c, &traces, argc == 3 ? argv[2] : NULL, &err);
        print_summary(&c);
        check_release(&c);
        trace_set_free(&traces);
    }
    if (rc) {
        fprintf(stderr, "onic-check: %s\n", err.msg);
        return err_exit_code(rc);
    }
    return check_violations(&c) ? 70 : 0;
}
