/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_DOCTOR_H
#define ONIC_DEPLOY_CLI_DOCTOR_H

/* doctor.h - the checks of `onic doctor`: each fills in a verdict and one sentence.
 *
 * cmd_doctor.c has those of the machine and the table of all, doctor_labels.c those of whatever
 * labels: there ok means that a label was given. */

#include "common/base/buf.h"
#include "common/config/config.h"

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };

struct finding {
    enum verdict verdict;
    struct buf text;
};

void doctor_embedding(const struct config *cfg, struct finding *f);
void doctor_llm(const struct config *cfg, struct finding *f);
/* One real question to each annotator of the configuration but llm, which doctor_llm asks. */
void doctor_annotator(const struct config *cfg, struct finding *f);

#endif /* ONIC_DEPLOY_CLI_DOCTOR_H */
