/* SPDX-License-Identifier: MIT */
/* llm.c - a language model over HTTP as annotator: who is asked what; see llm_impl.h.
 *
 * A caption is a job: WAITING (perhaps until a time) or FLYING with a request. What a server fails
 * at goes back to WAITING and costs the caption nothing. An answer that is not exactly a label is
 * asked again once, and then DOUBTED, as is a caption that fails five times while the same server
 * answers others: it is abstained from, with the reason, if the server is known to work, else it
 * goes back to WAITING (endpoint.c).
 *
 * Failures reach people at once: each change of a server's state is a warning in the log, which
 * `onic train` shows, and `status` is one sentence. */
#define _GNU_SOURCE
#include "reward_server/annotators/llm/llm_impl.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmalloc.h"

enum { ALONE_MAX = 5, BODY_MAX = 1 << 20 };

extern const struct annotator_vtable annotator_llm;

static struct llm *llm_self(struct annotator *a)
{
    return (struct llm *)a;
}

static void ask_next(struct llm *l);

static const struct llm *llm_cself(const struct annotator *a)
{
    return (const struct llm *)a;
}

/* --- labels ---------------------------------------------------------------------------------- */

/* Of a pair that is asked in both orders. */
static void take_order(struct llm *l, struct llm_job *j, double label, const char *text)
{
    struct llm_margin_label m;
    bool differs;
    if (llm_orders_take(l, &j->halves, label, text, &m, &differs)) {
        llm_job_answer(l, j, differs ? LABEL_ABSTAINED : LABEL_ANSWERED, m.label, m.confidence,
                       m.raw);
        return;
    }
    j->state = LLM_WAITING; /* the other order is a question of its own */
    j->due_ms = 0;
    j->again = false;
    j->previous[0] = '\0';
}

/* An answer that is no label counts when its repetition is there: a server that needs a reminder
 * each time works, however many questions it has at once. */
static void take_label(struct llm_call *call, struct llm_job *j, const struct llm_choice *c)
{
    struct llm *l = call->l;
    double label = llm_words_of(l, j->question, j->len)->label[c->word];
    if (j->again)
        llm_endpoint_bad_answer(call->e);
    llm_endpoint_good_answer(call->e, clock_ms());
    if (j->halves.n == 1 || llm_orders_both(l, &call->e->style, j->question, j->len))
        take_order(l, j, label, c->text);
    else
        llm_job_answer(l, j, LABEL_ANSWERED, label, 1, c->text);
}

static void take_reading(struct llm_call *call, struct llm_job *j, const struct llm_choice *c)
{
    struct llm *l = call->l;
    struct llm_margin_label m;
    if (!llm_margin_take(l, question_kind_of(j->question, j->len), &c->reading, &j->halves, &m)) {
        j->state = LLM_WAITING; /* for the other order */
        j->due_ms = 0;
        return;
    }
    llm_endpoint_good_answer(call->e, clock_ms());
    llm_job_answer(l, j, LABEL_ANSWERED, m.label, m.confidence, m.raw);
}

static void take_no_label(struct llm_call *call, struct llm_job *j, const struct llm_choice *c)
{
    struct llm *l = call->l;
    bool first = !j->again && c->verdict != LLM_REFUSED && call->e->breaker != LLM_OPEN;
    l->unusable++;
    if (!first) {
        for (int i = 0; i < 1 + j->again; i++)
            llm_endpoint_bad_answer(call->e);
        llm_job_doubt(l, j, call->e, c->why, c->text);
        return;
    }
    j->again = j->single = true;
    j->server = (int)(call->e - l->endpoint);
    snprintf(j->previous, sizeof j->previous, "%s", c->text);
    l->asked_again++;
    llm_job_wait(l, j, 0);
}

/* Labels last: within a reply the order says nothing. */
static void take_choices(struct llm_call *call, const struct llm_answer *a)
{
    struct llm *l = call->l;
    const struct llm_choice *bad = NULL;
    for (int i = 0; i < call->n; i++)
        if (a->choice[i].verdict != LLM_LABEL) {
            bad = &a->choice[i];
            take_no_label(call, &l->job[call->job[i]], bad);
        }
    for (int i = 0; i < call->n; i++)
        if (a->choice[i].verdict == LLM_LABEL)
            (call->e->style.reads == LLM_READS_TEXT ? take_label : take_reading)(
                call, &l->job[call->job[i]], &a->choice[i]);
    if (bad)
        llm_judge(l, call->e, bad);
}

