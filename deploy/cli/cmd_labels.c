/* SPDX-License-Identifier: MIT */
/* cmd_labels.c - `onic labels count|list|export|import|top RUN`: the durable label store of a run,
 * which captions earned most (labels_top.c), and pairs for offline rewards (pairs.h).
 *
 * Reading goes to the file, also while a server writes it: every label is durable there before
 * anybody hears of it, so the file is never behind. `count` asks the running server first all the
 * same, because a store may lie on another machine's disk. Captions are bytes of a game; in JSON
 * each byte is the Latin-1 character of that number, and import turns it back. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file_kind.h"
#include "common/base/log.h"
#include "common/base/run_lock.h"
#include "common/base/utf8.h"
#include "common/base/xmalloc.h"
#include "common/run/run_dir.h"
#include "common/wire/labels/labels.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/json_text.h"
#include "deploy/cli/labels_top.h"
#include "deploy/cli/pairs.h"
#include "deploy/cli/result_file.h"
#include "reward_server/store/label_store.h"

enum {
    IMPORT_GROUP = 512,
    JSON_LINE_MAX = 1 << 16,
    ASK_SERVER_MS = 1500,
    TOP_DEFAULT = 20,
    PAIRS_DEFAULT = 100000,
    EPISODES_DEFAULT = 1000
};

struct labels_args {
    char verb[16], run[CONFIG_STR_MAX], file[CONFIG_STR_MAX];
    int n;               /* top: lines */
    bool json;           /* top */
    int pairs, episodes; /* collect */
    bool random, distinct;
    char chunk[32]; /* annotate */
};

static int labels_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct labels_args *a = ctx;
    if (!a->verb[0])
        snprintf(a->verb, sizeof a->verb, "%s", arg);
    else if (!a->run[0])
        snprintf(a->run, sizeof a->run, "%s", arg);
    else if (!a->file[0])
        snprintf(a->file, sizeof a->file, "%s", arg);
    else
        return err_set(err, ONIC_ECONFIG, "'%s' is one argument too many; see `onic labels --help`",
                       arg);
    return ONIC_OK;
}

static int labels_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct labels_args *a = ctx;
    name += strspn(name, "-");
    if (strncmp(name, "json", 4) == 0) {
        a->json = true;
        return ONIC_OK;
    }
    if (strncmp(name, "random", 6) == 0) {
        a->random = true;
        return ONIC_OK;
    }
    if (strncmp(name, "distinct", 8) == 0) {
        a->distinct = true;
        return ONIC_OK;
    }
    if (strncmp(name, "chunk", 5) == 0) {
        snprintf(a->chunk, sizeof a->chunk, "%s", value);
        return ONIC_OK;
    }
    int *number = name[0] == 'n' ? &a->n : name[0] == 'p' ? &a->pairs : &a->episodes;
    int64_t n = *number;
    int rc = config_flag_int(name, value, 1, 10000000, &n, err);
    *number = (int)n;
    return rc;
}

/* The store of a run: labels.path as given, else RUN/labels.sqlite; RUN may be the file itself. */
static int labels_store_path(const struct labels_args *a, const struct config *given, char *out,
                             size_t size, struct onic_err *err)
{
    struct stat st;
    if (stat(a->run, &st) != 0)
        return errno == ENOENT ? err_set(err, ONIC_ENOTFOUND, "there is no run %s", a->run)
                               : file_unreadable(a->run, errno, err);
    if (!S_ISDIR(st.st_mode)) {
        snprintf(out, size, "%s", a->run);
        return ONIC_OK;
    }
    return run_dir_labels(a->run, given->labels_path, out, size, err);
}

/* Whoever holds the lock of a stranger's directory is not asked. */
static bool lock_is_mine(const char *run)
{
    char path[CONFIG_STR_MAX + 8];
    struct stat st;
    snprintf(path, sizeof path, "%s/lock", run);
    return stat(path, &st) == 0 && (st.st_uid == geteuid() || st.st_uid == 0);
}

/* Address of the reward server of a run that is going on, "" when there is none. */
static void server_address(const struct labels_args *a, const struct config *given, char *out,
                           size_t size)
{
    char holder[512];
    int held;
    snprintf(out, size, "%s", given->reward_server);
    if (out[0] || !lock_is_mine(a->run) ||
        run_lock_peek(a->run, holder, sizeof holder, &held) != ONIC_OK || !held)
        return;
    const char *at = strstr(holder, "reward=");
    snprintf(out, size, "%s", at ? at + 7 : "");
}

