/* label: slow timeout: 1800 */
/* SPDX-License-Identifier: MIT */
/* test_kill_many.c - test_kill.c with 20 kills of each part. */
#define KILLS_EACH 20
#include "tests/integration/test_kill.c"
