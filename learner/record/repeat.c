/* SPDX-License-Identifier: MIT */
/* repeat.c - see repeat.h.
 *
 * A segment that begins where the one before ended goes on with the state in memory: what was
 * written into its checkpoint then is what is there now. One of another life, or behind a gap, is
 * loaded. */
#include "learner/record/repeat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/log.h"
#include "common/base/xmalloc.h"
#include "learner/record/record_reader.h"
#include "learner/train/batch.h"

/* For options beyond all measure: else those of the run bound a batch long before. */
#define BATCH_BYTES_MAX ((size_t)1 << 32)
enum { RECORDS_PER_LOOK = 1 << 12 };

struct repeat {
    const struct repeat_params *p;
    struct repeat_numbers n;
    char dir[RECORD_PATH_MAX];
    uint8_t run_id[RUN_ID_BYTES];
    bool knows_run;
    struct record_reader *reader;
    struct repeat_life life; /* core NULL: nothing is loaded */
    bool follows;            /* the last segment came to its end */
    struct kept_frames *frames;
    struct trajectory **held; /* [count] of the batch at hand */
    void **bytes;             /* [count] their frames */
    int count, cap;
    size_t held_bytes;
    uint64_t held_steps;
    uint32_t records; /* read; counts around */
};

static void repeat_give_back(struct repeat *r)
{
    for (int i = 0; i < r->count; i++) {
        kept_trajectory_free(r->held[i]);
        free(r->bytes[i]);
    }
    r->count = 0;
    r->held_bytes = 0;
    r->held_steps = 0;
}

/* --- beginning ------------------------------------------------------------------------------- */

/* Of this run, this name and this machine? */
static int check_head(struct repeat *r, const struct record_entry *e, const char *path,
                      struct onic_err *err)
{
    const struct record_head *h = record_reader_head(r->reader);
    char kernels[64];
    record_kernels(kernels);
    if (!r->knows_run)
        memcpy(r->run_id, h->run_id, sizeof r->run_id);
    r->knows_run = true;
    if (memcmp(h->run_id, r->run_id, sizeof h->run_id) != 0)
        return err_set(err, ONIC_ECONFIG, "%s is a record of another run", path);
    if (h->epoch != e->epoch || h->version != e->version)
        return err_set(err, ONIC_ECONFIG,
                       "%s was life %u from weights %llu when it was written: it has another name "
                       "now",
                       path, h->epoch, (unsigned long long)h->version);
    if (strcmp(h->kernels, kernels) != 0)
        return err_set(err, ONIC_EINCOMPATIBLE,
                       "%s was recorded with the kernels '%s', and this machine has '%s': sums "
                       "differ in their last digits, so it can only be repeated on such a machine",
                       path, h->kernels, kernels);
    return ONIC_OK;
}

static int load_state(struct repeat *r, const struct checkpoint_file *from, uint32_t flags,
                      struct onic_err *err)
{
    struct reward_mix *mix = trainer_reward(r->life.core);
    if (flags & RECORD_FORGOT)
        reward_mix_forget(mix);
    if (flags & RECORD_UNLABELLED)
        reward_mix_unlabelled(mix);
    return trainer_load(r->life.core, from, err);
}

static int open_checkpoint(struct repeat *r, uint64_t version, struct checkpoint_file **out,
                           struct onic_err *err)
{
    char path[RECORD_PATH_MAX];
    uint8_t id[RUN_ID_BYTES];
    record_path(path, r->dir, record_reader_head(r->reader)->epoch, version, RECORD_CHECKPOINT);
    int rc = checkpoint_open(out, path, err);
    if (!rc)
        rc = run_id_of_checkpoint(*out, id, err);
    if (!rc && memcmp(id, r->run_id, sizeof id) != 0)
        rc = err_set(err, ONIC_ECONFIG, "%s is of another run", path);
    return rc;
}

