/* SPDX-License-Identifier: MIT */
/* labels_distrust.c - see labels_distrust.h. */
#include "deploy/cli/labels_distrust.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/file_kind.h"
#include "common/base/run_lock.h"
#include "common/base/shell.h"
#include "common/base/shown.h"
#include "learner/process/distrust.h"
#include "reward_server/store/label_store.h"

enum { DISTRUST_PATH_MAX = 4200, DISTRUST_WORD_MAX = 4096 };

/* The mark comes first: a model that learns anew for nothing loses less than one that keeps what
 * was withdrawn. */
static int withdraw(struct label_store *s, const char *run, const char *source, uint64_t *n,
                    struct onic_err *err)
{
    char folder[DISTRUST_PATH_MAX], word[DISTRUST_WORD_MAX];
    int rc = label_store_distrust(s, source, false, n, err);
    if (!rc && *n == 0)
        return err_set(err, ONIC_ECONFIG,
                       "no label of %s is of '%.100s'; `onic labels sources %s` shows who answered",
                       run, source, shell_word(run, word, sizeof word));
    snprintf(folder, sizeof folder, "%.4096s/checkpoints", run);
    if (!rc && file_is_folder(folder))
        rc = distrust_add(folder, err);
    return rc ? rc : label_store_distrust(s, source, true, n, err);
}

int labels_distrust(const char *path, const char *run, const char *source, struct onic_err *err)
{
    struct label_store *s = NULL;
    uint64_t n = 0;
    int lock = -1;
    if (!source[0])
        return err_set(
            err, ONIC_ECONFIG,
            "name the source: the annotator that answered, or its model, as `onic labels "
            "export` shows them");
    int rc = file_is_folder(run) ? run_lock_take(run, &lock, err) : ONIC_OK;
    if (!rc)
        rc = label_store_open(&s, path, LABEL_STORE_IMPORT, err);
    if (!rc)
        rc = withdraw(s, run, source, &n, err);
    label_store_close(s);
    if (lock >= 0)
        close(lock);
    if (!rc)
        shown_printf(stdout,
                     "%" PRIu64 " labels and abstentions of %s are set aside; their questions are "
                     "open again%s\n",
                     n, source,
                     file_is_folder(run) ? ", and the reward model learns anew when the run goes on"
                                         : "");
    return rc;
}
