/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_DOCTOR_OPEN_H
#define ONIC_DEPLOY_CLI_DOCTOR_OPEN_H

/* doctor_open.h - who would label the captions of a run with this configuration; each is opened and
 * asked (doctor_labels.h). ok means that a label was given. */

#include "common/config/config.h"
#include "deploy/cli/doctor.h"

void doctor_open_embedding(const struct config *cfg, struct finding *f);
void doctor_open_llm(const struct config *cfg, struct finding *f);
/* One real question to each annotator of the configuration but llm, which doctor_open_llm asks
 * before. */
void doctor_open_annotator(const struct config *cfg, struct finding *f);

#endif /* ONIC_DEPLOY_CLI_DOCTOR_OPEN_H */
