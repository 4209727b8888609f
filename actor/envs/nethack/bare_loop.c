/* SPDX-License-Identifier: MIT */
/* bare_loop.c - the library in a loop, with as little of ours around it as a game allows.
 *
 * The comparison is fair only when both sides do the same game work, so the bare side also has to
 * dismiss prompts: an undismissed --More-- would make most of its steps empty ones. It uses the
 * calls of nle_load.h directly: the clock is set once, no page is read, no statistic kept. */
#include "actor/envs/nethack/bare_loop.h"

#include <stdlib.h>
#include <string.h>

#include "actor/envs/nethack/frozen_time.h"
#include "actor/envs/nethack/nethack_rules.h"
#include "actor/envs/nethack/nethack_tasks.h"
#include "actor/envs/nethack/nle_dir.h"
#include "actor/envs/nethack/nle_load.h"
#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/base/xmalloc.h"

struct bare {
    struct nle_lib *lib;
    struct nle_dir dir;
    void *running;
    struct nle_obs obs;
    struct nle_settings settings;
    int16_t glyphs[NLE_CELLS];
    long blstats[NLE_BLSTATS];
    uint8_t message[NLE_MESSAGE];
    int program_state[NLE_PROGRAM_STATE], internal[NLE_INTERNAL], misc[NLE_MISC];
    struct rng seeds;
};

static int bare_start(struct bare *b, struct onic_err *err)
{
    if (b->running)
        nle_lib_calls(b->lib)->end(b->running);
    b->running = NULL;
    int rc = nle_lib_unload(b->lib, err);
    if (!rc)
        rc = nle_lib_load(b->lib, err);
    if (rc)
        return rc;
    b->settings.seeds = (struct nle_seeds){.use_seeds = true, .use_lgen = true};
    b->settings.seeds.core = rng_u64(&b->seeds) >> 1;
    b->settings.seeds.disp = rng_u64(&b->seeds) >> 1;
    b->settings.seeds.lgen = rng_u64(&b->seeds) >> 1;
    b->obs.done = b->obs.how_done = 0;
    b->running = nle_lib_start(b->lib, &b->obs, &b->settings);
    while (!b->obs.done && !b->program_state[NLE_PS_MOVELOOP]) {
        b->obs.action = ' ';
        nle_lib_calls(b->lib)->step(b->running, &b->obs);
    }
    return b->obs.done ? err_set(err, ONIC_EIO, "NetHack did not start in %s", b->dir.scratch.path)
                       : ONIC_OK;
}

static void bare_free(struct bare *b)
{
    if (b->running)
        nle_lib_calls(b->lib)->end(b->running);
    nle_lib_close(b->lib);
    nle_dir_free(&b->dir);
}

static int bare_open(struct bare *b, const struct bare_loop_params *p, int index,
                     struct onic_err *err)
{
    struct nle_files files;
    int rc = nle_files_find(&files, p->nle, err);
    if (!rc)
        rc = nle_lib_open(&b->lib, files.libnethack, err);
    if (!rc)
        rc = nle_dir_create(&b->dir, files.nhdat, err);
    if (rc)
        return rc;
    b->obs.glyphs = b->glyphs, b->obs.blstats = b->blstats, b->obs.message = b->message;
    b->obs.program_state = b->program_state, b->obs.internal = b->internal, b->obs.misc = b->misc;
    b->seeds = rng_stream(p->seed, "nethack bare", (uint64_t)index, 0, 0);
    snprintf(b->settings.options, sizeof b->settings.options, "%s",
             nethack_task_find("Score")->options);
    snprintf(b->settings.hackdir, sizeof b->settings.hackdir - 1, "%s", b->dir.scratch.path);
    b->settings.spawn_monsters = 1;
    return bare_start(b, err);
}

/* One agent step: a key, and what it takes to get past the prompts. Returns the number of keys. */
static int bare_step(struct bare *b, int key)
{
    nle_step_fn *step = nle_lib_calls(b->lib)->step;
    int keys = 1;
    b->obs.action = key;
    step(b->running, &b->obs);
    while (!b->obs.done && (b->internal[NLE_IN_XWAIT] || b->internal[NLE_IN_GETLIN])) {
        b->obs.action = b->internal[NLE_IN_XWAIT] ? ' ' : 27;
        step(b->running, &b->obs);
        keys++;
    }
    return keys;
}

static int bare_run(struct bare_loop_result *out, struct bare *b, const struct bare_loop_params *p,
                    struct onic_err *err)
{
    struct rng actions = rng_stream(p->seed, "nethack bare actions", 0, 0, 0);
    int64_t wall = clock_ns(), cpu = clock_cpu_ns();
    for (int t = 0; t < p->steps; t++)
        for (int i = 0; i < p->games; i++) {
            out->keys +=
                bare_step(&b[i], nethack_action_keys[rng_below(&actions, (uint32_t)p->actions)]);
            out->agent_steps++;
            if (!b[i].obs.done)
                continue;
            int64_t start = clock_cpu_ns();
            int rc = bare_start(&b[i], err);
            if (rc)
                return rc;
            out->games++;
            out->start_cpu_s += (double)(clock_cpu_ns() - start) * 1e-9;
        }
    out->wall_s = (double)(clock_ns() - wall) * 1e-9;
    out->cpu_s = (double)(clock_cpu_ns() - cpu) * 1e-9;
    return ONIC_OK;
}

int nethack_bare_loop(struct bare_loop_result *out, const struct bare_loop_params *p,
                      struct onic_err *err)
{
    int rc = ONIC_OK, opened = 0;
    memset(out, 0, sizeof *out);
    struct bare *b = xcalloc((size_t)p->games, sizeof *b);
    frozen_time_enter(p->clock);
    for (; opened < p->games && !rc; opened++)
        rc = bare_open(&b[opened], p, opened, err);
    if (!rc)
        rc = bare_run(out, b, p, err);
    for (int i = 0; i < opened; i++)
        bare_free(&b[i]);
    frozen_time_leave();
    free(b);
    return rc;
}
