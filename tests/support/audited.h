/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_AUDITED_H
#define ONIC_TESTS_SUPPORT_AUDITED_H

/* audited.h - an audit file of a test's own, and the lines that must come to be in it; header only.
 */

#include <string.h>

#include "common/base/audit.h"
#include "tests/onic_test.h"
#include "tests/support/program.h"

static char audited_dir[256], audited_path[300];

static inline void audited_begin(void)
{
    temp_dir_create(audited_dir);
    snprintf(audited_path, sizeof audited_path, "%s/audit.log", audited_dir);
    assert_ok(audit_open(audited_path, &err));
}

static inline void audited_end(void)
{
    audit_close();
    temp_dir_remove(audited_dir);
}

/* A line with the first word of an event and both others. */
struct audited_line {
    const char *event, *one, *other;
};

static inline bool audited_has(void *ctx)
{
    const struct audited_line *w = ctx;
    static char text[PROGRAM_TEXT_MAX];
    char *save = NULL;
    snprintf(text, sizeof text, "%s", program_text(audited_path));
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        const char *event = strchr(line, 'Z');
        if (event && strncmp(event + 2, w->event, strlen(w->event)) == 0 && strstr(line, w->one) &&
            strstr(line, w->other))
            return true;
    }
    return false;
}

static inline void assert_audited(const char *event, const char *one, const char *other)
{
    struct audited_line w = {event, one, other};
    if (!wait_until(audited_has, &w, TEST_PATIENCE_MS))
        fail_msg("no line \"%s\" with %s and %s in:\n%s", event, one, other,
                 program_text(audited_path));
}

#endif /* ONIC_TESTS_SUPPORT_AUDITED_H */
