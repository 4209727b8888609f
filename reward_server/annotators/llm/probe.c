/* SPDX-License-Identifier: MIT */
/* probe.c - which way of binding answers a server really obeys; see llm_impl.h.
 *
 * A server that does not know a constraint mostly ignores it and says 200 (vLLM does so with
 * parameters it has dropped, llama.cpp with most of OpenAI's), so the status proves nothing. Each
 * way is tried with questions whose natural answers are not among the labels: "What is 7 times 8?"
 * answered with a label is a constraint at work. The first way that binds all questions is used.
 *
 *   chat:  structured_outputs, guided_choice, json_schema, json_object, grammar, logit_bias, plain
 *   then the same over completions, for servers without chat
 *
 * A refusal (4xx, 500) goes on to the next way; no answer at all is the server's trouble: the probe
 * waits with everybody else and goes on where it was. */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmalloc.h"
#include "reward_server/annotators/llm/probe_impl.h"
#include "reward_server/http/http_json.h"

enum { QUESTIONS = 2 };

static const char *const questions[QUESTIONS] = {
    "What is 7 times 8? Answer with the number only.",
    "Which city is the capital of France? Answer with the name only.",
};

static void probe_step(struct llm *l, struct llm_endpoint *e);
static void probe_nonce(struct llm *l, struct llm_endpoint *e);

static bool tries(const struct llm_settings *s, const struct llm_style *style)
{
    return (s->api < 0 || s->api == (int)style->api) &&
           (s->dialect < 0 || s->dialect == (int)style->dialect);
}

static void probe_found(struct llm *l, struct llm_endpoint *e)
{
    struct llm_probe *p = e->probe;
    bool text = p->style.reads == LLM_READS_TEXT;
    if (llm_probe_margin_differs(l, e))
        return;
    if (text && l->settings.answer == CONFIG_llm_answer_auto)
        llm_margin_decide(l, true, 0);
    e->style = p->style;
    e->ready = true;
    e->gone &= e->doubted; /* that it obeys a probe says nothing of its other answers */
    log_info("language model is ready", kv("url", (const char *)e->url),
             kv("model", (const char *)l->settings.model), kv("api", llm_api_name(e->style.api)),
             kv("structured", text ? llm_dialect_name(e->style.dialect) : "none"),
             kv("binds", !text                           ? "no: log-probabilities are read"
                         : e->style.nonce                ? "no: a code of the message is wanted"
                         : e->style.dialect == LLM_PLAIN ? "no: answers are parsed strictly"
                                                         : "yes"));
    llm_probe_free(e);
    l->ask_next(l);
}

static void probe_give_up(struct llm *l, struct llm_endpoint *e, const char *why)
{
    snprintf(e->why, sizeof e->why, "%s", why);
    llm_probe_free(e);
    bool again = e->opened > 0; /* a probe costs a dozen requests */
    llm_endpoint_stop(e, l->settings.health.breaker_s * (double)(1 << e->opened), clock_ms());
    LOG_AT(again ? LOG_INFO : LOG_WARN, "language model cannot be asked",
           kv("url", (const char *)e->url), kv("why", (const char *)e->why));
}

/* Nothing is left to try. */
static void give_up(struct llm *l, struct llm_endpoint *e)
{
    const struct llm_probe *p = e->probe;
    char why[LLM_WHY_MAX];
    if (l->settings.dialect >= 0)
        snprintf(why, sizeof why,
                 "llm.structured=%s does not bind there%s%.90s; try llm.structured=auto",
                 llm_dialect_name((enum llm_dialect)l->settings.dialect), *p->refused ? ": " : "",
                 p->refused);
    else
        snprintf(why, sizeof why, "it refuses every request: %.150s", p->refused);
    probe_give_up(l, e, why);
}

/* The next way worth trying; false at the end. */
static bool next_way(const struct llm *l, struct llm_probe *p)
{
    p->question = 0;
    do {
        if (p->style.dialect + 1 < LLM_DIALECTS) {
            p->style.dialect++;
        } else if (p->style.api == LLM_CHAT && !p->chat_works) {
            p->style.api = LLM_COMPLETIONS;
            p->style.dialect = LLM_STRUCTURED_OUTPUTS;
        } else {
            return false;
        }
    } while (!tries(&l->settings, &p->style) ||
             (p->style.dialect == LLM_LOGIT_BIAS && p->tokens_known && !p->words_are_tokens));
    return true;
}

static void go_on(struct llm *l, struct llm_endpoint *e)
{
    if (next_way(l, e->probe))
        probe_step(l, e);
    else
        give_up(l, e);
}

/* Chat is missing altogether: the other API. */
static void leave_chat(struct llm *l, struct llm_endpoint *e)
{
    e->probe->style.dialect = LLM_PLAIN;
    go_on(l, e);
}

