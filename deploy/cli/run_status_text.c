/* SPDX-License-Identifier: MIT */
/* run_status_text.c - see run_status_text.h. What is not known is left out of the text and null in
 * JSON, never shown as 0. */
#include "deploy/cli/run_status_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- JSON ------------------------------------------------------------------------------------ */

static void status_key_text(struct buf *out, const char *key, const char *text)
{
    if (text && text[0])
        buf_json_key_utf8(out, key, text);
    else
        buf_printf(out, ",\"%s\":null", key);
}

static void status_key_flag(struct buf *out, const char *key, bool is)
{
    buf_printf(out, ",\"%s\":%s", key, is ? "true" : "false");
}

/* Whole numbers in full: steps pass 10^9. */
static void status_key_number(struct buf *out, const char *key, double v)
{
    if (isfinite(v) && v == floor(v) && fabs(v) < 1e15)
        buf_printf(out, ",\"%s\":%.0f", key, v);
    else
        buf_json_key_number(out, key, v);
}

static void status_key_last(struct buf *out, const char *key, const struct run_status *s,
                            const char *name)
{
    status_key_number(out, key, run_status_number(s, name));
}

static void put_annotator(struct buf *out, const struct run_status *s)
{
    buf_printf(out, ",\"annotator\":{\"state\":\"%s\"", s->annotator);
    status_key_text(out, "why", s->annotator_why);
    status_key_last(out, "labels", s, "annot/labels_total");
    status_key_last(out, "abstained", s, "annot/abstained_total");
    status_key_last(out, "backlog", s, "annot/backlog");
    status_key_last(out, "labels_per_s", s, "annot/labels_per_s");
    status_key_last(out, "staleness_s", s, "annot/staleness_s");
    buf_puts(out, "}");
}

static void put_warnings(struct buf *out, const struct run_status *s)
{
    buf_puts(out, ",\"warnings\":[");
    for (int i = 0; i < s->warnings; i++) {
        const struct run_status_line *l = &s->warning[i];
        buf_printf(out, "%s{\"level\":\"%s\"", i ? "," : "", l->level);
        buf_json_key_utf8(out, "time", l->time);
        buf_json_key_utf8(out, "role", l->role);
        buf_json_key_utf8(out, "text", l->text);
        buf_puts(out, "}");
    }
    buf_puts(out, "]");
}

static void status_put_speed(struct buf *out, const struct run_status *s,
                             const struct run_status_wish *w)
{
    status_key_number(out, "env_steps", s->steps);
    status_key_number(out, "frames", (double)w->stop.frames);
    status_key_number(out, "progress", s->progress);
    status_key_number(out, "eta_s", s->eta_s);
    status_key_flag(out, "eta_at_most", s->eta_at_most);
    status_key_last(out, "wall_s", s, "wall_s");
    status_key_number(out, "steps_per_s", s->steps_per_s);
    status_key_number(out, "steps_per_s_1min", s->steps_per_s_1min);
    status_key_last(out, "updates", s, "updates");
    status_key_last(out, "weights_version", s, "weights_version");
}

void run_status_json(const struct run_status *s, const struct run_status_wish *w,
                     const struct run_status_names *names, struct buf *out)
{
    buf_printf(out, "{\"state\":\"%s\"", run_state_name(s->state));
    status_key_text(out, "why", s->why);
    status_key_text(out, "run", names->run);
    status_key_text(out, "env", names->env);
    status_key_text(out, "reward_model", names->reward_model);
    status_key_text(out, "version", names->version);
    status_key_number(out, "life", s->lives ? s->lives : (double)NAN);
    status_key_number(out, "exit", s->exit_code >= 0 ? s->exit_code : (double)NAN);
    status_key_number(out, "age_s", s->age_s);
    status_put_speed(out, s, w);
    status_key_last(out, "return", s, "reward/reward");
    status_key_last(out, "success_rate", s, "policy_stats/success_rate");
    status_key_last(out, "length", s, "len/len");
    status_key_last(out, "intrinsic_share", s, "intrinsic/share");
    status_key_last(out, "actors", s, "actors/connected");
    buf_puts(out, ",\"checkpoint\":{\"env_steps\":");
    buf_json_number(out, s->checkpoint_steps, 15);
    status_key_number(out, "age_s", s->checkpoint_age_s);
    buf_puts(out, "}");
    put_annotator(out, s);
    buf_puts(out, ",\"ledger\":");
    if (s->has_ledger)
        ledger_json(&s->ledger, out);
    else
        buf_puts(out, "null");
    put_warnings(out, s);
    buf_puts(out, "}\n");
}

/* --- text ------------------------------------------------------------------------------------ */

/* ", label value", without a comma at the start of a line. */
static void status_put_field(struct buf *out, const struct run_status *s, const char *label,
                             const char *name, double factor, const char *unit)
{
    char text[64];
    double v = run_status_number(s, name) * factor;
    if (!isfinite(v))
        return;
    if (v == floor(v) && fabs(v) < 1e15)
        snprintf(text, sizeof text, "%.0f", v);
    else
        snprintf(text, sizeof text, "%.3g", v);
    buf_printf(out, "%s%s %s%s", out->data[out->len - 1] == ' ' ? "" : ", ", label, text, unit);
}

