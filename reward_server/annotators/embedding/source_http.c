/* SPDX-License-Identifier: MIT */
/* source_http.c - vectors of any server with OpenAI's POST /v1/embeddings.
 *
 * It lives in the annotator's worker, on an event loop of its own: a request or a pause never keeps
 * the reward server waiting, and `stop` ends either at once. What may pass (no connection, 429,
 * 5xx, a deadline, half an answer) is tried again after pauses that double; what only a person can
 * mend (401, 404, another model, another width) is tried again once a minute. Both are told by
 * `trouble` as long as they last, and neither ever becomes a label. A sentence is given up only
 * when the server refuses it alone, three times, and answers another one after each. */
#define _GNU_SOURCE
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "reward_server/annotators/embedding/source.h"
#include "reward_server/http/http_address.h"
#include "reward_server/http/http_client.h"
#include "reward_server/http/http_json.h"
#include "reward_server/http/http_policy.h"
#include "reward_server/http/http_text.h"

enum {
    BATCH = 32,
    URL_MAX = HTTP_ADDRESS_MAX - 8,
    WHY_MAX = 128,
    MODEL_MAX = 40,
    PREFIX_MAX = 16,
    DIM_MAX = 8192,
    FAILURES_AWAY = 4,
    REFUSALS = 3 /* of a sentence, while another one is answered: it is the sentence */
};
static const size_t body_max = (size_t)16 << 20;
static const double unit_tolerance = 1e-3; /* vectors of such a length are left as they are */
static const char probe_text[] = "You see a door.";

extern const struct source_vtable source_http;

enum outcome { DONE, PASSING, PERSON, REFUSED, STOPPED, OTHERWISE };

struct http_source {
    struct source base;
    struct http_client *http;
    uv_loop_t loop;
    uv_async_t stop;
    uv_timer_t pause;
    struct rng jitter;
    char url[2 * HTTP_ADDRESS_MAX + 32], wanted[MODEL_MAX + 1], prefix[PREFIX_MAX + 1],
        key[HTTP_KEY_MAX];
    char name[64]; /* "http:MODEL|PREFIX" */
    double deadline_s, backoff_s;
    int dim; /* 0 = not known yet */
    bool lists, stopped;
    bool no_format; /* it refuses encoding_format */
    /* the attempt under way */
    bool waiting;
    int n;
    float *out; /* [n, dim]; NULL: only the width is wanted */
    enum outcome outcome;
    double retry_after_s;

    pthread_mutex_t lock; /* of why */
    char why[WHY_MAX];
    atomic_int failures; /* in a row; read by the loop thread */
};

static struct http_source *source_http_self(struct source *s)
{
    return (struct http_source *)s;
}

static enum outcome source_http_set_why(struct http_source *h, enum outcome outcome,
                                        const char *why)
{
    pthread_mutex_lock(&h->lock);
    snprintf(h->why, sizeof h->why, "%s", why);
    pthread_mutex_unlock(&h->lock);
    return outcome;
}

/* --- answers ----------------------------------------------------------------------------- */

/* One vector into out (NULL: nowhere). */
static enum outcome read_vector(struct http_source *h, const json_t *values, float *out)
{
    size_t dim = json_array_size(values);
    char why[WHY_MAX];
    double square = 0;
    if (dim < 1 || dim > DIM_MAX)
        return source_http_set_why(h, PASSING, "its answer holds no vectors");
    if (h->dim && (size_t)h->dim != dim) {
        snprintf(why, sizeof why,
                 "it gave a vector of %zu numbers, its first one had %d: is it "
                 "another model?",
                 dim, h->dim);
        return source_http_set_why(h, PERSON, why);
    }
    for (size_t j = 0; j < dim; j++) {
        const json_t *x = json_array_get(values, j);
        if (!json_is_number(x) || !isfinite((float)json_number_value(x)))
            return source_http_set_why(h, PASSING,
                                       "a vector of its answer holds something else than numbers");
        square += json_number_value(x) * json_number_value(x);
        if (out)
            out[j] = (float)json_number_value(x);
    }
    h->dim = (int)dim;
    if (out && square > 0 && fabs(square - 1) > unit_tolerance)
        for (size_t j = 0; j < dim; j++)
            out[j] = (float)((double)out[j] / sqrt(square));
    return DONE;
}

