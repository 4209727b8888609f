/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_LABEL_OPTIONS_H
#define ONIC_LEARNER_PROCESS_LABEL_OPTIONS_H

/* label_options.h - the options that are part of a label's identity, so that a run which is refused
 * because its labels were given with other ones can say which, and what they were. */

#include <stdbool.h>

#include "common/config/config.h"

enum { LABEL_OPTIONS = 29, LABEL_OPTIONS_TEXT_MAX = 8192, LABEL_OPTIONS_REMEDY_MAX = 512 };

/* Their values as text. */
struct label_options {
    char value[LABEL_OPTIONS][CONFIG_STR_MAX];
};

void label_options(struct label_options *out, const struct config *cfg);

/* True when changing this option ("llm.max_tokens") may change the identity. */
bool label_option(const char *key);
/* As lines "option <key>=<value>"; what does not fit is left out. */
void label_options_write(const struct label_options *o, char out[LABEL_OPTIONS_TEXT_MAX]);
/* What to do to go on with labels of the identity `was` and not `is`, whose options were `then`
 * (label_options_write; "" = not known): "llm.max_tokens was 8 and is 64 now; give
 * --llm.max_tokens=8". */
void label_options_remedy(const char *then, const struct label_options *now, const char *was,
                          const char *is, char out[LABEL_OPTIONS_REMEDY_MAX]);

#endif /* ONIC_LEARNER_PROCESS_LABEL_OPTIONS_H */
