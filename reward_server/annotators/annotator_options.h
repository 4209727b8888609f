/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_ANNOTATORS_ANNOTATOR_OPTIONS_H
#define ONIC_REWARD_SERVER_ANNOTATORS_ANNOTATOR_OPTIONS_H

/* annotator_options.h - who is asked, by the options annotator.*. Below this and the functions of
 * an annotator that take it nothing of this folder sees the configuration. */

#include "reward_server/annotators/annotator.h"

/* For annotator.id, "auto" resolved: embedding where its model is present, else rules, with the
 * reason in note ("" otherwise). ONIC_ECONFIG when the first or one of the others cannot work here,
 * or annotator.vote, annotator.noise or annotator.fallback do not fit them. config is borrowed for
 * as long as *out is used. */
int annotator_choose(struct annotator_order *out, const struct config *config,
                     char note[ONIC_ERR_MSG_MAX], struct onic_err *err);
/* Puts the options that somebody gave to an annotator, and that nobody in the order looks at (NULL:
 * nobody looks at any), comma-separated; false: there are none. files: also those of YAML files. */
bool annotator_idle_options(const struct config *config, const struct annotator_order *o,
                            bool files, struct buf *out);
/* A given first one and those of annotator.fallback behind it, not checked. */
int annotator_order_read(struct annotator_order *out, const struct annotator_vtable *first,
                         const struct config *config, struct onic_err *err);
/* This one alone, without votes and noise. */
void annotator_alone(struct annotator_order *out, const struct annotator_vtable *v,
                     const struct config *config);

#endif /* ONIC_REWARD_SERVER_ANNOTATORS_ANNOTATOR_OPTIONS_H */