static void text_progress(const struct run_status *s, const struct run_status_wish *w,
                          struct buf *out)
{
    double wall_s = run_status_number(s, "wall_s");
    buf_puts(out, "  progress    ");
    buf_put_thousands(out, s->steps);
    buf_puts(out, " of ");
    buf_put_thousands(out, (double)w->stop.frames);
    buf_printf(out, " steps (%.1f %%)", 100 * s->steps / (double)w->stop.frames);
    if (isfinite(s->eta_s)) {
        buf_puts(out, s->eta_at_most ? ", ETA at most " : ", ETA ");
        buf_put_duration(out, s->eta_s);
    }
    if (isfinite(wall_s)) {
        buf_puts(out, ", time ");
        buf_put_duration(out, wall_s);
    }
    buf_puts(out, "\n");
    if (s->state != RUN_RUNNING || !isfinite(s->steps_per_s))
        return;
    buf_puts(out, "  speed       ");
    buf_put_thousands(out, s->steps_per_s);
    buf_puts(out, " steps/s");
    if (isfinite(s->steps_per_s_1min)) {
        buf_puts(out, " (1 min ");
        buf_put_thousands(out, s->steps_per_s_1min);
        buf_puts(out, ")");
    }
    buf_puts(out, "\n");
}

/* Runs put and keeps its line only when it says something. */
static void status_text_row(struct buf *out, const char *head, const struct run_status *s,
                            void (*put)(struct buf *out, const struct run_status *s))
{
    size_t before = out->len;
    buf_printf(out, "  %-12s", head);
    size_t empty = out->len;
    put(out, s);
    if (out->len == empty) {
        out->len = before;
        out->data[before] = '\0';
        return;
    }
    buf_puts(out, "\n");
}

static void text_learning(struct buf *out, const struct run_status *s)
{
    status_put_field(out, s, "return", "reward/reward", 1, "");
    status_put_field(out, s, "success", "policy_stats/success_rate", 100, " %");
    status_put_field(out, s, "length", "len/len", 1, "");
    status_put_field(out, s, "intrinsic share", "intrinsic/share", 100, " %");
}

static void text_labels(struct buf *out, const struct run_status *s)
{
    if (strcmp(s->annotator, "none") == 0)
        return;
    if (strcmp(s->annotator, "unknown") != 0) /* nobody asks any more, or not yet */
        buf_printf(out, "annotator %s%s%s", s->annotator, s->annotator_why[0] ? ": " : "",
                   s->annotator_why);
    status_put_field(out, s, "labels", "annot/labels_total", 1, "");
    status_put_field(out, s, "backlog", "annot/backlog", 1, "");
    status_put_field(out, s, "labels/s", "annot/labels_per_s", 1, "");
    status_put_field(out, s, "staleness", "annot/staleness_s", 1, " s");
}

static void text_parts(struct buf *out, const struct run_status *s)
{
    if (s->state == RUN_RUNNING)
        status_put_field(out, s, "actors", "actors/connected", 1, "");
    status_put_field(out, s, "weights", "weights_version", 1, "");
    status_put_field(out, s, "lag", "train/version_diff_avg", 1, "");
}

static void text_checkpoint(struct buf *out, const struct run_status *s)
{
    if (!isfinite(s->checkpoint_steps))
        return;
    buf_puts(out, "at ");
    buf_put_thousands(out, s->checkpoint_steps);
    buf_puts(out, " steps, ");
    buf_put_duration(out, s->checkpoint_age_s);
    buf_puts(out, " ago");
}

static void text_ledger(struct buf *out, const struct run_status *s)
{
    if (s->has_ledger)
        ledger_line(&s->ledger, out);
}

void run_status_text(const struct run_status *s, const struct run_status_wish *w,
                     const struct run_status_names *names, struct buf *out)
{
    buf_printf(out, "%s: %s%s%s", names->run, run_state_name(s->state), s->why[0] ? ", " : "",
               s->why);
    if (s->lives)
        buf_printf(out, " (life %d)", s->lives);
    buf_puts(out, "\n");
    if (names->env[0])
        buf_printf(out, "  %-12s%s, reward model %s\n", "trains", names->env, names->reward_model);
    text_progress(s, w, out);
    status_text_row(out, "learning", s, text_learning);
    status_text_row(out, "labels", s, text_labels);
    status_text_row(out, "parts", s, text_parts);
    status_text_row(out, "checkpoint", s, text_checkpoint);
    status_text_row(out, "ledger", s, text_ledger);
    if (isfinite(s->age_s)) {
        buf_printf(out, "  %-12s", "as of");
        buf_put_duration(out, s->age_s);
        buf_puts(out, " ago\n");
    }
    for (int i = 0; i < s->warnings; i++)
        buf_printf(out, "  %-12s%s %s: %s\n", i ? "" : "warnings", s->warning[i].time,
                   s->warning[i].role, s->warning[i].text);
}
