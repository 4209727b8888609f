/* SPDX-License-Identifier: MIT */
/* top_text.c - see top_text.h. */
#include "deploy/cli/top_text.h"

#include <math.h>
#include <string.h>

enum { BAR_CELLS = 40, ACTORS_LINES = 12, CAPTION_LINES = 8 };

/* A field of a line: its number, times `factor`. */
struct field {
    const char *label, *name;
    double factor;
    const char *unit;
};

struct group {
    const char *head;
    const struct field *field;
};

static const struct field returns[] = {{"return", "reward/reward", 1, ""},
                                       {"success", "policy_stats/success_rate", 100, " %"},
                                       {"score", "policy_stats/score", 1, ""},
                                       {"length", "len/len", 1, ""},
                                       {"intrinsic per step", "intrinsic/reward_mean", 1, ""},
                                       {"share", "intrinsic/share", 100, " %"},
                                       {.label = NULL}};
static const struct field learning[] = {
    {"policy loss", "train/policy_loss", 1, ""}, {"value loss", "train/value_loss", 1, ""},
    {"entropy", "train/entropy", 1, ""},         {"KL", "train/kl_divergence", 1, ""},
    {"grad", "train/grad_norm", 1, ""},          {"lag", "train/version_diff_avg", 1, ""},
    {"max", "train/version_diff_max", 1, ""},    {.label = NULL}};
static const struct field variance[] = {
    {"explained variance", "train/explained_variance_ext", 1, ""},
    {"intrinsic", "train/explained_variance_int", 1, ""},
    {"lr", "train/lr", 1, ""},
    {"weights", "weights_version", 1, ""},
    {.label = NULL}};
static const struct field labels[] = {
    {"labels", "annot/labels_total", 1, ""},       {"a second", "annot/labels_per_s", 1, ""},
    {"waiting", "annot/backlog", 1, ""},           {"oldest", "annot/backlog_age_s", 1, " s"},
    {"latency", "annot/latency_s", 1, " s"},       {"spent", "annot/llm_cost", 1, ""},
    {"abstained", "annot/abstained_total", 1, ""}, {.label = NULL}};
static const struct field model[] = {
    {"coverage", "reward_model/coverage", 100, " %"},
    {"held-out accuracy", "reward_model/heldout_accuracy", 100, " %"},
    {"positive labels", "annot/label_positive", 100, " %"},
    {"loss", "reward_model/loss", 1, ""},
    {.label = NULL}};
static const struct group groups[] = {{"learn   ", returns},
                                      {"train   ", learning},
                                      {"values  ", variance},
                                      {"label   ", labels},
                                      {"model   ", model}};

