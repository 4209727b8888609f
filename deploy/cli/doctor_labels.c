/* SPDX-License-Identifier: MIT */
/* doctor_labels.c - see doctor_labels.h. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/wire/keys/keys.h"
#include "common/wire/labels/labels.h"
#include "deploy/cli/doctor_labels.h"
#include "reward_server/annotators/trial.h"

enum { SERVER_MS = 15000 };

/* --- one annotator in this process ----------------------------------------------------------- */

/* raw: what was wrong, in the words of the annotator. */
static const char *doctor_labels_remedy(const struct doctor_member *m, const char *raw)
{
    if (strcmp(m->order->member[m->index].v->id, "command") == 0)
        return "; mend the program, or command.run";
    if (m->over_http)
        return strstr(raw, ": it ") ? "; the server is there: see to what it says, or change "
                                      "embedding.url"
                                    : "; start the server there, or change embedding.url";
    return "";
}

/* The pool tells whether the labels would tell anything apart. */
static void put_pool(struct finding *f, const struct trial *t, const struct goal *goal)
{
    if (t->pool == 0 || goal->no_preference)
        return;
    buf_printf(&f->text, "; of %d captions of the pool %d get label 1", t->pool, t->high);
    if (t->abstained)
        buf_printf(&f->text, " and %d none", t->abstained);
    if (t->high > 0 && t->high < t->pool)
        return;
    f->verdict = VERDICT_WARN;
    buf_printf(&f->text, ", so nothing is told apart: edit %s", goal->path);
}

static void put_trial(struct finding *f, const struct doctor_member *m, const struct goal *goal,
                      const struct trial *t)
{
    static const char again[] = "the program is started again: ";
    const struct label *l = &t->answer.label;
    const char *raw = t->answer.raw;
    if (strncmp(raw, again, sizeof again - 1) == 0)
        raw += sizeof again - 1;
    buf_printf(&f->text, "%s: ", m->order->member[m->index].v->id);
    trial_put_question(t, &f->text);
    if (l->state == LABEL_ANSWERED) {
        trial_put_label(t, l->value, &f->text);
        buf_printf(&f->text, " (%s)", raw);
        put_pool(f, t, goal);
        return;
    }
    f->verdict = VERDICT_WARN;
    if (l->state == LABEL_ABSTAINED)
        buf_printf(&f->text, " gets no label (%s)", raw);
    else
        buf_printf(&f->text, " gets no answer: %s%s", raw, doctor_labels_remedy(m, raw));
}

void doctor_try_annotator(struct finding *f, const struct doctor_member *m, const struct goal *goal,
                          enum question_kind kind)
{
    static struct trial t;
    struct onic_err err = {0};
    trial_question(&t, goal, kind);
    enum log_level before = log_set_level(LOG_ERROR); /* what is wrong is said below */
    int rc = trial_ask(&t, m->order, m->index, goal, m->patience_s, &err);
    log_set_level(before);
    if (!rc) {
        put_trial(f, m, goal, &t);
    } else {
        f->verdict = VERDICT_WARN;
        buf_printf(&f->text, "%s: %s", m->order->member[m->index].v->id, err.msg);
    }
}

/* --- a reward server that runs --------------------------------------------------------------- */

/* True when the answer to t is there. */
static bool is_answered(struct wire_labels_client *c, struct trial *t)
{
    struct label l;
    while (wire_labels_client_next(c, &l))
        if (l.question_len == t->len && memcmp(l.question, t->question, t->len) == 0) {
            char by[3 + LABEL_SOURCE_MAX];
            snprintf(by, sizeof by, "by %s", l.source);
            l.raw = by;
            annotator_answer_keep(&t->answer, 0, &l);
            return true;
        }
    return false;
}

static void doctor_labels_ask_server(struct wire_labels_client *c, struct trial *t)
{
    struct wire_labels_client_status s;
    int64_t until = clock_ms() + SERVER_MS;
    struct annotator_answer *a = &t->answer;
    do {
        wire_labels_client_poll(c, 20);
        if (*wire_labels_client_identity(c)->identity)
            wire_labels_client_ask(c, t->question, t->len);
        wire_labels_client_status(c, &s);
        snprintf(a->raw, sizeof a->raw, "%s", s.annotator);
    } while (!is_answered(c, t) && clock_ms() < until && !s.waiting_for[0] &&
             (!*s.annotator || label_annotator_is_starting(s.annotator)));
    if (a->label.state == LABEL_UNKNOWN && !*a->raw)
        snprintf(a->raw, sizeof a->raw, "%s",
                 s.waiting_for[0] ? s.waiting_for : "it does not answer in time");
}

void doctor_try_server(struct finding *f, const char *address, const char *folder,
                       const struct goal *goal, enum question_kind kind)
{
    struct trial t;
    struct wire_labels_client *c = NULL;
    struct wire_keys *keys = NULL;
    struct onic_err err = {0};
    const struct wire_keys_wish wish = {
        .folder = folder, .self = KEY_LEARNER, .address = {address}};
    f->verdict = VERDICT_WARN;
    if (wire_keys_open(&keys, &wish, &err) != ONIC_OK ||
        wire_labels_client_create(&c, address, NULL, keys, &err) != ONIC_OK) {
        buf_puts(&f->text, err.msg);
        wire_keys_free(keys);
        return;
    }
    trial_question(&t, goal, kind);
    enum log_level before = log_set_level(LOG_ERROR);
    doctor_labels_ask_server(c, &t);
    log_set_level(before);
    buf_printf(&f->text, "the reward server at %s", address);
    if (*wire_labels_client_identity(c)->identity)
        buf_printf(&f->text, " [%s]", wire_labels_client_identity(c)->identity);
    buf_puts(&f->text, ": ");
    trial_put_question(&t, &f->text);
    const struct annotator_answer *a = &t.answer;
    if (a->label.state == LABEL_ANSWERED) {
        f->verdict = VERDICT_OK;
        trial_put_label(&t, a->label.value, &f->text);
        buf_printf(&f->text, " (%s)", a->raw);
    } else if (a->label.state == LABEL_ABSTAINED) {
        buf_printf(&f->text, " gets no label (%s; `onic labels list` on its store says why)",
                   a->raw);
    } else {
        buf_printf(&f->text, " gets no answer: %s", a->raw);
    }
    wire_labels_client_free(c);
    wire_keys_free(keys);
}
