/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_ERR_H
#define ONIC_COMMON_BASE_ERR_H

/* err.h - how functions fail.
 *
 * A function that can fail returns ONIC_OK (0) or a negative code and fills its last parameter with
 * one complete sentence that names what the user can change; control characters in it become
 * blanks. The struct is untouched on success and may be NULL. Only main.c prints and exits. Bugs
 * abort through ONIC_ASSERT, which is never compiled out; what a peer or a file says is never a
 * bug. */

#include <stdarg.h>

/* code, process exit code (deploy/interface.md section 3), text */
#define ONIC_ERR_MAP(XX)                                                                           \
    XX(EINVAL, 70, "invalid argument")                                                             \
    XX(ECONFIG, 64, "configuration error")                                                         \
    XX(EIO, 74, "input/output error")                                                              \
    XX(ECANTCREATE, 73, "cannot write")                                                            \
    XX(EPROTO, 78, "peer sent nonsense")                                                           \
    XX(EINCOMPATIBLE, 78, "incompatible peer")                                                     \
    XX(ELIMIT, 74, "over a declared limit")                                                        \
    XX(ETIMEDOUT, 75, "timed out")                                                                 \
    XX(EAGAIN, 75, "try again")                                                                    \
    XX(ESTOPPED, 0, "stopped")                                                                     \
    XX(EFENCED, 76, "fenced by a newer incarnation")                                               \
    XX(EAUTH, 77, "not authorised")                                                                \
    XX(ENOTFOUND, 64, "not found")                                                                 \
    XX(EDAMAGED, 74, "damaged data")                                                               \
    XX(EINTERNAL, 70, "failed invariant")                                                          \
    XX(EDIFFERS, 65, "differs from what was recorded")

enum onic_code_index {
    ONIC_CODE_OK_ = 0,
#define XX(name, exit_code, text) ONIC_INDEX_##name,
    ONIC_ERR_MAP(XX)
#undef XX
};

enum onic_code {
    ONIC_OK = 0,
#define XX(name, exit_code, text) ONIC_##name = -(int)ONIC_INDEX_##name,
    ONIC_ERR_MAP(XX)
#undef XX
};

enum { ONIC_ERR_MSG_MAX = 1024 };

struct onic_err {
    int code;                   /* enum onic_code */
    char msg[ONIC_ERR_MSG_MAX]; /* one sentence, no newline, terminated */
};

/* Sets err (may be NULL) and returns code, so that `return err_set(err, ONIC_ECONFIG, "...")` reads
 * well. */
int err_set(struct onic_err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "<text>: " in front of the message; keeps and returns err's code. No-op on NULL. */
int err_wrap(struct onic_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const char *err_name(int code); /* "ECONFIG" */
int err_exit_code(int code);    /* exit status for main.c */

/* A bug of ours: prints expression and place to stderr and aborts. */
void onic_panic(const char *file, int line, const char *what) __attribute__((noreturn));
#define ONIC_ASSERT(cond) ((cond) ? (void)0 : onic_panic(__FILE__, __LINE__, #cond))

#endif /* ONIC_COMMON_BASE_ERR_H */
