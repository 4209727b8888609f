/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_DOCTOR_H
#define ONIC_DEPLOY_CLI_DOCTOR_H

/* doctor.h - what a check of `onic doctor` finds: a verdict and one sentence. cmd_doctor.c has the
 * table of all, doctor_machine.h the checks of the machine, doctor_open.h those of whatever
 * labels. */

#include "common/base/buf.h"

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };

struct finding {
    enum verdict verdict;
    struct buf text;
};

#endif /* ONIC_DEPLOY_CLI_DOCTOR_H */