/* --- answers of the server ------------------------------------------------------------------- */

static void probe_on_answer(struct llm *l, struct llm_endpoint *e, const struct http_reply *r,
                            const struct llm_answer *a)
{
    struct llm_probe *p = e->probe;
    const struct llm_choice *c = &a->choice[0];
    if (a->nchoices == 0) { /* 200 and no answer in it: perhaps the constraint's fault */
        llm_probe_refusal(p, r->status, a->why);
        go_on(l, e);
        return;
    }
    if (llm_wrong_model(l, e, a->model)) {
        llm_probe_free(e);
        return;
    }
    llm_endpoint_success(e, r->seconds * 1000, clock_ms());
    p->chat_works |= p->style.api == LLM_CHAT;
    if (p->style.dialect == LLM_PLAIN)
        probe_nonce(l, e);
    else if (c->verdict != LLM_LABEL)
        go_on(l, e);
    else if (++p->question < QUESTIONS)
        probe_step(l, e);
    else
        probe_found(l, e);
}

static void on_refusal(struct llm *l, struct llm_endpoint *e, const struct http_reply *r)
{
    struct llm_probe *p = e->probe;
    char text[LLM_WHY_MAX];
    llm_error_text(l, r, text);
    llm_probe_refusal(p, r->status, text);
    if ((r->status == 404 || r->status == 405) && p->style.api == LLM_CHAT && l->settings.api < 0 &&
        !strstr(text, "model")) {
        leave_chat(l, e);
    } else {
        go_on(l, e);
    }
}

/* Refused the request as such, as against being unable to answer anything now. */
static bool probe_is_refusal(const struct llm *l, const struct llm_probe *p,
                             const struct http_reply *r)
{
    char text[LLM_WHY_MAX];
    if (r->failure != HTTP_FINE)
        return false;
    llm_error_text(l, r, text);
    if (r->status == 404 || r->status == 405)
        return !strstr(text, "model") && l->settings.api < 0;
    if (p->style.api == LLM_COMPLETIONS && p->telling >= PROBE_TELLING_REASON &&
        http_fault_of(r) == HTTP_FAULT_PERSON)
        return true; /* chat was refused for a reason of its own, and is what is wanted */
    return r->status == 400 || r->status == 422 || r->status == 500 || r->status == 501;
}

static void on_reply(struct llm_call *call, const struct http_reply *r)
{
    struct llm *l = call->l;
    struct llm_endpoint *e = call->e;
    struct llm_answer a = {0};
    bool fine = http_answered(r);
    if (fine)
        llm_answer_read(&e->probe->style, &l->words[0], NULL, r->body, r->len, 1, &a);
    llm_book(call, r, &a);
    if (a.nchoices == 0 && llm_omit_refused(call, &e->probe->style, r, false))
        probe_step(l, e);
    else if (fine)
        probe_on_answer(l, e, r, &a);
    else if (probe_is_refusal(l, e->probe, r))
        on_refusal(l, e, r);
    else
        llm_failed(l, e, r);
}

/* --- plain: does the model put the code behind the word? -------------------------------------- */

/* Without it every answer would be asked for twice, and a model that cannot follow gives none. */
static void on_nonce(struct llm_call *call, const struct http_reply *r)
{
    struct llm *l = call->l;
    struct llm_endpoint *e = call->e;
    struct llm_probe *p = e->probe;
    struct llm_answer a = {0};
    const struct llm_nonce nonce =
        llm_nonce_of(l, &p->style, llm_no_content, strlen(llm_no_content), 0);
    bool fine = http_answered(r);
    if (fine &&
        !llm_answer_read(&p->style, &l->words[QUESTION_CLASS], &nonce, r->body, r->len, 1, &a))
        a.nchoices = 0;
    llm_book(call, r, &a);
    if (!fine && !probe_is_refusal(l, p, r)) {
        llm_failed(l, e, r); /* it is asked again with the next attempt */
        return;
    }
    p->style.nonce = a.nchoices && a.choice[0].verdict == LLM_LABEL;
    p->asks_nonce = false;
    probe_found(l, e);
}

static void ask_with_nonce(struct llm *l, struct llm_endpoint *e)
{
    struct llm_probe *p = e->probe;
    struct llm_question q;
    p->style.nonce = true;
    llm_question_render(l, llm_no_content, strlen(llm_no_content), false, &q);
    q.nonce = llm_nonce_of(l, &p->style, llm_no_content, strlen(llm_no_content), 0);
    struct llm_ask ask = {.question = &q, .words = &l->words[QUESTION_CLASS], .n = 1};
    char *body = llm_request_body(&l->settings, &p->style, &ask);
    llm_send(l, e, llm_request_path(&p->style), body, strlen(body),
             llm_request_max_tokens(&l->settings, &p->style), NULL, 0, on_nonce);
    llm_question_release(&q);
}

