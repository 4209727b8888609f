/* SPDX-License-Identifier: MIT */
/* loop.c - the loop of a learner: collect, label, update, book, checkpoint, publish.
 *
 * The order at the end of a round is the promise of exactness. Trajectories are booked as consumed
 * before the checkpoint that holds the weights they made, so both roll back together. The
 * checkpoint is taken before the new weights are published: in lock-step nothing is under way then,
 * so the checkpoint is a complete state of the whole system and a run resumed from it takes the
 * same path bit for bit.
 *
 * Nothing here waits without looking, several times a second, at signals, labels, metrics and the
 * checkpoint writer; between two looks are one update of the policy and at most reward.steps_max
 * steps of the reward model, if no thread of its own takes these (trained_net.h). */
#include "learner/process/loop.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/audit.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/pulse.h"
#include "common/base/run_lock.h"
#include "common/base/trace.h"
#include "common/run/run_dir.h"
#include "common/wire/keys/keys.h"
#include "learner/dashboard/dashboard.h"
#include "learner/process/report.h"
#include "learner/process/roll_back.h"

enum {
    WAIT_MS = 100, /* longest sleep */
    LOOK_MS = 200, /* statuses and panel */
    LEDGER_FILE_MS = 10000,
    LEDGER_PAUSE_MS = 1000, /* between two that metrics ask for */
    DRAIN_MS = 10000,
    FINISH_ROUND_MS = 20000, /* a deterministic run that is told to stop finishes its round */
    LEDGER_TEXT_MAX = 65536,
    LEDGER_BLOB_MAX = 1 << 30
};

/* --- checkpoints ----------------------------------------------------------------------------- */

/* The steps of a milestone, or 0: the first checkpoint past each multiple, also across a resume. */
static uint64_t milestone(struct learner *r, uint64_t steps)
{
    uint64_t every = r->params.milestone_every;
    uint64_t before = r->checkpoint_steps;
    r->checkpoint_steps = steps;
    return every && steps / every > before / every ? steps : 0;
}

bool learner_checkpoint(struct learner *r)
{
    struct checkpoint *c = checkpoint_writer_begin(r->checkpoints);
    struct wire_learner_status status;
    struct buf b;
    if (!c)
        return false;
    wire_learner_status(r->wire, &status);
    trainer_save(r->core, c);
    label_client_save(r->annotate, c);
    report_save(r->metrics, c);
    run_identity_save(&r->lineage, metrics_wall_s(r->metrics),
                      r->lineage.cpu_learner_before_s + (double)clock_process_cpu_ns() * 1e-9,
                      r->lineage.cpu_actors_before_s + status.actors_cpu_s, c);
    buf_init(&b, LEDGER_BLOB_MAX);
    wire_learner_save(r->wire, &b);
    checkpoint_add_buf(c, "ledger", &b);
    buf_release(&b);
    checkpoint_add_buf(c, "config", &r->config);
    const struct learner_counters *n = trainer_counters(r->core);
    r->checkpoint_version = n->version;
    r->checkpoint_ms = clock_ms();
    run_recording_checkpoint_begins(r);
    checkpoint_writer_commit(r->checkpoints, r->checkpoint_version, milestone(r, n->env_steps));
    run_recording_checkpoint(r);
    return true;
}

/* --- looking around -------------------------------------------------------------------------- */

/* Is the run still in its directory, and its lock ours? Asked before anything is written there by
 * name. */
static int look_at_home(struct learner *r, struct onic_err *err)
{
    int rc = run_home_check(&r->home, err);
    if (!rc && r->lock_is_ours)
        rc = run_lock_keep(r->dir, r->lock_fd, err);
    if (rc && !r->homeless) {
        log_unfollow();
        audit_close();
    }
    if (rc)
        r->homeless = true;
    return rc;
}

static void write_ledger(struct learner *r, struct ledger *out)
{
    char path[LEARNER_TEXT_MAX + 16];
    struct buf text;
    struct onic_err err = {0};
    buf_init(&text, LEDGER_TEXT_MAX);
    wire_learner_ledger(r->wire, out);
    ledger_json(out, &text);
    snprintf(path, sizeof path, "%s/ledger.json", r->dir);
    if (!r->homeless && look_at_home(r, &err) == ONIC_OK &&
        safe_replace_bytes(path, text.data, text.len, &err) != ONIC_OK &&
        log_every_ms(&r->ledger_log_ms, 60000))
        log_warn("the ledger file was not written", kv("why", (const char *)err.msg));
    r->ledger_ms = clock_ms();
    buf_release(&text);
}

