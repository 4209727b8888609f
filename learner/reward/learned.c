/* SPDX-License-Identifier: MIT */
/* learned.c - see learned.h. */
#include "learner/reward/learned.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { LABELS_MIN = 50, DECIDED_MIN = 20, HELD_MIN = 50, STEPS_MIN = 1 };
static const double ONE_SIDE = 0.95;     /* of pairs that are no ties */
static const double DIVERGED = 1;        /* nats above a guess: no untrained model is that wrong */
static const double PROGRESS_MIN = 0.02; /* of the way from guessing to knowing */

static uint64_t learned_count_of(const struct learned *l)
{
    return l->low + l->high + l->ties;
}

static double entropy(double p)
{
    return p > 0 && p < 1 ? -p * log(p) - (1 - p) * log(1 - p) : 0;
}

double learned_guess(const struct learned *l)
{
    if (learned_count_of(l) == 0)
        return (double)NAN;
    if (l->guess > 0)
        return l->guess;
    return l->pairs ? log(2) : entropy((double)l->high / (double)learned_count_of(l));
}

/* How far the loss has come from guessing to the least that ties allow. */
static bool is_guessing(const struct learned *l)
{
    double guess = learned_guess(l),
           decided = (double)(l->low + l->high) / (double)learned_count_of(l);
    double least = l->pairs ? (1 - decided) * log(2) : 0;
    return l->steps >= STEPS_MIN && guess > least &&
           l->loss > guess - PROGRESS_MIN * (guess - least);
}

/* Two standard deviations of a coin thrown n times. */
static bool is_a_coin(const struct heldout_measure *m)
{
    return m->n >= HELD_MIN && m->accuracy <= 0.5 + 1 / sqrt(m->n);
}

enum learned_verdict learned_judge(const struct learned *l)
{
    uint64_t n = learned_count_of(l), decided = l->low + l->high;
    uint64_t most = l->low > l->high ? l->low : l->high;
    if (l->pairs && n > 0 && decided == 0)
        return LEARNED_TIES;
    if (l->pairs ? decided >= DECIDED_MIN && (double)most > ONE_SIDE * (double)decided
                 : n >= LABELS_MIN && most == n)
        return LEARNED_ONE_SIDED;
    if (n == 0)
        return LEARNED_FINE;
    if (l->steps >= STEPS_MIN && l->loss > learned_guess(l) + DIVERGED)
        return LEARNED_DIVERGED;
    if (is_guessing(l))
        return LEARNED_NOTHING;
    return l->pairs && is_a_coin(&l->heldout) ? LEARNED_BY_HEART : LEARNED_FINE;
}

/* The order of captions may be right long before the loss shows it. */
static void put_loss(const struct learned *l, char out[LEARNED_WORDS_MAX])
{
    bool begun = l->pairs && l->heldout.n >= HELD_MIN && !is_a_coin(&l->heldout);
    int n = snprintf(
        out, LEARNED_WORDS_MAX,
        "the loss is %.4g after %" PRIu64 " gradient step%s, that of guessing is %.4g: ", l->loss,
        l->steps, l->steps == 1 ? "" : "s", learned_guess(l));
    if (learned_judge(l) == LEARNED_DIVERGED)
        snprintf(out + n, (size_t)(LEARNED_WORDS_MAX - n),
                 "training diverged; try a smaller learning rate (reward.lr)");
    else if (begun)
        snprintf(out + n, (size_t)(LEARNED_WORDS_MAX - n),
                 "learning has hardly begun, with %.0f %% of %d held-out pairs predicted",
                 100 * l->heldout.accuracy, l->heldout.n);
    else
        snprintf(out + n, (size_t)(LEARNED_WORDS_MAX - n), "next to nothing was learned");
}

void learned_words(const struct learned *l, char out[LEARNED_WORDS_MAX])
{
    uint64_t n = learned_count_of(l), decided = l->low + l->high;
    bool low = l->low > l->high;
    out[0] = '\0';
    switch (learned_judge(l)) {
    case LEARNED_FINE:
        break;
    case LEARNED_TIES:
        snprintf(out, LEARNED_WORDS_MAX,
                 "all %" PRIu64 " labels are ties: there is no preference to learn; another "
                 "annotator or goal, or a smaller embedding.tie, makes some",
                 n);
        break;
    case LEARNED_ONE_SIDED:
        if (l->pairs)
            snprintf(out, LEARNED_WORDS_MAX,
                     "of %" PRIu64 " labels that are no ties %" PRIu64 " prefer the %s caption of "
                     "the pair, whichever it is: the annotator answers by the place; try another "
                     "prompt (annotator.prompt), model or annotator",
                     decided, low ? l->low : l->high, low ? "first" : "second");
        else
            snprintf(out, LEARNED_WORDS_MAX,
                     "all %" PRIu64
                     " labels are %d: all captions are worth the same; does the goal "
                     "(annotator.goal) fit the environment? `onic labels list` shows them",
                     n, low ? 0 : 1);
        break;
    case LEARNED_DIVERGED:
    case LEARNED_NOTHING:
        put_loss(l, out);
        break;
    case LEARNED_BY_HEART:
        snprintf(
            out, LEARNED_WORDS_MAX,
            "of %d held-out pairs %.0f %% are predicted, %s: what was learned does not hold for "
            "other pairs; more pairs or fewer epochs may help, or the labels are chance",
            l->heldout.n, 100 * l->heldout.accuracy,
            l->heldout.accuracy < 0.5 - 1 / sqrt(l->heldout.n) ? "fewer than by a coin"
                                                               : "as by a coin");
        break;
    }
}
