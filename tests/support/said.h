/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_SAID_H
#define ONIC_TESTS_SUPPORT_SAID_H

/* said.h - what this process logs, for tests of sentences; header only. Lines come from all
 * threads. */

#include <pthread.h>
#include <string.h>

#include "common/base/log.h"
#include "tests/onic_test.h"

static pthread_mutex_t said_lock = PTHREAD_MUTEX_INITIALIZER;
static char said_text[1 << 17];
static size_t said_len;
static enum log_level said_level; /* of before */

static inline void said_keep(void *ctx, const char *line, size_t len)
{
    (void)ctx;
    pthread_mutex_lock(&said_lock);
    if (len < sizeof said_text - said_len) {
        memcpy(said_text + said_len, line, len);
        said_len += len;
        said_text[said_len] = '\0';
    }
    pthread_mutex_unlock(&said_lock);
}

/* From now on lines of this level and more urgent ones are kept, and not shown. */
static inline void said_begin(enum log_level level)
{
    pthread_mutex_lock(&said_lock);
    said_len = 0;
    said_text[0] = '\0';
    pthread_mutex_unlock(&said_lock);
    said_level = log_set_level(level);
    log_set_writer(said_keep, NULL);
}

static inline void said_end(void)
{
    log_set_writer(NULL, NULL);
    log_set_level(said_level);
}

/* Whether it was said; a predicate of wait_until. */
static inline bool log_said(void *part)
{
    pthread_mutex_lock(&said_lock);
    bool found = strstr(said_text, part) != NULL;
    pthread_mutex_unlock(&said_lock);
    return found;
}

static inline void assert_said(const char *part)
{
    char copy[512];
    snprintf(copy, sizeof copy, "%s", part);
    if (!wait_until(log_said, copy, 10000))
        fail_msg("not said: %s\nbut:\n%s", part, said_text);
}

#endif /* ONIC_TESTS_SUPPORT_SAID_H */