/* False when nobody answers in time. */
static bool labels_ask_server(const char *address, unsigned long long *total)
{
    struct wire_labels_client *c = NULL;
    struct wire_labels_client_status st = {0};
    log_set_level(LOG_WARN); /* stdout and one sentence on failure are enough */
    if (!address[0] || wire_labels_client_create(&c, address, NULL, NULL) != ONIC_OK)
        return false;
    int64_t end = clock_ms() + ASK_SERVER_MS;
    do {
        wire_labels_client_poll(c, 50);
        wire_labels_client_status(c, &st);
    } while (st.server_labels_total == 0 && clock_ms() < end);
    wire_labels_client_free(c);
    *total = st.server_labels_total;
    return st.server_labels_total > 0; /* 0 may also mean "not told yet": the file knows */
}

static int labels_count(const struct labels_args *a, const struct config *given, const char *path,
                        struct onic_err *err)
{
    char address[CONFIG_STR_MAX];
    unsigned long long total = 0;
    server_address(a, given, address, sizeof address);
    if (!labels_ask_server(address, &total)) {
        struct label_store *s = NULL;
        struct label_counts n = {0};
        int rc = label_store_open(&s, path, LABEL_STORE_READ, err);
        if (!rc)
            rc = label_store_counts(s, &n, err);
        label_store_close(s);
        if (rc)
            return rc;
        total = n.answered;
    }
    printf("%llu\n", total);
    return ONIC_OK;
}

struct writer {
    FILE *to;
    struct buf line;
    bool json;
};

static void put_row_text(const struct label_row *row, struct buf *line)
{
    const struct label *l = &row->label;
    buf_printf(line, "%8llu  ", (unsigned long long)l->id);
    if (l->state == LABEL_ANSWERED)
        buf_printf(line, "%4g  %4.2f  ", l->value, l->confidence);
    else
        buf_puts(line, "none     -  ");
    char origin[LABEL_SOURCE_MAX];
    label_origin(row->identity.annotator, l->raw, origin);
    buf_printf(line, "%-10s %-28s ", origin, row->identity.goal);
    struct question q;
    if (!question_split(l->question, l->question_len, &q))
        q = (struct question){.caption = l->question, .len = l->question_len};
    buf_json_string(line, q.caption, q.len);
    if (q.kind == QUESTION_PAIR) {
        buf_puts(line, " | ");
        buf_json_string(line, q.caption_b, q.len_b);
    }
    buf_puts(line, "\n");
}

/* Ends the reading when nobody takes the rows. */
static int write_row(void *ctx, const struct label_row *row)
{
    struct writer *w = ctx;
    buf_reset(&w->line);
    if (w->json && row->label.state != LABEL_ANSWERED)
        return 0;
    if (w->json)
        label_row_json(row, &w->line);
    else
        put_row_text(row, &w->line);
    return fwrite(w->line.data, 1, w->line.len, w->to) == w->line.len ? 0 : ONIC_EIO;
}

/* list (text, with abstentions) and export (JSON lines, answers only). */
static int write_rows(const struct labels_args *a, const char *path, struct onic_err *err)
{
    struct writer w = {.to = stdout, .json = strcmp(a->verb, "export") == 0};
    struct label_store *s = NULL;
    int rc = label_store_open(&s, path, LABEL_STORE_READ, err);
    if (rc)
        return rc;
    rc = result_open(&w.to, a->file[0] ? a->file : "-", err);
    if (rc) {
        label_store_close(s);
        return rc;
    }
    buf_init(&w.line, JSON_LINE_MAX);
    if (!w.json)
        fputs("      id  label conf  annotator  goal                         caption\n", w.to);
    rc = label_store_each(s, 0, write_row, &w, err);
    bool unwritten = ferror(w.to) != 0; /* then that is the reason why the reading ended */
    int closed = result_close(w.to, a->file, rc && !unwritten ? NULL : err);
    rc = unwritten || !rc ? closed : rc;
    buf_release(&w.line);
    label_store_close(s);
    return rc;
}

struct import {
    struct label_store *store;
    struct label_row rows[IMPORT_GROUP];
    json_t *objects[IMPORT_GROUP]; /* own the strings of rows */
    char *questions[IMPORT_GROUP], *raws[IMPORT_GROUP];
    int n, lines, added;
    const char *name; /* of the file, for sentences */
};

