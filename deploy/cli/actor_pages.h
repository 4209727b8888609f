/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_ACTOR_PAGES_H
#define ONIC_DEPLOY_CLI_ACTOR_PAGES_H

/* actor_pages.h - the folder of a run's actors, with what each has produced
 * (common/wire/rollout/ledger_page.h). */

#include "common/base/err.h"

/* Makes the folder `to` and moves the pages of `from` into it, so that a run begun elsewhere loses
 * none of its books; where both have one, the newer stays. Before any actor starts.
 * ONIC_ECANTCREATE. */
int actor_pages_bring(const char *from, const char *to, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_ACTOR_PAGES_H */