/* --- failures -------------------------------------------------------------------------------- */

/* The list was the fault, not its questions. */
static void ask_one_by_one(struct llm_call *call)
{
    if (call->e->lists)
        log_info("this server takes one question per request",
                 kv("url", (const char *)call->e->url));
    call->e->lists = false;
    for (int i = 0; i < call->n; i++)
        llm_job_wait(call->l, &call->l->job[call->job[i]], 0);
}

/* The request is refused, not the server broken: an answer of it that is no label. */
static void take_refusal(struct llm_call *call, const struct http_reply *r)
{
    struct llm *l = call->l;
    struct llm_choice c = {.verdict = LLM_REFUSED};
    llm_refused(l, call->e, r, c.why);
    for (int i = 0; i < call->n; i++)
        take_no_label(call, &l->job[call->job[i]], &c);
    llm_judge(l, call->e, &c);
}

static void fail_jobs(struct llm_call *call, const struct http_reply *r, bool nonsense)
{
    struct llm *l = call->l;
    struct llm_endpoint *e = call->e;
    bool healthy = e->labels > 0 && e->failures == 0; /* it answered others meanwhile */
    bool request = r->failure == HTTP_FINE && http_fault_of(r) == HTTP_FAULT_REQUEST;
    if (call->n > 1 && (nonsense || request || (r->failure == HTTP_FINE && r->status == 500))) {
        ask_one_by_one(call);
        return;
    }
    if (request) {
        take_refusal(call, r);
        return;
    }
    llm_failed(l, e, r);
    for (int i = 0; i < call->n; i++) {
        struct llm_job *j = &l->job[call->job[i]];
        j->single = true;
        if (healthy)
            j->alone++;
        if (j->alone >= ALONE_MAX)
            llm_job_doubt(l, j, e, "the server failed at it", e->why);
        else
            llm_job_wait(l, j,
                         clock_ms() + http_backoff_ms(l->settings.health.backoff_s, j->alone, -1,
                                                      &l->jitter));
    }
}

/* --- replies --------------------------------------------------------------------------------- */

static void keep_sample(struct llm_call *call, const struct http_reply *r,
                        const struct llm_answer *a)
{
    struct llm *l = call->l;
    int64_t now = clock_ms();
    if (!llm_samples_want(&l->samples, now))
        return;
    const char *verdict = a->nchoices == 0                    ? "no answer"
                          : a->choice[0].verdict == LLM_LABEL ? "label"
                                                              : a->choice[0].why;
    llm_samples_keep(&l->samples, now, call->e->url, call->body, r->status, r->body, r->len,
                     verdict);
}

static void on_labels(struct llm_call *call, const struct http_reply *r)
{
    struct llm *l = call->l;
    struct llm_endpoint *e = call->e;
    struct llm_answer a = {0};
    const struct llm_job *asked = &l->job[call->job[0]]; /* all are of one kind */
    const struct llm_words *words = llm_words_of(l, asked->question, asked->len);
    struct llm_nonce nonce[LLM_BATCH_MAX];
    bool fine = http_answered(r);
    for (int i = 0; i < call->n; i++) {
        const struct llm_job *j = &l->job[call->job[i]];
        nonce[i] = llm_nonce_of(l, &e->style, j->question, j->len, j->vote);
    }
    if (fine && !llm_answer_read(&e->style, words, nonce, r->body, r->len, call->n, &a))
        a.nchoices = 0;
    llm_book(call, r, &a);
    keep_sample(call, r, &a);
    if (fine && a.nchoices && !llm_wrong_model(l, e, a.model)) {
        llm_endpoint_success(e, r->seconds * 1000, clock_ms());
        take_choices(call, &a);
        return;
    }
    if (fine && a.nchoices) { /* another model's answers are nobody's */
        for (int i = 0; i < call->n; i++)
            llm_job_wait(l, &l->job[call->job[i]], 0);
        return;
    }
    if (llm_omit_refused(call, &e->style, r, e->labels > 0)) {
        for (int i = 0; i < call->n; i++)
            llm_job_wait(l, &l->job[call->job[i]], 0);
        return;
    }
    struct http_reply said = *r;
    if (fine) {
        said.failure = HTTP_BROKEN;
        said.why = a.why;
    }
    fail_jobs(call, &said, fine);
}

/* --- who is asked ---------------------------------------------------------------------------- */