static int flush_group(struct import *im, struct onic_err *err)
{
    int added = 0,
        rc = im->n ? label_store_import(im->store, im->rows, im->n, &added, err) : ONIC_OK;
    im->added += added;
    for (int i = 0; i < im->n; i++) {
        json_decref(im->objects[i]);
        free(im->questions[i]);
        free(im->raws[i]);
    }
    im->n = 0;
    return rc;
}

/* Text may be JSON lines under any name; anything else is said before the store is touched. */
static int check_lines_file(const char *path, struct onic_err *err)
{
    static const char *const fine[] = {"JSON text", "a text file", "an empty file", "a pipe"};
    const char *kind = file_kind(path);
    for (size_t i = 0; kind && i < sizeof fine / sizeof *fine; i++)
        if (strcmp(kind, fine[i]) == 0)
            return ONIC_OK;
    FILE *f = kind ? NULL : fopen(path, "re");
    char head[4];
    const char *wide = f ? utf8_wide_name(head, fread(head, 1, sizeof head, f)) : NULL;
    if (f)
        fclose(f);
    return wide ? err_set(err, ONIC_ECONFIG, "%s is %s text; save it as UTF-8", path, wide)
                : file_kind_refuse(path, "JSON lines of `onic labels export`", err);
}

/* Abstentions carry no label and are not imported: the question stays open. */
static int import_line(struct import *im, const char *line, struct onic_err *err)
{
    json_error_t why;
    im->lines++;
    json_t *o = json_loads(line, 0, &why);
    json_t *label = json_object_get(o, "label"), *caption = json_object_get(o, "caption");
    if (!json_is_object(o) || !json_is_string(caption) ||
        !(json_is_number(label) || json_is_null(label))) {
        int rc = err_set(err, ONIC_ECONFIG, "line %d is not a label: %s", im->lines,
                         o ? "it needs \"caption\" and \"label\"" : why.text);
        json_decref(o);
        return rc;
    }
    char *question = xmalloc(QUESTION_MAX), *raw = xstrdup(json_text(o, "raw"));
    size_t len = json_question(o, question);
    bool fits = question_label_fits(question_kind_of(question, len), json_number_value(label));
    if (json_is_null(label) || !fits) {
        bool abstained = json_is_null(label); /* label belongs to o */
        json_decref(o);
        free(question);
        free(raw);
        return abstained ? ONIC_OK
                         : err_set(err, ONIC_ECONFIG,
                                   "line %d: label must be 0 or 1, of a pair also 0.5, of a score "
                                   "from -1 to 1",
                                   im->lines);
    }
    const json_t *vote = json_object_get(o, "vote");
    latin1_from_utf8(raw);
    im->rows[im->n] = (struct label_row){
        .identity = {.annotator = json_text(o, "annotator"),
                     .model = json_text(o, "model"),
                     .goal = json_text(o, "goal"),
                     .goal_version = json_text(o, "prompt_version"),
                     .parameters = json_text(o, "parameters"),
                     .vote = vote ? (int)json_integer_value(vote) : 1},
        .label = {.question = question,
                  .question_len = len,
                  .state = LABEL_ANSWERED,
                  .value = json_number_value(label),
                  .confidence = json_number_value(json_object_get(o, "confidence")),
                  .raw = raw,
                  .asked_at = json_number_value(json_object_get(o, "asked_at")),
                  .answered_at = json_number_value(json_object_get(o, "answered_at"))},
    };
    im->questions[im->n] = question;
    im->raws[im->n] = raw;
    im->objects[im->n++] = o;
    return im->n == IMPORT_GROUP ? flush_group(im, err) : ONIC_OK;
}

