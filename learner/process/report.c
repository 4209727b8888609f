/* SPDX-License-Identifier: MIT */
/* report.c - see report.h. Means run over the last episodes or updates, not since the start, so
 * that a curve shows what the policy does now. */
#include "learner/process/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/metrics/tensorboard.h"
#include "common/nn/params.h"
#include "learner/reward/learned.h"

enum { STEPS_TO_JUDGE = 200 }; /* gradient steps before a reward model is said to learn nothing */

static const char SUCCESS[] = "policy_stats/success_rate";

void report_episodes(struct metrics *m, const struct env_description *env,
                     struct trajectory *const *trajectories, int n)
{
    for (int i = 0; i < n; i++) {
        const struct trajectory *t = trajectories[i];
        int width = TRAJECTORY_EPISODE_HEAD + t->shape.nstats;
        for (int k = 0; k < t->nepisodes; k++) {
            const float *e = t->episodes + (size_t)k * (size_t)width;
            metrics_mean(m, "reward/reward", (double)e[0]);
            metrics_mean(m, "len/len", (double)e[1]);
            if (env->has_success && e[2] >= 0.0f)
                metrics_mean_over(m, SUCCESS, (double)e[2], STOP_WINDOW);
            for (int s = 0; s < t->shape.nstats && s < env->nstats; s++) {
                char name[64];
                snprintf(name, sizeof name, "policy_stats/%s", env->stat_names[s]);
                metrics_mean(m, name, (double)e[TRAJECTORY_EPISODE_HEAD + s]);
            }
        }
        metrics_add(m, "train/episodes_total", t->nepisodes);
    }
}

void report_number(void *metrics, const char *name, double value)
{
    metrics_set(metrics, name, value);
}

static void report_reward(struct metrics *m, const struct reward_mix_stats *r)
{
    double steps = r->steps ? (double)r->steps : 1.0, both = r->int_abs + r->ext_abs;
    metrics_mean(m, "intrinsic/reward_mean", r->int_sum / steps);
    metrics_mean(m, "intrinsic/share", both > 0 ? r->int_abs / both : 0.0);
    metrics_mean(m, "intrinsic/paid_fraction", (double)r->paid / steps);
    if (r->captioned)
        metrics_set(m, "reward_model/coverage", (double)r->known / (double)r->captioned);
    if (r->memo_hits + r->memo_misses)
        metrics_mean(m, "perf/score_memo_hits",
                     (double)r->memo_hits / (double)(r->memo_hits + r->memo_misses));
    if (r->not_finite)
        metrics_add(m, "train/rewards_not_finite_total", (double)r->not_finite);
}

static void report_values(struct metrics *m, const struct train_stats *s)
{
    const struct value_sums *ext = &s->values[POLICY_EXT], *intrinsic = &s->values[POLICY_INT];
    double steps = ext->steps > 0 ? ext->steps : 1.0;
    metrics_set(m, "train/value", ext->value / steps);
    metrics_set(m, "train/value_target", ext->target / steps);
    metrics_set(m, "train/explained_variance_ext", value_sums_explained(ext));
    metrics_set(m, "train/explained_variance_int", value_sums_explained(intrinsic));
    metrics_set(m, "train/return_scale_ext", s->return_scale[POLICY_EXT]);
    metrics_set(m, "train/return_scale_int", s->return_scale[POLICY_INT]);
}

void report_update(struct metrics *m, const struct trainer *core, const struct train_stats *s)
{
    const struct learner_counters *c = trainer_counters(core);
    metrics_set(m, "env_steps", (double)c->env_steps);
    metrics_set(m, "updates", (double)c->version);
    metrics_set(m, "weights_version", (double)c->version);
    metrics_set(m, "train/policy_loss", s->policy_loss);
    metrics_set(m, "train/value_loss", s->value_loss);
    metrics_set(m, "train/value_loss_int", s->value_loss_int);
    metrics_set(m, "train/entropy", s->entropy);
    metrics_set(m, "train/kl_divergence", s->kl);
    metrics_set(m, "train/kl_largest", s->kl_largest);
    metrics_set(m, "train/fraction_clipped", s->clipped);
    metrics_set(m, "train/ratio", s->ratio);
    metrics_set(m, "train/epochs", s->epochs);
    metrics_set(m, "train/grad_norm", s->grad_norm);
    metrics_set(m, "train/lr", s->lr);
    metrics_set(m, "train/entropy_coef", s->entropy_coef);
    metrics_set(m, "train/gradient_steps", s->gradient_steps);
    report_values(m, s);
    metrics_set(m, "train/version_diff_avg", s->lag_mean);
    metrics_set(m, "train/version_diff_max", s->lag_max);
    metrics_set(m, "train/nonfinite_updates", (double)c->nonfinite);
    metrics_set(m, "train/roll_backs_total", (double)c->roll_backs);
    report_reward(m, &s->reward);
    /* For models that learn from labels and hold some back; null where none does. */
    metrics_set(m, "reward_model/heldout_accuracy", (double)NAN);
    reward_mix_report(trainer_reward_const(core), report_number, m);
}

