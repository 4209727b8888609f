/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_STORE_CASE_H
#define ONIC_TESTS_SUPPORT_STORE_CASE_H

/* store_case.h - a folder with a label store, and its questions and answers; header only, as the
 * test support library does not link the reward server. */

#include <stdlib.h>

#include "reward_server/store/label_store.h"
#include "tests/onic_test.h"

static const struct label_identity store_identity = {"rules", "patterns", "minigrid/KeyCorridor",
                                                     "abc",   "noise=0",  0};

struct store_case {
    char dir[256], path[300];
};

static inline int setup(void **state)
{
    struct store_case *f = calloc(1, sizeof *f);
    temp_dir_create(f->dir);
    snprintf(f->path, sizeof f->path, "%s/labels.sqlite", f->dir);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct store_case *f = *state;
    temp_dir_remove(f->dir);
    free(f);
    return 0;
}

static inline struct label_store *open_server(const char *path)
{
    struct label_store *s = NULL;
    assert_ok(label_store_open(&s, path, LABEL_STORE_SERVER, &err));
    assert_ok(label_store_use(s, &store_identity, &err));
    return s;
}

static inline struct label question(const char *caption)
{
    return (struct label){.question = caption, .question_len = strlen(caption)};
}

static inline struct label answer(const char *caption, double label)
{
    return (struct label){.question = caption,
                          .question_len = strlen(caption),
                          .state = LABEL_ANSWERED,
                          .value = label,
                          .confidence = 0.75,
                          .raw = "why"};
}

static inline struct label_counts counts_of(struct label_store *s)
{
    struct label_counts c;
    assert_ok(label_store_counts(s, &c, &err));
    return c;
}

static inline int find(struct label_store *s, const char *caption, struct label_row *row)
{
    struct onic_err err = {0};
    int state = label_store_find(s, caption, strlen(caption), row, &err);
    if (state < 0)
        print_error("%s\n", err.msg);
    return state;
}

#endif /* ONIC_TESTS_SUPPORT_STORE_CASE_H */
