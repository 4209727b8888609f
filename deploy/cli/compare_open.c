/* SPDX-License-Identifier: MIT */
/* compare_open.c - see compare_open.h. */
#define _GNU_SOURCE /* versionsort */
#include "deploy/cli/compare_open.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/file_kind.h"
#include "common/base/xmalloc.h"
#include "common/config/config.h"
#include "common/config/overlay.h"
#include "common/run/run_dir.h"
#include "deploy/cli/compare_table.h"
#include "deploy/cli/evaluate.h"
#include "deploy/cli/json_file.h"

enum { OPEN_PATH_MAX = 4300, VERSIONS_BYTES = 1 << 16, COMPARE_RUNS_MAX = 10000 };

static bool word_in(const char *word, const char *list)
{
    size_t n = strlen(word);
    for (const char *p = strstr(list, word); p; p = strstr(p + 1, word))
        if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
            return true;
    return false;
}

bool compare_is_of_task(int i)
{
    static const char sections[] = "run log listen weights metrics checkpoint replay stop labels "
                                   "security actors dashboard llm embedding command";
    static const char but[] =
        "llm.model llm.temperature llm.top_p llm.answer llm.calibration llm.structured "
        "embedding.source embedding.model embedding.prefix embedding.vectors embedding.threshold "
        "embedding.tie command.run command.version";
    static const char texts[] = "annotator.id annotator.goal annotator.domain annotator.prompt "
                                "annotator.fallback reward.file env.plugin";
    static const char machine[] = "train.threads env.recycle_episodes reward.train_beside "
                                  "annotator.queue_entries annotator.queue_bytes "
                                  "annotator.oldest_share";
    char key[64], section[64];
    config_key(i, key);
    snprintf(section, sizeof section, "%.*s", (int)strcspn(key, "."), key);
    if (word_in(section, sections))
        return word_in(key, but);
    return word_in(key, texts) || (config_is_portable(i) && !word_in(key, machine));
}

static void list_keys(struct compare_set *s)
{
    for (int i = config_next(-1); i < CONFIG_COUNT && s->runs == 0; i = config_next(i)) {
        char key[64];
        if (!compare_is_of_task(i))
            continue;
        config_key(i, key);
        s->key = xrealloc(s->key, ((size_t)s->keys + 1) * sizeof *s->key);
        s->key[s->keys++] = xstrdup(key);
    }
}

/* --- one run --------------------------------------------------------------------------------- */

static void read_run_version(struct compare_run *r)
{
    char *text = xmalloc(VERSIONS_BYTES);
    if (run_dir_read(r->path, "version.txt", text, VERSIONS_BYTES, NULL) == ONIC_OK) {
        size_t n = strlen(text);
        while (n > 0 && text[n - 1] == '\n')
            text[--n] = '\0';
        const char *line = strrchr(text, '\n');
        if (sscanf(line ? line + 1 : text, "%*s onic %31s", r->version) != 1)
            r->version[0] = '\0';
    }
    free(text);
}

static double eval_number(const json_t *eval, const char *part)
{
    const json_t *n = json_object_get(json_object_get(eval, part), "mean");
    return json_is_number(n) ? json_number_value(n) : (double)NAN;
}

/* A statistic of the episodes, or what every evaluation has. */
static double eval_statistic(const json_t *eval, const char *name)
{
    double v = eval_number(json_object_get(eval, "stats"), name);
    return isnan(v) ? eval_number(eval, name) : v;
}

/* Without one the figures are those of the training, so one that is there and cannot be read is
 * said. */
static void read_run_eval(struct compare_set *s, struct compare_run *r)
{
    char path[OPEN_PATH_MAX];
    struct onic_err why = {0};
    json_t *eval;
    snprintf(path, sizeof path, "%.4200s/eval.json", r->path);
    int rc = json_file_read(&eval, path, EVAL_JSON_MAX, &why);
    if (rc && rc != ONIC_ENOTFOUND)
        compare_note(s, "%s; the run counts as one that was not evaluated", why.msg);
    r->eval_success = eval_number(eval, "success_rate");
    r->eval_return = eval_number(eval, "return");
    r->eval_episodes = (int)json_integer_value(json_object_get(eval, "episodes"));
    for (int i = 0; i < s->extras; i++)
        if (s->extra[i].of_eval)
            r->extra[i] = eval_statistic(eval, s->extra[i].metric);
    json_decref(eval);
}

