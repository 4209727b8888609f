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

#endif /* ONIC_TESTS_SUPPORT_SCRIPTED_H */
