/* SPDX-License-Identifier: MIT */
/* roll_back.c - see roll_back.h.
 *
 * The last good state is that of the newest checkpoint, not a copy in memory: it is what a restart
 * would begin with, so there is one kind of roll-back with one kind of books; it is whole (reward
 * model, statistics, how far labels were heard of), checked by its hashes, and costs nothing while
 * all is well. A copy in memory would cost a second reward model, and be no younger unless
 * everything were written out as often. No checkpoint is begun while the last gradient was not
 * finite (loop.c), so it holds nothing of the row that led here.
 *
 * When checkpoints are written goes by the clock, too, so a deterministic run that went back would
 * not be the same again: it ends. */
#include "learner/process/roll_back.h"

#include <stdio.h>

#include "common/base/log.h"
#include "common/base/trace.h"
#include "common/run/run_id.h"
#include "learner/process/report.h"
#include "learner/process/resume.h"

static const char remedy[] =
    "go on with a smaller train.lr or train.max_grad_norm, or bound what is paid (reward.clip, "
    "reward.int_clip, reward.shaping)";

/* The place in the ring for one more; NULL: there were too many of late. */
static uint64_t *roll_back_place(struct learner *r, uint64_t version)
{
    for (int i = 0; i < r->params.roll_backs_max; i++)
        if (r->rolled_back_at[i] == 0 || version - r->rolled_back_at[i] >= ROLL_BACK_UPDATES)
            return &r->rolled_back_at[i];
    return NULL;
}

static int roll_back_give_up(const struct learner *r, struct onic_err *err)
{
    if (r->params.deterministic)
        return err_set(err, ONIC_EINTERNAL,
                       "gradients were not finite three times in a row, and a deterministic run "
                       "does not go back to a checkpoint by itself: %s",
                       remedy);
    return err_set(err, ONIC_EINTERNAL,
                   "gradients were not finite three times in a row, and within %d updates the "
                   "learner went back to its last checkpoint %d times already "
                   "(train.roll_backs): %s",
                   ROLL_BACK_UPDATES, r->params.roll_backs_max, remedy);
}

/* What waits was mostly played with weights that are undone, and is a batch at most. */
static void undo_waiting(struct learner *r)
{
    struct trajectory *t;
    batcher_book_undone(r->batcher);
    while (wire_learner_take(r->wire, &t, 0) == ONIC_OK) {
        wire_learner_undone(r->wire, t);
        wire_learner_release(r->wire, t);
    }
}

/* Learner and books as the checkpoint has them; versions go on. */
static int take_state(struct learner *r, const struct checkpoint_file *from, uint64_t *undone,
                      struct onic_err *err)
{
    struct learner_counters before = *trainer_counters(r->core);
    const void *books;
    size_t len;
    unsigned how = 0;
    int rc = checkpoint_get_bytes(from, "ledger", &books, &len, err);
    if (!rc)
        rc = label_client_restart(r->annotate, err);
    if (!rc)
        rc = resume_load(r->core, r->annotate, from, &how, err);
    if (!rc)
        rc = wire_learner_undo(r->wire, books, len, trainer_counters(r->core)->version,
                               before.version - 1, undone, err);
    if (rc)
        return rc;
    uint64_t good = trainer_counters(r->core)->version;
    trainer_roll_back(r->core, &before);
    run_recording_rolled_back(r, good, how);
    report_load(r->metrics, from); /* success, by which a run may stop */
    return ONIC_OK;
}

static void say_rolled_back(const struct learner *r, const char *checkpoint, uint64_t steps_before,
                            uint64_t undone, int64_t suspect)
{
    const struct learner_counters *n = trainer_counters(r->core);
    char actor[64] = "none alone";
    if (suspect >= 0)
        snprintf(actor, sizeof actor, "%lld, which is put out", (long long)suspect);
    log_warn("gradients were not finite three times in a row, so weights, optimiser, statistics "
             "and reward model are those of the last checkpoint again",
             kv("checkpoint", checkpoint), kv("env_steps", n->env_steps),
             kv("env_steps_before", steps_before), kv("weights_version", n->version),
             kv("trajectories_undone", undone), kv("actor", (const char *)actor),
             kv("roll_backs", n->roll_backs));
}

static void roll_back_report(struct learner *r)
{
    const struct learner_counters *n = trainer_counters(r->core);
    trace(UPDATED, .version = n->version);
    metrics_set(r->metrics, "env_steps", (double)n->env_steps);
    metrics_set(r->metrics, "updates", (double)n->version);
    metrics_set(r->metrics, "weights_version", (double)n->version);
    metrics_set(r->metrics, "train/roll_backs_total", (double)n->roll_backs);
}

/* What may pass ends the learner as it would at a start: then it is begun again, and waits for its
 * disk. No state is left that could be kept, perhaps half of an older one. */
static int roll_back_fail(struct learner *r, int rc, const struct onic_err *why,
                          struct onic_err *err)
{
    bool may_pass = rc == ONIC_EIO || rc == ONIC_EAUTH || rc == ONIC_EAGAIN;
    r->stateless = true;
    return err_set(err, may_pass ? rc : ONIC_EINTERNAL,
                   "gradients were not finite three times in a row, and there is no state to go "
                   "back to: %s",
                   why->msg);
}

int learner_roll_back(struct learner *r, struct onic_err *err)
{
    uint64_t version = trainer_counters(r->core)->version, undone = 0, incarnation;
    uint64_t steps = trainer_counters(r->core)->env_steps;
    int64_t suspect = trainer_suspect(r->core, &incarnation);
    uint64_t *place = r->params.deterministic ? NULL : roll_back_place(r, version);
    struct checkpoint_file *from = NULL;
    struct onic_err why = {0};
    if (!place)
        return roll_back_give_up(r, err);
    checkpoint_writer_wait(r->checkpoints);
    int rc = run_home_check(&r->home, err);
    if (rc)
        return rc;
    rc = run_dir_newest(&from, r->dir, NULL, &why);
    if (!rc)
        rc = take_state(r, from, &undone, &why);
    if (rc) {
        checkpoint_close(from);
        return roll_back_fail(r, rc, &why, err);
    }
    *place = version;
    undo_waiting(r);
    if (suspect >= 0)
        wire_learner_accuse(r->wire, (uint32_t)suspect, incarnation);
    say_rolled_back(r, checkpoint_path(from), steps, undone, suspect);
    checkpoint_close(from);
    roll_back_report(r);
    r->published_ms = 0; /* the loop publishes them at once */
    return ONIC_OK;
}