static int repeat_open_trainer(struct repeat *r, struct onic_err *err)
{
    const struct record_head *h = record_reader_head(r->reader);
    struct checkpoint_file *from = NULL;
    trainer_free(r->life.core);
    r->life.core = NULL;
    int rc = open_checkpoint(r, h->version, &from, err);
    if (!rc)
        rc = r->p->open(r->p->open_ctx, h, record_reader_config(r->reader), from, &r->life, err);
    if (!rc)
        rc = load_state(r, from, h->flags, err);
    if (!rc && (trainer_counters(r->life.core)->version != h->version ||
                policy_params(trainer_policy(r->life.core))->count != (int)h->tensors))
        rc = err_set(err, ONIC_EDAMAGED, "%s is not what its segment began with",
                     checkpoint_path(from));
    checkpoint_close(from);
    return rc;
}

/* --- records --------------------------------------------------------------------------------- */

/* As the learner's batcher has it, or a few bytes of a file could ask for any memory. */
static int repeat_check_room(const struct repeat *r, size_t len, struct onic_err *err)
{
    uint64_t trajectories = r->life.batch_trajectories, steps = r->life.batch_steps;
    if (trajectories && (uint64_t)r->count >= trajectories)
        return err_set(err, ONIC_EDAMAGED,
                       "a batch of the record goes on beyond the %llu trajectories that make one "
                       "(actors.count and train.batch)",
                       (unsigned long long)trajectories);
    if (!trajectories && r->held_steps >= steps)
        return err_set(err, ONIC_EDAMAGED,
                       "a batch of the record goes on beyond the %llu steps that make one "
                       "(train.batch)",
                       (unsigned long long)steps);
    return r->held_bytes + len > BATCH_BYTES_MAX
               ? err_set(err, ONIC_ELIMIT, "a batch of the record is larger than 4 GiB")
               : ONIC_OK;
}

static int repeat_hold(struct repeat *r, struct record *rec, struct onic_err *err)
{
    struct trajectory *t;
    int rc = repeat_check_room(r, rec->len, err);
    if (!rc)
        rc = kept_trajectory_read(r->frames, rec->frame, rec->len, &r->life.expect, &t, err);
    if (rc) {
        free(rec->frame);
        return rc;
    }
    if (r->count == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 256;
        r->held = xrealloc(r->held, (size_t)r->cap * sizeof *r->held);
        r->bytes = xrealloc(r->bytes, (size_t)r->cap * sizeof *r->bytes);
    }
    r->held_bytes += rec->len;
    r->held_steps += (uint64_t)t->shape.T * (uint64_t)t->shape.E;
    r->bytes[r->count] = rec->frame;
    r->held[r->count++] = t;
    r->n.trajectories++;
    return ONIC_OK;
}

/* As the reward model was given it: a caption, or of a pair the whole question. */
static int repeat_label(struct repeat *r, const struct record *rec, struct onic_err *err)
{
    struct reward_mix *mix = trainer_reward(r->life.core);
    const struct record_label *l = &rec->label.is;
    struct question q;
    enum question_kind kind = reward_mix_type(mix)->traits.asks;
    bool pair = kind == QUESTION_PAIR;
    if (pair ? !question_split(rec->label.question, l->question_len, &q) || q.kind != QUESTION_PAIR
             : l->question_len > QUESTION_CAPTION_MAX)
        return err_set(err, ONIC_EDAMAGED, "a label of the record is of no question of this run");
    struct label label = {.id = l->id,
                          .state = LABEL_ANSWERED,
                          .value = l->value,
                          .confidence = l->confidence,
                          .asked_at = l->asked_at,
                          .answered_at = l->answered_at,
                          .question = rec->label.question,
                          .question_len = l->question_len};
    const char *fault = label_fault(&label, kind);
    if (fault)
        return err_set(err, ONIC_EDAMAGED, "a label of the record makes no sense: %s", fault);
    memcpy(label.source, l->source, sizeof label.source);
    reward_mix_on_label(mix, &label);
    r->n.labels++;
    return ONIC_OK;
}

static int repeat_look(const struct repeat *r, struct onic_err *err)
{
    bool goes_on = !r->p->progress || r->p->progress(r->p->progress_ctx, &r->n);
    return goes_on ? ONIC_OK : err_set(err, ONIC_ESTOPPED, "stopped");
}

static int say_differs(const struct repeat *r, const struct record_update *u, const char *what,
                       struct onic_err *err)
{
    return err_set(err, ONIC_EDIFFERS, "update %llu of life %u differs from what was recorded: %s",
                   (unsigned long long)u->version, record_reader_head(r->reader)->epoch, what);
}