static void report_links(struct learner *r)
{
    struct wire_learner_status s;
    struct ledger ledger;
    char text[1024];
    struct buf line;
    wire_learner_status(r->wire, &s);
    struct metrics *m = r->metrics;
    metrics_set(m, "perf/cpu_s_actors", r->lineage.cpu_actors_before_s + s.actors_cpu_s);
    metrics_set(m, "actors/connected", s.actors_connected);
    metrics_set(m, "actors/running", s.actors_running);
    metrics_set(m, "perf/starved_s", (double)r->starved_ms * 1e-3);
    if (s.weights_fanout_s >= 0)
        metrics_set(m, "perf/weights_fanout_seconds", s.weights_fanout_s);
    metrics_set(m, "wire/queued", s.queued);
    metrics_set(m, "wire/rx_bad_total", (double)s.rx_bad);
    metrics_set(m, "wire/weights_rx_bad_total", (double)s.weights_rx_bad);
    metrics_set(m, "wire/duplicates_total", (double)s.duplicates);
    metrics_set(m, "wire/out_of_order_total", (double)s.out_of_order);
    metrics_set(m, "wire/fenced_total", (double)s.fenced);
    metrics_set(m, "wire/old_session_total", (double)s.old_epoch);
    metrics_set(m, "wire/unproved_total", (double)s.unproved);
    metrics_set(m, "wire/cut_total", (double)s.cut);
    metrics_set(m, "wire/rejected_total", (double)s.rejected);
    metrics_set(m, "wire/hwm_hit_total", (double)s.hwm_hit);
    metrics_set(m, "wire/hello_limited_total", (double)s.hello_limited);
    metrics_set(m, "wire/captions_dropped_total", (double)s.captions_dropped);
    metrics_set(m, "wire/episodes_dropped_total", (double)s.episodes_dropped);
    report_process(m, r->lineage.cpu_learner_before_s);
    metrics_set(m, "replay/kept_total", (double)episode_log_kept(r->replays));
    label_client_report(r->annotate, m);
    const char *labels = label_client_waiting_for(r->annotate);
    metrics_text(m, "annotator", labels);
    metrics_text(m, "waiting", s.waiting_for[0] ? s.waiting_for : labels);
    if (s.waiting_for[0] && log_every_ms(&r->wait_log_ms, 10000))
        log_info("waiting", kv("for", (const char *)s.waiting_for));
    wire_learner_ledger(r->wire, &ledger);
    buf_init(&line, sizeof text);
    ledger_line(&ledger, &line);
    metrics_text(m, "ledger", line.data);
    ledger_numbers(&ledger, report_number, m);
    buf_release(&line);
}

static int look_at_checkpoints(struct learner *r, struct onic_err *err)
{
    struct checkpoint_writer_result s;
    checkpoint_writer_look(r->checkpoints, &s);
    metrics_set(r->metrics, "checkpoint/written_total", (double)s.written);
    metrics_set(r->metrics, "checkpoint/failures_in_row", s.failures);
    metrics_set(r->metrics, "checkpoint/age_s",
                (double)(clock_ms() - (s.last_good_ms ? s.last_good_ms : r->life_ms)) * 1e-3);
    if (!s.fresh)
        return ONIC_OK;
    if (s.failures == 0) {
        log_debug("checkpoint written", kv("version", s.version));
        return ONIC_OK;
    }
    double age_s = s.last_good_ms ? (double)(clock_ms() - s.last_good_ms) * 1e-3 : -1.0;
    log_error("a checkpoint was not written; training goes on, the last good one is kept",
              kv("version", s.version), kv("why", (const char *)s.err.msg),
              kv("failures_in_row", s.failures), kv("last_good_s_ago", age_s));
    if (s.failures < r->params.checkpoint_failures_max)
        return ONIC_OK;
    return err_set(err, ONIC_EIO, "%d checkpoints in a row could not be written: %s", s.failures,
                   s.err.msg);
}

