/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_RECORD_H
#define ONIC_DEPLOY_CLI_RECORD_H

/* record.h - steps of an agent or of a kept episode become files that others can watch.
 *
 * A frame is the picture of the environment with the lines about the step below it. GIF and MP4
 * show what the environment draws (env_family.draw) or its text in a bitmap font; a cast holds the
 * text. The last frame of an episode is seen for a second longer. */

#include "deploy/cli/frame_sink.h"

struct record_params {
    const char *gif, *mp4, *cast; /* file names, borrowed; NULL or "" = none, at least one is */
    bool force;                   /* files that are there are replaced */
    double fps;                   /* steps per second, RECORD_FPS_MIN .. RECORD_FPS_MAX */
    const char *title;            /* of the cast; borrowed */
};

/* A GIF holds hundredths of a second, and players take less than two of them for a mistake. */
#define RECORD_FPS_MIN 0.1
#define RECORD_FPS_MAX 50.0

struct recording;

/* Looks whether the files can be made: ONIC_ECANTCREATE, ONIC_ECONFIG. Free it in any case. */
int recording_open(struct recording **out, const struct record_params *p, struct onic_err *err);
/* Where the steps go; borrowed, for the life of r. */
struct frame_sink *recording_sink(struct recording *r);
int64_t recording_steps(const struct recording *r); /* frames so far */
/* The files are written, and named on standard output. ONIC_ECONFIG: there was no frame. */
int recording_finish(struct recording *r, struct onic_err *err);
void recording_free(struct recording *r); /* what is unfinished is given up; NULL is allowed */

#endif /* ONIC_DEPLOY_CLI_RECORD_H */
