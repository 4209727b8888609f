/* links: onic_read_files onic_policy */
/* SPDX-License-Identifier: MIT */
/* fuzz_replay.c - a kept episode of somebody else, of either kind: the first bytes
 * tell which. */
#include "deploy/cli/replay_file.h"
#include "tests/fuzz/fuzz.h"

static size_t look_at(const struct replay *r)
{
    static const struct action_space space = {.n = 3};
    union action_cell cell[8];
    size_t sum = strlen(r->env_id ? r->env_id : "");
    for (int i = 0; i < r->noptions; i++)
        sum += strlen(r->option[i].key) + strlen(r->option[i].value);
    for (int i = 0; i < r->nsteps; i++) {
        const struct replay_step *s = &r->step[i];
        sum += replay_action(s, &space, cell);
        for (size_t k = 0; s->caption && k < s->caption_len; k++)
            sum += (uint8_t)s->caption[k];
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct replay r = {0};
    struct onic_err err = {0};
    if (size > FUZZ_INPUT_MAX)
        return 0;
    int rc = replay_read(&r, fuzz_file(".jsonl", data, size), &err);
    fuzz_told(rc, &err);
    if (!rc && look_at(&r) == SIZE_MAX)
        abort();
    replay_release(&r);
    return 0;
}