static void take_run_options(const struct compare_set *s, struct compare_run *r,
                             const struct config *c)
{
    char value[CONFIG_STR_MAX];
    r->value = xcalloc((size_t)s->keys, sizeof *r->value);
    for (int i = 0; i < s->keys; i++)
        r->value[i] = xstrdup(config_get(c, s->key[i], value, sizeof value) ? "" : value);
    r->env = xstrdup(c->env_id);
    r->frames = (double)c->run_frames;
    r->stop_success = c->stop_success;
    r->stop_wall_s = c->stop_wall_s;
    snprintf(value, sizeof value, "%lld", (long long)c->run_seed);
    r->seed = xstrdup(value);
}

/* A run that was added and is none, or cannot be read, is taken out by the caller. */
static int read_run(struct compare_set *s, struct compare_run *r, const char *path,
                    const char *const *metrics, int n, struct onic_err *err)
{
    struct config *c = xmalloc(sizeof *c);
    r->path = xstrdup(path);
    read_run_version(r);
    char why[RUN_CONFIG_WHY_MAX];
    int rc = run_dir_config_shown(path, c, why, err);
    if (rc && r->version[0])
        err_wrap(err, "%s was written by onic %s and cannot be read", path, r->version);
    else if (rc)
        err_wrap(err, "%s cannot be read", path);
    if (!rc)
        take_run_options(s, r, c);
    if (!rc && why[0])
        compare_note(
            s, "%s: %s; its options are taken as it says, and what it lacks counts as the default",
            path, why);
    free(c);
    if (rc)
        return rc;
    read_run_eval(s, r);
    rc = compare_curve_read(&r->curve, path, metrics, n, err);
    for (int i = 0; i < s->extras && !rc; i++) /* the last of the metrics */
        if (!s->extra[i].of_eval)
            r->extra[i] =
                compare_extra_of(&s->extra[i], &r->curve, COMPARE_METRICS + n - s->extras + i);
    return rc == ONIC_ENOTFOUND ? ONIC_OK : rc; /* it has just begun */
}