/* The loop turns, or an update does: no supervisor need replace this learner. */
static void loop_turns(void *ctx)
{
    struct learner *r = ctx;
    pulse_beat();
    monitor_beat(&r->monitor);
}

/* Called before every update and several times a second while waiting. */
static int loop_look(struct learner *r, struct onic_err *err)
{
    int64_t now = clock_ms();
    loop_turns(r);
    int rc = label_client_poll(r->annotate, trainer_reward(r->core), 0, err);
    if (rc)
        return rc;
    if (r->look_ms && now - r->look_ms < LOOK_MS)
        return ONIC_OK;
    r->look_ms = now;
    rc = look_at_home(r, err);
    if (rc)
        return rc;
    log_reopen(); /* the lines of metrics go to stderr past the logger */
    report_links(r);
    /* Before the line of metrics: whoever reads both finds the ledger no older. */
    if (now - r->ledger_ms >=
        (metrics_line_is_due(r->metrics) ? LEDGER_PAUSE_MS : LEDGER_FILE_MS)) {
        struct ledger ledger;
        write_ledger(r, &ledger);
    }
    struct onic_err why = {0};
    if (metrics_flush(r->metrics, clock_wall_s(), &why) != ONIC_OK &&
        log_every_ms(&r->flush_log_ms, 60000))
        log_warn("metrics were not written", kv("why", (const char *)why.msg));
    return look_at_checkpoints(r, err);
}

/* Why training should end now, NULL to go on. */
static const char *reason_to_stop(const struct learner *r)
{
    if (*r->stop)
        return "asked to stop";
    struct stop_state now = {.env_steps = trainer_counters(r->core)->env_steps,
                             .wall_s = metrics_wall_s(r->metrics)};
    report_success(r->metrics, &now);
    return stop_text(stop_reached(&r->params.stop, &now));
}

/* --- one round ------------------------------------------------------------------------------- */

/* ONIC_ESTOPPED: stop without another update. In lock-step a round that has begun is finished
 * first, so that the run ends on a state that can be resumed exactly. */
static int loop_collect(struct learner *r, struct onic_err *err)
{
    int64_t asked_ms = 0;
    for (;;) {
        int64_t since_ms = clock_ms();
        int rc = batcher_fill(r->batcher, trainer_counters(r->core)->version, WAIT_MS);
        r->starved_ms += clock_ms() - since_ms;
        if (rc != ONIC_ETIMEDOUT)
            return rc;
        rc = loop_look(r, err);
        if (rc)
            return rc;
        if (!reason_to_stop(r))
            continue;
        asked_ms = asked_ms ? asked_ms : clock_ms();
        if (!r->params.deterministic || clock_ms() - asked_ms > FINISH_ROUND_MS)
            return ONIC_ESTOPPED;
    }
}

/* Lock-step: the labels of this batch are part of the result. */
static int wait_for_labels(struct learner *r, struct onic_err *err)
{
    int64_t said_ms = clock_ms();
    while (label_client_pending(r->annotate)) {
        int rc = label_client_poll(r->annotate, trainer_reward(r->core), WAIT_MS, err);
        if (!rc)
            rc = loop_look(r, err);
        if (rc)
            return rc;
        if (*r->stop)
            return ONIC_ESTOPPED;
        if (clock_ms() - said_ms > 10000) {
            said_ms = clock_ms();
            log_info(
                "deterministic run: waiting for the labels of this batch from the reward server",
                kv("server", (const char *)r->params.reward_server));
        }
    }
    label_client_apply(r->annotate, trainer_reward(r->core));
    return ONIC_OK;
}

static bool checkpoint_due(const struct learner *r)
{
    uint64_t version = trainer_counters(r->core)->version;
    uint64_t every = r->params.checkpoint_every_updates;
    if (every == 0 && r->params.deterministic)
        every = 100;
    /* perhaps of a state that cannot be gone back to */
    if (!r->params.deterministic && trainer_nonfinite_in_row(r->core) > 0)
        return false;
    return (every && version % every == 0) || run_recording_wants_checkpoint(r) ||
           (double)(clock_ms() - r->checkpoint_ms) >= r->params.checkpoint_every_s * 1e3;
}

