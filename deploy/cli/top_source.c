/* SPDX-License-Identifier: MIT */
/* top_source.c - see top_source.h. */
#include "deploy/cli/top_source.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/file_kind.h"
#include "common/base/plain_file.h"
#include "common/http/http_get.h"
#include "common/run/run_dir.h"
#include "deploy/cli/run_live.h"
#include "learner/dashboard/history.h"
#include "learner/process/run_identity.h"

enum { ANSWER_MAX = 1 << 20, ANSWER_MS = 3000, LEDGER_TEXT_MAX = 1024, TOP_PATH_MAX = 4096 };

int top_source_find(struct top_source *s, struct onic_err *err)
{
    struct stat st;
    s->is_run = stat(s->place, &st) == 0;
    if (s->is_run)
        return file_want_folder(s->place, "a run directory or the address of a page", err);
    if (errno != ENOENT && errno != ENOTDIR) /* it is there */
        return file_unreadable(s->place, errno, err);
    if (strchr(s->place, ':'))
        return ONIC_OK;
    return err_set(err, ONIC_ENOTFOUND,
                   "%s is no run directory, and no address of a page: one looks like "
                   "127.0.0.1:8080",
                   s->place);
}

/* --- a page ---------------------------------------------------------------------------------- */

static int top_get(const struct top_source *s, const char *path, json_t **out, struct onic_err *err)
{
    struct buf text;
    int status = 0;
    *out = NULL;
    buf_init(&text, ANSWER_MAX);
    int rc = http_get(s->place, path, ANSWER_MS, &text, &status, err);
    if (!rc && status == 200)
        *out = json_loadb(text.data, text.len, 0, NULL);
    if (!rc && status == 421)
        rc = err_set(err, ONIC_EAUTH, "%.600s", text.data);
    else if (!rc && !json_is_object(*out))
        rc = err_set(err, ONIC_EPROTO, "what answers at %s is no page of onic (status %d)",
                     s->place, status);
    buf_release(&text);
    if (rc)
        json_decref(*out);
    return rc;
}

json_t *top_source_more(const struct top_source *s, const char *path)
{
    json_t *doc;
    struct onic_err ignored;
    return !s->is_run && top_get(s, path, &doc, &ignored) == ONIC_OK ? doc : NULL;
}

/* --- a directory ----------------------------------------------------------------------------- */

static void read_now(const struct top_source *s, const json_t *line, struct state_now *now)
{
    struct ledger l;
    struct buf text;
    const char *waiting = json_string_value(json_object_get(line, "waiting_for"));
    const char *event = json_string_value(json_object_get(line, "event"));
    now->time = json_number_value(json_object_get(line, "time"));
    const char *annotator = json_string_value(json_object_get(line, "annot/waiting_for"));
    snprintf(now->waiting, sizeof now->waiting, "%s", waiting ? waiting : "");
    snprintf(now->annotator, sizeof now->annotator, "%s", annotator ? annotator : "");
    if (event && strcmp(event, "end") == 0) {
        now->phase = STATE_ENDED;
        now->exit_code = (int)json_number_value(json_object_get(line, "exit"));
    }
    if (run_dir_ledger(s->place, &l, NULL) != ONIC_OK)
        return;
    buf_init(&text, LEDGER_TEXT_MAX);
    ledger_line(&l, &text);
    snprintf(now->ledger, sizeof now->ledger, "%.250s", text.data);
    buf_release(&text);
}

/* What is known of the speed and the time to go was so while it lived. */
static void say_crashed(json_t *state)
{
    json_object_set_new(state, "phase", json_string(TOP_CRASHED));
    json_object_set_new(state, "eta_s", json_null());
    json_object_set_new(state, "bottleneck", json_string(""));
}

/* whole: the file has lines, and the last one has no numbers. */
static int no_numbers(const char *dir, bool whole, struct onic_err *err)
{
    char path[TOP_PATH_MAX];
    snprintf(path, sizeof path, "%.4000s/metrics.jsonl", dir);
    FILE *f = plain_file_read(path, false);
    if (!f && errno != ENOENT)
        return file_unreadable(path, errno, err);
    if (f)
        fclose(f);
    return whole ? err_set(err, ONIC_EDAMAGED, "the last line of %s is damaged", path)
                 : err_set(err, ONIC_ENOTFOUND,
                           "%s has no numbers yet: metrics.jsonl is written when training has "
                           "begun",
                           dir);
}

static int state_of_run(struct top_source *s, json_t **out, struct onic_err *err)
{
    static char line[LINEAGE_LINE_MAX];
    static struct numbers numbers;
    struct state_now now = {.phase = STATE_TRAINING, .waiting_s = (double)NAN};
    struct buf text;
    bool live = run_is_live(s->place); /* before its last line is read, which may be its end */
    bool whole = run_identity_last_line(s->place, line);
    if (!whole || !history_line(line, strlen(line), &numbers, &now.wall_s))
        return no_numbers(s->place, whole, err);
    json_t *object = json_loads(line, 0, NULL);
    read_now(s, object, &now);
    json_decref(object);
    state_wait_add(&s->wait, now.wall_s, numbers_get(&numbers, "perf/starved_s"));
    buf_init(&text, ANSWER_MAX);
    state_json(&s->run, &now, &numbers, &s->wait, &text);
    *out = json_loadb(text.data, text.len, 0, NULL);
    buf_release(&text);
    if (*out && !live && now.phase != STATE_ENDED)
        say_crashed(*out);
    return *out ? ONIC_OK : err_set(err, ONIC_EDAMAGED, "%s: metrics.jsonl is damaged", s->place);
}

int top_source_state(struct top_source *s, json_t **out, struct onic_err *err)
{
    if (s->is_run)
        return state_of_run(s, out, err);
    int rc = top_get(s, "/api/state", out, err);
    if (!rc && (!json_is_object(json_object_get(*out, "v")) ||
                !json_is_string(json_object_get(*out, "phase")))) {
        json_decref(*out);
        rc = err_set(err, ONIC_EPROTO, "what answers at %s is no page of onic", s->place);
    }
    return rc;
}
