/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_SCRIPTED_H
#define ONIC_TESTS_SUPPORT_SCRIPTED_H

/* scripted.h - the servers of tests/support/scripted_*: Python programs that print their port and
 * serve until their stdin ends, or the test does. */

#include <stdbool.h>
#include <sys/types.h>

struct scripted {
    pid_t pid; /* 0 = not running */
    int in, port;
};

/* `script` lies in tests/support, for example "scripted_llm/scripted_llm.py"; arg and port ("" and
 * 0: none) are its arguments. False when it does not start. */
bool scripted_start(struct scripted *s, const char *script, const char *arg, int port);
/* Returns when it is gone: nobody listens on its port any more. */
void scripted_stop(struct scripted *s);

/* What main returns: the outcome of `tests`, which have a server and a folder for themselves. `dir`
 * is a char[256] that names the folder. */
#define scripted_run_group_tests(tests, s, script, dir)                                            \
    scripted_end(s, dir,                                                                           \
                 scripted_begin(s, script, dir) ? cmocka_run_group_tests(tests, NULL, NULL) : 1)
bool scripted_begin(struct scripted *s, const char *script, char dir[256]);
int scripted_end(struct scripted *s, const char *dir, int failed); /* returns failed */

#endif /* ONIC_TESTS_SUPPORT_SCRIPTED_H */
