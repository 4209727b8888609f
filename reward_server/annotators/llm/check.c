/* SPDX-License-Identifier: MIT */
/* check.c - see llm_check.h: the annotator without a store, run until every server has been found
 * ready or has failed once. One that is ready is then asked a real question, as in training: what
 * it says to the probe proves nothing of that. One that failed is asked which models it serves, for
 * the sentence about it. */
#include "reward_server/annotators/llm/llm_check.h"

#include <string.h>

#include "reward_server/annotators/llm/llm_impl.h"
#include "reward_server/annotators/trial.h"
#include "reward_server/http/http_json.h"

enum { MODELS_TEXT = 160, ENOUGH_TOKENS = 512 };

/* What one server is asked after the probe: a real question, or which models it serves. */
struct check_server {
    struct llm_endpoint *e;
    char why[LLM_WHY_MAX];    /* of the probe: later attempts must not change it */
    char models[MODELS_TEXT]; /* "a, b"; "" when it does not say */
    int *waiting;
    /* the real question */
    const struct trial *trial;
    const struct llm_words *words;
    bool again;
    struct llm_choice choice; /* its last answer */
    struct llm_halves halves;
    struct llm_margin_label margin; /* of log-probabilities, once they are all there */
    bool has_margin;
    char model[128], failed[LLM_WHY_MAX];
};

static struct check_server servers[LLM_ENDPOINTS_MAX];

/* Before the loop waits for the network: what ended in a timer's callback ends the loop, too. */
struct run {
    uv_prepare_t prepare;
    const struct llm *l;
    int waiting; /* servers that still have something to say */
};

static bool settled(const struct llm *l)
{
    for (int i = 0; i < l->nendpoints; i++) {
        const struct llm_endpoint *e = &l->endpoint[i];
        if (!e->ready && e->breaker == LLM_CLOSED && e->failures == 0)
            return false;
    }
    return true;
}

static void on_models(void *ctx, const struct http_reply *r)
{
    struct check_server *m = ctx;
    json_t *root = http_answered(r) ? http_json(r->body, r->len, 0, NULL) : NULL;
    const json_t *list = json_object_get(root, "data");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *id = json_string_value(json_object_get(json_array_get(list, i), "id"));
        size_t at = strlen(m->models);
        if (id && at + strlen(id) + 8 < sizeof m->models)
            snprintf(m->models + at, sizeof m->models - at, "%s%s", at ? ", " : "", id);
    }
    json_decref(root);
    --*m->waiting;
}

static void ask_models(struct llm *l, struct check_server *m)
{
    char url[2 * LLM_URL_MAX + 16];
    http_address_join(&m->e->address, m->e->url, "/models", url, sizeof url);
    struct http_request q = {.url = url,
                             .key = l->settings.key,
                             .total_ms = (int)(l->settings.deadline_s * 1000),
                             .done = on_models,
                             .ctx = m};
    ++*m->waiting;
    http_start(l->http, &q);
}

/* The list that the server gave holds the model, by whatever of its names. */
static bool serves(const struct check_server *m, const char *model)
{
    for (const char *at = m->models; *at;) {
        char one[MODELS_TEXT];
        size_t n = strcspn(at, ",");
        snprintf(one, sizeof one, "%.*s", (int)n, at);
        if (http_same_model(model, one))
            return true;
        at += n;
        at += strspn(at, ", ");
    }
    return false;
}

/* --- the real question ----------------------------------------------------------------------- */

static void check_ask(struct llm *l, struct check_server *m);

static void on_real(struct llm_call *call, const struct http_reply *r)
{
    static struct llm_answer a;
    struct check_server *m = servers;
    while (m->e != call->e)
        m++;
    a = (struct llm_answer){0};
    const struct llm_nonce nonce =
        llm_nonce_of(call->l, &m->e->style, m->trial->question, m->trial->len, 0);
    bool fine = http_answered(r);
    if (fine && !llm_answer_read(&m->e->style, m->words, &nonce, r->body, r->len, 1, &a))
        a.nchoices = 0;
    llm_book(call, r, &a);
    m->choice = a.choice[0];
    snprintf(m->model, sizeof m->model, "%s", a.model);
    if (a.nchoices == 0 && llm_omit_refused(call, &m->e->style, r, false)) {
        check_ask(call->l, m);
    } else if (!fine) {
        llm_failed(call->l, m->e, r);
        snprintf(m->failed, sizeof m->failed, "%s", m->e->why);
    } else if (a.nchoices == 0) {
        snprintf(m->failed, sizeof m->failed, "%s", a.why);
    } else if (llm_wrong_model(call->l, m->e, a.model)) {
        snprintf(m->failed, sizeof m->failed, "%s", m->e->why);
    } else if (m->choice.verdict == LLM_LABEL && m->e->style.reads != LLM_READS_TEXT) {
        m->has_margin =
            llm_margin_take(call->l, question_kind_of(m->trial->question, m->trial->len),
                            &m->choice.reading, &m->halves, &m->margin);
        if (!m->has_margin)
            check_ask(call->l, m);
    } else if (m->choice.verdict == LLM_NO_LABEL && !m->again) {
        m->again = true;
        check_ask(call->l, m);
    }
    --*m->waiting;
}

