/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_GIF_READ_H
#define ONIC_TESTS_SUPPORT_GIF_READ_H

/* gif_read.h - a reader of animated GIFs of its own, after the GIF89a specification: what programs
 * that show them would see. It knows what one table of colours needs: no transparency, no
 * interlacing, frames that stay where they are. Whatever is not so fails the test. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GIF_FRAMES_MAX = 4000 };

struct gif_movie {
    int width, height, frames;
    bool endless;
    uint8_t rgb[256][3];
    uint8_t *frame[GIF_FRAMES_MAX]; /* [height, width]: the whole picture after each; owned */
    int hundredths[GIF_FRAMES_MAX];
};

void gif_read(struct gif_movie *out, const uint8_t *bytes, size_t n);
void gif_read_file(struct gif_movie *out, const char *path);
void gif_movie_free(struct gif_movie *m);

#endif /* ONIC_TESTS_SUPPORT_GIF_READ_H */
