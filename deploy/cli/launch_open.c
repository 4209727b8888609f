/* SPDX-License-Identifier: MIT */
/* launch_open.c - see launch_open.h. A run's jobs get the words that this command line has: its
 * files are read again where the jobs run, and variables (ONIC_...) go there with them. */
#include "deploy/cli/launch_open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file_kind.h"
#include "common/base/shown.h"
#include "common/base/xmalloc.h"
#include "common/config/options.h"
#include "common/config/overlay.h"
#include "common/run/run_dir.h"
#include "deploy/cli/sweep_folder.h"
#include "deploy/cli/sweep_open.h"
#include "deploy/cli/train_end.h"
#include "deploy/cli/train_options.h"
#include "learner/process/learner_options.h"
#include "learner/reward/reward_model.h"

enum { LAUNCH_WORD_MAX = 3 * CONFIG_STR_MAX, LAUNCH_SENTENCE_MAX = 1 << 16 };

/* Whether a file has a key that only that of a sweep has; a configuration has sections. */
static int launch_is_sweep(const char *path, bool *is, struct onic_err *err)
{
    static const char *const keys[] = {"config:", "options:", "seeds:", "grid:", "random:"};
    char line[512];
    FILE *f = fopen(path, "r");
    *is = false;
    if (!f)
        return ONIC_OK; /* who reads it says why it cannot be, or finds a shipped one */
    while (fgets(line, sizeof line, f))
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            *is = *is || strncmp(line, keys[i], strlen(keys[i])) == 0;
    int rc =
        ferror(f) ? file_kind_refuse(path, "a configuration or the file of a sweep", err) : ONIC_OK;
    fclose(f);
    return rc;
}

static void add_local_option(struct launch_run *r, const char *key, const char *value)
{
    char word[LAUNCH_WORD_MAX];
    snprintf(word, sizeof word, "--%s=%s", key, value);
    launch_add_word(&r->actor, word);
}

/* --- one run --------------------------------------------------------------------------------- */

/* The same words as those of `onic train`, resolved as it does. */
static int resolve_run(struct config *c, char **words, struct onic_err *err)
{
    static const struct config_cli cli = {.who = 'F', .program = "onic launch"};
    int n = 0;
    while (words[n])
        n++;
    return config_load(c, n, words, &cli, err);
}

static void given_words(const struct config *given, char *const *file, int files, char ***words)
{
    launch_add_word(words, "launch");
    for (int i = 0; i < files; i++)
        launch_add_word(words, file[i]);
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char key[64], value[CONFIG_STR_MAX], word[LAUNCH_WORD_MAX];
        if (given->origin[i] != CONFIG_CLI)
            continue;
        option_key(i, key);
        option_text(given, i, value);
        snprintf(word, sizeof word, "--%s=%s", key, value);
        launch_add_word(words, word);
    }
}

