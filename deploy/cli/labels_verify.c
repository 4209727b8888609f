/* SPDX-License-Identifier: MIT */
/* labels_verify.c - see labels_verify.h. */
#include "deploy/cli/labels_verify.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/file_kind.h"
#include "common/base/shell.h"
#include "common/base/shown.h"
#include "common/checkpoint/checkpoint.h"
#include "learner/process/label_client.h"
#include "reward_server/store/label_store.h"

enum { VERIFY_NAMED_MAX = 20, VERIFY_WORD_MAX = 4096, VERIFY_PATH_MAX = 4200 };

static void name_damaged(void *ctx, const struct label_key *key, uint64_t id)
{
    int *named = ctx;
    if (++*named > VERIFY_NAMED_MAX)
        return;
    shown_printf(stdout, "damaged: row ");
    for (size_t i = 0; i < sizeof key->byte; i++)
        shown_printf(stdout, "%02x", key->byte[i]);
    shown_printf(stdout, " (label %" PRIu64 ")\n", id);
}

static int verdict_of_log(const struct label_verdict *v)
{
    if (v->log_unfinished)
        shown_printf(
            stdout,
            "the last commit of its write-ahead file is not whole (broken off, or damaged) and "
            "is passed over\n");
    if (v->log_frames == 0)
        return 0;
    shown_printf(
        stdout, "damaged: %d pages of its write-ahead file, with %d commits after them, which %s\n",
        v->log_frames, v->log_commits,
        v->log_hopeless ? "cannot be read" : "are read all the same; the next server mends it");
    return 1;
}

/* Writes what is wrong; returns how many things. */
static int verdict_write(const struct label_verdict *v, int named)
{
    int wrong = verdict_of_log(v);
    shown_printf(stdout,
                 "%" PRIu64 " labels and abstentions, %" PRIu64
                 " open questions match their checks\n",
                 v->settled, v->asked);
    if (v->set_aside)
        shown_printf(stdout,
                     "%" PRIu64 " labels were set aside, being damaged or of a source that is not "
                     "trusted, and their questions asked "
                     "again\n",
                     v->set_aside);
    if (named > VERIFY_NAMED_MAX)
        shown_printf(stdout, "damaged: %d more rows\n", named - VERIFY_NAMED_MAX);
    wrong += v->damaged > 0;
    if (v->missing)
        shown_printf(stdout, "missing: %" PRIu64 " labels that were given a number\n", v->missing);
    wrong += v->missing > 0;
    if (v->counter_behind)
        shown_printf(stdout,
                     "damaged: the counter of labels is behind them; the next server mends it\n");
    wrong += v->counter_behind;
    if (v->identities)
        shown_printf(stdout, "damaged: %d identities of labels\n", v->identities);
    wrong += v->identities > 0;
    if (v->notes)
        shown_printf(stdout, "damaged: %d notes of annotators, which are made anew\n", v->notes);
    wrong += v->notes > 0;
    if (v->pages[0])
        shown_printf(stdout, "damaged: pages (%s)\n", v->pages);
    return wrong + (v->pages[0] != '\0');
}

/* What a run has heard of, and its store does not know. ONIC_EIO: its newest checkpoint cannot be
 * asked now. */
static int verify_run(const char *run, const struct label_counts *n, int *wrong,
                      struct onic_err *err)
{
    struct checkpoint_file *file = NULL;
    char folder[VERIFY_PATH_MAX];
    struct buf report;
    struct label_heard heard = {0};
    struct onic_err why = {0};
    snprintf(folder, sizeof folder, "%.4096s/checkpoints", run);
    buf_init(&report, 1 << 16);
    int rc = checkpoint_newest_valid(&file, folder, &report, &why);
    bool read = !rc && label_client_heard(file, &heard, NULL) == ONIC_OK;
    checkpoint_close(file);
    buf_release(&report);
    if (!read)
        return rc == ONIC_EIO ? err_set(err, rc, "%s", why.msg) : ONIC_OK;
    if (heard.store && n->store && heard.store != n->store) {
        shown_printf(stdout, "the newest checkpoint of %s has its labels from another store\n",
                     run);
        return ONIC_OK;
    }
    if (heard.last_id <= n->last_id)
        return ONIC_OK;
    ++*wrong;
    shown_printf(stdout,
                 "missing: the newest checkpoint of %s has heard of labels up to number %" PRIu64
                 ", the store ends at %" PRIu64 "\n",
                 run, heard.last_id, n->last_id);
    return ONIC_OK;
}

/* An empty store says nothing about the one that was meant, or was lost. */
static bool verifies_nothing(const struct label_verdict *v)
{
    return v->settled + v->asked + v->damaged + v->set_aside == 0;
}

/* Labels that a run has heard of lie somewhere else by now, or nowhere. err says that there is no
 * store; a run that has heard of none may have none. */
static int verify_no_store(const char *path, const char *run, struct onic_err *err)
{
    const struct label_counts none = {0};
    struct onic_err why = {0};
    int wrong = 0, rc = verify_run(run, &none, &wrong, &why);
    if (rc)
        return err_set(err, rc, "%s", why.msg);
    if (!wrong)
        return ONIC_ENOTFOUND;
    return err_set(err, ONIC_EDAMAGED,
                   "label store %s is gone or empty, and its labels with it: put it back from a "
                   "copy, or train on, and they are asked for again",
                   path);
}

int labels_verify(const char *path, const char *run, struct onic_err *err)
{
    struct label_store *s = NULL;
    struct label_verdict v;
    struct label_counts n = {0};
    int named = 0, wrong = 0;
    char word[VERIFY_WORD_MAX];
    int rc = label_store_open(&s, path, LABEL_STORE_READ, err);
    if (rc == ONIC_ENOTFOUND && file_is_folder(run))
        return verify_no_store(path, run, err);
    if (!rc)
        rc = label_store_verify(s, &v, name_damaged, &named, err);
    if (!rc)
        rc = label_store_counters(s, &n, err);
    if (!rc) {
        wrong = verdict_write(&v, named);
        if (file_is_folder(run))
            rc = verify_run(run, &n, &wrong, err);
    }
    label_store_close(s);
    if (!rc && !wrong && verifies_nothing(&v))
        return err_set(err, ONIC_ENOTFOUND, "label store %s is empty: there was nothing to verify",
                       path);
    if (!wrong)
        return rc;
    return err_set(err, ONIC_EDAMAGED,
                   "label store %s is damaged or incomplete, as said; `onic labels export %s` "
                   "writes what is readable, and `onic labels import` takes it into a new store",
                   path, shell_word(path, word, sizeof word));
}
