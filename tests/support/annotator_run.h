/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_ANNOTATOR_RUN_H
#define ONIC_TESTS_SUPPORT_ANNOTATOR_RUN_H

/* annotator_run.h - an annotator on an event loop of its own, with a goal (minigrid/KeyCorridor)
 * and a folder, asked for things that are good (even tickets) or bad. */

#include <uv.h>

#include "reward_server/annotators/annotator_options.h"

enum { ANNOTATOR_RUN_PATIENCE_MS = 60000 };

struct annotator_run {
    char dir[256], store[300];
    struct config config;
    struct goal *goal;
    uv_loop_t loop;
    struct annotator *a;
    int want;                                    /* answers that annotator_run_answered waits for */
    int answered, labels, right, abstained, odd; /* odd: of odd tickets */
    char raw[LABEL_RAW_MAX];                     /* of the last answer */
    char odd_raw[LABEL_RAW_MAX];                 /* of the last one to an odd ticket */
};

/* Everything but the annotator; options are at their defaults. */
void annotator_run_prepare(struct annotator_run *r, int want);
void annotator_run_set(struct annotator_run *r, const char *key, const char *value);
/* Inside the wrappers that the options ask for. */
void annotator_run_open(struct annotator_run *r, const char *id);
void annotator_run_close(struct annotator_run *r); /* may be opened again */
/* Closes, and finds every handle of the loop closed. */
void annotator_run_dispose(struct annotator_run *r);

void annotator_run_submit(struct annotator_run *r, int ticket);
/* For wait_until: polls, and true when `want` answers are there. */
bool annotator_run_answered(void *run);
/* Submits `want` questions and waits; no label may be wrong. */
void annotator_run_ask_all(struct annotator_run *r);

/* annotator_order_check, and annotator_open, for `id` and what annotator.fallback names behind it.
 */
int order_checked(const char *id, const struct config *config, struct onic_err *err);
int order_opened(struct annotator **out, const char *id, const struct annotator_setup *setup,
                 struct onic_err *err);

struct annotator_hope {
    struct annotator_run *r;
    const char *part;
    char text[160];
};
/* For wait_until: polls, and true when the status holds `part`. */
bool annotator_run_says(void *hope);

#endif /* ONIC_TESTS_SUPPORT_ANNOTATOR_RUN_H */
