/* SPDX-License-Identifier: MIT */
/* labels_import.c - see labels_rows.h. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file_kind.h"
#include "common/base/log.h"
#include "common/base/utf8.h"
#include "common/base/xmalloc.h"
#include "deploy/cli/json_text.h"
#include "deploy/cli/labels_rows.h"
#include "deploy/cli/text_lines.h"
#include "reward_server/store/label_store.h"

enum { IMPORT_GROUP = 512, JSON_LINE_MAX = 65535 };

struct import {
    struct label_store *store;
    struct text_lines lines;
    struct label_row rows[IMPORT_GROUP];
    json_t *objects[IMPORT_GROUP]; /* own the strings of rows */
    char *questions[IMPORT_GROUP], *raws[IMPORT_GROUP];
    int n, added;
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

/* 0 where there is none, as in lines that people write; what is no number is no 0 either. */
static double number_of(const json_t *o, const char *key)
{
    const json_t *x = json_object_get(o, key);
    return !x || json_is_null(x) ? 0 : json_is_number(x) ? json_number_value(x) : (double)NAN;
}

/* What is there and says something else than a label of this onic is not taken for what most labels
 * have. NULL: nothing is. */
static const char *identity_fault(const json_t *o, enum question_kind kind)
{
    static const char *const texts[] = {"annotator", "model", "goal", "prompt_version",
                                        "parameters"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const json_t *text = json_object_get(o, texts[i]);
        if (text && !json_is_null(text) && !json_is_string(text))
            return "annotator, model, goal, prompt_version and parameters must be text";
        if (json_is_string(text) && json_string_length(text) >= LABEL_ID_FIELD_MAX)
            return "annotator, model, goal, prompt_version and parameters have 127 bytes at most";
    }
    const json_t *named = json_object_get(o, "kind"), *state = json_object_get(o, "state");
    if (named && strcmp(json_text(o, "kind"), question_kind_name(kind)) != 0)
        return "kind must be class or score of one caption, pair of two";
    if (state && strcmp(json_text(o, "state"), "answered") != 0)
        return "what has a label has the state answered";
    const json_t *vote = json_object_get(o, "vote");
    json_int_t votes = json_integer_value(vote);
    return vote && (votes < 1 || votes > LABEL_VOTES_MAX) ? "vote must be from 1 to 99" : NULL;
}

/* What the line says; its strings are those of o, question and raw. */
static struct label_row row_of(const json_t *o, char question[QUESTION_MAX], const char *raw)
{
    const json_t *vote = json_object_get(o, "vote");
    size_t len = json_question(o, question);
    return (struct label_row){
        .identity = {.annotator = json_text(o, "annotator"),
                     .model = json_text(o, "model"),
                     .goal = json_text(o, "goal"),
                     .goal_version = json_text(o, "prompt_version"),
                     .parameters = json_text(o, "parameters"),
                     .vote = vote ? (int)json_integer_value(vote) : 1},
        .label = {.question = question,
                  .question_len = len,
                  .state = LABEL_ANSWERED,
                  .value = number_of(o, "label"),
                  .confidence = number_of(o, "confidence"),
                  .raw = raw,
                  .asked_at = number_of(o, "asked_at"),
                  .answered_at = number_of(o, "answered_at")},
    };
}

/* Takes o over. */
static int import_label(struct import *im, json_t *o, struct onic_err *err)
{
    char *question = xmalloc(QUESTION_MAX), *raw = xstrdup(json_text(o, "raw"));
    latin1_from_utf8(raw);
    struct label_row row = row_of(o, question, raw);
    enum question_kind kind = question_kind_of(question, row.label.question_len);
    struct question q;
    const char *fault = question_split(question, row.label.question_len, &q)
                            ? label_fault(&row.label, kind)
                            : "a caption has 1 to 256 bytes, none of them 0";
    if (!fault)
        fault = identity_fault(o, kind);
    if (fault) {
        json_decref(o);
        free(question);
        free(raw);
        return err_set(err, ONIC_ECONFIG, "%s: line %d: %s", im->lines.name, im->lines.number,
                       fault);
    }
    im->rows[im->n] = row;
    im->questions[im->n] = question;
    im->raws[im->n] = raw;
    im->objects[im->n++] = o;
    return im->n == IMPORT_GROUP ? flush_group(im, err) : ONIC_OK;
}

/* Abstentions carry no label and are not imported: the question stays open. */
static int import_line(struct import *im, struct onic_err *err)
{
    json_error_t why;
    json_t *o = json_loads(im->lines.text, 0, &why);
    const json_t *label = json_object_get(o, "label"), *caption = json_object_get(o, "caption");
    bool abstained = json_is_null(label);
    if (json_is_object(o) && json_is_string(caption) && json_is_number(label))
        return import_label(im, o, err);
    if (json_is_object(o) && json_is_string(caption) && abstained) {
        json_decref(o);
        return ONIC_OK;
    }
    int rc = err_set(err, ONIC_ECONFIG, "%s: line %d is not a label: %s", im->lines.name,
                     im->lines.number, o ? "it needs \"caption\" and \"label\"" : why.text);
    json_decref(o);
    return rc;
}

int labels_lines_open(struct labels_lines *out, const char *file, struct onic_err *err)
{
    bool from_stdin = !file[0] || strcmp(file, "-") == 0;
    int other = from_stdin ? ONIC_OK : check_lines_file(file, err);
    if (other)
        return other;
    *out = (struct labels_lines){.from = from_stdin ? stdin : fopen(file, "re"),
                                 .name = from_stdin ? "standard input" : file};
    return out->from ? ONIC_OK : file_unreadable(file, errno, err);
}

void labels_lines_close(struct labels_lines *l)
{
    if (l->from != stdin)
        fclose(l->from);
}

int labels_import_lines(struct label_store *store, struct labels_lines *l, struct onic_err *err)
{
    struct import *im = xcalloc(1, sizeof *im);
    im->store = store;
    im->lines = (struct text_lines){.from = l->from, .name = l->name, .max = JSON_LINE_MAX};
    int rc = ONIC_OK;
    bool more = true;
    while (!rc && more) {
        rc = text_lines_next(&im->lines, &more, err);
        if (!rc && more && im->lines.text[strspn(im->lines.text, " \t\r")])
            rc = import_line(im, err);
    }
    struct onic_err late = {0};
    int rc2 = flush_group(im, rc ? &late : err); /* whole groups before a bad line are kept */
    l->lines = im->lines.number;
    l->added = im->added;
    text_lines_free(&im->lines);
    free(im);
    return rc ? rc : rc2;
}

int labels_import(const char *path, const char *file, struct onic_err *err)
{
    struct labels_lines lines;
    struct label_store *store = NULL;
    int rc = labels_lines_open(&lines, file, err);
    if (rc)
        return rc;
    rc = label_store_open(&store, path, LABEL_STORE_IMPORT, err);
    if (!rc)
        rc = labels_import_lines(store, &lines, err);
    label_store_close(store);
    labels_lines_close(&lines);
    if (!rc || lines.lines)
        log_say(LOG_INFO, "onic labels", "%d lines read, %d labels added, the others were there",
                lines.lines, lines.added);
    return rc;
}