static void publish(struct learner *r)
{
    int64_t now = clock_ms();
    double wait_s = r->params.deterministic ? 0 : r->params.publish_every_s;
    uint64_t version = trainer_counters(r->core)->version;
    /* What is played with weights that stay behind for too long is never trained on, and then there
     * is no update that would publish newer ones. */
    bool behind = version - r->published_version > r->params.publish_versions_max;
    if (r->published_ms && !behind && (double)(now - r->published_ms) < wait_s * 1e3)
        return;
    wire_learner_publish(r->wire, trainer_weights(r->core), version);
    r->published_ms = now;
    r->published_version = version;
}

static int update(struct learner *r, struct onic_err *err)
{
    struct train_stats stats;
    struct reward_mix *mix = trainer_reward(r->core);
    int n;
    struct trajectory *const *held = batcher_held(r->batcher, &n);
    const struct batch *batch = trainer_lay_out(r->core, held, n);
    run_recording_batch(r);
    reward_mix_on_batch(mix, &batch->reward);
    label_client_ask(r->annotate, mix, batch);
    int rc = loop_look(r, err);
    if (!rc && r->params.deterministic)
        rc = wait_for_labels(r, err);
    if (rc)
        return rc;
    struct train_turn turn = reward_mix_train(mix);
    run_recording_turn(r, &turn);
    rc = trainer_update(r->core, &stats, err);
    if (rc)
        return trainer_diverged(r->core) ? learner_roll_back(r, err) : rc;
    run_recording_update(r);
    batcher_book_consumed(r->batcher);
    trace(UPDATED, .version = trainer_counters(r->core)->version);
    episode_log_add(r->replays, batch, mix, label_client_identity(r->annotate),
                    trainer_counters(r->core)->env_steps);
    report_episodes(r->metrics, &r->env, held, n);
    report_update(r->metrics, r->core, &stats);
    report_share(&r->share, mix, &stats);
    return ONIC_OK;
}

static int loop_train(struct learner *r, struct onic_err *err)
{
    r->stopping = reason_to_stop(r);
    while (!r->stopping) {
        int rc = loop_collect(r, err);
        if (!rc)
            rc = update(r, err);
        if (rc == ONIC_ESTOPPED)
            r->stopping = reason_to_stop(r) ? reason_to_stop(r) : "the trajectory link ended";
        if (rc)
            return rc == ONIC_ESTOPPED ? ONIC_OK : rc;
        r->stopping = reason_to_stop(r);
        if (r->stopping && r->params.deterministic)
            checkpoint_writer_wait(r->checkpoints);
        if (checkpoint_due(r) || (r->stopping && r->params.deterministic))
            learner_checkpoint(r);
        if (!r->stopping)
            publish(r);
        run_recording_release(r);
        batcher_done(r->batcher);
    }
    return ONIC_OK;
}

/* --- the end --------------------------------------------------------------------------------- */

/* Books everything that was sent and will not be trained on. */
static void drop_rest(struct learner *r)
{
    struct trajectory *t;
    run_recording_release(r);
    batcher_book_dropped(r->batcher, LEDGER_DROP_DRAIN);
    batcher_done(r->batcher);
    wire_learner_drain(r->wire, DRAIN_MS);
    while (wire_learner_take(r->wire, &t, 0) == ONIC_OK) {
        wire_learner_dropped(r->wire, t, LEDGER_DROP_DRAIN);
        wire_learner_release(r->wire, t);
    }
}

/* A deterministic run keeps the checkpoint of its last whole round: what was dropped since is
 * produced again. */
static int last_checkpoint(struct learner *r, struct onic_err *err)
{
    struct checkpoint_writer_result s;
    checkpoint_writer_wait(r->checkpoints);
    if (!r->params.deterministic) {
        learner_checkpoint(r);
        checkpoint_writer_wait(r->checkpoints);
    }
    checkpoint_writer_look(r->checkpoints, &s);
    if (s.failures)
        return err_set(err, ONIC_EIO, "the last checkpoint was not written: %s", s.err.msg);
    return ONIC_OK;
}

static bool loop_is_refusal(int rc)
{
    return rc == ONIC_EINCOMPATIBLE || rc == ONIC_ECONFIG;
}