static struct llm_endpoint *llm_choose(struct llm *l, int64_t now)
{
    struct llm_endpoint *best = NULL;
    for (int i = 0; i < l->nendpoints; i++) {
        struct llm_endpoint *e = &l->endpoint[i];
        if (!e->ready || !llm_endpoint_may_ask(e, now))
            continue;
        if (l->settings.first)
            return e;
        if (!best || e->in_flight / e->window < best->in_flight / best->window)
            best = e;
    }
    return best;
}

static bool ask(struct llm *l, struct llm_endpoint *e, int64_t now)
{
    struct llm_question q[LLM_BATCH_MAX];
    int job[LLM_BATCH_MAX], n = 0;
    int most = e->style.api == LLM_COMPLETIONS && e->lists && !e->gone ? l->settings.batch : 1;
    size_t bytes = 0;
    for (int i; n < most && (i = llm_jobs_next(l, now, n > 0 ? &l->job[job[0]] : NULL)) >= 0;) {
        struct llm_job *j = &l->job[i];
        llm_question_render(l, j->question, j->len, j->halves.n == 1, &q[n]);
        q[n].nonce = llm_nonce_of(l, &e->style, j->question, j->len, j->vote);
        bytes += strlen(q[n].system) + strlen(q[n].user) + strlen(j->previous) + 256;
        j->state = LLM_FLYING;
        job[n++] = i;
        if (j->single)
            break;
    }
    struct llm_ask what = {.question = q,
                           .words = llm_words_of(l, l->job[job[0]].question, l->job[job[0]].len),
                           .n = n,
                           .vote = l->job[job[0]].vote};
    if (n == 1 && l->job[job[0]].again)
        what.before = l->job[job[0]].previous;
    bool sent = llm_send(l, e, llm_request_path(&e->style),
                         llm_request_body(&l->settings, &e->style, &what), bytes,
                         llm_request_max_tokens(&l->settings, &e->style), job, n, on_labels);
    for (int i = 0; i < n; i++) {
        llm_question_release(&q[i]);
        if (!sent)
            l->job[job[i]].state = LLM_WAITING;
    }
    return sent;
}

static void llm_on_timer(uv_timer_t *timer)
{
    ask_next(timer->data);
}

static void set_timer(struct llm *l, int64_t now)
{
    int64_t due = -1;
    for (int i = 0; i < l->nendpoints; i++) {
        int64_t at = llm_endpoint_due(&l->endpoint[i], now);
        if (at > now && (due < 0 || at < due))
            due = at;
    }
    int64_t job = llm_jobs_due(l, now);
    if (job >= 0 && (due < 0 || job < due))
        due = job;
    if (due >= 0)
        uv_timer_start(l->timer, llm_on_timer, (uint64_t)(due - now) + 1, 0);
}

static void ask_next(struct llm *l)
{
    int64_t now = clock_ms();
    llm_jobs_settle(l, now);
    for (int i = 0; i < l->nendpoints; i++) {
        struct llm_endpoint *e = &l->endpoint[i];
        if (!e->ready && llm_endpoint_may_ask(e, now))
            llm_probe_start(l, e);
    }
    struct llm_endpoint *e;
    while (llm_jobs_next(l, now, NULL) >= 0 && (e = llm_choose(l, now)) != NULL)
        if (!ask(l, e, now))
            break;
    set_timer(l, now);
}

/* --- the vtable ------------------------------------------------------------------------------ */

static int llm_available(const struct config *config, struct onic_err *err)
{
    struct llm_options o;
    int rc = llm_options_read(&o, config, err);
    llm_options_wipe(&o);
    return rc;
}

static enum annotator_effort llm_effort(const struct config *config)
{
    (void)config;
    return ANNOTATOR_MAY_COST;
}

/* A field of the request in an identity: "-" where llm.omit leaves it to the server. */
static void number_or_none(const struct llm_settings *s, enum llm_field f, double x, char out[16])
{
    if (s->omit & 1u << f)
        snprintf(out, 16, "-");
    else
        snprintf(out, 16, f == LLM_MAX_TOKENS ? "%.0f" : "%.4g", x);
}

/* What decides, where that is not the word alone. auto: whichever it was found to be is the same
 * for all labels of this identity (margin.c). */
static void put_answer_way(const struct llm_settings *s, char *text, size_t size)
{
    if (s->answer == CONFIG_llm_answer_text)
        return;
    size_t n = strlen(text);
    snprintf(text + n, size - n, " answer=%s%s",
             s->answer == CONFIG_llm_answer_auto ? "auto" : "logprob",
             s->calibrate ? "" : " calibration=-");
}

