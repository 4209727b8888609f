/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_DASHBOARD_STATE_H
#define ONIC_LEARNER_DASHBOARD_STATE_H

/* state.h - how a run is now, as one line of JSON: what the page is sent every second, and what
 * `onic top` shows. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "learner/dashboard/numbers.h"

enum { STATE_TEXT_MAX = 256, STATE_SAMPLES = 16 };

/* What does not change in a life. Texts are borrowed. */
struct state_run {
    const char *run_dir, *env, *reward_model, *annotator, *goal, *run_id;
    uint64_t frames; /* run.frames */
    double stop_success, stop_wall_s;
};

enum state_phase { STATE_TRAINING, STATE_DRAINING, STATE_ENDED };

struct state_now {
    enum state_phase phase;
    int exit_code; /* of STATE_ENDED */
    double time, wall_s;
    double waiting_s; /* how long `waiting` has been so; NAN: it does not, or nobody knows */
    char waiting[STATE_TEXT_MAX], annotator[STATE_TEXT_MAX], ledger[STATE_TEXT_MAX];
};

/* How long the learner waited for trajectories lately, of the counter perf/starved_s. */
struct state_wait {
    struct {
        double at, starved_s;
    } sample[STATE_SAMPLES];
    int count, next;
};
void state_wait_add(struct state_wait *w, double at_s, double starved_s);
double state_wait_share(const struct state_wait *w); /* NAN: not known yet */

/* Since when a run waits for new labels, and for anything else, by its wall_s. */
struct state_since {
    bool no_labels, stands;
    double no_labels_at, stands_at;
};
/* Sets waiting_s; NAN also where the sentence says how long itself. */
void state_since_look(struct state_since *s, struct state_now *now);

/* What becomes of a run that waits for its annotator, and what can be done; "" = nothing to say. */
const char *state_advice(const struct state_now *now, double labels_per_s);

/* What limits the steps per second: "actors", "learner", "reward model"; "" = not known. */
const char *state_bottleneck(double waited, double between);

/* Share of the run that is done, by the first of run.frames and stop.wall_s; 1 at its end. */
double state_progress(const struct state_run *r, const struct state_now *now, double env_steps);
/* Seconds that are left by these two, at most; NAN: not known. per_s: environment steps. */
double state_eta_s(const struct state_run *r, const struct state_now *now, double env_steps,
                   double per_s);

/* {"run":{...},"phase","exit","time","wall_s","progress","eta_s","bottleneck","waited","waiting",
 * "waiting_s","advice","annotator","ledger","v":{NAME:number or null}} */
void state_json(const struct state_run *r, const struct state_now *now, const struct numbers *n,
                const struct state_wait *w, struct buf *out);

#endif /* ONIC_LEARNER_DASHBOARD_STATE_H */