static int import_file(const struct labels_args *a, const char *path, struct onic_err *err)
{
    bool from_stdin = !a->file[0] || strcmp(a->file, "-") == 0;
    int other = from_stdin ? ONIC_OK : check_lines_file(a->file, err);
    if (other)
        return other;
    FILE *from = from_stdin ? stdin : fopen(a->file, "re");
    if (!from)
        return file_unreadable(a->file, errno, err);
    struct import *im = xcalloc(1, sizeof *im);
    im->name = from_stdin ? "standard input" : a->file;
    char *line = xmalloc(JSON_LINE_MAX);
    int rc = label_store_open(&im->store, path, LABEL_STORE_IMPORT, err);
    while (!rc && fgets(line, JSON_LINE_MAX, from)) {
        if (!strchr(line, '\n') && !feof(from))
            rc = err_set(err, ONIC_ECONFIG, "line %d is longer than 64 KiB", im->lines + 1);
        else if (line[strspn(line, " \t\r\n")])
            rc = import_line(im, line, err);
    }
    if (!rc && ferror(from))
        rc = file_unreadable(im->name, errno, err);
    struct onic_err late = {0};
    int rc2 = im->store ? flush_group(im, rc ? &late : err)
                        : ONIC_OK; /* whole groups before a bad line are kept */
    label_store_close(im->store);
    if (!from_stdin)
        fclose(from);
    if (im->lines)
        fprintf(stderr, "onic labels: %d lines read, %d labels added, the others were there\n",
                im->lines, im->added);
    free(line);
    free(im);
    return rc ? rc : rc2;
}

static int annotate(const struct labels_args *a, const struct config *given, struct onic_err *err)
{
    int rc = file_want_folder(a->run, "a folder of `onic labels collect`", err);
    if (rc && rc != ONIC_ENOTFOUND) /* there is none: the next one says what makes it */
        return rc;
    return labels_annotate(a->run, given, a->chunk, err);
}

int cmd_labels(int argc, char **argv)
{
    static struct config given;
    struct onic_err err = {0};
    struct labels_args a = {.n = TOP_DEFAULT, .pairs = PAIRS_DEFAULT, .episodes = EPISODES_DEFAULT};
    char path[CONFIG_STR_MAX + 32];
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic labels",
        .rows = "labels reward.server run.seed env annotator rules embedding llm command random",
        .usage =
            "usage: onic labels count RUN            answered labels\n"
            "       onic labels list RUN             one line per label\n"
            "       onic labels export RUN [FILE|-]  JSON lines\n"
            "       onic labels import RUN [FILE|-]  adds exported labels; those that are "
            "there stay\n"
            "       onic labels top RUN [--n=20] [--json]  captions that were paid most, as of "
            "the newest checkpoint\n"
            "       onic labels collect DATA RUN [--pairs=100000] [--episodes=1000] [--distinct]  "
            "pairs of captions that\n"
            "                                        an agent sees (or --random --env.id=ENV)\n"
            "       onic labels annotate DATA [--chunk=i/n]  asks about every pair; goes on where "
            "it "
            "was stopped\n"
            "RUN is a run directory or a label store (labels.sqlite).\n",
        .extra = (const char *const[]){"--json=-", "--n=", "--pairs=", "--episodes=", "--random",
                                       "--distinct", "--chunk=", NULL},
        .on_extra = labels_on_extra,
        .on_positional = labels_on_positional,
        .ctx = &a,
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (rc)
        return command_result("labels", rc, &err);
    if (!a.run[0])
        rc = err_set(
            &err, ONIC_ECONFIG,
            "say what to do and where, for example `onic labels count runs/keycorridor-s1`");
    if (!rc && strcmp(a.verb, "top") == 0)
        return command_result("labels", labels_top(a.run, &given, a.n, a.json, &err), &err);
    if (!rc && strcmp(a.verb, "annotate") == 0)
        return command_result("labels", annotate(&a, &given, &err), &err);
    if (!rc && strcmp(a.verb, "collect") == 0) {
        struct pairs_collect p = {a.run, a.random ? "" : a.file, a.episodes, a.pairs, a.distinct};
        rc = a.random || a.file[0]
                 ? pairs_collect(&p, &given, &err)
                 : err_set(&err, ONIC_ECONFIG,
                           "name the run whose agent plays, or --random and an env.id");
        return command_result("labels", rc, &err);
    }
    if (!rc)
        rc = labels_store_path(&a, &given, path, sizeof path, &err);
    if (rc)
        return command_result("labels", rc, &err);
    if (strcmp(a.verb, "count") == 0)
        rc = labels_count(&a, &given, path, &err);
    else if (strcmp(a.verb, "list") == 0 || strcmp(a.verb, "export") == 0)
        rc = write_rows(&a, path, &err);
    else if (strcmp(a.verb, "import") == 0)
        rc = import_file(&a, path, &err);
    else
        rc = err_set(&err, ONIC_ECONFIG,
                     "'%s' is not count, list, export, import, top, collect or "
                     "annotate",
                     a.verb);
    return command_result("labels", rc, &err);
}