/* Everything an answer depends on. The hash comes first: texts of identities are cut. */
static void llm_set_identity(struct llm *l)
{
    const struct llm_settings *s = &l->settings;
    char text[112], all[CONFIG_STR_MAX + 192], t[16], top_p[16], most[16];
    number_or_none(s, LLM_TEMPERATURE, s->temperature, t);
    number_or_none(s, LLM_TOP_P, s->top_p, top_p);
    number_or_none(s, LLM_MAX_TOKENS, s->max_tokens, most);
    text[0] = '\0';
    if (s->answer != CONFIG_llm_answer_logprob)
        snprintf(text, sizeof text, "t=%s top_p=%s max=%s ", t, top_p, most);
    size_t n = strlen(text);
    n += (size_t)snprintf(text + n, sizeof text - n, "prompt=%.8s/%.8s", l->prompt[0]->version,
                          l->prompt[1]->version);
    if (s->seed && !(s->omit & 1u << LLM_SEED))
        n += (size_t)snprintf(text + n, sizeof text - n, " seed=%lld", (long long)s->seed);
    if (s->omit & 1u << LLM_SYSTEM)
        snprintf(text + n, sizeof text - n, " system=-");
    put_answer_way(s, text, sizeof text);
    snprintf(all, sizeof all, "%s %s %s %s", s->model, text, l->prompt[0]->version,
             l->prompt[1]->version);
    snprintf(l->parameters, sizeof l->parameters, "%08x %s",
             (unsigned)XXH3_64bits(all, strlen(all)), text);
    if (strlen(s->model) < sizeof l->model)
        snprintf(l->model, sizeof l->model, "%.63s", s->model);
    else
        snprintf(l->model, sizeof l->model, "%.40s..%016llx", s->model,
                 (unsigned long long)XXH3_64bits(s->model, strlen(s->model)));
}

static void llm_close_timer(uv_handle_t *h)
{
    free(h);
}

static void llm_free(struct annotator *a)
{
    if (!a)
        return;
    struct llm *l = llm_self(a);
    http_client_free(l->http);
    while (l->calls)
        llm_call_end(l->calls);
    for (int i = 0; i < l->nendpoints; i++)
        llm_probe_free(&l->endpoint[i]);
    if (l->timer)
        uv_close((uv_handle_t *)l->timer, llm_close_timer);
    if (*l->budget.path)
        llm_budget_close(&l->budget);
    llm_samples_close(&l->samples);
    explicit_bzero(l->settings.key, sizeof l->settings.key);
    llm_prompts_close(l);
    free(l);
}

/* setup->store_path NULL: nothing is kept, llm_check.h. */
static int llm_open(struct llm *l, const struct llm_options *o, const struct annotator_setup *setup,
                    struct onic_err *err)
{
    struct http_options http = {.ca_file = o->ca_file,
                                .proxy = o->proxy,
                                .proxy_auth = o->proxy_auth,
                                .connect_ms = o->connect_ms,
                                .first_byte_ms = o->first_byte_ms,
                                .max_body = BODY_MAX};
    l->settings = o->settings;
    for (; l->nendpoints < o->naddresses; l->nendpoints++)
        llm_endpoint_open(&l->endpoint[l->nendpoints], o->address[l->nendpoints], o->window,
                          o->window_max);
    int rc = llm_prompts_open(l, &o->wording, err);
    if (!rc)
        rc = http_client_create(&l->http, l->loop, &http, err);
    if (!rc && setup->store_path)
        rc =
            llm_budget_open(&l->budget, &o->limits, setup->store_path, setup->answered_before, err);
    if (rc)
        l->budget.path[0] = '\0';
    if (!rc && setup->store_path)
        llm_samples_open(&l->samples, o->samples_per_hour, setup->store_path);
    return rc;
}

static int llm_create(struct annotator **out, const struct annotator_setup *setup,
                      struct onic_err *err)
{
    struct llm_options o;
    struct llm *l = xcalloc(1, sizeof *l);
    ONIC_ASSERT(setup->loop);
    l->base.v = &annotator_llm;
    l->ask_next = ask_next;
    l->goal = setup->goal;
    l->loop = setup->loop;
    l->wake = setup->wake;
    l->wake_ctx = setup->wake_ctx;
    l->notes = setup->notes;
    l->tokens_per_byte = 1; /* never more; learned from the first answers */
    l->jitter = rng_stream((uint64_t)clock_ns(), "llm.jitter", 0, 0, 0);
    int rc = llm_options_read(&o, setup->config, err);
    if (!rc)
        rc = llm_open(l, &o, setup, err);
    llm_options_wipe(&o);
    if (rc) {
        llm_free(&l->base);
        return rc;
    }
    llm_set_identity(l);
    l->timer = xcalloc(1, sizeof *l->timer);
    uv_timer_init(l->loop, l->timer);
    l->timer->data = l;
    uv_timer_start(l->timer, llm_on_timer, 0, 0);
    *out = &l->base;
    return ONIC_OK;
}

