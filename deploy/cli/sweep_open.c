/* SPDX-License-Identifier: MIT */
/* sweep_open.c - see sweep_open.h. A run is what its command line says: the same words are resolved
 * here, to be checked, and given to `onic train`. */
#include "deploy/cli/sweep_open.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/xmalloc.h"
#include "common/config/options.h"
#include "common/config/overlay.h"
#include "common/run/run_dir.h"
#include "deploy/cli/compare_open.h"
#include "deploy/cli/evaluate.h"
#include "deploy/cli/json_file.h"
#include "deploy/cli/sweep_keep.h"
#include "deploy/cli/sweep_kept.h"
#include "deploy/cli/train_options.h"
#include "learner/process/learner_options.h"
#include "learner/reward/reward_model.h"

enum { SWEEP_WORD_MAX = 3 * CONFIG_STR_MAX };

/* --- words of a command ---------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void sweep_word(char ***words, const char *format, ...)
{
    char text[SWEEP_WORD_MAX];
    int n = 0;
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    while (*words && (*words)[n])
        n++;
    *words = xrealloc(*words, ((size_t)n + 2) * sizeof **words);
    (*words)[n] = xstrdup(text);
    (*words)[n + 1] = NULL;
}

static void sweep_free_words(char **words)
{
    for (int i = 0; words && words[i]; i++)
        free(words[i]);
    free(words);
}

static void put_train_words(struct sweep_job *j, const struct sweep_run *r)
{
    sweep_word(&j->train, "train");
    if (r->config)
        sweep_word(&j->train, "%s", r->config);
    for (int i = 0; i < r->n; i++)
        sweep_word(&j->train, "--%s=%s", r->option[i].key, r->option[i].value);
    sweep_word(&j->train, "--seed=%" PRId64, r->seed);
    sweep_word(&j->train, "--run-dir=%s", j->dir);
}

/* A run loads no code that only its files name, so the command line says it again. */
static void put_eval_words(struct sweep_job *j, const struct sweep_file *f, int64_t seed,
                           const struct config *cfg)
{
    const struct {
        const char *key, *value;
    } code[] = {{"env.plugin", cfg->env_plugin},
                {"env.nle", cfg->env_nle},
                {"gym.python", cfg->gym_python},
                {"gym.modules", cfg->gym_modules},
                {"env.options",
                 config_is_place(CONFIG_I_env_options, cfg->env_options) ? cfg->env_options : ""}};
    sweep_word(&j->eval, "eval");
    sweep_word(&j->eval, "%s", j->dir);
    sweep_word(&j->eval, "--episodes=%d", f->eval_episodes);
    sweep_word(&j->eval, "--seed=%" PRId64, (f->eval_seed + seed) % ((int64_t)UINT32_MAX + 1));
    sweep_word(&j->eval, "--json=%s/eval.json", j->dir);
    for (size_t i = 0; i < sizeof code / sizeof *code; i++)
        if (code[i].value[0])
            sweep_word(&j->eval, "--%s=%s", code[i].key, code[i].value);
}

/* --- options --------------------------------------------------------------------------------- */

/* What a sweep decides by itself. */
static int refuse_own(const char *path, const struct sweep_option *o, struct onic_err *err)
{
    static const struct {
        const char *key, *instead;
    } own[] = {
        {"run.seed", "the seeds of a sweep are 'seeds: [1, 2]'"},
        {"run.dir", "a sweep gives each run a folder of its own, in --run-dir"},
        {"run.on_exists", "a sweep goes on with what is there"},
        {"run.config", "a sweep gives all options itself"},
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(o->key, own[i].key) == 0)
            return err_set(err, ONIC_ECONFIG, "%s:%d: %s is not for a sweep: %s", path, o->line,
                           o->key, own[i].instead);
    return ONIC_OK;
}

static int set_option(struct config *c, const struct sweep_option *o, const char *path,
                      struct onic_err *err)
{
    char where[CONFIG_STR_MAX + 32];
    if (o->line)
        snprintf(where, sizeof where, "%.500s:%d", path, o->line);
    else
        snprintf(where, sizeof where, "--%s", o->key);
    if (option_is_of_plugin(o->key))
        return option_set_of_plugin(c, o->key, o->value, CONFIG_CLI, 0, where, err);
    return config_set(c, o->key, o->value, CONFIG_CLI, where, err);
}

static int resolve(struct config *c, const struct sweep_run *r, const char *path,
                   struct onic_err *err)
{
    int rc = ONIC_OK;
    char seed[32];
    config_defaults(c);
    if (r->config)
        rc = config_read_file(c, r->config, err);
    if (!rc)
        rc = config_read_env(c, err);
    for (int i = 0; i < r->n && !rc; i++) {
        rc = refuse_own(path, &r->option[i], err);
        if (!rc)
            rc = set_option(c, &r->option[i], path, err);
    }
    if (!rc)
        rc = config_name_module(c, err);
    snprintf(seed, sizeof seed, "%" PRId64, r->seed);
    return rc ? rc : config_set(c, "run.seed", seed, CONFIG_CLI, "seeds", err);
}

