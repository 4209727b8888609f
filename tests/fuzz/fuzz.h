/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_FUZZ_FUZZ_H
#define ONIC_TESTS_FUZZ_FUZZ_H

/* fuzz.h - what fuzz targets share; header only, as each links its own library. */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/err.h"

enum { FUZZ_INPUT_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char fuzz_path[256];

static inline void fuzz_file_remove(void)
{
    unlink(fuzz_path);
}

/* A file in memory with these bytes; the same path each time. suffix: what its name ends with. */
static inline const char *fuzz_file(const char *suffix, const uint8_t *data, size_t size)
{
    if (!fuzz_path[0]) {
        snprintf(fuzz_path, sizeof fuzz_path, "/dev/shm/onic-fuzz-%ld%s", (long)getpid(), suffix);
        atexit(fuzz_file_remove);
    }
    int fd = open(fuzz_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ONIC_ASSERT(fd >= 0);
    ONIC_ASSERT(size == 0 || write(fd, data, size) == (ssize_t)size);
    close(fd);
    return fuzz_path;
}

/* The input as text that is exactly as long as the memory it lies in. Release with free. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    ONIC_ASSERT(text != NULL);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

/* What every input needs. */
static inline void fuzz_need(int rc, const struct onic_err *err)
{
    if (rc) {
        fprintf(stderr, "%s\n", err->msg);
        abort();
    }
}

/* For log_set_writer: lines are made and go nowhere. */
static inline void fuzz_keep_silent(void *ctx, const char *line, size_t len)
{
    (void)ctx;
    (void)line;
    (void)len;
}

/* A refusal must say why. */
static inline void fuzz_told(int rc, const struct onic_err *err)
{
    if (rc && !err->msg[0])
        abort();
}

#endif /* ONIC_TESTS_FUZZ_FUZZ_H */
