/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_DOCTOR_KEYS_H
#define ONIC_DEPLOY_CLI_DOCTOR_KEYS_H

/* doctor_keys.h - the check of security.keys: who can read the secrets, whether they are keys, and
 * whether their lists let them in. */

#include "deploy/cli/doctor.h"

/* folder: "" = none is given. */
void doctor_keys(const char *folder, struct finding *f);

#endif /* ONIC_DEPLOY_CLI_DOCTOR_KEYS_H */
