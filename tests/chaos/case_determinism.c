/* SPDX-License-Identifier: MIT */
/* case_determinism.c - the same weights, bit for bit, whatever is killed on the way.
 *
 * A deterministic run is made twice: undisturbed, and with kills of every part at versions that the
 * seed chooses. Then every tensor of numbers in the two last checkpoints is compared. MiniGrid puts
 * its worlds back from their memory, NetHack its games by playing them again. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/checkpoint/checkpoint.h"
#include "tests/chaos/cases.h"

enum { STEPS = 32 };

struct world {
    const char *options;
    int envs, updates_a_kill;
};

static const struct world minigrid = {"--env.id=minigrid:KeyCorridorS3R3", 16, 20};
/* Short episodes: some end, and begin, between two kills. */
static const struct world nethack = {"--env.id=nethack:Score --env.max_steps=300", 8, 10};

static void run_options(const struct chaos_case *k, const struct world *w, char out[STORM_TEXT_MAX])
{
    int batch = STEPS * w->envs * STORM_ACTORS;
    snprintf(out, STORM_TEXT_MAX,
             "--deterministic --seed=%llu %s --env.count=%d --train.rollout=%d "
             "--actors.count=%d --annotator.id=rules --frames=%d --train.batch=%d "
             "--checkpoint.every_updates=7 --metrics.every_s=1 --metrics.tensorboard=false "
             "--replay.every_episodes=0",
             (unsigned long long)k->seed, w->options, w->envs, STEPS, STORM_ACTORS,
             (k->faults + 2) * w->updates_a_kill * batch, batch);
}

/* Until the learner has ended by itself. kills: of parts in turn, as the run gets on. */
static bool make_run(struct chaos_case *k, const struct world *w, struct storm *s, int kills)
{
    char options[STORM_TEXT_MAX];
    run_options(k, w, options);
    bool ok = storm_open(s, k->base, k->seed, options);
    s->may_end = true;
    ok = ok && storm_start_all(s);
    for (int i = 0; ok && !s->ended; ok = storm_wait_ms(s, 2)) {
        if (i == kills || s->version < (uint64_t)((i + 1) * w->updates_a_kill))
            continue;
        storm_kill(s, (int)rng_below(&s->rng, STORM_PARTS));
        k->injected++;
        i++;
    }
    if (ok && kills && k->injected < (uint64_t)kills)
        ok = storm_fail(s, "the run ended after %llu of %d kills", (unsigned long long)k->injected,
                        kills);
    return ok;
}

static struct checkpoint_file *last_of(struct storm *s)
{
    char path[400];
    struct onic_err err = {0};
    struct checkpoint_file *f = NULL;
    snprintf(path, sizeof path, "%s/checkpoints", s->run);
    if (!s->failed && checkpoint_newest_valid(&f, path, NULL, &err) != ONIC_OK)
        storm_fail(s, "%.400s", err.msg);
    return f;
}

/* Names the first tensor of numbers that differs. */
static bool are_equal(struct storm *s, const struct checkpoint_file *a,
                      const struct checkpoint_file *b, int *compared)
{
    for (int i = 0; i < checkpoint_count(a); i++) {
        const struct checkpoint_tensor *t = checkpoint_at(a, i), *u = checkpoint_find(b, t->name);
        if (t->dtype != CHECKPOINT_F32)
            continue;
        if (!u || strcmp(t->xxh3, u->xxh3) != 0)
            return storm_fail(s, "with kills %s is another than without: %s, %s", t->name,
                              u ? u->xxh3 : "missing", t->xxh3);
        ++*compared;
    }
    return *compared > 0 || storm_fail(s, "the checkpoints hold no weights");
}

static int same_weights(struct chaos_case *k, const struct world *w)
{
    struct storm calm, wild = {.failed = true};
    int compared = 0;
    bool ok = make_run(k, w, &calm, 0) && make_run(k, w, &wild, k->faults);
    struct checkpoint_file *a = last_of(&calm), *b = ok ? last_of(&wild) : NULL;
    if (ok)
        ok = a && b && are_equal(&wild, a, b, &compared);
    if (ok)
        printf("determinism, seed %llu: %d tensors are equal, version %s\n",
               (unsigned long long)k->seed, compared, checkpoint_meta(a, "weights_version"));
    checkpoint_close(a);
    checkpoint_close(b);
    if (calm.failed) {
        memcpy(k->note, calm.why, sizeof k->note);
        storm_close(&calm, true);
        return 1;
    }
    storm_close(&calm, k->keep);
    return case_end(k, &wild, ok);
}

int case_determinism(struct chaos_case *k)
{
    return same_weights(k, &minigrid);
}

int case_determinism_nethack(struct chaos_case *k)
{
    char ask[600];
    const char *build = getenv("ONIC_BUILD");
    snprintf(ask, sizeof ask, "%s/onic-actor --describe %s >/dev/null 2>&1",
             build ? build : "build", nethack.options);
    if (system(ask) != 0)
        return case_skip(k, "NetHack's library is not here: deploy/lib/fetch.sh fetches it");
    return same_weights(k, &nethack);
}
