/* SPDX-License-Identifier: MIT */
/* sweep_folder.c - see sweep_folder.h. */
#include "deploy/cli/sweep_folder.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file_kind.h"
#include "common/base/paths.h"
#include "common/base/plain_file.h"
#include "common/base/run_lock.h"
#include "common/base/shell.h"
#include "common/checkpoint/safe_file.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/evaluate.h"
#include "deploy/cli/json_file.h"
#include "deploy/cli/json_text.h"
#include "deploy/cli/sweep_keep.h"
#include "deploy/cli/train_end.h"

enum { SWEEP_JSON_MAX = 256 << 20, FOLDER_PATH_MAX = CONFIG_STR_MAX + SWEEP_NAME_MAX + 64 };

#define SWEEP_JSON "sweep.json"

static void folder_path(char out[FOLDER_PATH_MAX], const char *dir, const char *name)
{
    snprintf(out, FOLDER_PATH_MAX, "%.511s/%.190s", dir, name);
}

static bool folder_has(const char *dir, const char *name)
{
    char path[FOLDER_PATH_MAX];
    struct stat st;
    folder_path(path, dir, name);
    return stat(path, &st) == 0;
}

/* --- what a run has come to ------------------------------------------------------------------ */

/* eval.json is of the weights that the run ends with; one that was cut is none. */
static bool is_evaluated(const char *dir, uint64_t env_steps, int episodes)
{
    char path[FOLDER_PATH_MAX];
    folder_path(path, dir, "eval.json");
    json_t *eval;
    json_file_read(&eval, path, EVAL_JSON_MAX, NULL);
    double at = json_number_value(json_object_get(eval, "trained_env_steps"));
    bool same = eval && at >= 0 && at < 9e15 && (uint64_t)at == env_steps &&
                json_integer_value(json_object_get(eval, "episodes")) == episodes;
    json_decref(eval);
    return same;
}

enum sweep_state sweep_job_state(const struct sweep_job *j)
{
    const struct train_end end = {.run_dir = j->dir, .stop = j->stop};
    struct stop_state at = {0};
    if (sweep_is_kept(j))
        return SWEEP_DONE;
    if (!folder_has(j->dir, "config.yaml"))
        return SWEEP_FRESH;
    if (!train_end_reached(&end, &at))
        return SWEEP_BEGUN;
    return j->eval && !is_evaluated(j->dir, at.env_steps, j->episodes) ? SWEEP_TRAINED : SWEEP_DONE;
}

/* --- this sweep or another ------------------------------------------------------------------- */

static json_t *sweep_document(const struct sweep *s)
{
    json_t *runs = json_object();
    for (int i = 0; i < s->n; i++) {
        json_t *options = json_object();
        for (int k = 0; k < s->job[i].n; k++)
            json_object_set_new(options, s->job[i].option[k].key,
                                json_string(s->job[i].option[k].value));
        json_object_set_new(runs, s->job[i].name, options);
    }
    json_t *doc = json_object();
    json_object_set_new(doc, "file", json_string(s->file.path));
    json_object_set_new(doc, "runs", runs);
    return doc;
}

static const struct sweep_job *find_job(const struct sweep *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->job[i].name, name) == 0)
            return &s->job[i];
    return NULL;
}

static const char *job_option(const struct sweep_job *j, const char *key)
{
    for (int i = 0; i < j->n; i++)
        if (strcmp(j->option[i].key, key) == 0)
            return j->option[i].value;
    return NULL;
}

static int other_sweep(const struct sweep *s, const char *why, struct onic_err *err)
{
    return err_set(err, ONIC_ECONFIG,
                   "%s holds runs of another sweep: %s; choose another folder with --run-dir",
                   s->dir, why);
}

static int other_option(const struct sweep *s, const char *run, const char *key, const char *was,
                        const char *is, struct onic_err *err)
{
    char why[720];
    snprintf(why, sizeof why, "its %.100s has %.60s=%.120s, and %.160s gives it %.120s", run, key,
             was ? was : "(default)", s->file.path, is ? is : "(default)");
    return other_sweep(s, why, err);
}

static int compare_options(const struct sweep *s, const struct sweep_job *j, json_t *before,
                           struct onic_err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(before, key, value)
    {
        const char *was = json_string_value(value), *is = job_option(j, key);
        if (!sweep_may_change(key) && (!was || !is || strcmp(was, is) != 0))
            return other_option(s, j->name, key, was, is, err);
    }
    for (int i = 0; i < j->n; i++)
        if (!sweep_may_change(j->option[i].key) && !json_object_get(before, j->option[i].key))
            return other_option(s, j->name, j->option[i].key, NULL, j->option[i].value, err);
    return ONIC_OK;
}