static enum outcome read_vectors(struct http_source *h, const json_t *root)
{
    const json_t *data = json_object_get(root, "data");
    const char *model = json_string_value(json_object_get(root, "model"));
    char why[WHY_MAX];
    bool seen[BATCH] = {false};
    if (model && !http_same_model(h->wanted, model)) {
        snprintf(why, sizeof why, "it answers with the model %.30s, embedding.model is %.40s",
                 model, h->wanted);
        return source_http_set_why(h, PERSON, why);
    }
    if (json_array_size(data) != (size_t)h->n)
        return source_http_set_why(h, PASSING,
                                   "its answer has not exactly one vector per sentence");
    for (int i = 0; i < h->n; i++) {
        const json_t *one = json_array_get(data, (size_t)i), *index = json_object_get(one, "index");
        json_int_t at = json_is_integer(index) ? json_integer_value(index) : i;
        if (at < 0 || at >= h->n || seen[at])
            return source_http_set_why(h, PASSING,
                                       "its answer has not exactly one vector per sentence");
        seen[at] = true;
        float *row = h->out ? h->out + (size_t)at * (size_t)h->dim : NULL;
        enum outcome o = read_vector(h, json_object_get(one, "embedding"), row);
        if (o != DONE)
            return o;
    }
    return DONE;
}

static enum outcome failed(struct http_source *h, const struct http_reply *r)
{
    static const enum outcome of[] = {[HTTP_FAULT_PASSING] = PASSING,
                                      [HTTP_FAULT_OVERLOAD] = PASSING,
                                      [HTTP_FAULT_LATE] = PASSING,
                                      [HTTP_FAULT_PERSON] = PERSON,
                                      [HTTP_FAULT_REQUEST] = REFUSED};
    static const char *const format[] = {"encoding_format"};
    char why[WHY_MAX], text[80];
    http_error_text(r->status, r->body, r->len, "embedding.url", text, sizeof text);
    bool bare = http_reason_is_bare(text);
    bool key = r->status == 401 || (r->status == 403 && bare);
    if (http_fault_of(r) != HTTP_FAULT_PASSING && !h->no_format &&
        http_refused_fields(r->body, r->len, format, 1, false)) {
        h->no_format = true; /* what it says without it is read as numbers, or is no answer */
        return OTHERWISE;
    }
    if (r->failure != HTTP_FINE)
        snprintf(why, sizeof why, "%.110s", r->why);
    else
        snprintf(why, sizeof why, "it says %d%s%s%.64s", r->status,
                 key                ? ": check embedding.api_key_file"
                 : r->status == 404 ? ": check embedding.url and embedding.model"
                                    : "",
                 *text ? ": " : "", text);
    http_hide_key(why, h->key);
    return source_http_set_why(h, of[http_fault_of(r)], why);
}

/* Ends the wait: also when this is called by a timer, after which uv_run would go on to poll. */
static void over(struct http_source *h)
{
    h->waiting = false;
    uv_stop(&h->loop);
}

/* A 200 that says why it is none. */
static enum outcome no_vectors(struct http_source *h, const struct http_reply *r)
{
    char why[WHY_MAX];
    http_error_text(r->status, r->body, r->len, "embedding.url", why, sizeof why);
    http_hide_key(why, h->key);
    return source_http_set_why(h, PASSING, *why ? why : "its answer holds no vectors");
}

static void on_done(void *ctx, const struct http_reply *r)
{
    struct http_source *h = ctx;
    over(h);
    h->retry_after_s = r->retry_after_s;
    if (!http_answered(r)) {
        h->outcome = failed(h, r);
        return;
    }
    json_t *root = http_json(r->body, r->len, 0, NULL);
    h->outcome = json_object_get(root, "data") ? read_vectors(h, root) : no_vectors(h, r);
    json_decref(root);
}

/* --- requests ---------------------------------------------------------------------------- */

static void source_http_on_stop(uv_async_t *a)
{
    struct http_source *h = a->data;
    h->stopped = true;
    uv_stop(&h->loop);
}

static void on_pause_over(uv_timer_t *t)
{
    over(t->data);
}