/* After a bug the last good checkpoint is not replaced. A life whose options are refused before its
 * first checkpoint leaves none: what it trained until a part saw that they do not fit is rolled
 * back, with the options (run_dir_settle). */
static bool keeps_state(const struct learner *r, int failed)
{
    return !r->homeless && !r->stateless && failed != ONIC_EINTERNAL &&
           !(loop_is_refusal(failed) && r->checkpoint_version == 0);
}

/* A life without a label looks like any other one from outside. */
static void loop_say_fruitless(struct learner *r)
{
    const char *why = label_client_fruitless(r->annotate);
    if (reward_mix_type(trainer_reward(r->core))->traits.wants_labels &&
        !r->params.reward_server[0])
        why = "no label in this life: no reward server was given (--reward.server=ADDR)";
    if (!*why)
        return;
    log_warn("nothing was learned from language", kv("why", why));
    metrics_text(r->metrics, "waiting", why);
}

/* failed: what ended training. Whatever it was, actors are drained and the books closed. */
static int loop_finish(struct learner *r, int failed, struct onic_err *err)
{
    struct ledger ledger;
    char text[1024];
    struct buf line;
    log_info("draining", kv("because", failed ? "training failed" : r->stopping),
             kv("env_steps", trainer_counters(r->core)->env_steps));
    dashboard_draining(r->dashboard);
    monitor_enter(&r->monitor, MONITOR_DRAINING);
    if (!failed)
        report_learned(r->core, r->annotate);
    drop_rest(r);
    int rc = keeps_state(r, failed) ? last_checkpoint(r, err) : ONIC_OK;
    report_links(r);
    if (!loop_is_refusal(failed))
        loop_say_fruitless(r);
    write_ledger(r, &ledger);
    buf_init(&line, sizeof text);
    ledger_line(&ledger, &line);
    log_info("ledger", kv("trajectories", (const char *)line.data));
    buf_release(&line);
    trace(ENDED, .n = rc || failed);
    if (!rc && !ledger_balanced(&ledger))
        rc = err_set(
            err, ONIC_EINTERNAL,
            "the ledger does not balance; %s/ledger.json holds its sums, please report them",
            r->dir);
    return rc;
}

int learner_train(struct learner *r, struct onic_err *err)
{
    log_info("listening", kv("address", wire_learner_address(r->wire)),
             kv("weights", wire_learner_weights_address(r->wire)),
             kv("env", (const char *)r->env.id),
             kv("net", (const char *)policy_config(trainer_policy(r->core))->net),
             kv("parameters", params_count(policy_params(trainer_policy(r->core)))),
             kv("threads", trainer_threads(r->core)),
             kv("reward", reward_mix_type(trainer_reward(r->core))->name),
             kv("shaping", reward_mix_chain(trainer_reward(r->core))));
    r->life_ms = clock_ms();
    report_links(r);
    metrics_start(r->metrics);
    monitor_enter(&r->monitor, MONITOR_TRAINING);
    trainer_watch(r->core, loop_turns, r);
    int rc = loop_train(r, err);
    struct onic_err end = {0};
    int end_rc = loop_finish(r, rc, rc ? &end : err);
    if (rc && end_rc)
        log_error("after that", kv("why", (const char *)end.msg));
    return rc ? rc : end_rc;
}

void learner_end(struct learner *r, int rc)
{
    struct onic_err why = {0};
    bool here = !r->homeless && run_home_is_here(&r->home);
    if (here && r->metrics &&
        metrics_end(r->metrics, clock_wall_s(), err_exit_code(rc), &why) != ONIC_OK)
        log_warn("the last metrics were not written", kv("why", (const char *)why.msg));
    dashboard_close(r->dashboard, err_exit_code(rc));
    if (here && r->config_is_ours)
        run_dir_settle(r->dir, loop_is_refusal(rc));
    run_recording_close(r);
    checkpoint_writer_free(r->checkpoints); /* finishes a write under way */
    batcher_free(r->batcher);
    wire_learner_free(r->wire);
    audit_close();
    episode_log_free(r->replays);
    label_client_free(r->annotate);
    wire_keys_free(r->keys);
    trainer_free(r->core);
    metrics_free(r->metrics);
    run_home_close(&r->home);
    buf_release(&r->config);
    if (r->lock_fd >= 0)
        close(r->lock_fd);
}