bool sweep_may_change(const char *key)
{
    static const char *const free_keys[] = {"run.frames",  "stop.",   "metrics.",     "log.",
                                            "checkpoint.", "replay.", "actors.",      "security.",
                                            "llm.max_",    "llm.url", "run.restarts", "dashboard."};
    for (size_t i = 0; i < sizeof free_keys / sizeof *free_keys; i++)
        if (strncmp(key, free_keys[i], strlen(free_keys[i])) == 0)
            return true;
    return false;
}

static bool sweep_varies(const struct sweep_file *f, const char *key)
{
    for (int i = 0; i < f->draws_of; i++)
        if (strcmp(f->draw[i].key, key) == 0)
            return true;
    for (int i = 0; i < f->axes; i++)
        for (int k = 0; k < f->axis[i].n; k++)
            for (int o = 0; o < f->axis[i].value[k].n; o++)
                if (strcmp(f->axis[i].value[k].option[o].key, key) == 0)
                    return true;
    return false;
}

/* The command line's options, on top of each run's. */
static int take_given(struct sweep *s, const struct config *given, struct onic_err *err)
{
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char key[64], value[CONFIG_STR_MAX];
        option_key(i, key);
        option_text(given, i, value);
        if (given->origin[i] != CONFIG_CLI || i == CONFIG_I_run_dir)
            continue;
        if (i == CONFIG_I_run_seed || i == CONFIG_I_run_on_exists || i == CONFIG_I_run_config)
            return err_set(err, ONIC_ECONFIG,
                           "--%s is not for a sweep: its file gives the seeds, and it goes on with "
                           "the runs that are there",
                           key);
        if (sweep_varies(&s->file, key))
            return err_set(err, ONIC_ECONFIG, "--%s=%s: %s varies it; leave it out here, or there",
                           key, value, s->file.path);
        for (int k = 0; k < s->plan.n; k++)
            sweep_run_set(&s->plan.run[k], key, value, 0);
        s->keeps_nothing = s->file.keep != NULL; /* these are no runs of the file */
    }
    return ONIC_OK;
}

/* --- runs that are kept ---------------------------------------------------------------------- */

/* Whether the run would be another one; only a directory can be trained further, so the end is part
 * of it. */
static bool makes_another_run(const struct config *wanted, int i, const char *key)
{
    bool end = i == CONFIG_I_run_frames || strncmp(key, "stop.", 5) == 0;
    bool named = wanted->origin[i] != CONFIG_DEFAULT && i != CONFIG_I_run_dir;
    return end || compare_is_of_task(i) || (named && !sweep_may_change(key));
}

/* A path is not kept, so nothing is known of it. */
static int check_kept_option(const struct sweep_job *j, const struct config *wanted,
                             const struct config *kept, int i, const char *file,
                             struct onic_err *err)
{
    char key[64], is[CONFIG_STR_MAX], was[CONFIG_STR_MAX];
    option_key(i, key);
    option_text(wanted, i, is);
    option_text(kept, i, was);
    if (strcmp(was, is) == 0 || sweep_names_place(is) || !makes_another_run(wanted, i, key))
        return ONIC_OK;
    return err_set(err, ONIC_ECONFIG,
                   "%.200s is kept of a run with %.60s=%.120s, and %.160s gives it %.120s: remove "
                   "it to have it trained again",
                   j->kept, key, was[0] ? was : "''", file, is[0] ? is : "''");
}

static int check_kept_episodes(const struct sweep_job *j, const char *file, struct onic_err *err)
{
    char path[4 * CONFIG_STR_MAX];
    json_t *eval = NULL;
    snprintf(path, sizeof path, "%.1900s/eval.json", j->kept);
    if (j->eval)
        json_file_read(&eval, path, EVAL_JSON_MAX, NULL);
    long long was = json_integer_value(json_object_get(eval, "episodes"));
    json_decref(eval);
    if (!j->eval || was == j->episodes)
        return ONIC_OK;
    return err_set(err, ONIC_ECONFIG,
                   "%.200s is kept with an evaluation of %lld episodes, and %.160s asks for %d: "
                   "remove it to have it made again",
                   j->kept, was, file, j->episodes);
}

/* What is kept, if anything is, must be what is asked for now, its end and its evaluation included:
 * nothing trains it further. */
static int check_kept(const struct sweep_job *j, const struct config *wanted, const char *file,
                      struct onic_err *err)
{
    if (!sweep_is_kept(j))
        return ONIC_OK;
    struct config *kept = xmalloc(sizeof *kept);
    int rc = run_dir_config(j->kept, kept, err);
    for (int i = config_next(-1); i < CONFIG_COUNT && !rc; i = config_next(i))
        rc = check_kept_option(j, wanted, kept, i, file, err);
    free(kept);
    return rc ? rc : check_kept_episodes(j, file, err);
}

/* --- jobs ------------------------------------------------------------------------------------ */

