/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_ONE_PRESS_H
#define ONIC_DEPLOY_CLI_ONE_PRESS_H

/* one_press.h - what asks to stop is often heard more than once: a terminal signals its whole
 * foreground, and whoever is in front of a program hands the signal on; `timeout` and some shells
 * signal a process and its group. One wish, where a second one would mean "now". */

#include <stdbool.h>
#include <stdint.h>

/* A signal was heard; last_ms: 0, then of the last. False: an echo of that one. */
bool one_press(int64_t *last_ms);

#endif /* ONIC_DEPLOY_CLI_ONE_PRESS_H */
