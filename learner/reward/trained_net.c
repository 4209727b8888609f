/* SPDX-License-Identifier: MIT */
/* trained_net.c - see trained_net.h.
 *
 * State, little-endian: u64 step, updates since, steps since, owed, arrived; u64 floats; then four
 * blocks of f32: trained, Adam's m and v, scoring. */
#include "learner/reward/trained_net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/xmalloc.h"
#include "common/nn/optim/adam.h"
#include "common/nn/optim/grad_clip.h"
#include "learner/reward/side_thread.h"

enum { WORDS = 6, BLOCKS = 4 };
enum { UPDATES_PER_STEP = 8, LONGEST_WAIT = 8 }; /* see trained_net_begin */
enum { LOOK_STEPS = 32 };                        /* between two looks at the held-out labels */
static const struct adam ADAM = {0.9, 0.999, 1e-8};

void trained_net_init(struct trained_net *t, size_t floats, double max_norm,
                      const struct trained_net_params *p, const struct trained_net_work *work,
                      void *model)
{
    *t = (struct trained_net){.floats = floats,
                              .work = work,
                              .model = model,
                              .refresh = p->refresh,
                              .seed = p->seed,
                              .lr = p->lr,
                              .max_norm = max_norm,
                              .loss = (double)NAN};
    float **block[] = {&t->trained, &t->adam_m, &t->adam_v, &t->scoring, &t->grads};
    for (size_t i = 0; i < sizeof block / sizeof *block; i++)
        *block[i] = xaligned(floats * sizeof(float));
    label_schedule_init(&t->schedule, &p->schedule);
    t->shown.loss = (double)NAN;
    t->looked = t->shown.heldout = heldout_measure(NULL, NULL, 0);
}

void trained_net_release(struct trained_net *t)
{
    side_thread_free(t->side);
    free(t->trained);
    free(t->adam_m);
    free(t->adam_v);
    free(t->scoring);
    free(t->grads);
}

void trained_net_beside(struct trained_net *t)
{
    ONIC_ASSERT(!t->side && !t->schedule.p.deterministic);
    t->side = side_thread_create(TRAINED_NET_THREAD);
}

/* --- on the thread that trains --------------------------------------------------------------- */

/* A loss or gradient that is not finite changes nothing. */
static void take_step(struct trained_net *t, int k)
{
    double norm, scale, loss = t->work->loss(t->model, k);
    t->step++;
    if (!isfinite(loss) || !grad_clip(t->grads, t->floats, t->max_norm, &norm, &scale))
        return; /* leave the weights as they are rather than lose them */
    adam_step(&ADAM, t->trained, t->adam_m, t->adam_v, t->grads, t->floats, scale, t->lr, t->step);
    t->loss = isfinite(t->loss) ? t->loss + 0.05 * (loss - t->loss) : loss;
}

static void work_piece(void *net)
{
    struct trained_net *t = net;
    int64_t before = clock_cpu_ns();
    if (t->looks)
        t->looked = t->work->look(t->model);
    for (int k = 0; k < t->piece; k++)
        take_step(t, k);
    t->worked_ns = clock_cpu_ns() - before;
}

/* --- on the training thread ------------------------------------------------------------------ */

/* Nothing is under way. */
static void show(struct trained_net *t)
{
    t->shown.step = t->step;
    t->shown.loss = t->loss;
    t->shown.heldout = t->looked;
}

static void take_piece(struct trained_net *t)
{
    if (t->piece || t->looks)
        label_schedule_spent(&t->schedule, (double)t->worked_ns * 1e-9, t->piece);
    t->piece = 0;
    t->looks = false;
    show(t);
}

static bool renew(struct trained_net *t, bool always)
{
    uint64_t steps = t->step - t->renewed_step;
    t->updates_since++;
    bool waits = t->version > 0 && t->schedule.owed > 0 && steps < t->refresh / UPDATES_PER_STEP &&
                 t->updates_since < t->refresh * LONGEST_WAIT;
    if (t->updates_since < t->refresh || waits || !(steps || always))
        return false;
    memcpy(t->scoring, t->trained, t->floats * sizeof(float));
    t->version++;
    t->updates_since = 0;
    t->renewed_step = t->step;
    t->renewed_new = steps > 0;
    return true;
}

