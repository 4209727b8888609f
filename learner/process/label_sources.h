/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_LABEL_SOURCES_H
#define ONIC_LEARNER_PROCESS_LABEL_SOURCES_H

/* label_sources.h - who gave the labels that the reward model has, and whether what they give
 * changes.
 *
 * Of each source (the annotator that answered) the labels are counted, and the share of those above
 * one half among its last LABEL_SOURCE_WINDOW is compared with that among all before: a model that
 * was exchanged, or answers that somebody shapes, show there first. A change of more than `alarm`
 * that chance does not make (four standard errors) is said once in a life. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/metrics/metrics.h"

enum { LABEL_SOURCES_MAX = 8, LABEL_SOURCE_NAME_MAX = 32, LABEL_SOURCE_WINDOW = 200 };

struct label_source {
    char name[LABEL_SOURCE_NAME_MAX];
    uint64_t labels;                  /* of all lives */
    uint64_t judged, high;            /* those of known value; above 0.5 */
    bool recent[LABEL_SOURCE_WINDOW]; /* the last of this life: above 0.5 */
    int nrecent, at, high_recent;
    bool told;
};

struct label_sources {
    double alarm; /* reward.label_drift; 0 = nothing is said */
    int n;
    struct label_source source[LABEL_SOURCES_MAX];
};

/* One more label. False: there are too many names, or it is no plain word. */
bool label_sources_take(struct label_sources *s, const char *name, double value);
/* The labels are gone. */
void label_sources_clear(struct label_sources *s);
/* annot/source/<name>, annot/share/<name>, annot/label_drift/<name> (once both sides are known). */
void label_sources_report(const struct label_sources *s, struct metrics *m);
/* Lines "source <name> <labels> <judged> <high>". */
void label_sources_save(const struct label_sources *s, struct buf *out);
/* False: the line is another one. Those of older checkpoints end after <labels>. */
bool label_sources_load_line(struct label_sources *s, const char *line);

#endif /* ONIC_LEARNER_PROCESS_LABEL_SOURCES_H */