static void llm_identity(const struct annotator *a, const char **model, const char **parameters)
{
    *model = llm_cself(a)->model;
    *parameters = llm_cself(a)->parameters;
}

static int llm_window(const struct annotator *a)
{
    const struct llm *l = llm_cself(a);
    double n = 0;
    for (int i = 0; i < l->nendpoints; i++) {
        const struct llm_endpoint *e = &l->endpoint[i];
        if (e->ready && e->breaker == LLM_CLOSED && !e->gone)
            n += e->window * (e->style.api == LLM_COMPLETIONS && e->lists ? l->settings.batch : 1);
    }
    n = (n < 1 ? 1 : n) + llm_jobs_resting(l, clock_ms());
    return n > LLM_JOBS_MAX / 2 ? LLM_JOBS_MAX / 2 : (int)n;
}

static void llm_submit(struct annotator *a, uint64_t ticket, const char *question, size_t len,
                       int vote)
{
    struct llm *l = llm_self(a);
    int i = 0;
    ONIC_ASSERT(l->njobs < LLM_JOBS_MAX && len <= QUESTION_MAX);
    while (l->job[i].state != LLM_FREE)
        i++;
    struct llm_job *j = &l->job[i];
    *j = (struct llm_job){
        .state = LLM_WAITING, .ticket = ticket, .len = len, .vote = vote, .order = l->orders++};
    memcpy(j->question, question, len);
    l->njobs++;
    ask_next(l);
}

static int llm_poll(struct annotator *a, annotator_done done, void *ctx)
{
    struct llm *l = llm_self(a);
    int n = 0;
    for (; l->nready > 0; n++) {
        struct annotator_answer r = l->ready[l->ready_head];
        struct label label = annotator_answer_label(&r);
        l->ready_head = (l->ready_head + 1) % LLM_JOBS_MAX;
        l->nready--;
        done(ctx, r.ticket, &label);
    }
    return n;
}

static int64_t llm_due_ms(const struct annotator *a)
{
    (void)a;
    return -1;
}

static int llm_cancel(struct annotator *a, void (*taken)(void *ctx, uint64_t ticket), void *ctx)
{
    struct llm *l = llm_self(a);
    int n = 0;
    for (int i = 0; i < LLM_JOBS_MAX; i++)
        if (l->job[i].state == LLM_WAITING || l->job[i].state == LLM_DOUBTED) {
            l->job[i].state = LLM_FREE;
            l->njobs--;
            taken(ctx, l->job[i].ticket);
            n++;
        }
    return n;
}

/* Away when every server is; one that gave no labels is on trial after its probe. A budget that is
 * used up pauses asking, and nobody is asked instead. */
static enum annotator_health llm_health(const struct annotator *a)
{
    const struct llm *l = llm_cself(a);
    if (llm_budget_full(&l->budget))
        return ANNOTATOR_AVAILABLE;
    bool trial = false;
    for (int i = 0; i < l->nendpoints; i++) {
        if (!l->endpoint[i].gone)
            return ANNOTATOR_AVAILABLE;
        trial |= l->endpoint[i].ready;
    }
    return trial ? ANNOTATOR_PROBING : ANNOTATOR_UNAVAILABLE;
}

const struct annotator_vtable annotator_llm = {
    .id = "llm",
    .summary = "language model behind an OpenAI-compatible HTTP API (vLLM, llama.cpp, OpenAI)",
    .kinds = 1u << QUESTION_CLASS | 1u << QUESTION_PAIR,
    .needs_goal = true,
    .available = llm_available,
    .varies = llm_options_vary,
    .may_worsen = true,
    .effort = llm_effort,
    .vary_hint = "set llm.temperature above 0 (and llm.answer=text), or annotator.vote=1",
    .create = llm_create,
    .free = llm_free,
    .identity = llm_identity,
    .window = llm_window,
    .submit = llm_submit,
    .poll = llm_poll,
    .due_ms = llm_due_ms,
    .cancel = llm_cancel,
    .health = llm_health,
    .status = llm_status,
    .report = llm_report,
};