/* What the jobs decide by themselves. */
static int refuse_own_of_jobs(const struct config *given, struct onic_err *err)
{
    static const struct {
        const char *key, *instead;
    } own[] = {
        {"listen.address", "a job has ports of its own (ONIC_PORT=N sets the first of three)"},
        {"run.on_exists", "a job that is requeued resumes"},
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (config_origin_of(given, own[i].key) == CONFIG_CLI)
            return err_set(err, ONIC_ECONFIG, "--%s is not for a launch: %s", own[i].key,
                           own[i].instead);
    return ONIC_OK;
}

static int check_launched(const struct config *c, const char *dir, struct onic_err *err)
{
    const struct reward_model_type *model;
    int rc = reward_model_find(c->reward_model, &model, err);
    if (!rc)
        rc = train_options_check_environment(c, err);
    if (!rc && !run_dir_resumes(dir, c))
        rc = train_options_check_parts(c, model, err);
    return rc;
}

static void run_words(struct launch_run *r, char *const *words, int files, const struct config *c)
{
    const char *key;
    char value[CONFIG_STR_MAX];
    launch_add_word(&r->learner, files ? words[1] : "");
    launch_add_word(&r->learner, r->dir);
    launch_add_word(&r->actor, r->dir);
    for (int i = files ? 2 : 1; words[i]; i++)
        if (strncmp(words[i], "--run.dir=", 10) != 0)
            launch_add_word(&r->learner, words[i]);
    for (int i = 0; (key = train_options_local(i)); i++)
        if (config_origin_of(c, key) != CONFIG_DEFAULT &&
            config_get(c, key, value, sizeof value) == ONIC_OK && value[0])
            add_local_option(r, key, value);
}

/* Jobs of such a run would wait in the queue, and end where they begin. */
static bool launch_is_at_its_end(const char *dir, const struct config *given)
{
    struct config *c = xmalloc(sizeof *c);
    struct train_end end = {.run_dir = dir};
    struct buf reason, options;
    buf_init(&reason, LAUNCH_SENTENCE_MAX);
    buf_init(&options, LAUNCH_SENTENCE_MAX);
    bool is = run_dir_resumes(dir, given) && run_dir_config(dir, c, NULL) == ONIC_OK &&
              config_overlay(c, given, NULL) == ONIC_OK;
    if (is) {
        stop_options(&end.stop, c);
        is = train_end_put_reached(&end, &reason, &options);
    }
    if (is)
        shown_printf(stderr,
                     "onic launch: nothing to do: the run in %s has reached %s already; it goes on "
                     "with%s, and --seed=N or --run-dir=DIR is another run\n",
                     dir, reason.data, options.data);
    buf_release(&options);
    buf_release(&reason);
    free(c);
    return is;
}

static int launch_one(struct launch *l, const struct config *given, char *const *file, int files,
                      struct onic_err *err)
{
    struct config *c = xmalloc(sizeof *c);
    char **words = NULL;
    given_words(given, file, files, &words);
    int rc = resolve_run(c, words, err);
    if (!rc)
        rc = run_dir_name(c, l->dir, sizeof l->dir, err);
    if (!rc)
        rc = check_launched(c, l->dir, err);
    if (!rc && !launch_is_at_its_end(l->dir, c)) {
        const char *slash = strrchr(l->dir, '/');
        snprintf(l->name, sizeof l->name, "%s", slash && slash[1] ? slash + 1 : l->dir);
        l->run = xcalloc(1, sizeof *l->run);
        l->n = 1;
        l->run[0].dir = xstrdup(l->dir);
        run_words(&l->run[0], words, files, c);
    }
    launch_free_words(words);
    free(c);
    return rc;
}

/* --- the runs of a sweep --------------------------------------------------------------------- */

static bool is_local_option(const char *key)
{
    const char *local;
    for (int i = 0; (local = train_options_local(i)); i++)
        if (strcmp(local, key) == 0)
            return true;
    return false;
}

/* train: "train" [CONFIG] --option ... --run-dir=DIR */
static void sweep_run_words(struct launch_run *r, const struct sweep_job *j)
{
    int first = j->train[1] && strncmp(j->train[1], "--", 2) != 0 ? 2 : 1;
    launch_add_word(&r->learner, first == 2 ? j->train[1] : "");
    launch_add_word(&r->learner, r->dir);
    for (int i = first; j->train[i]; i++)
        if (strncmp(j->train[i], "--run-dir=", 10) != 0)
            launch_add_word(&r->learner, j->train[i]);
    launch_add_word(&r->actor, r->dir);
    for (int i = 0; i < j->n; i++)
        if (is_local_option(j->option[i].key))
            add_local_option(r, j->option[i].key, j->option[i].value);
}

static int take_folder(const struct sweep *s, bool dry, struct onic_err *err)
{
    int lock = -1;
    if (dry)
        return sweep_folder_check(s, err);
    int rc = sweep_folder_take(s, &lock, err);
    if (lock >= 0)
        close(lock);
    return rc;
}

static int launch_sweep(struct launch *l, const struct config *given, const char *path, bool dry,
                        struct onic_err *err)
{
    struct sweep s = {.n = 0};
    l->sweep = true;
    int rc = sweep_open(&s, path, given, err);
    if (!rc)
        rc = take_folder(&s, dry, err);
    if (!rc) {
        const char *slash = strrchr(s.dir, '/');
        snprintf(l->name, sizeof l->name, "%s", slash && slash[1] ? slash + 1 : s.dir);
        snprintf(l->dir, sizeof l->dir, "%s", s.dir);
        l->run = xcalloc((size_t)s.n, sizeof *l->run);
    }
    for (int i = 0; i < s.n && !rc; i++) {
        enum sweep_state state = sweep_job_state(&s.job[i]);
        struct launch_run *r = &l->run[l->n];
        if (state == SWEEP_TRAINED || state == SWEEP_DONE) {
            l->trained++;
            continue;
        }
        l->n++;
        r->index = i;
        r->dir = xstrdup(s.job[i].dir);
        sweep_run_words(r, &s.job[i]);
    }
    sweep_close(&s);
    return rc;
}

int launch_open(struct launch *out, const struct config *given, char *const *file, int files,
                bool dry, struct onic_err *err)
{
    bool sweep = false;
    memset(out, 0, sizeof *out);
    int rc = refuse_own_of_jobs(given, err);
    for (int i = 0; i < files && !rc; i++) {
        bool is;
        rc = launch_is_sweep(file[i], &is, err);
        if (rc)
            return rc;
        if (is && files > 1)
            return err_set(err, ONIC_ECONFIG,
                           "%s is the file of a sweep, which names its own "
                           "configuration; give it alone",
                           file[i]);
        sweep = sweep || is;
    }
    if (rc)
        return rc;
    return sweep ? launch_sweep(out, given, file[0], dry, err)
                 : launch_one(out, given, file, files, err);
}

void launch_close(struct launch *l)
{
    for (int i = 0; i < l->n; i++) {
        free(l->run[i].dir);
        launch_free_words(l->run[i].learner);
        launch_free_words(l->run[i].actor);
    }
    free(l->run);
}