/* The body of a request, NULL when a sentence is not UTF-8. */
static char *body_of(const struct http_source *h, const char *const *text, int n)
{
    json_t *input = n > 1 ? json_array() : NULL;
    for (int i = 0; i < n; i++) {
        json_t *one = json_sprintf("%s%s", h->prefix, text[i]);
        if (!one) {
            json_decref(input);
            return NULL;
        }
        if (n > 1)
            json_array_append_new(input, one);
        else
            input = one;
    }
    json_t *root = json_pack("{s:s, s:o}", "model", h->wanted, "input", input);
    if (!h->no_format)
        json_object_set_new(root, "encoding_format", json_string("float"));
    char *body = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return body;
}

static enum outcome attempt(struct http_source *h, const char *const *text, int n, float *out)
{
    char *body = body_of(h, text, n);
    if (!body)
        return source_http_set_why(h, REFUSED, "a sentence is not UTF-8");
    struct http_request q = {.url = h->url,
                             .body = body,
                             .body_len = strlen(body),
                             .key = h->key,
                             .total_ms = (int)(h->deadline_s * 1000),
                             .done = on_done,
                             .ctx = h};
    h->waiting = true;
    h->n = n;
    h->out = out;
    struct http_call *call = http_start(h->http, &q);
    free(body);
    while (h->waiting && !h->stopped)
        uv_run(&h->loop, UV_RUN_ONCE);
    if (!h->waiting)
        return h->outcome;
    http_cancel(call);
    return STOPPED;
}

/* Pauses of a person's fault are the longest there are. */
static void pause_after(struct http_source *h, enum outcome o, int failures)
{
    int n = o == PASSING ? failures : 30;
    int64_t ms = http_backoff_ms(h->backoff_s, n, h->retry_after_s, &h->jitter);
    h->waiting = true;
    uv_timer_start(&h->pause, on_pause_over, (uint64_t)ms, 0);
    while (h->waiting && !h->stopped)
        uv_run(&h->loop, UV_RUN_ONCE);
    uv_timer_stop(&h->pause);
}

static bool answers_another(struct http_source *h)
{
    const char *text = probe_text;
    return attempt(h, &text, 1, NULL) == DONE;
}

/* Until it is done, refused or stopped. */
static enum outcome insist(struct http_source *h, const char *const *text, int n, float *out)
{
    int refusals = 0;
    for (int failures = 0; !h->stopped; failures++) {
        enum outcome o = attempt(h, text, n, out);
        if (o == OTHERWISE)
            continue;
        atomic_store(&h->failures, o == DONE ? 0 : o == PERSON ? FAILURES_AWAY : failures + 1);
        if (o == DONE)
            return source_http_set_why(h, DONE, "");
        if (o == STOPPED || (o == REFUSED && n > 1))
            return o;
        if (o == REFUSED && h->dim && answers_another(h)) {
            atomic_store(&h->failures, 0);
            if (++refusals == REFUSALS)
                return source_http_set_why(h, REFUSED, "");
            o = PASSING;
        }
        pause_after(h, o, failures);
    }
    return STOPPED;
}

static int http_embed(struct source *s, const char *const *text, int n, float *out)
{
    struct http_source *h = source_http_self(s);
    if (n > 1 && h->lists) {
        enum outcome o = insist(h, text, n, out);
        if (o != REFUSED)
            return o == DONE ? 0 : -1;
        h->lists = false;
    }
    for (int i = 0; i < n; i++)
        if (insist(h, text + i, 1, out + (size_t)i * (size_t)h->dim) != DONE)
            return -1;
    return 0;
}

static int http_dim(struct source *s)
{
    struct http_source *h = source_http_self(s);
    const char *text = probe_text;
    return insist(h, &text, 1, NULL) == DONE ? h->dim : 0;
}

/* --- life -------------------------------------------------------------------------------- */

