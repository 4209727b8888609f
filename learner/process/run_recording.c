/* SPDX-License-Identifier: MIT */
/* run_recording.c - see run_recording.h. Every checkpoint begins a segment, so whoever repeats the
 * run can begin at each of them. */
#include "learner/process/run_recording.h"

#include <string.h>

#include "common/base/log.h"
#include "learner/process/loop.h"
#include "learner/record/record_writer.h"

static void run_recording_label(void *writer, const struct label *l)
{
    record_writer_label(writer, l);
}

static void run_recording_drawn(void *writer)
{
    record_writer_drawn(writer);
}

static void run_recording_written(void *writer, const char *path, uint64_t version)
{
    record_writer_checkpoint(writer, path, version);
}

void run_recording_params(struct run_recording_params *out, bool on, int64_t max_mb)
{
    *out = (struct run_recording_params){.on = on, .bytes_max = (uint64_t)max_mb << 20};
}

int run_recording_open(struct learner *r, struct onic_err *err)
{
    struct record_writer_params p = {.run_dir = r->dir,
                                     .home = &r->home,
                                     .bytes_max = r->params.recording.bytes_max,
                                     .epoch = r->lineage.epoch,
                                     .threads = (uint32_t)trainer_threads(r->core),
                                     .config = r->config.data,
                                     .model = policy_params(trainer_policy(r->core))};
    if (!r->params.recording.on)
        return ONIC_OK;
    memcpy(p.run_id, r->lineage.run_id, sizeof p.run_id);
    int rc = record_writer_create(&r->record, &p, err);
    if (rc)
        return rc;
    struct reward_mix_watch watch = {
        .ctx = r->record, .label = run_recording_label, .drawn = run_recording_drawn};
    reward_mix_watch(trainer_reward(r->core), &watch);
    checkpoint_writer_tell(r->checkpoints, run_recording_written, r->record);
    log_info("recording, for `onic replay-run`",
             kv("megabytes_at_most", (uint64_t)(p.bytes_max >> 20)));
    return ONIC_OK;
}

void run_recording_close(struct learner *r)
{
    struct record_writer_numbers n;
    struct onic_err why = {0};
    if (!r->record)
        return;
    checkpoint_writer_wait(r->checkpoints);
    checkpoint_writer_tell(r->checkpoints, NULL, NULL);
    reward_mix_watch(trainer_reward(r->core), &(struct reward_mix_watch){0});
    record_writer_end(r->record);
    if (record_writer_failed(r->record, &why))
        log_warn("the end of the recording may not be on the disk; what there is can be repeated "
                 "up to its last whole update",
                 kv("why", (const char *)why.msg));
    record_writer_numbers(r->record, &n);
    record_writer_free(r->record);
    r->record = NULL;
    log_info("recorded", kv("updates", n.updates), kv("megabytes", (double)n.bytes * 1e-6),
             kv("waited_s", n.waited_s));
}

/* The run is worth more than its record. */
static void end_of_failed(struct learner *r)
{
    struct onic_err why = {0};
    if (!r->record || !record_writer_failed(r->record, &why))
        return;
    log_warn(
        "the run is not recorded any more and goes on; what there is can be repeated up to its "
        "last whole update",
        kv("why", (const char *)why.msg));
    run_recording_close(r);
}

void run_recording_resumed(struct learner *r, const struct checkpoint_file *from, unsigned how)
{
    uint64_t version = trainer_counters(r->core)->version;
    if (!r->record)
        return;
    record_writer_expect(r->record, version);
    record_writer_checkpoint(r->record, checkpoint_path(from), version);
    record_writer_segment(r->record, version, how);
}

void run_recording_checkpoint_begins(struct learner *r)
{
    if (r->record && !r->stopping)
        record_writer_expect(r->record, trainer_counters(r->core)->version);
}

void run_recording_checkpoint(struct learner *r)
{
    if (r->record && !r->stopping && run_home_is_here(&r->home))
        record_writer_segment(r->record, trainer_counters(r->core)->version, 0);
}

void run_recording_batch(struct learner *r)
{
    int n;
    struct trajectory *const *held = batcher_held(r->batcher, &n);
    if (r->record)
        record_writer_batch(r->record, held, n);
}

void run_recording_turn(struct learner *r, const struct train_turn *turn)
{
    if (r->record)
        record_writer_turn(r->record, turn);
}

void run_recording_update(struct learner *r)
{
    if (r->record)
        record_writer_update(r->record, trainer_counters(r->core), trainer_weights(r->core));
    end_of_failed(r);
}

void run_recording_rolled_back(struct learner *r, uint64_t checkpoint, unsigned how)
{
    if (r->record)
        record_writer_roll_back(r->record, trainer_counters(r->core), trainer_weights(r->core),
                                checkpoint, how);
    end_of_failed(r);
}

void run_recording_release(struct learner *r)
{
    if (r->record)
        record_writer_wait(r->record);
}

bool run_recording_wants_checkpoint(const struct learner *r)
{
    return r->record && record_writer_wants_checkpoint(r->record);
}
