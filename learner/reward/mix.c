/* SPDX-License-Identifier: MIT */
/* mix.c - model, memo, shaping chain and environment reward meet here; see mix.h.
 *
 * Rewards are bound when a trajectory is used, not when it is collected: a label that arrived while
 * it was in flight already counts, and nothing an actor sends depends on the reward model.
 * Everything that varies between models is read from their declared traits; there is no branch on a
 * name. */
#include "learner/reward/mix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmalloc.h"
#include "learner/reward/caption_totals.h"
#include "learner/reward/score_memo.h"

struct reward_mix {
    struct reward_mix_params p;
    const struct reward_model_type *type;
    struct reward_model *model;
    bool unlabelled, forget;
    struct buf fresh; /* the state of the model before it learned anything */
    struct reward_mix_watch watch;
    struct score_memo *memo; /* NULL unless caption_only */
    struct reward_mix_stats stats;
    struct caption_totals *paid;
    int64_t score_ns; /* not in stats: those are the same in every run */
    uint64_t scored;
    float *caption_score;      /* [caption_cap] of the batch at hand */
    struct caption_paid *sums; /* [caption_cap] of the batch at hand */
    int caption_cap;
};

struct caption_paid {
    double sum;
    uint64_t steps;
};

int reward_mix_create(struct reward_mix **out, const struct reward_mix_params *p,
                      const struct reward_model_type *type, struct reward_model *model,
                      struct onic_err *err)
{
    struct reward_mix *x = xcalloc(1, sizeof *x);
    x->p = *p;
    x->type = type;
    x->model = model;
    x->paid = caption_totals_create();
    if (type->traits.caption_only)
        x->memo = score_memo_create(type, model);
    buf_init(&x->fresh, REWARD_STATE_MAX);
    type->save(model, &x->fresh);
    *out = x;
    if (!x->fresh.overflow)
        return ONIC_OK;
    reward_mix_free(x);
    *out = NULL;
    return err_set(err, ONIC_ECONFIG,
                   "the state of reward.model=%s is larger than %zu MiB for these observations and "
                   "makes no checkpoint: leave large fields out (env.obs), or choose another model",
                   type->name, REWARD_STATE_MAX >> 20);
}

void reward_mix_free(struct reward_mix *x)
{
    if (!x)
        return;
    score_memo_free(x->memo);
    x->type->free(x->model);
    buf_release(&x->fresh);
    caption_totals_free(x->paid);
    free(x->caption_score);
    free(x->sums);
    free(x);
}

const struct reward_model_type *reward_mix_type(const struct reward_mix *x)
{
    return x->type;
}

float reward_mix_coef_ext(const struct reward_mix *x)
{
    return x->p.coef_ext;
}

float reward_mix_coef_int(const struct reward_mix *x)
{
    return x->p.coef_int;
}

bool reward_mix_episodic(const struct reward_mix *x)
{
    return x->p.episodic;
}

const struct caption_totals *reward_mix_paid(const struct reward_mix *x)
{
    return x->paid;
}

int reward_mix_load_paid(struct reward_mix *x, const void *data, size_t len, struct onic_err *err)
{
    return caption_totals_load(x->paid, data, len, err);
}

const char *reward_mix_chain(const struct reward_mix *x)
{
    return x->p.shaping.text;
}

void reward_mix_on_batch(struct reward_mix *x, const struct reward_batch *b)
{
    if (!x->type->on_batch)
        return;
    int64_t before = clock_ns(); /* what it sees it may score, so it counts as such */
    x->type->on_batch(x->model, b);
    x->score_ns += clock_ns() - before;
}

void reward_mix_watch(struct reward_mix *x, const struct reward_mix_watch *w)
{
    x->watch = *w;
}

size_t reward_mix_next_question(struct reward_mix *x, char out[QUESTION_MAX])
{
    if (x->watch.drawn && x->type->next_question)
        x->watch.drawn(x->watch.ctx);
    return x->type->next_question ? x->type->next_question(x->model, out) : 0;
}

void reward_mix_on_label(struct reward_mix *x, const struct label *label)
{
    if (!x->type->on_label || label->state != LABEL_ANSWERED)
        return;
    if (x->watch.label)
        x->watch.label(x->watch.ctx, label);
    x->type->on_label(x->model, label);
}

