/* SPDX-License-Identifier: MIT */
/* err.c - error sentences; see err.h. */
#include "common/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/shown.h"
#include "common/base/utf8.h"

/* What a file or a peer says is part of many sentences, and must not reach a terminal as it is.
 * What was cut to fit ends with a whole character. */
static void make_one_line(struct onic_err *err)
{
    size_t len = utf8_whole(err->msg, strlen(err->msg));
    err->msg[len] = '\0';
    shown_clean_line(err->msg, len);
}

int err_set(struct onic_err *err, int code, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(err->msg, sizeof err->msg, fmt, ap);
        va_end(ap);
        make_one_line(err);
        err->code = code;
    }
    return code;
}

int err_wrap(struct onic_err *err, const char *fmt, ...)
{
    if (!err)
        return ONIC_EINVAL;
    char old[ONIC_ERR_MSG_MAX];
    memcpy(old, err->msg, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    if (n < 0)
        n = 0;
    if ((size_t)n < sizeof err->msg)
        snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", old);
    make_one_line(err);
    return err->code;
}

const char *err_name(int code)
{
    switch (code) {
    case ONIC_OK:
        return "OK";
#define XX(name, exit_code, text)                                                                  \
    case ONIC_##name:                                                                              \
        return #name;
        ONIC_ERR_MAP(XX)
#undef XX
    default:
        return "UNKNOWN";
    }
}

int err_exit_code(int code)
{
    switch (code) {
    case ONIC_OK:
        return 0;
#define XX(name, exit_code, text)                                                                  \
    case ONIC_##name:                                                                              \
        return exit_code;
        ONIC_ERR_MAP(XX)
#undef XX
    default:
        return 70;
    }
}

void onic_panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "onic: bug at %s:%d: %s\n", file, line, what);
    fflush(stderr);
    abort();
}