void report_share(struct share_watch *w, const struct reward_mix *mix, const struct train_stats *s)
{
    char words[SHARE_WORDS_MAX];
    if (share_watch_add(w, mix, &s->reward, words))
        log_warn("the intrinsic reward", kv("why", (const char *)words));
}

void report_success(struct metrics *m, struct stop_state *out)
{
    out->episodes = metrics_samples(m, SUCCESS);
    out->success = out->episodes ? metrics_get(m, SUCCESS) : 0;
}

void report_save(struct metrics *m, struct checkpoint *to)
{
    double outcome[STOP_WINDOW];
    stop_save(outcome, metrics_window(m, SUCCESS, outcome, STOP_WINDOW), to);
}

void report_load(struct metrics *m, const struct checkpoint_file *from)
{
    double outcome[STOP_WINDOW];
    int n = stop_load(from, outcome);
    for (int i = 0; i < n; i++)
        metrics_mean_over(m, SUCCESS, outcome[i], STOP_WINDOW);
}

static double resident_mb(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%*s %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1024.0 * 1024.0);
}

static void take_learned(void *ctx, const char *name, double value)
{
    struct learned *l = ctx;
    if (strcmp(name, "reward_model/loss") == 0)
        l->loss = value;
    else if (strcmp(name, "reward_model/loss_of_guessing") == 0)
        l->guess = value;
    else if (strcmp(name, "reward_model/train_steps") == 0)
        l->steps = value > 0 ? (uint64_t)value : 0;
}

void report_learned(const struct trainer *core, const struct label_client *a)
{
    char words[LEARNED_WORDS_MAX];
    const struct reward_mix *mix = trainer_reward_const(core);
    const struct reward_model_traits *traits = &reward_mix_type(mix)->traits;
    const struct wire_labels_identity *id = label_client_identity(a);
    const char *goal = id ? strrchr(id->goal, '/') : NULL;
    struct learned l = {.pairs = traits->asks == QUESTION_PAIR, .loss = (double)NAN};
    if (!traits->wants_labels || traits->asks == QUESTION_SCORE ||
        (goal && strcmp(goal, "/none") == 0))
        return;
    reward_mix_report(mix, take_learned, &l);
    annotate_sides(a, &l.low, &l.high, &l.ties);
    if (l.steps < STEPS_TO_JUDGE)
        l.steps = 0;
    learned_words(&l, words);
    if (learned_judge(&l) == LEARNED_NOTHING)
        snprintf(words + strlen(words), sizeof words - strlen(words), "; %s",
                 "a larger reward.lr or reward.train_share, or more labels, may help");
    if (*words)
        log_warn("the reward model did not learn from its labels", kv("why", (const char *)words),
                 kv("model", reward_mix_type(mix)->name));
}

void report_weights(void *core, struct tensorboard *to)
{
    const struct params *table = policy_params(trainer_policy(core));
    const float *weights = trainer_weights(core);
    for (int i = 0; i < table->count; i++) {
        const struct param *p = &table->param[i];
        char tag[PARAM_NAME_MAX + 16];
        snprintf(tag, sizeof tag, "weights/%s", p->name);
        tensorboard_histogram(to, tag, weights + p->offset, (size_t)p->rows * (size_t)p->cols);
    }
}

void report_process(struct metrics *m, double cpu_before_s)
{
    metrics_set(m, "perf/cpu_s_learner", cpu_before_s + (double)clock_process_cpu_ns() * 1e-9);
    metrics_set(m, "perf/rss_mb", resident_mb());
}
