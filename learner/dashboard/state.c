/* SPDX-License-Identifier: MIT */
/* state.c - see state.h. */
#include "learner/dashboard/state.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "common/data/label.h"

static const double WAITS = 0.25, TRAINS = 0.25; /* shares of the time that name a bottleneck */

void state_wait_add(struct state_wait *w, double at_s, double starved_s)
{
    if (!isfinite(starved_s))
        return;
    w->sample[w->next].at = at_s;
    w->sample[w->next].starved_s = starved_s;
    w->next = (w->next + 1) % STATE_SAMPLES;
    w->count += w->count < STATE_SAMPLES;
}

double state_wait_share(const struct state_wait *w)
{
    if (w->count < 2)
        return (double)NAN;
    int newest = (w->next + STATE_SAMPLES - 1) % STATE_SAMPLES;
    int oldest = (w->next + STATE_SAMPLES - w->count) % STATE_SAMPLES;
    double dt = w->sample[newest].at - w->sample[oldest].at;
    double share = (w->sample[newest].starved_s - w->sample[oldest].starved_s) / dt;
    return dt > 0 ? fmin(1, fmax(0, share)) : (double)NAN;
}

/* A run without new labels trains on: that is what it is said to wait for then. */
static bool waits_for_labels(const struct state_now *now)
{
    return now->waiting[0] && strcmp(now->waiting, now->annotator) == 0;
}

/* "no reward server answers at HOST:PORT for 12 s" */
static bool says_how_long(const char *sentence)
{
    const char *at = strstr(sentence, " for ");
    return at && isdigit((unsigned char)at[strlen(" for ")]);
}

static double since(bool is_so, bool *was_so, double *at, double now_s)
{
    if (is_so && !*was_so)
        *at = now_s;
    *was_so = is_so;
    return is_so ? now_s - *at : (double)NAN;
}

/* Two clocks: a run that stands for a moment does not begin to be without labels anew. */
void state_since_look(struct state_since *s, struct state_now *now)
{
    bool labels = waits_for_labels(now);
    double no_labels_s =
        since(now->annotator[0] != '\0', &s->no_labels, &s->no_labels_at, now->wall_s);
    double stands_s = since(now->waiting[0] && !labels, &s->stands, &s->stands_at, now->wall_s);
    now->waiting_s = labels ? no_labels_s : stands_s;
    if (says_how_long(now->waiting))
        now->waiting_s = (double)NAN;
}

const char *state_advice(const struct state_now *now, double labels_per_s)
{
    static const char of_the_annotator[] = "labels: ";
    const char *why = now->annotator;
    size_t n = strlen(of_the_annotator);
    if (now->phase != STATE_TRAINING || !waits_for_labels(now) || labels_per_s > 0)
        return "";
    if (strncmp(why, of_the_annotator, n) == 0 && label_annotator_is_starting(why + n))
        return "training goes on meanwhile";
    if (strstr(why, "Failed to connect to ")) /* what libcurl says where nobody listens */
        return "training goes on with the labels there are; start it again at this address: it is "
               "asked again by itself, within minutes";
    return "training goes on with the labels there are";
}

const char *state_bottleneck(double waited, double between)
{
    if (!isfinite(waited))
        return "";
    if (waited >= WAITS)
        return "actors";
    return isfinite(between) && between >= TRAINS ? "reward model" : "learner";
}

double state_progress(const struct state_run *r, const struct state_now *now, double env_steps)
{
    double done = 0;
    if (now->phase == STATE_ENDED && now->exit_code == 0 && r->stop_success > 0)
        return 1;
    if (r->frames && isfinite(env_steps))
        done = env_steps / (double)r->frames;
    if (r->stop_wall_s > 0)
        done = fmax(done, now->wall_s / r->stop_wall_s);
    return fmin(1, done);
}

double state_eta_s(const struct state_run *r, const struct state_now *now, double env_steps,
                   double per_s)
{
    double left = (double)INFINITY;
    if (now->phase == STATE_ENDED)
        return (double)NAN;
    if (r->frames && isfinite(env_steps) && per_s > 0)
        left = ((double)r->frames - env_steps) / per_s;
    if (r->stop_wall_s > 0)
        left = fmin(left, r->stop_wall_s - now->wall_s);
    return isfinite(left) ? fmax(0, left) : (double)NAN;
}

static void put_run(const struct state_run *r, struct buf *out)
{
    buf_puts(out, "{\"run\":{\"frames\":");
    buf_json_number(out, (double)r->frames, 17);
    buf_json_key_number(out, "stop_success", r->stop_success);
    buf_json_key_number(out, "stop_wall_s", r->stop_wall_s);
    buf_json_key_utf8(out, "dir", r->run_dir);
    buf_json_key_utf8(out, "env", r->env);
    buf_json_key_utf8(out, "reward_model", r->reward_model);
    buf_json_key_utf8(out, "annotator", r->annotator);
    buf_json_key_utf8(out, "goal", r->goal);
    buf_json_key_utf8(out, "id", r->run_id);
    buf_puts(out, "}");
}

static void put_values(const struct numbers *n, struct buf *out)
{
    buf_puts(out, ",\"v\":{");
    for (int i = 0; i < n->count; i++) {
        buf_puts(out, i ? "," : "");
        buf_json_string(out, n->at[i].name, strlen(n->at[i].name));
        buf_puts(out, ":");
        buf_json_number(out, n->at[i].value, 12);
    }
    buf_puts(out, "}}");
}

void state_json(const struct state_run *r, const struct state_now *now, const struct numbers *n,
                const struct state_wait *w, struct buf *out)
{
    static const char *const phase[] = {"training", "draining", "ended"};
    double steps = numbers_get(n, "env_steps"), per_s = numbers_get(n, "perf/_fps");
    double waited = state_wait_share(w);
    put_run(r, out);
    buf_json_key_utf8(out, "phase", phase[now->phase]);
    buf_json_key_number(out, "exit", now->phase == STATE_ENDED ? now->exit_code : (double)NAN);
    buf_puts(out, ",\"time\":");
    buf_json_number(out, now->time, 13);
    buf_json_key_number(out, "wall_s", now->wall_s);
    buf_json_key_number(out, "progress", state_progress(r, now, steps));
    buf_json_key_number(out, "eta_s", state_eta_s(r, now, steps, per_s));
    buf_json_key_utf8(out, "bottleneck",
                      now->phase == STATE_TRAINING
                          ? state_bottleneck(waited, numbers_get(n, "reward_model/between_share"))
                          : "");
    buf_json_key_number(out, "waited", waited);
    buf_json_key_utf8(out, "waiting", now->waiting);
    buf_json_key_number(out, "waiting_s", now->waiting_s);
    buf_json_key_utf8(out, "advice", state_advice(now, numbers_get(n, "annot/labels_per_s")));
    buf_json_key_utf8(out, "annotator", now->annotator);
    buf_json_key_utf8(out, "ledger", now->ledger);
    put_values(n, out);
}