static int repeat_compare(struct repeat *r, const struct record *rec, struct onic_err *err)
{
    const struct record_update *u = &rec->update.is;
    const struct params *p = policy_params(trainer_policy(r->life.core));
    const struct learner_counters *n = trainer_counters(r->life.core);
    const float *weights = trainer_weights(r->life.core);
    if (u->version != n->version || u->env_steps != n->env_steps || u->adam_steps != n->adam_steps)
        return say_differs(r, u, "versions, environment steps or gradient steps", err);
    for (int i = 0; i < p->count; i++) {
        const struct param *t = &p->param[i];
        size_t bytes = (size_t)t->rows * (size_t)t->cols * sizeof *weights;
        if (XXH3_64bits(weights + t->offset, bytes) != rec->update.hash[i]) {
            char what[PARAM_NAME_MAX + 16];
            snprintf(what, sizeof what, "tensor %s", t->name);
            return say_differs(r, u, what, err);
        }
    }
    return ONIC_OK;
}

static int repeat_roll_back(struct repeat *r, const struct record_update *u, struct onic_err *err)
{
    struct learner_counters before = *trainer_counters(r->life.core);
    struct checkpoint_file *from = NULL;
    int rc = open_checkpoint(r, u->checkpoint, &from, err);
    if (rc == ONIC_ENOTFOUND) /* which a stream says that has come to its end */
        rc = ONIC_EDAMAGED;
    if (rc)
        err_wrap(err, "the learner went back to a checkpoint that the record does not have");
    if (!rc)
        rc = load_state(r, from, u->flags, err);
    if (!rc) {
        trainer_roll_back(r->life.core, &before);
        r->n.roll_backs++;
    }
    checkpoint_close(from);
    return rc;
}

static int repeat_update(struct repeat *r, const struct record *rec, struct onic_err *err)
{
    struct train_stats stats;
    struct onic_err why = {0};
    int rc = trainer_update(r->life.core, &stats, &why);
    bool back = rc && trainer_diverged(r->life.core);
    if (rc && !back) {
        *err = why;
        return rc;
    }
    if (back != (rec->kind == RECORD_ROLL_BACK))
        return say_differs(r, &rec->update.is,
                           back ? "its gradients are not finite" : "its gradients are finite", err);
    rc = back ? repeat_roll_back(r, &rec->update.is, err) : ONIC_OK;
    if (!rc)
        rc = repeat_compare(r, rec, err);
    repeat_give_back(r);
    if (rc)
        return rc;
    r->n.updates++;
    r->n.version = rec->update.is.version;
    return repeat_look(r, err);
}

static int repeat_record(struct repeat *r, struct record *rec, struct onic_err *err)
{
    struct reward_mix *mix = trainer_reward(r->life.core);
    char question[QUESTION_MAX];
    switch (rec->kind) {
    case RECORD_TRAJECTORY:
        return repeat_hold(r, rec, err);
    case RECORD_LABEL:
        return repeat_label(r, rec, err);
    case RECORD_DRAWN:
        reward_mix_next_question(mix, question);
        return ONIC_OK;
    case RECORD_BATCH:
        reward_mix_on_batch(mix, &trainer_lay_out(r->life.core, r->held, r->count)->reward);
        return ONIC_OK;
    case RECORD_TURN: {
        struct train_turn turn = {
            .beside = rec->turn.beside, .idle = rec->turn.idle, .steps = rec->turn.steps};
        if (reward_mix_train_again(mix, &turn))
            return ONIC_OK;
        return err_set(err, ONIC_EDIFFERS,
                       "after update %llu of life %u the reward model has fewer steps to take than "
                       "were recorded",
                       (unsigned long long)r->n.version, record_reader_head(r->reader)->epoch);
    }
    case RECORD_UPDATE:
    case RECORD_ROLL_BACK:
        return repeat_update(r, rec, err);
    case RECORD_HEAD:
    case RECORD_END:
        break;
    }
    return ONIC_OK;
}

/* --- segments -------------------------------------------------------------------------------- */