/* Nothing binds. */
static void probe_nonce(struct llm *l, struct llm_endpoint *e)
{
    bool wanted = l->settings.nonce && !llm_leads_to_word(l->words[QUESTION_CLASS].prompt->user);
    e->probe->asks_nonce = wanted;
    if (wanted)
        probe_step(l, e);
    else
        probe_found(l, e);
}

/* --- logit_bias: the words must be one token each -------------------------------------------- */

static bool one_token(const char *body, int *token)
{
    json_t *root = http_json(body, strlen(body), 0, NULL);
    const json_t *list = json_object_get(root, "tokens");
    const json_t *first = json_array_get(list, 0);
    bool yes = json_array_size(list) == 1 && json_is_integer(first) &&
               json_integer_value(first) >= 0 && json_integer_value(first) < 1 << 24;
    if (yes)
        *token = (int)json_integer_value(first);
    json_decref(root);
    return yes;
}

static void on_tokens(struct llm_call *call, const struct http_reply *r)
{
    struct llm *l = call->l;
    struct llm_endpoint *e = call->e;
    struct llm_probe *p = e->probe;
    struct llm_answer none = {.has_usage = true};
    bool there = http_answered(r);
    llm_book(call, r, &none);
    if (!there && p->token_path == 0 && p->token_word == 0) {
        p->token_path = 1;
        probe_step(l, e);
        return;
    }
    bool one = there && one_token(r->body, &p->style.token[p->token_word]);
    for (int i = 0; one && i < p->token_word; i++)
        one = p->style.token[i] != p->style.token[p->token_word];
    p->tokens_known = !one || !llm_word_at(l, ++p->token_word);
    p->words_are_tokens = one;
    if (p->tokens_known && !one)
        go_on(l, e);
    else
        probe_step(l, e);
}

static void ask_tokens(struct llm *l, struct llm_endpoint *e)
{
    static const char *const path[] = {"/tokenize", "/extras/tokenize"};
    struct llm_probe *p = e->probe;
    const char *word = llm_word_at(l, p->token_word);
    /* vLLM reads prompt, llama-server content, llama-cpp-python input */
    json_t *q = json_pack("{s:s, s:s, s:s, s:s, s:b}", "model", l->settings.model, "prompt", word,
                          "content", word, "input", word, "add_special_tokens", 0);
    char *body = json_dumps(q, JSON_COMPACT);
    json_decref(q);
    llm_send(l, e, path[p->token_path], body, 0, 0, NULL, 0, on_tokens);
}

/* --- asking ---------------------------------------------------------------------------------- */

static void probe_step(struct llm *l, struct llm_endpoint *e)
{
    struct llm_probe *p = e->probe;
    if (llm_probe_margin_asks(p)) {
        llm_probe_margin_step(l, e);
        return;
    }
    if (p->style.dialect == LLM_LOGIT_BIAS && !p->tokens_known) {
        ask_tokens(l, e);
        return;
    }
    if (p->asks_nonce) {
        ask_with_nonce(l, e);
        return;
    }
    struct llm_question q = {.system = xstrdup("You answer questions truthfully."),
                             .user = xstrdup(questions[p->question])};
    struct llm_ask ask = {.question = &q, .words = &l->words[0], .n = 1};
    char *body = llm_request_body(&l->settings, &p->style, &ask);
    llm_send(l, e, llm_request_path(&p->style), body, strlen(body),
             llm_request_max_tokens(&l->settings, &p->style), NULL, 0, on_reply);
    llm_question_release(&q);
}

/* What it does not take stays known. */
static void llm_probe_reset(struct llm_endpoint *e)
{
    unsigned omit = e->style.omit;
    bool newer = e->style.max_completion_tokens;
    omit |= e->probe->style.omit;
    newer |= e->probe->style.max_completion_tokens;
    *e->probe = (struct llm_probe){.margin_way = e->probe->margin_way, .ends = e->probe->ends};
    e->probe->style.max_completion_tokens = newer;
    e->probe->style.omit = omit;
}

static void probe_texts(struct llm *l, struct llm_endpoint *e)
{
    llm_probe_reset(e);
    if (!tries(&l->settings, &e->probe->style) && !next_way(l, e->probe))
        give_up(l, e);
    else
        probe_step(l, e);
}

void llm_probe_start(struct llm *l, struct llm_endpoint *e)
{
    if (e->probe) {
        probe_step(l, e);
        return;
    }
    e->probe = xcalloc(1, sizeof *e->probe);
    e->probe->ends = (struct llm_probe_ends){probe_found, probe_texts, probe_give_up};
    llm_probe_reset(e);
    llm_probe_margin_start(l, e);
}
