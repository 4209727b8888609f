/* SPDX-License-Identifier: MIT */
/* trained_net.c - see trained_net.h.
 *
 * State, little-endian: u64 step, updates since, steps since, owed, arrived; u64 floats; then four
 * blocks of f32: trained, Adam's m and v, scoring. */
#include "learner/reward/trained_net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/nn/optim/adam.h"
#include "common/nn/optim/grad_clip.h"

enum { WORDS = 6, BLOCKS = 4 };
enum { UPDATES_PER_STEP = 8, LONGEST_WAIT = 8 }; /* see trained_net_refresh */
static const struct adam ADAM = {0.9, 0.999, 1e-8};

void trained_net_init(struct trained_net *t, size_t floats, double max_norm,
                      const struct trained_net_params *p)
{
    *t = (struct trained_net){.floats = floats,
                              .refresh = p->refresh,
                              .seed = p->seed,
                              .lr = p->lr,
                              .max_norm = max_norm,
                              .loss = (double)NAN};
    float **block[] = {&t->trained, &t->adam_m, &t->adam_v, &t->scoring, &t->grads};
    for (size_t i = 0; i < sizeof block / sizeof *block; i++)
        *block[i] = xaligned(floats * sizeof(float));
    label_schedule_init(&t->schedule, &p->schedule);
}

void trained_net_release(struct trained_net *t)
{
    free(t->trained);
    free(t->adam_m);
    free(t->adam_v);
    free(t->scoring);
    free(t->grads);
}

void trained_net_step(struct trained_net *t, double loss)
{
    double norm, scale;
    t->step++;
    t->steps_since++;
    if (!isfinite(loss) || !grad_clip(t->grads, t->floats, t->max_norm, &norm, &scale))
        return; /* leave the weights as they are rather than lose them */
    adam_step(&ADAM, t->trained, t->adam_m, t->adam_v, t->grads, t->floats, scale, t->lr, t->step);
    t->loss = isfinite(t->loss) ? t->loss + 0.05 * (loss - t->loss) : loss;
}

bool trained_net_refresh(struct trained_net *t, bool always)
{
    t->updates_since++;
    bool waits = t->version > 0 && t->schedule.owed > 0 &&
                 t->steps_since < t->refresh / UPDATES_PER_STEP &&
                 t->updates_since < t->refresh * LONGEST_WAIT;
    if (t->updates_since < t->refresh || waits || !(t->steps_since || always))
        return false;
    memcpy(t->scoring, t->trained, t->floats * sizeof(float));
    t->version++;
    t->updates_since = t->steps_since = 0;
    return true;
}

void trained_net_save(const struct trained_net *t, struct buf *out)
{
    uint64_t word[WORDS] = {t->step,          t->updates_since,    t->steps_since,
                            t->schedule.owed, t->schedule.arrived, t->floats};
    const float *block[BLOCKS] = {t->trained, t->adam_m, t->adam_v, t->scoring};
    buf_append(out, word, sizeof word);
    for (int i = 0; i < BLOCKS; i++)
        buf_append(out, block[i], t->floats * sizeof(float));
}

size_t trained_net_bytes(const struct trained_net *t)
{
    return WORDS * sizeof(uint64_t) + BLOCKS * t->floats * sizeof(float);
}

bool trained_net_check(const struct trained_net *t, const char *p)
{
    uint64_t word[WORDS];
    memcpy(word, p, sizeof word);
    if (word[WORDS - 1] != t->floats)
        return false;
    p += sizeof word;
    for (size_t i = 0; i < BLOCKS * t->floats; i++) {
        float x;
        memcpy(&x, p + i * sizeof x, sizeof x);
        if (!isfinite(x))
            return false;
    }
    return true;
}

void trained_net_load(struct trained_net *t, const char *p, uint64_t version)
{
    uint64_t word[WORDS];
    float *block[BLOCKS] = {t->trained, t->adam_m, t->adam_v, t->scoring};
    memcpy(word, p, sizeof word);
    p += sizeof word;
    for (int i = 0; i < BLOCKS; i++, p += t->floats * sizeof(float))
        memcpy(block[i], p, t->floats * sizeof(float));
    t->version = version;
    t->step = word[0];
    t->updates_since = word[1];
    t->steps_since = word[2];
    t->schedule.owed = word[3];
    t->schedule.arrived = word[4];
    t->loss = (double)NAN;
}

void trained_net_report(const struct trained_net *t,
                        void (*put)(void *ctx, const char *name, double value), void *ctx)
{
    put(ctx, "reward_model/loss", t->loss);
    put(ctx, "reward_model/train_steps", (double)t->step);
    put(ctx, "reward_model/owed_steps", (double)t->schedule.owed);
    put(ctx, "reward_model/train_share", label_schedule_share(&t->schedule));
    put(ctx, "reward_model/version", (double)t->version);
}