/* Only runs that were begun bind: of the others nothing is there that could be mixed up. */
static int compare_runs(const struct sweep *s, json_t *before, struct onic_err *err)
{
    const char *name;
    json_t *options;
    json_object_foreach(before, name, options)
    {
        char config[FOLDER_PATH_MAX], why[400];
        snprintf(config, sizeof config, "%.160s/config.yaml", name);
        if (strchr(name, '/') || strcmp(name, "..") == 0 || !folder_has(s->dir, config))
            continue;
        const struct sweep_job *j = find_job(s, name);
        snprintf(why, sizeof why, "it has the run %.100s, which %.160s does not ask for", name,
                 s->file.path);
        int rc = j ? compare_options(s, j, options, err) : other_sweep(s, why, err);
        if (rc)
            return rc;
    }
    return ONIC_OK;
}

/* The document that is there, or NULL where there is none. */
static int read_document(const char *dir, json_t **out, struct onic_err *err)
{
    char path[FOLDER_PATH_MAX];
    folder_path(path, dir, SWEEP_JSON);
    int rc = json_file_read(out, path, SWEEP_JSON_MAX, err);
    if (rc == ONIC_ENOTFOUND)
        return ONIC_OK;
    if ((rc && rc != ONIC_EDAMAGED) || json_is_object(json_object_get(*out, "runs")))
        return rc;
    json_decref(*out);
    *out = NULL;
    return err_set(err, ONIC_EDAMAGED,
                   "%s is damaged, so it cannot be told whether the runs beside it are of this "
                   "sweep; if they are, remove it",
                   path);
}

/* Nothing is there, or what a sweep makes before its sweep.json. */
static bool is_bare_folder(const char *dir)
{
    DIR *d = opendir(dir);
    bool bare = true;
    for (const struct dirent *e; d && (e = readdir(d)) != NULL;)
        bare &= strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
                strcmp(e->d_name, "lock") == 0 || strcmp(e->d_name, "log") == 0;
    if (d)
        closedir(d);
    return bare;
}

/* A folder whose sweep.json is gone is still one whose runs have our names. */
static bool has_our_runs(const struct sweep *s)
{
    for (int i = 0; i < s->n; i++)
        if (folder_has(s->job[i].dir, "config.yaml"))
            return true;
    return false;
}

int sweep_folder_check(const struct sweep *s, struct onic_err *err)
{
    struct stat st;
    json_t *before;
    if (stat(s->dir, &st) != 0)
        return errno == ENOENT ? ONIC_OK : file_unreadable(s->dir, errno, err);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ONIC_ECANTCREATE,
                       "%s is not a folder; choose another place with --run-dir", s->dir);
    int rc = read_document(s->dir, &before, err);
    if (!rc && before)
        rc = compare_runs(s, json_object_get(before, "runs"), err);
    else if (!rc && !is_bare_folder(s->dir) && !has_our_runs(s))
        rc = err_set(err, ONIC_ECANTCREATE,
                     "%s is there and not the folder of a sweep; choose another one with --run-dir",
                     s->dir);
    json_decref(before);
    return rc;
}

/* --- taking it ------------------------------------------------------------------------------- */

static int make_sweep_folders(const struct sweep *s, struct onic_err *err)
{
    char path[FOLDER_PATH_MAX];
    folder_path(path, s->dir, "log");
    int rc = paths_make_dirs(s->dir, err);
    return rc ? rc : plain_folder_make(path, err);
}

static int lock_sweep(const struct sweep *s, int *fd, struct onic_err *err)
{
    char holder[256];
    int held;
    int rc = run_lock_take(s->dir, fd, err);
    if (rc && run_lock_peek(s->dir, holder, sizeof holder, &held) == ONIC_OK && held)
        return err_set(err, rc,
                       "a sweep is going on in %s (%s); wait for it, or choose another "
                       "folder with --run-dir",
                       s->dir, holder[0] ? holder : "another process");
    return rc;
}

int sweep_folder_take(const struct sweep *s, int *lock_fd, struct onic_err *err)
{
    char path[FOLDER_PATH_MAX];
    *lock_fd = -1;
    int rc = sweep_folder_check(s, err);
    if (!rc)
        rc = make_sweep_folders(s, err);
    if (!rc)
        rc = lock_sweep(s, lock_fd, err);
    if (!rc) /* now that nobody else can change it */
        rc = sweep_folder_check(s, err);
    if (rc)
        return rc;
    json_t *doc = sweep_document(s);
    char *text = json_dumps(doc, JSON_INDENT(1) | JSON_SORT_KEYS);
    folder_path(path, s->dir, SWEEP_JSON);
    rc = text ? safe_replace_bytes(path, text, strlen(text), err)
              : err_set(err, ONIC_ECONFIG, "%s has a name that is no UTF-8: rename it",
                        s->file.path);
    free(text);
    json_decref(doc);
    return rc == ONIC_EIO ? ONIC_ECANTCREATE : rc; /* before anything was run */
}

int sweep_folder_refuse(const char *path, struct onic_err *err)
{
    json_t *doc = NULL;
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return ONIC_OK;
    if (read_document(path, &doc, NULL) != ONIC_OK || !doc)
        return ONIC_OK;
    char file[4200];
    shell_word(json_text(doc, "file"), file, sizeof file);
    json_decref(doc);
    return err_set(
        err, ONIC_ECONFIG,
        "%s is the folder of a sweep, and no commands are taken out of a folder: give its "
        "file, %.400s, as before",
        path, file);
}