static void keep_options(struct sweep_job *j, const struct config *c)
{
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char key[64], value[CONFIG_STR_MAX];
        if (c->origin[i] == CONFIG_DEFAULT || i == CONFIG_I_run_dir)
            continue;
        option_key(i, key);
        option_text(c, i, value);
        j->option = xrealloc(j->option, ((size_t)j->n + 1) * sizeof *j->option);
        j->option[j->n++] = (struct sweep_option){.key = xstrdup(key), .value = xstrdup(value)};
    }
}

/* What no part would take is said now and not after hours. */
static int check_sweep_run(const struct sweep_run *r, const struct config *c, struct onic_err *err)
{
    const struct reward_model_type *model;
    int rc = reward_model_find(c->reward_model, &model, err);
    if (!rc)
        rc = train_options_check_environment(c, err);
    if (!rc)
        rc = train_options_check_parts(c, model, err);
    return rc ? (err_wrap(err, "the run %s", r->name), rc) : rc;
}

static int open_job(struct sweep *s, int i, struct config *c, struct onic_err *err)
{
    const struct sweep_run *r = &s->plan.run[i];
    struct sweep_job *j = &s->job[i];
    char dir[CONFIG_STR_MAX + SWEEP_NAME_MAX + 2];
    snprintf(dir, sizeof dir, "%s/%s", s->dir, r->name);
    int rc = strlen(dir) < CONFIG_STR_MAX
                 ? resolve(c, r, s->file.path, err)
                 : err_set(err, ONIC_ECANTCREATE,
                           "%s/%s is too long a name for a run directory; give a shorter --run-dir",
                           s->dir, r->name);
    if (!rc && (i == 0 || r[-1].cell != r->cell)) /* other seeds are of the same options */
        rc = check_sweep_run(r, c, err);
    if (rc)
        return rc;
    j->name = r->name;
    j->dir = xstrdup(dir);
    if (s->file.keep && !s->keeps_nothing) {
        struct buf kept;
        buf_init(&kept, SWEEP_WORD_MAX);
        buf_printf(&kept, "%s/%s", s->file.keep, r->name);
        j->kept = xstrdup(kept.data);
        buf_release(&kept);
    }
    stop_options(&j->stop, c);
    keep_options(j, c);
    put_train_words(j, r);
    j->episodes = s->file.eval_episodes;
    if (j->episodes)
        put_eval_words(j, &s->file, r->seed, c);
    return check_kept(j, c, s->file.path, err);
}

/* runs/<name of the file without its ending> */
static int sweep_folder_name(struct sweep *s, const struct config *given, struct onic_err *err)
{
    const char *slash = strrchr(s->file.path, '/');
    const char *name = slash ? slash + 1 : s->file.path;
    const char *dot = strrchr(name, '.');
    int len = dot && dot != name ? (int)(dot - name) : (int)strlen(name);
    int n = given->run_dir[0] ? snprintf(s->dir, sizeof s->dir, "%s", given->run_dir)
                              : snprintf(s->dir, sizeof s->dir, "runs/%.*s", len, name);
    while (n > 1 && n < (int)sizeof s->dir && s->dir[n - 1] == '/')
        s->dir[--n] = '\0';
    return n < (int)sizeof s->dir
               ? ONIC_OK
               : err_set(err, ONIC_ECANTCREATE, "the sweep's folder has too long a name");
}

int sweep_open(struct sweep *out, const char *path, const struct config *given,
               struct onic_err *err)
{
    memset(out, 0, sizeof *out);
    int rc = sweep_file_read(&out->file, path, err);
    if (!rc)
        rc = sweep_folder_name(out, given, err);
    if (!rc)
        rc = sweep_plan_make(&out->plan, &out->file, err);
    if (!rc)
        rc = take_given(out, given, err);
    if (rc)
        return rc;
    struct config *c = xmalloc(sizeof *c);
    out->job = xcalloc((size_t)out->plan.n, sizeof *out->job);
    for (; out->n < out->plan.n && !rc; out->n++)
        rc = open_job(out, out->n, c, err);
    free(c);
    return rc;
}

int sweep_choose(struct sweep *s, const char *patterns, struct onic_err *err)
{
    bool *wanted = xcalloc((size_t)s->n + 1, sizeof *wanted);
    int rc = ONIC_OK;
    for (const char *p = patterns; !rc; p++) {
        size_t n = strcspn(p, ",");
        if (sweep_match(&s->plan, p, n, wanted) == 0)
            rc = err_set(err, ONIC_ECONFIG,
                         "--only: no run of %.300s is called '%.*s'; --dry-run shows their names",
                         s->file.path, n < 100 ? (int)n : 100, p);
        p += n;
        if (!*p)
            break;
    }
    for (int i = 0; i < s->n; i++)
        s->job[i].left_out = !wanted[i];
    free(wanted);
    return rc;
}

void sweep_close(struct sweep *s)
{
    for (int i = 0; i < s->n; i++) {
        struct sweep_job *j = &s->job[i];
        for (int k = 0; k < j->n; k++) {
            free(j->option[k].key);
            free(j->option[k].value);
        }
        free(j->option);
        free(j->dir);
        free(j->kept);
        sweep_free_words(j->train);
        sweep_free_words(j->eval);
    }
    free(s->job);
    sweep_plan_free(&s->plan);
    sweep_file_free(&s->file);
}