static int http_available(const struct source_params *p, struct onic_err *err)
{
    if (!*p->url || !*p->model)
        return err_set(err, ONIC_ECONFIG,
                       "embedding.source=http needs the address of a server and the name of its "
                       "model: --embedding.url=http://127.0.0.1:8000 --embedding.model=NAME");
    if (strlen(p->model) > MODEL_MAX || strlen(p->prefix) > PREFIX_MAX)
        return err_set(err, ONIC_ECONFIG,
                       "embedding.model may have %d bytes and embedding.prefix %d: both are part "
                       "of a label's identity",
                       MODEL_MAX, PREFIX_MAX);
    if (strlen(p->url) >= URL_MAX)
        return err_set(err, ONIC_ECONFIG, "embedding.url is longer than %d bytes", URL_MAX);
    return http_check_url(p->url, "embedding.url", err);
}

static void source_http_open_loop(struct http_source *h)
{
    ONIC_ASSERT(uv_loop_init(&h->loop) == 0);
    ONIC_ASSERT(uv_async_init(&h->loop, &h->stop, source_http_on_stop) == 0);
    uv_timer_init(&h->loop, &h->pause);
    h->stop.data = h->pause.data = h;
    pthread_mutex_init(&h->lock, NULL);
}

static void http_close(struct source *s)
{
    struct http_source *h = source_http_self(s);
    http_client_free(h->http);
    uv_close((uv_handle_t *)&h->stop, NULL);
    uv_close((uv_handle_t *)&h->pause, NULL);
    uv_run(&h->loop, UV_RUN_DEFAULT);
    ONIC_ASSERT(uv_loop_close(&h->loop) == 0);
    pthread_mutex_destroy(&h->lock);
    explicit_bzero(h->key, sizeof h->key);
    free(h);
}

static int http_open(struct source **out, const struct source_params *p, struct onic_err *err)
{
    int rc = http_available(p, err);
    if (rc)
        return rc;
    static const char *const paths[] = {"/embeddings", NULL};
    struct http_address address;
    struct http_source *h = xcalloc(1, sizeof *h);
    struct http_options options = {.ca_file = p->ca_file,
                                   .proxy = "",
                                   .connect_ms = (int)(p->deadline_s * 1000),
                                   .max_body = body_max};
    h->base.v = &source_http;
    h->lists = true;
    h->deadline_s = p->deadline_s;
    h->backoff_s = p->backoff_s;
    h->jitter = rng_stream(p->seed, "embedding", 0, 0, 0);
    snprintf(h->wanted, sizeof h->wanted, "%.40s", p->model);
    snprintf(h->prefix, sizeof h->prefix, "%.16s", p->prefix);
    snprintf(h->name, sizeof h->name, "http:%s|%s", h->wanted, h->prefix);
    http_address_read(&address, p->url, strlen(p->url), paths);
    http_address_join(&address, address.base, "/embeddings", h->url, sizeof h->url);
    source_http_open_loop(h);
    const struct http_way way = {.section = "embedding",
                                 .url = h->url,
                                 .proxy = options.proxy,
                                 .allow_plain = p->allow_plain_key};
    rc = http_key_read(h->key, p->api_key_file, "embedding.api_key_file", err);
    if (!rc)
        rc = http_key_may_travel(h->key, &way, err);
    if (!rc)
        rc = http_client_create(&h->http, &h->loop, &options, err);
    if (!rc)
        *out = &h->base;
    else
        http_close(&h->base);
    return rc;
}

static const char *http_model(const struct source *s)
{
    return ((const struct http_source *)s)->name;
}

static const char *http_manner(const struct source *s)
{
    (void)s;
    return "http";
}

static void http_stop(struct source *s)
{
    uv_async_send(&source_http_self(s)->stop);
}

static void http_trouble(struct source *s, char text[160])
{
    struct http_source *h = source_http_self(s);
    pthread_mutex_lock(&h->lock);
    text[0] = '\0';
    if (*h->why)
        snprintf(text, 160, "embedding.url does not work: %s", h->why);
    pthread_mutex_unlock(&h->lock);
}

static bool http_away(const struct source *s)
{
    return atomic_load(&((const struct http_source *)s)->failures) >= FAILURES_AWAY;
}

const struct source_vtable source_http = {
    .id = "http",
    .centred = true,
    .kept = true,
    .batch = BATCH,
    .available = http_available,
    .open = http_open,
    .close = http_close,
    .model = http_model,
    .manner = http_manner,
    .dim = http_dim,
    .embed = http_embed,
    .stop = http_stop,
    .trouble = http_trouble,
    .away = http_away,
};