struct train_turn reward_mix_train(struct reward_mix *x)
{
    if (x->type->train)
        x->type->train(x->model);
    return x->type->turn ? *x->type->turn(x->model) : (struct train_turn){.idle = true};
}

bool reward_mix_train_again(struct reward_mix *x, const struct train_turn *turn)
{
    if (!x->type->turn) {
        reward_mix_train(x);
        return !turn->beside && turn->idle && turn->steps == 0;
    }
    struct train_turn *now = x->type->turn(x->model);
    *now = *turn;
    now->given = true;
    x->type->train(x->model);
    return now->steps == turn->steps;
}

int reward_mix_beside(struct reward_mix *x)
{
    if (x->type->beside)
        x->type->beside(x->model);
    return x->type->beside != NULL;
}

void reward_mix_report(const struct reward_mix *x,
                       void (*put)(void *ctx, const char *name, double value), void *ctx)
{
    if (x->scored)
        put(ctx, "perf/score_us_per_frame", (double)x->score_ns * 1e-3 / (double)x->scored);
    if (x->type->report)
        x->type->report(x->model, put, ctx);
}

int reward_mix_unknown(const struct reward_mix *x, const struct reward_batch *b, int *out)
{
    int n = 0;
    if (!x->type->traits.wants_labels || x->type->next_question)
        return 0;
    for (int i = 1; i < b->ncaptions; i++)
        if (b->caption_len[i] &&
            !x->type->has_label(x->model, b->caption_text[i], b->caption_len[i]))
            out[n++] = i;
    return n;
}

/* r_int [n] = the model's score of each step, 0 where it is not finite. */
static void score_steps(struct reward_mix *x, const struct reward_batch *b, float *r_int)
{
    if (!x->memo) {
        x->type->score(x->model, b, r_int);
        for (int i = 0; i < b->n; i++)
            r_int[i] = isfinite(r_int[i]) ? r_int[i] : 0.0f;
        return;
    }
    score_memo_captions(x->memo, b, x->caption_score, &x->stats.memo_hits, &x->stats.memo_misses);
    for (int i = 0; i < b->n; i++)
        r_int[i] = b->caption[i] ? x->caption_score[b->caption[i]] : 0.0f;
}

static void bind_environment(struct reward_mix *x, const float *r_env, int n, float *r_ext)
{
    for (int i = 0; i < n; i++) {
        float r = r_env[i] * x->p.scale;
        if (!isfinite(r)) {
            r = 0.0f;
            x->stats.not_finite++;
        }
        r_ext[i] = x->p.clip > 0 ? fminf(fmaxf(r, -x->p.clip), x->p.clip) : r;
    }
}

/* Coverage is per step, not per distinct caption: it says how much of the experience has feedback.
 * A model that knows no captions has none. */
static void add_coverage(struct reward_mix *x, const struct reward_batch *b)
{
    if (!x->type->has_label)
        return;
    for (int i = 0; i < b->n; i++)
        x->stats.captioned += b->caption[i] != 0;
    for (int i = 1; i < b->ncaptions; i++)
        x->caption_score[i] =
            x->type->has_label(x->model, b->caption_text[i], b->caption_len[i]) ? 1.0f : 0.0f;
    for (int i = 0; i < b->n; i++)
        x->stats.known += b->caption[i] && x->caption_score[b->caption[i]] > 0;
}

/* One addition per distinct caption of the batch, however many steps showed it. */
static void book_paid(struct reward_mix *x, const struct reward_batch *b, const float *r_int)
{
    memset(x->sums, 0, (size_t)b->ncaptions * sizeof *x->sums);
    for (int i = 0; i < b->n; i++) {
        struct caption_paid *c = &x->sums[b->caption[i]];
        c->sum += fabs((double)(x->p.coef_int * r_int[i]));
        c->steps += r_int[i] != 0.0f;
    }
    for (int i = 1; i < b->ncaptions; i++)
        caption_totals_add(x->paid, b->caption_text[i], b->caption_len[i], x->sums[i].sum,
                           x->sums[i].steps);
}

