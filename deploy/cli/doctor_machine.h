/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_DOCTOR_MACHINE_H
#define ONIC_DEPLOY_CLI_DOCTOR_MACHINE_H

/* doctor_machine.h - the checks of `onic doctor` that no option has a part in. Only what makes
 * every run impossible is a failure. */

#include "deploy/cli/doctor.h"

void doctor_programs(struct finding *f);
void doctor_cpu(struct finding *f);
void doctor_cores(struct finding *f);
void doctor_blas(struct finding *f);
void doctor_memory(struct finding *f);
void doctor_tmpfs(struct finding *f);
void doctor_disk(struct finding *f);
void doctor_files(struct finding *f);

#endif /* ONIC_DEPLOY_CLI_DOCTOR_MACHINE_H */