static int repeat_records(struct repeat *r, struct onic_err *err)
{
    struct record rec;
    int rc;
    while (!(rc = record_reader_next(r->reader, &rec, err))) {
        rc = repeat_record(r, &rec, err);
        if (!rc && ++r->records % RECORDS_PER_LOOK == 0)
            rc = repeat_look(r, err);
        if (rc)
            break;
    }
    repeat_give_back(r); /* of an update that was not finished */
    if (rc == ONIC_ENOTFOUND && record_reader_is_cut(r->reader))
        log_info("a segment is cut: its learner was killed, or the file is not whole",
                 kv("after_version", r->n.version));
    r->follows = rc == ONIC_ENOTFOUND && !record_reader_is_cut(r->reader);
    return rc == ONIC_ENOTFOUND ? ONIC_OK : rc;
}

static int repeat_segment(struct repeat *r, const struct record_entry *e, struct onic_err *err)
{
    char path[RECORD_PATH_MAX];
    record_path(path, r->dir, e->epoch, e->version, RECORD_SEGMENT);
    bool goes_on =
        r->life.core && r->follows && e->epoch == r->n.epoch && e->version == r->n.version;
    if (!goes_on && !e->checkpoint) {
        log_warn("a segment does not go on from the one before, and has no checkpoint to begin "
                 "with: it is passed over",
                 kv("segment", (const char *)path));
        return ONIC_OK;
    }
    int rc = record_reader_open(&r->reader, path, err);
    if (rc == ONIC_ENOTFOUND) {
        log_warn("a segment was cut before anything was in it", kv("why", err->msg));
        return ONIC_OK;
    }
    if (!rc)
        rc = check_head(r, e, path, err);
    if (!rc && !goes_on)
        rc = repeat_open_trainer(r, err);
    if (!rc) {
        r->n.lives += e->epoch != r->n.epoch;
        r->n.epoch = e->epoch;
        r->n.version = e->version;
        r->n.segments++;
        rc = repeat_records(r, err);
    }
    record_reader_close(r->reader);
    r->reader = NULL;
    return rc;
}

/* The first segment that can be begun with, or the one that was asked for. */
static int find_first(const struct repeat *r, const struct record_list *all, size_t *first,
                      struct onic_err *err)
{
    const struct repeat_params *p = r->p;
    for (size_t i = 0; i < all->n; i++) {
        const struct record_entry *e = &all->e[i];
        *first = i;
        if (e->segment && e->checkpoint &&
            (p->from_epoch == 0 || (e->epoch == p->from_epoch && e->version == p->from_version)))
            return ONIC_OK;
    }
    if (p->from_epoch)
        return err_set(err, ONIC_ECONFIG,
                       "%s has no segment %u-%012llu with its checkpoint; the names of its files "
                       "are EPOCH-VERSION",
                       r->dir, p->from_epoch, (unsigned long long)p->from_version);
    return err_set(err, ONIC_ENOTFOUND,
                   "%s holds no segment with its checkpoint: `onic train --record` makes them",
                   r->dir);
}

static int repeat_all(struct repeat *r, const struct record_list *all, struct onic_err *err)
{
    size_t i = 0;
    int rc = find_first(r, all, &i, err);
    for (; !rc && i < all->n; i++)
        if (all->e[i].segment)
            rc = repeat_segment(r, &all->e[i], err);
    if (!rc && r->n.updates == 0)
        return err_set(err, ONIC_ENOTFOUND,
                       "%s holds no update: nothing was compared with what was recorded", r->dir);
    return rc;
}

int repeat_run(const struct repeat_params *p, struct repeat_numbers *out, struct onic_err *err)
{
    struct repeat r = {.p = p, .frames = kept_frames_create()};
    struct record_list all = {0};
    snprintf(r.dir, sizeof r.dir, "%s/" RECORD_FOLDER, p->run_dir);
    int rc = record_list(r.dir, &all, err);
    if (rc == ONIC_ENOTFOUND)
        err_set(err, rc, "%s has no record: `onic train --record` makes one", p->run_dir);
    if (!rc) {
        rc = run_id_read(p->run_dir, r.run_id, err);
        r.knows_run = !rc;
        rc = rc == ONIC_ENOTFOUND ? ONIC_OK : rc;
    }
    if (!rc)
        rc = repeat_all(&r, &all, err);
    *out = r.n;
    record_list_free(&all);
    trainer_free(r.life.core);
    kept_frames_free(r.frames);
    free(r.held);
    free(r.bytes);
    return rc;
}