static bool is_added(const struct compare_set *s, const char *path)
{
    struct stat a, b;
    for (int i = 0; i < s->runs && stat(path, &a) == 0; i++)
        if (stat(s->run[i].path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
            return true;
    return false;
}

static void drop_last_run(struct compare_set *s)
{
    compare_run_free(&s->run[--s->runs], s->keys);
}

static int add_run(struct compare_set *s, const char *path, const char *const *metrics, int n,
                   struct onic_err *err)
{
    if (is_added(s, path))
        return ONIC_OK;
    if (s->runs == COMPARE_RUNS_MAX)
        return err_set(err, ONIC_ECONFIG, "more than %d runs", COMPARE_RUNS_MAX);
    list_keys(s);
    s->run = xrealloc(s->run, ((size_t)s->runs + 1) * sizeof *s->run);
    s->run[s->runs] = (struct compare_run){.path = NULL};
    int rc = read_run(s, &s->run[s->runs++], path, metrics, n, err);
    if (rc) {
        drop_last_run(s);
    } else if (s->run[s->runs - 1].curve.n == 0) {
        compare_note(s, "%s has not trained yet and is left out", path);
        drop_last_run(s);
    }
    return rc;
}

/* --- folders --------------------------------------------------------------------------------- */

static bool holds(const char *folder, const char *name)
{
    char path[OPEN_PATH_MAX];
    struct stat st;
    snprintf(path, sizeof path, "%.4200s/%s", folder, name);
    return stat(path, &st) == 0;
}

static bool is_run(const char *path)
{
    return holds(path, "config.yaml") || holds(path, "metrics.jsonl");
}

static int add_folder(struct compare_set *s, const char *path, const char *const *metrics, int n,
                      int *left_out, struct onic_err *err)
{
    struct dirent **entry;
    int found = 0, entries = scandir(path, &entry, NULL, versionsort);
    if (entries < 0)
        return file_unreadable(path, errno, err);
    for (int i = 0; i < entries; i++) {
        char run[OPEN_PATH_MAX];
        struct onic_err why = {0};
        snprintf(run, sizeof run, "%.4000s/%s", path, entry[i]->d_name);
        bool counts = entry[i]->d_name[0] != '.' && is_run(run);
        found += counts;
        if (counts && add_run(s, run, metrics, n, &why) != ONIC_OK) {
            compare_note(s, "%s; it is left out", why.msg);
            *left_out += 1;
        }
        free(entry[i]);
    }
    free(entry);
    return found ? ONIC_OK
                 : err_set(err, ONIC_ENOTFOUND,
                           "%s is neither a run directory nor a folder with some in it", path);
}

int compare_open(struct compare_set *s, const char *path, const char *const *metrics, int n,
                 int *left_out, struct onic_err *err)
{
    char clean[OPEN_PATH_MAX];
    snprintf(clean, sizeof clean, "%.4000s", path);
    for (size_t len = strlen(clean); len > 1 && clean[len - 1] == '/';)
        clean[--len] = '\0';
    int rc = file_want_folder(clean, "a run directory, or the folder of a sweep", err);
    if (rc)
        return rc;
    return is_run(clean) ? add_run(s, clean, metrics, n, err)
                         : add_folder(s, clean, metrics, n, left_out, err);
}

/* --- notes ----------------------------------------------------------------------------------- */

static void own_version(char out[32])
{
    struct buf text;
    buf_init(&text, 4096);
    config_version(&text);
    if (sscanf(text.data, "onic %31s", out) != 1)
        out[0] = '\0';
    buf_release(&text);
}

static void note_versions(struct compare_set *s)
{
    char own[32];
    const struct compare_run *first = NULL;
    int n = 0;
    own_version(own);
    for (int i = 0; i < s->runs; i++)
        if (s->run[i].version[0] && strcmp(s->run[i].version, own) != 0) {
            first = first ? first : &s->run[i];
            n++;
        }
    if (n)
        compare_note(
            s,
            "%d of the runs (%s of onic %s%s) %s trained by another version than this, %s: "
            "options that are gone since are not compared",
            n, first->path, first->version, n > 1 ? ", ..." : "", n > 1 ? "were" : "was", own);
}

static bool is_unfinished(const struct compare_run *r)
{
    const struct compare_curve *c = &r->curve;
    return compare_curve_last(c, COMPARE_FRAMES) < r->frames &&
           !(r->stop_success > 0 && compare_curve_last(c, COMPARE_SUCCESS) >= r->stop_success) &&
           !(r->stop_wall_s > 0 && compare_curve_last(c, COMPARE_SECONDS) >= r->stop_wall_s);
}

void compare_note_unfinished(struct compare_set *s)
{
    const struct compare_run *first = NULL;
    int n = 0;
    for (int i = 0; i < s->runs; i++)
        if (is_unfinished(&s->run[i])) {
            first = first ? first : &s->run[i];
            n++;
        }
    if (n)
        compare_note(
            s,
            "%d of the %d runs (%s after %.0f of %.0f frames%s) %s not at the end: what is "
            "newest of %s counts",
            n, s->runs, first->path, compare_curve_last(&first->curve, COMPARE_FRAMES),
            first->frames, n > 1 ? ", ..." : "", n > 1 ? "are" : "is", n > 1 ? "them" : "it");
}

int compare_open_end(struct compare_set *s, struct onic_err *err)
{
    note_versions(s);
    for (int i = 0; i < s->runs; i++)
        if (s->run[i].curve.skipped)
            compare_note(s, "%s/metrics.jsonl has %d damaged lines, which are left out",
                         s->run[i].path, s->run[i].curve.skipped);
    return s->runs ? ONIC_OK : err_set(err, ONIC_ENOTFOUND, "there is no run yet that has trained");
}