void reward_mix_bind(struct reward_mix *x, const struct reward_batch *b, const float *r_env,
                     float *r_ext, float *r_int)
{
    if (b->ncaptions > x->caption_cap) {
        x->caption_cap = b->ncaptions + b->ncaptions / 2;
        x->caption_score =
            xrealloc(x->caption_score, (size_t)x->caption_cap * sizeof *x->caption_score);
        x->sums = xrealloc(x->sums, (size_t)x->caption_cap * sizeof *x->sums);
    }
    bind_environment(x, r_env, b->n, r_ext);
    int64_t before = clock_ns();
    score_steps(x, b, r_int);
    x->score_ns += clock_ns() - before;
    x->scored += (uint64_t)b->n;
    shaping_apply(&x->p.shaping, r_int, b->episodic_count, b->n);
    struct reward_mix_stats *s = &x->stats;
    s->steps += (uint64_t)b->n;
    for (int i = 0; i < b->n; i++) {
        s->int_sum += (double)r_int[i];
        s->int_abs += fabs((double)(x->p.coef_int * r_int[i]));
        s->ext_abs += fabs((double)(x->p.coef_ext * r_ext[i]));
        s->paid += r_int[i] != 0.0f;
    }
    add_coverage(x, b);
    book_paid(x, b, r_int);
}

float reward_mix_caption(struct reward_mix *x, const char *caption, size_t len, bool *known)
{
    *known = false;
    if (!x->memo || !len || len > UINT16_MAX)
        return 0.0f;
    float score[2];
    uint64_t hits = 0, misses = 0;
    const char *text[2] = {"", caption};
    uint16_t lens[2] = {0, (uint16_t)len};
    struct reward_batch b = {.ncaptions = 2, .caption_text = text, .caption_len = lens};
    score_memo_captions(x->memo, &b, score, &hits, &misses);
    *known = x->type->has_label && x->type->has_label(x->model, caption, len);
    return score[1];
}

void reward_mix_take_stats(struct reward_mix *x, struct reward_mix_stats *out)
{
    *out = x->stats;
    x->stats = (struct reward_mix_stats){0};
}

void reward_mix_save(const struct reward_mix *x, struct buf *out)
{
    buf_append(out, x->type->name, strlen(x->type->name) + 1);
    x->type->save(x->model, out);
}

void reward_mix_unlabelled(struct reward_mix *x)
{
    x->unlabelled = true;
}

void reward_mix_forget(struct reward_mix *x)
{
    x->forget = true;
}

/* True when the state of another model holds labels, or nobody knows it: it is not left behind. */
static bool must_keep_state(const struct reward_mix *x, const char *name)
{
    const struct reward_model_type *then;
    return !x->unlabelled || reward_model_find(name, &then, NULL) != ONIC_OK ||
           !then->traits.wants_labels;
}

/* As a life has it that resumes: nothing of what was learned since then stays, or a roll-back would
 * keep labels that nobody counts any more. state: of the model before it, NULL where that was
 * another one. */
static int begin_anew(struct reward_mix *x, const char *state, size_t len, struct onic_err *err)
{
    int rc = x->type->load(x->model, x->fresh.data, x->fresh.len, err);
    if (!rc && x->memo)
        score_memo_clear(x->memo);
    return rc || !state || !x->type->relearn ? rc : x->type->relearn(x->model, state, len, err);
}

int reward_mix_load(struct reward_mix *x, const void *data, size_t len, struct onic_err *err)
{
    const char *name = data;
    size_t name_len = len ? strnlen(name, len) : 0;
    bool forget = x->forget;
    x->forget = false; /* a roll-back to a later checkpoint of this run takes its state */
    if (name_len == len)
        return err_set(err, ONIC_EDAMAGED, "the reward model's state has no name");
    if (strcmp(name, x->type->name) != 0 && !must_keep_state(x, name)) {
        log_info("the run has no labels yet, so it takes another reward model", kv("was", name),
                 kv("is", x->type->name));
        return begin_anew(x, NULL, 0, err);
    }
    if (strcmp(name, x->type->name) != 0)
        return err_set(
            err, ONIC_ECONFIG,
            "the run was trained with reward.model=%.64s, the configuration says reward.model=%s; "
            "give the old one or another --run-dir",
            name, x->type->name);
    const char *state = name + name_len + 1;
    size_t state_len = len - name_len - 1;
    if (forget && x->type->traits.wants_labels)
        return begin_anew(x, state, state_len, err);
    int rc = x->type->load(x->model, state, state_len, err);
    if (!rc && x->memo)
        score_memo_clear(x->memo);
    return rc;
}
