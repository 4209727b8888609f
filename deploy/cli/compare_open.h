/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_COMPARE_OPEN_H
#define ONIC_DEPLOY_CLI_COMPARE_OPEN_H

/* compare_open.h - run directories, and folders of them, read for a comparison. */

#include "deploy/cli/compare_set.h"

/* Adds the run `path`, or every run in the folder `path` (of a sweep). metrics [n]: beside frames
 * and seconds; the last of them are those of the set's extra columns. What a run's own files say is
 * shown and never acted upon. Of a folder, runs that cannot be read are named in the notes and
 * counted in *left_out. ONIC_ENOTFOUND, ONIC_EAUTH, ONIC_ECONFIG, ONIC_EIO otherwise. */
int compare_open(struct compare_set *s, const char *path, const char *const *metrics, int n,
                 int *left_out, struct onic_err *err);
/* Notes what is odd about the runs that were added: other versions, damaged lines. ONIC_ENOTFOUND:
 * there is none that was trained. */
int compare_open_end(struct compare_set *s, struct onic_err *err);
/* Notes which runs are not at their end: their numbers stand in the table all the same. */
void compare_note_unfinished(struct compare_set *s);

/* An option (enum config_index) of what is played and learned, or of who labels; not of where and
 * how fast: runs that differ in it are of different groups. */
bool compare_is_of_task(int option);

#endif /* ONIC_DEPLOY_CLI_COMPARE_OPEN_H */