/* As in training: an answer that is no label is asked again once, with what it was. */
static void check_ask(struct llm *l, struct check_server *m)
{
    struct llm_question q;
    llm_question_render(l, m->trial->question, m->trial->len, m->halves.n == 1, &q);
    q.nonce = llm_nonce_of(l, &m->e->style, m->trial->question, m->trial->len, 0);
    struct llm_ask ask = {
        .question = &q, .words = m->words, .before = m->again ? m->choice.text : NULL, .n = 1};
    char *body = llm_request_body(&l->settings, &m->e->style, &ask);
    ++*m->waiting;
    if (!llm_send(l, m->e, llm_request_path(&m->e->style), body, strlen(body),
                  llm_request_max_tokens(&l->settings, &m->e->style), NULL, 0, on_real)) {
        snprintf(m->failed, sizeof m->failed, "the question cannot be sent");
        --*m->waiting;
    }
    llm_question_release(&q);
}

static bool gives_label(const struct check_server *m)
{
    return m->e->ready && !*m->why && !*m->failed && m->choice.verdict == LLM_LABEL &&
           (m->e->style.reads == LLM_READS_TEXT || m->has_margin);
}

static void put_more_tokens(const struct llm *l, const struct check_server *m, struct buf *out)
{
    int now = llm_request_max_tokens(&l->settings, &m->e->style);
    buf_printf(out, "; try --llm.max_tokens=%d, or a model that does not think before it answers",
               now > ENOUGH_TOKENS / 4 ? 4 * now : ENOUGH_TOKENS);
}

/* What to do about it. */
static const char *llm_check_remedy(const struct llm *l, const struct check_server *m)
{
    const char *why = *m->failed ? m->failed : m->choice.why;
    if (strstr(why, "llm."))
        return "";
    if (*m->failed)
        return "; look at the log of the server";
    if (m->choice.verdict == LLM_REFUSED)
        return "; take another server, or another wording (annotator.prompt)";
    if (m->e->style.reads != LLM_READS_TEXT)
        return "; set llm.answer=text, or take a model that answers with one of the words, or "
               "another wording (annotator.prompt)";
    if (m->e->style.dialect == LLM_PLAIN || l->settings.dialect >= 0)
        return "; take a model or a server that answers as it is asked, or another wording "
               "(annotator.prompt)";
    return "; take another model, or another way of binding (llm.structured)";
}

static void put_answer(const struct llm *l, const struct check_server *m, struct buf *out)
{
    buf_puts(out, "; ");
    trial_put_question(m->trial, out);
    if (gives_label(m)) {
        bool text = m->e->style.reads == LLM_READS_TEXT;
        trial_put_label(m->trial, text ? m->words->label[m->choice.word] : m->margin.label, out);
        buf_printf(out, text ? " (\"%s\"" : " (%s", text ? m->choice.text : m->margin.raw);
        if (*m->model)
            buf_printf(out, " by %s", m->model);
        buf_puts(out, ")");
    } else if (*m->failed) {
        buf_printf(out, " gets no answer: %s%s", m->failed, llm_check_remedy(l, m));
    } else {
        buf_printf(out, " gets no label: %s%s", m->choice.why, *m->choice.text ? ": \"" : "");
        if (*m->choice.text)
            buf_printf(out, "%s\"", m->choice.text);
        if (strstr(m->choice.why, "max_tokens") || strstr(m->choice.why, "without text"))
            put_more_tokens(l, m, out);
        else
            buf_puts(out, llm_check_remedy(l, m));
    }
}

/* --- sentences ------------------------------------------------------------------------------- */