static double top_number(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static const char *top_words(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

static void top_put_head(const json_t *state, struct buf *out)
{
    const json_t *run = json_object_get(state, "run");
    buf_printf(out, "--- %s  %s  %s", top_words(run, "env"), top_words(run, "reward_model"),
               top_words(state, "phase"));
    if (strcmp(top_words(state, "phase"), "ended") == 0)
        buf_printf(out, " with %.0f", top_number(state, "exit"));
    buf_printf(out, "  %s\n", top_words(run, "dir"));
}

static void top_put_bar(const json_t *state, struct buf *out)
{
    const json_t *run = json_object_get(state, "run");
    double done = top_number(state, "progress"), eta = top_number(state, "eta_s");
    double steps = top_number(json_object_get(state, "v"), "env_steps");
    double success = top_number(run, "stop_success");
    int full = done > 0 ? (int)(fmin(done, 1) * BAR_CELLS + 0.5) : 0; /* a peer may say 1e300 */
    buf_puts(out, "[");
    for (int i = 0; i < BAR_CELLS; i++)
        buf_puts(out, i < full ? "#" : ".");
    buf_printf(out, "] %.1f %%  %.0f of %.0f frames  ", 100 * done, isfinite(steps) ? steps : 0,
               top_number(run, "frames"));
    buf_put_duration(out, top_number(state, "wall_s"));
    if (isfinite(eta)) {
        buf_puts(out, success > 0 ? "  at most " : "  ");
        buf_put_duration(out, eta);
        buf_puts(out, " to go");
    }
    if (success > 0)
        buf_printf(out, ", or success %.3g %%", 100 * success);
    buf_puts(out, "\n");
}

static void put_speed(const json_t *state, struct buf *out)
{
    const char *by = top_words(state, "bottleneck");
    double waited = top_number(state, "waited");
    double per_s = top_number(json_object_get(state, "v"), "perf/_fps");
    if (!isfinite(per_s))
        return;
    buf_printf(out, "speed     %.0f frames/s", per_s);
    if (*by)
        buf_printf(out, "  limited by the %s", by);
    if (isfinite(waited))
        buf_printf(out, "  learner waited %.0f %%", 100 * waited);
    buf_puts(out, "\n");
}

static void top_put_group(const json_t *v, const struct group *g, struct buf *out)
{
    bool any = false;
    for (const struct field *f = g->field; f->label; f++) {
        double x = top_number(v, f->name);
        if (!isfinite(x))
            continue;
        buf_puts(out, any ? "" : g->head);
        buf_printf(out, "  %s %.*g%s", f->label, x == floor(x) ? 12 : 3, x * f->factor, f->unit);
        any = true;
    }
    buf_puts(out, any ? "\n" : "");
}

static void put_waiting(const json_t *state, struct buf *out)
{
    double waits_s = top_number(state, "waiting_s");
    if (!*top_words(state, "waiting"))
        return;
    buf_printf(out, "waiting   %s", top_words(state, "waiting"));
    if (isfinite(waits_s)) {
        buf_puts(out, ", for ");
        buf_put_duration(out, waits_s);
    }
    buf_puts(out, "\n");
    if (*top_words(state, "advice"))
        buf_printf(out, "          %s\n", top_words(state, "advice"));
}

static void put_actors(const json_t *actors, struct buf *out)
{
    size_t i;
    const json_t *a;
    json_array_foreach(json_object_get(actors, "actors"), i, a)
    {
        if (i == ACTORS_LINES) {
            buf_printf(out, "          and %zu more\n",
                       json_array_size(json_object_get(actors, "actors")) - i);
            return;
        }
        buf_printf(out, "actor %-3.0f %-8s %.40s  %.0f steps  CPU %.0f s  silent %.1f s\n",
                   top_number(a, "id"), top_words(a, "state"), top_words(a, "host"),
                   top_number(a, "env_steps"), top_number(a, "cpu_s"), top_number(a, "silent_s"));
    }
}

static void put_captions(const json_t *captions, struct buf *out)
{
    size_t i;
    const json_t *c;
    json_array_foreach(json_object_get(captions, "captions"), i, c)
    {
        if (i == CAPTION_LINES)
            return;
        buf_printf(out, "%s%10.4g  ", i ? "          " : "paid      ", top_number(c, "paid"));
        if (isfinite(top_number(c, "label")))
            buf_printf(out, "label %-5.3g ", top_number(c, "label"));
        else
            buf_puts(out, "no label    ");
        buf_printf(out, "%s\n", top_words(c, "caption"));
    }
}

void top_text(const json_t *state, const json_t *actors, const json_t *captions, struct buf *out)
{
    const json_t *v = json_object_get(state, "v");
    top_put_head(state, out);
    top_put_bar(state, out);
    put_speed(state, out);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        top_put_group(v, &groups[i], out);
    if (*top_words(state, "ledger"))
        buf_printf(out, "ledger    %s\n", top_words(state, "ledger"));
    put_waiting(state, out);
    if (actors)
        put_actors(actors, out);
    else if (isfinite(top_number(v, "actors/running")))
        buf_printf(out, "actors    %.0f running, %.0f connected\n", top_number(v, "actors/running"),
                   top_number(v, "actors/connected"));
    put_captions(captions, out);
}