/* Which steps are taken now. */
static void open_turn(struct trained_net *t)
{
    if (t->turn.given)
        return;
    t->turn.beside = t->side != NULL;
    t->turn.idle = !t->side || side_thread_idle(t->side);
    t->turn.steps = 0;
}

static bool one_more(struct trained_net *t, uint32_t taken)
{
    if (t->turn.given)
        return taken < t->turn.steps && label_schedule_take(&t->schedule, 1) == 1;
    return label_schedule_due(&t->schedule);
}

bool trained_net_begin(struct trained_net *t, uint64_t labels, bool any, bool always)
{
    label_schedule_begin(&t->schedule, labels);
    open_turn(t);
    t->idle = t->turn.idle;
    if (!t->idle) {
        t->updates_since++;
        return false;
    }
    if (t->turn.beside) {
        take_piece(t);
    } else {
        uint32_t taken = 0;
        for (; any && one_more(t, taken); taken++) {
            t->work->draw(t->model, 0);
            take_step(t, 0);
        }
        t->turn.steps = taken;
    }
    return renew(t, always);
}

static int plan_piece(struct trained_net *t)
{
    if (!t->turn.given)
        return label_schedule_plan(&t->schedule, TRAINED_NET_PIECE);
    uint32_t most = t->turn.steps < TRAINED_NET_PIECE ? t->turn.steps : TRAINED_NET_PIECE;
    return label_schedule_take(&t->schedule, (int)most);
}

static void start_piece(struct trained_net *t, bool any)
{
    t->piece = any ? plan_piece(t) : 0;
    t->turn.steps = (uint32_t)t->piece;
    for (int k = 0; k < t->piece; k++)
        t->work->draw(t->model, k);
    if (t->side && (t->piece || t->looks))
        side_thread_start(t->side, work_piece, t);
    else if (!t->side)
        work_piece(t);
}

void trained_net_end(struct trained_net *t, bool any, bool looks)
{
    if (t->idle && looks && (t->looked_step == 0 || t->step >= t->looked_step + LOOK_STEPS)) {
        t->work->draw_held(t->model);
        t->looked_step = t->step;
        t->looks = t->turn.beside;
        if (!t->turn.beside)
            t->looked = t->work->look(t->model);
    }
    if (!t->turn.beside)
        show(t);
    else if (t->idle)
        start_piece(t, any);
    label_schedule_end(&t->schedule);
}

void trained_net_save(const struct trained_net *t, struct buf *out)
{
    if (t->side)
        side_thread_wait(t->side);
    uint64_t word[WORDS] = {t->step,          t->updates_since,    t->step - t->renewed_step,
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
    if (t->side)
        side_thread_wait(t->side);
    memcpy(word, p, sizeof word);
    p += sizeof word;
    for (int i = 0; i < BLOCKS; i++, p += t->floats * sizeof(float))
        memcpy(block[i], p, t->floats * sizeof(float));
    t->version = version;
    t->step = word[0];
    t->updates_since = word[1];
    t->renewed_step = word[0] - word[2];
    t->schedule.owed = word[3];
    t->schedule.arrived = word[4];
    t->loss = (double)NAN;
    t->piece = 0;
    t->looks = false;
    t->looked_step = 0;
    t->looked = heldout_measure(NULL, NULL, 0);
    show(t);
}

void trained_net_report(const struct trained_net *t,
                        void (*put)(void *ctx, const char *name, double value), void *ctx)
{
    put(ctx, "reward_model/loss", t->shown.loss);
    put(ctx, "reward_model/train_steps", (double)t->shown.step);
    put(ctx, "reward_model/owed_steps", (double)t->schedule.owed);
    put(ctx, "reward_model/train_share", label_schedule_share(&t->schedule));
    put(ctx, "reward_model/between_share", label_schedule_between_share(&t->schedule));
    put(ctx, "reward_model/version", (double)t->version);
    heldout_report(&t->shown.heldout, put, ctx);
}
