/* links: onic_reward_lib */
/* SPDX-License-Identifier: MIT */
/* fuzz_goal.c - a file with a goal: anchors, rules, examples. */
#include "reward_server/goals/goal.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct goal *g;
    struct onic_err err = {0};
    if (size > FUZZ_INPUT_MAX)
        return 0;
    int rc = goal_load(&g, "/dev/shm", "onic-fuzz", fuzz_file(".yaml", data, size), &err);
    fuzz_told(rc, &err);
    if (!rc) {
        char *caption = fuzz_text(data, size < 200 ? size : 200);
        goal_match(g, "You see a door.");
        goal_match(g, caption);
        free(caption);
    }
    goal_free(g);
    return 0;
}
