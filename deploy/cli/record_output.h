/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_RECORD_OUTPUT_H
#define ONIC_DEPLOY_CLI_RECORD_OUTPUT_H

/* record_output.h - the kinds of file that a recording becomes: GIF, MP4, asciinema cast. What they
 * share is in record_output.c, each kind in a file of its own.
 *
 * A file gets its name when all of it is there: whatever goes wrong before (a full disk, a crash)
 * leaves nothing under that name, or what was there. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/picture/pixels.h"

struct record_frame {
    const struct pixels *pixels; /* picture and text drawn; the same size in all frames */
    const char *picture, *text;  /* lines, with colours; lines, cleaned */
    int64_t first, periods;      /* seen from period `first` on, for so many */
    double fps;                  /* periods per second */
};

struct record_output {
    const char *path; /* borrowed */
    bool force;       /* a file of that name is replaced */
    int (*frame)(struct record_output *self, const struct record_frame *f, struct onic_err *err);
    /* The file is whole and has its name. At least one frame was given. */
    int (*finish)(struct record_output *self, struct onic_err *err);
    void (*free)(struct record_output *self);
};

/* ONIC_ECANTCREATE: this file may not or cannot be written; ONIC_ECONFIG: it is no file name, or
 * what is needed to make it is missing. To be asked before the work. *out is freed by its `free`.
 * */
int record_gif_open(struct record_output **out, const char *path, bool force, struct onic_err *err);
int record_mp4_open(struct record_output **out, const char *path, bool force, struct onic_err *err);
/* title: a line, for players of the cast. */
int record_cast_open(struct record_output **out, const char *path, bool force, const char *title,
                     struct onic_err *err);

/* ONIC_ECANTCREATE: something of that name is there, and is not to be or cannot be replaced. */
int record_check_absent(const char *path, bool force, struct onic_err *err);
/* Whether `path` may become a file now: of a name, in a folder that can be written, not there yet
 * unless forced. option: "--gif", for the sentence. */
int record_check_path(const char *option, const char *path, bool force, struct onic_err *err);
/* Writes the whole file (safe_file.h), unless one has appeared meanwhile that is not to be
 * replaced. */
int record_write(const struct record_output *o, const struct buf *bytes, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_RECORD_OUTPUT_H */
