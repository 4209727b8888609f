/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_BENCH_TABLE_H
#define ONIC_DEPLOY_CLI_BENCH_TABLE_H

/* bench_table.h - the lines of benches.def, run one after the other: how long it will take, then a
 * table or the document of deploy/interface.md section 7. */

#include <stdbool.h>

#include "common/base/err.h"

struct bench_args {
    bool quick;
    char only[64];  /* rows whose names begin so; "" = all */
    char json[512]; /* file, "-" = stdout, "" = none */
};

/* ONIC_ECONFIG, with the rows there are, where `only` names none. */
int bench_check_only(const struct bench_args *a, struct onic_err *err);
/* given: as struct bench_options has it. */
int bench_table(const struct bench_args *a, char *const *given, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_BENCH_TABLE_H */
