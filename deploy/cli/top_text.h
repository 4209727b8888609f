/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_TOP_TEXT_H
#define ONIC_DEPLOY_CLI_TOP_TEXT_H

/* top_text.h - how a run is now, in lines for a terminal. */

#include <jansson.h>

#include "common/base/buf.h"

/* state: learner/dashboard/state.h. actors and captions: the documents of a page, or NULL. What is
 * not known is left out. The text is not cleaned yet. */
void top_text(const json_t *state, const json_t *actors, const json_t *captions, struct buf *out);

#endif /* ONIC_DEPLOY_CLI_TOP_TEXT_H */