static void put_log_probabilities(const struct llm *l, struct buf *out)
{
    char why[LLM_WHY_MAX];
    const struct llm_words *w = &l->words[QUESTION_CLASS];
    const struct llm_reading nothing = {.lp = {l->calibration.margin}};
    buf_printf(out, "the log-probabilities of %s decide", w->list);
    if (!l->settings.calibrate)
        return;
    buf_printf(out, ", less %+.3f that the message \"%s\" has", l->calibration.margin,
               llm_no_content);
    llm_margin_one_sided_text(l, l->calibration.margin, why);
    if (llm_margin_is_one_sided(l, &nothing))
        buf_printf(out, "; %s", why);
}

static void put_ready(const struct llm *l, const struct llm_endpoint *e, struct buf *out)
{
    buf_printf(out, "%s answers as %s; ", e->url, l->settings.model);
    if (e->style.reads != LLM_READS_TEXT)
        put_log_probabilities(l, out);
    else if (e->style.dialect == LLM_PLAIN)
        buf_puts(out, "nothing binds its answers, so they are parsed strictly");
    else
        buf_printf(out, "%s binds its answers", llm_dialect_name(e->style.dialect));
    buf_printf(out, " (%s)", llm_api_name(e->style.api));
}

static void put_broken(const struct llm *l, const struct check_server *m, struct buf *out)
{
    bool advises = strstr(m->why, "llm.") != NULL, speaks = strncmp(m->why, "it ", 3) == 0;
    buf_printf(out, "%s cannot be asked: %s", m->e->url, m->why);
    if (*m->models && !serves(m, l->settings.model))
        buf_printf(out, "; it serves %s: set llm.model to one of them", m->models);
    else if (!advises)
        buf_puts(out, speaks
                          ? "; the server is there: see to what it says (its log may tell more), "
                            "or change llm.url"
                          : "; start the server there, or change llm.url");
}

static void put_key(const struct llm *l, struct buf *out)
{
    buf_puts(out, !*l->settings.key         ? "; no key is sent"
                  : l->settings.key_of_file ? "; the key comes from llm.api_key_file"
                                            : "; the key comes from OPENAI_API_KEY");
}

static void on_prepare(uv_prepare_t *p)
{
    const struct run *r = p->data;
    if (settled(r->l) && r->waiting == 0)
        uv_stop(r->l->loop);
}

static int check_servers(struct llm *l, const struct trial *trial, struct buf *out)
{
    struct run run = {.l = l};
    int broken = 0;
    run.prepare.data = &run;
    uv_prepare_init(l->loop, &run.prepare);
    uv_prepare_start(&run.prepare, on_prepare);
    uv_run(l->loop, UV_RUN_DEFAULT);
    for (int i = 0; i < l->nendpoints; i++) {
        struct check_server *m = &servers[i];
        *m = (struct check_server){.e = &l->endpoint[i], .waiting = &run.waiting, .trial = trial};
        m->words = llm_words_of(l, trial->question, trial->len);
        snprintf(m->why, sizeof m->why, "%s", m->e->why);
        if (m->e->ready)
            check_ask(l, m);
        else
            ask_models(l, m);
    }
    uv_run(l->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&run.prepare, NULL);
    uv_run(l->loop, UV_RUN_NOWAIT);
    for (int i = 0; i < l->nendpoints; i++) {
        const struct check_server *m = &servers[i];
        buf_puts(out, i ? "; " : "");
        broken += !gives_label(m);
        if (*m->why) {
            put_broken(l, m, out);
            continue;
        }
        put_ready(l, m->e, out);
        put_answer(l, m, out);
    }
    put_key(l, out);
    return broken;
}

static void no_wake(void *ctx)
{
    (void)ctx;
}

int llm_check(const struct annotator_setup *what, enum question_kind kind, struct buf *out,
              int *broken, struct onic_err *err)
{
    static struct trial trial;
    struct annotator *a = NULL;
    uv_loop_t loop;
    const struct annotator_vtable *v = annotator_find("llm");
    struct annotator_setup setup = *what;
    if (uv_loop_init(&loop) != 0)
        return err_set(err, ONIC_EIO, "cannot create an event loop");
    setup.loop = &loop;
    setup.wake = no_wake;
    trial_question(&trial, setup.goal, kind);
    int rc = v->create(&a, &setup, err);
    if (!rc)
        *broken = check_servers((struct llm *)a, &trial, out);
    v->free(a);
    uv_run(&loop, UV_RUN_DEFAULT);
    ONIC_ASSERT(uv_loop_close(&loop) == 0);
    return rc;
}
