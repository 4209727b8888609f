/* SPDX-License-Identifier: MIT */
/* embedding.c - a real sentence-embedding model as annotator.
 *
 * Of a pair the caption with the larger margin is better; closer together than embedding.tie they
 * tie. The score of a caption is its cosine to the nearest positive anchor, centred like all
 * others.
 *
 * One worker thread does all the thinking, so the server's loop never waits for it. It first embeds
 * the anchors and the caption pool (kept in a file: vectors.h), then the captions handed to it.
 * Vectors come from a source (source.h): the model in this process, a server or a file of word
 * vectors. Captions that stand in the pool are answered from the pool's vectors without any work,
 * and a sentence that was judged before is not judged again (sentences.h).
 *
 * The model would take a whole core from the actors. So after a first burst of captions (a run
 * learns most from its first labels) a token bucket holds the worker to a share of the usable
 * cores: it earns share * cores nanoseconds of CPU time per nanosecond and pays what its thread
 * clock says each caption cost. It works while the balance is not negative, so one caption is never
 * refused for ever.
 *
 * Threads: `lock` guards both rings, progress and stop. Everything else is written before the
 * thread starts or belongs to the worker. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/cpu.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "reward_server/annotators/annotator.h"
#include "reward_server/annotators/embedding/margin.h"
#include "reward_server/annotators/embedding/sentences.h"
#include "reward_server/annotators/embedding/source.h"
#include "reward_server/annotators/embedding/vectors.h"

enum { EMBEDDING_WINDOW = 32, MARGINS_MAX = 16384 };
static const double bucket_seconds = 0.5; /* balance never grows beyond so many seconds' earnings */

struct embedding_item {
    uint64_t ticket;
    size_t len;
    char question[QUESTION_MAX];
};

enum embedding_state { WARMING, READY, BROKEN };

extern const struct annotator_vtable annotator_embedding;

struct embedding {
    struct annotator base;
    const struct goal *goal;
    struct source *source;
    int dim;
    double threshold, tie;
    char parameters[128], cache[PATHS_MAX + 32];
    void (*wake)(void *ctx);
    void *wake_ctx;

    char **texts; /* [ntexts] the pool, then positive, then negative anchors; borrowed */
    int ntexts;
    float *pool; /* [ntexts, dim]; the rows of the pool stay as the model gave them */
    float *positive, *negative; /* rows of the anchors within pool, centred when warm */
    float *mean;                /* [dim] of the pool; zero where the source is not centred */
    struct strmap *pool_index;  /* caption -> row of pool */
    struct strmap *known;       /* sentence -> index of margins: captions repeat sentences */
    struct margin *margins;     /* [MARGINS_MAX] */
    float *x;                   /* [dim] scratch */
    double cost_ns;             /* CPU time of the caption at hand */
    double earn;                /* CPU ns earned per ns */
    double balance_ns;
    int64_t earned_at;
    uint64_t burst_left;

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    bool stop, idle; /* idle: there is no thread */
    enum embedding_state state;
    int warmed; /* sentences embedded so far */
    struct embedding_item in[EMBEDDING_WINDOW];
    struct annotator_answer out[EMBEDDING_WINDOW];
    int in_head, in_count, out_head, out_count;
};

static struct embedding *embedding_self(struct annotator *a)
{
    return (struct embedding *)a;
}

/* --- the worker ------------------------------------------------------------------------ */

static bool stopping(struct embedding *e)
{
    pthread_mutex_lock(&e->lock);
    bool stop = e->stop;
    pthread_mutex_unlock(&e->lock);
    return stop;
}

/* Rows first..last-1 of the pool, from the file that was kept or from the model. */
static bool embed_rows(struct embedding *e, int first, int last)
{
    char name[33];
    float *rows = e->pool + (size_t)first * (size_t)e->dim;
    const struct source_vtable *v = e->source->v;
    vectors_name(name, v->model(e->source), e->texts + first, last - first);
    if (v->kept && vectors_read(e->cache, name, rows, last - first, e->dim))
        return true;
    for (int i = first, n; i < last; i += n) {
        n = last - i < v->batch ? last - i : v->batch;
        if (stopping(e) || v->embed(e->source, (const char *const *)e->texts + i, n,
                                    e->pool + (size_t)i * (size_t)e->dim) != 0)
            return false;
        pthread_mutex_lock(&e->lock);
        e->warmed += n;
        pthread_mutex_unlock(&e->lock);
    }
    if (v->kept)
        vectors_write(e->cache, name, rows, last - first, e->dim);
    return true;
}

/* Room for the vectors, once their width is known. */
static bool embedding_make_room(struct embedding *e)
{
    const struct goal *g = e->goal;
    e->dim = e->source->v->dim(e->source);
    if (e->dim < 1)
        return false;
    size_t dim = (size_t)e->dim;
    e->pool = xcalloc((size_t)e->ntexts * dim, sizeof *e->pool);
    e->mean = xcalloc(dim, sizeof *e->mean);
    e->x = xcalloc(dim, sizeof *e->x);
    e->positive = e->pool + (size_t)g->npool * dim;
    e->negative = e->positive + (size_t)g->npositive * dim;
    return true;
}

static bool embedding_warm_up(struct embedding *e)
{
    int npool = e->goal->npool; /* the pool in a file of its own: goals of a domain share it */
    if (!embedding_make_room(e) || (npool && !embed_rows(e, 0, npool)) ||
        !embed_rows(e, npool, e->ntexts))
        return false;
    if (e->source->v->centred) /* without a pool all rows are anchors */
        margin_mean(e->mean, e->pool, npool ? npool : e->ntexts, e->dim);
    for (int i = npool; i < e->ntexts; i++)
        margin_centre(e->pool + (size_t)i * (size_t)e->dim, e->mean, e->dim);
    return true;
}

static void earn(struct embedding *e)
{
    int64_t now = clock_ns();
    e->balance_ns += e->earn * (double)(now - e->earned_at);
    e->earned_at = now;
    if (e->balance_ns > e->earn * bucket_seconds * 1e9)
        e->balance_ns = e->earn * bucket_seconds * 1e9;
}

/* Waits until the balance is not negative; called with the lock held. */
static void wait_for_budget(struct embedding *e)
{
    for (earn(e); !e->stop && e->burst_left == 0 && e->balance_ns < 0; earn(e)) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        int64_t ns = until.tv_nsec + (int64_t)(-e->balance_ns / e->earn) + 1;
        until.tv_sec += ns / 1000000000;
        until.tv_nsec = (long)(ns % 1000000000);
        pthread_cond_timedwait(&e->work, &e->lock, &until);
    }
}

/* The margin of one sentence; from memory when it was judged before. False: it has no vector. */
static bool judge_sentence(struct embedding *e, const char *text, struct margin *out)
{
    size_t dim = (size_t)e->dim, len = strlen(text);
    const uint64_t *row = strmap_get(e->known, text, len);
    if (row) {
        *out = e->margins[*row];
        return true;
    }
    row = strmap_get(e->pool_index, text, len);
    if (row) {
        memcpy(e->x, e->pool + *row * dim, dim * sizeof *e->x);
    } else {
        int64_t before = clock_cpu_ns();
        if (e->source->v->embed(e->source, &text, 1, e->x) != 0)
            return false;
        e->cost_ns += (double)(clock_cpu_ns() - before);
    }
    margin_centre(e->x, e->mean, e->dim);
    *out =
        margin_of(e->x, e->positive, e->goal->npositive, e->negative, e->goal->nnegative, e->dim);
    if (strmap_count(e->known) == MARGINS_MAX) /* a cache: starting over costs time, nothing else */
        strmap_clear(e->known);
    uint64_t slot = strmap_count(e->known);
    e->margins[slot] = *out;
    *strmap_put(e->known, text, len, NULL) = slot;
    return true;
}

/* What the caption's work cost is paid from the burst, then from the balance. */
static void pay(struct embedding *e)
{
    if (e->cost_ns > 0 && e->burst_left)
        e->burst_left--;
    else
        e->balance_ns -= e->cost_ns;
    e->cost_ns = 0;
}

/* The best of its sentences: by margin, of a score by closeness to the goal. False: none. */
static bool judge_caption(struct embedding *e, enum question_kind kind, const char *caption,
                          size_t len, struct margin *best)
{
    char text[2 * QUESTION_CAPTION_MAX + 1], *part[SENTENCES_MAX];
    struct margin m;
    goal_utf8(caption, len, text);
    int n = sentences_split(text, part);
    for (int i = 0; i < n; i++) {
        if (!judge_sentence(e, part[i], &m))
            return false;
        bool better = i == 0;
        if (i > 0 && m.blank != best->blank)
            better = best->blank;
        else if (i > 0)
            better = kind == QUESTION_SCORE ? m.positive > best->positive : m.value > best->value;
        if (better)
            *best = m;
    }
    return n > 0;
}

static void answer_pair(const struct embedding *e, const struct margin m[2],
                        struct annotator_answer *out)
{
    out->label.value = margin_preference(m[0].value, m[1].value, e->tie, &out->label.confidence);
    snprintf(out->raw, sizeof out->raw, "margins %.4f \"%.150s\" | %.4f \"%.150s\" on %s",
             m[0].value, e->goal->positive[m[0].positive_index], m[1].value,
             e->goal->positive[m[1].positive_index], cpu_path());
}

static void embedding_judge(struct embedding *e, const struct embedding_item *item,
                            struct annotator_answer *out)
{
    const struct goal *g = e->goal;
    struct question q;
    struct margin m[2];
    question_split(item->question, item->len, &q);
    *out = (struct annotator_answer){.ticket = item->ticket, .label = {.state = LABEL_ANSWERED}};
    if (g->no_preference) {
        out->label.confidence = 1;
        out->label.value = q.kind == QUESTION_PAIR ? 0.5 : 0;
        snprintf(out->raw, sizeof out->raw, "no preference");
        return;
    }
    bool fine = judge_caption(e, q.kind, q.caption, q.len, &m[0]) &&
                (q.kind != QUESTION_PAIR || judge_caption(e, q.kind, q.caption_b, q.len_b, &m[1]));
    pay(e);
    if (!fine) {
        out->label.state = LABEL_ABSTAINED;
        snprintf(out->raw, sizeof out->raw, "a caption is blank or could not be embedded");
    } else if (q.kind == QUESTION_PAIR) {
        answer_pair(e, m, out);
    } else if (q.kind == QUESTION_SCORE) {
        out->label.value = fmin(fmax(m->positive, -1), 1);
        out->label.confidence = 1;
        snprintf(out->raw, sizeof out->raw, "cosine %.4f \"%.300s\" on %s", m->positive,
                 g->positive[m->positive_index], cpu_path());
    } else {
        out->label.value = !m->blank && m->value > e->threshold;
        out->label.confidence = margin_confidence(m->value, e->threshold);
        snprintf(out->raw, sizeof out->raw, "margin %.4f = %.4f \"%.150s\" - %.4f \"%.150s\" on %s",
                 m->value, m->positive, g->positive[m->positive_index], m->negative,
                 g->negative[m->negative_index], cpu_path());
    }
}

static void *worker(void *arg)
{
    struct embedding *e = arg;
    bool warm = e->goal->no_preference || embedding_warm_up(e);
    pthread_mutex_lock(&e->lock);
    e->state = warm ? READY : BROKEN;
    e->earned_at = clock_ns();
    while (warm && !e->stop) {
        if (e->in_count == 0) {
            pthread_cond_wait(&e->work, &e->lock);
            continue;
        }
        wait_for_budget(e);
        if (e->stop || e->in_count == 0) /* cancelled meanwhile */
            continue;
        struct embedding_item item = e->in[e->in_head];
        e->in_head = (e->in_head + 1) % EMBEDDING_WINDOW;
        e->in_count--;
        pthread_mutex_unlock(&e->lock);
        struct annotator_answer out;
        embedding_judge(e, &item, &out);
        pthread_mutex_lock(&e->lock);
        ONIC_ASSERT(e->out_count < EMBEDDING_WINDOW);
        e->out[(e->out_head + e->out_count++) % EMBEDDING_WINDOW] = out;
        e->wake(e->wake_ctx);
    }
    pthread_mutex_unlock(&e->lock);
    e->wake(e->wake_ctx);
    return NULL;
}

/* --- the loop's side ------------------------------------------------------------------- */

static struct source_params source_params_of(const struct config *c)
{
    return (struct source_params){
        .model_dir = c->embedding_model_dir,
        .vectors = c->embedding_vectors,
        .url = c->embedding_url,
        .model = c->embedding_model,
        .prefix = c->embedding_prefix,
        .api_key_file = c->embedding_api_key_file,
        .ca_file = c->embedding_ca_file,
        .deadline_s = c->embedding_deadline_s,
        .backoff_s = c->embedding_backoff_s,
        .allow_plain_key = c->embedding_allow_plain_key,
        .seed = (uint64_t)c->run_seed,
    };
}

static int embedding_available(const struct config *config, struct onic_err *err)
{
    const struct source_params p = source_params_of(config);
    return source_chosen(config->embedding_source)->available(&p, err);
}

static void set_up(struct embedding *e, const struct annotator_setup *setup)
{
    const struct goal *g = setup->goal;
    const struct config *c = setup->config;
    e->base.v = &annotator_embedding;
    e->goal = g;
    e->wake = setup->wake;
    e->wake_ctx = setup->wake_ctx;
    e->threshold = c->embedding_threshold == -1 ? g->threshold : c->embedding_threshold;
    e->earn = c->embedding_cpu_share * cpu_usable();
    uint64_t burst = (uint64_t)c->embedding_burst;
    e->burst_left = burst > setup->answered_before ? burst - setup->answered_before : 0;
    e->tie = c->embedding_tie;
    snprintf(e->parameters, sizeof e->parameters, "%.60s threshold=%.9g tie=%.9g",
             e->source->v->manner(e->source), e->threshold, e->tie);
    char cache[PATHS_MAX];
    if (paths_cache_dir(cache, sizeof cache, NULL) == ONIC_OK)
        snprintf(e->cache, sizeof e->cache, "%s/vectors", cache);
    e->ntexts = g->npool + g->npositive + g->nnegative;
    e->texts = xcalloc((size_t)e->ntexts, sizeof *e->texts);
    for (int i = 0; i < e->ntexts; i++)
        e->texts[i] = i < g->npool                  ? g->pool[i]
                      : i < g->npool + g->npositive ? g->positive[i - g->npool]
                                                    : g->negative[i - g->npool - g->npositive];
    e->known = strmap_create(1024);
    e->margins = xcalloc(MARGINS_MAX, sizeof *e->margins);
    e->pool_index = strmap_create((size_t)g->npool + 1);
    for (int i = 0; i < g->npool; i++)
        *strmap_put(e->pool_index, g->pool[i], strlen(g->pool[i]), NULL) = (uint64_t)i;
}

static void warn_without_pool(const struct goal *g, bool centred)
{
    if (centred && g->npositive && !g->npool)
        log_warn("there is no pool.txt beside the goal file or in its domain's folder: the "
                 "sentence model is centred on the anchors instead; some 100 captions of the "
                 "environment, one per line, are a better centre",
                 kv("goal", (const char *)g->path));
}

static void embedding_release(struct embedding *e)
{
    strmap_free(e->pool_index);
    strmap_free(e->known);
    free(e->margins);
    free(e->x);
    free(e->pool);
    free(e->mean);
    free(e->texts);
    e->source->v->close(e->source);
    free(e);
}

static bool embedding_idle_option(const struct config *config, const char *name)
{
    return source_is_of_another(config->embedding_source, name);
}

static int embedding_create(struct annotator **out, const struct annotator_setup *setup,
                            struct onic_err *err)
{
    struct embedding *e = xcalloc(1, sizeof *e);
    const struct source_params p = source_params_of(setup->config);
    int rc = source_chosen(setup->config->embedding_source)->open(&e->source, &p, err);
    if (rc) {
        free(e);
        return rc;
    }
    set_up(e, setup);
    warn_without_pool(e->goal, e->source->v->centred);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    e->idle = setup->idle;
    if (!e->idle && pthread_create(&e->thread, NULL, worker, e) != 0) {
        pthread_cond_destroy(&e->work);
        pthread_mutex_destroy(&e->lock);
        embedding_release(e);
        return err_set(err, ONIC_EIO, "cannot start the thread of the sentence model");
    }
    *out = &e->base;
    return ONIC_OK;
}

static void embedding_free(struct annotator *a)
{
    if (!a)
        return;
    struct embedding *e = embedding_self(a);
    pthread_mutex_lock(&e->lock);
    e->stop = true;
    pthread_cond_signal(&e->work);
    pthread_mutex_unlock(&e->lock);
    if (e->source->v->stop)
        e->source->v->stop(e->source);
    if (!e->idle)
        pthread_join(e->thread, NULL);
    pthread_cond_destroy(&e->work);
    pthread_mutex_destroy(&e->lock);
    embedding_release(e);
}

static void embedding_identity(const struct annotator *a, const char **model,
                               const char **parameters)
{
    const struct embedding *e = (const struct embedding *)a;
    *model = e->source->v->model(e->source);
    *parameters = e->parameters;
}

static int embedding_window(const struct annotator *a)
{
    (void)a;
    return EMBEDDING_WINDOW;
}

static void embedding_submit(struct annotator *a, uint64_t ticket, const char *question, size_t len,
                             int vote)
{
    (void)vote;
    struct embedding *e = embedding_self(a);
    ONIC_ASSERT(len <= QUESTION_MAX);
    pthread_mutex_lock(&e->lock);
    ONIC_ASSERT(e->in_count < EMBEDDING_WINDOW);
    struct embedding_item *item = &e->in[(e->in_head + e->in_count++) % EMBEDDING_WINDOW];
    item->ticket = ticket;
    item->len = len;
    memcpy(item->question, question, len);
    pthread_cond_signal(&e->work);
    pthread_mutex_unlock(&e->lock);
}

static int embedding_poll(struct annotator *a, annotator_done done, void *ctx)
{
    struct embedding *e = embedding_self(a);
    int n = 0;
    for (;; n++) {
        struct annotator_answer one;
        pthread_mutex_lock(&e->lock);
        bool any = e->out_count > 0;
        if (any) {
            one = e->out[e->out_head];
            e->out_head = (e->out_head + 1) % EMBEDDING_WINDOW;
            e->out_count--;
        }
        pthread_mutex_unlock(&e->lock);
        if (!any)
            return n;
        struct label label = annotator_answer_label(&one);
        done(ctx, one.ticket, &label);
    }
}

static int64_t embedding_due_ms(const struct annotator *a)
{
    (void)a;
    return -1;
}

static int embedding_cancel(struct annotator *a, void (*taken)(void *ctx, uint64_t ticket),
                            void *ctx)
{
    struct embedding *e = embedding_self(a);
    uint64_t ticket[EMBEDDING_WINDOW];
    pthread_mutex_lock(&e->lock);
    int n = e->in_count;
    for (int i = 0; i < n; i++)
        ticket[i] = e->in[(e->in_head + i) % EMBEDDING_WINDOW].ticket;
    e->in_count = 0;
    pthread_cond_signal(&e->work);
    pthread_mutex_unlock(&e->lock);
    for (int i = 0; i < n; i++)
        taken(ctx, ticket[i]);
    return n;
}

/* What it is busy with it tries until it is done: that shows when it is back. */
static enum annotator_health embedding_health(const struct annotator *a)
{
    const struct source *s = ((const struct embedding *)a)->source;
    return s->v->away && s->v->away(s) ? ANNOTATOR_UNAVAILABLE : ANNOTATOR_AVAILABLE;
}

static int embedding_status(const struct annotator *a, char text[160], struct onic_err *err)
{
    struct embedding *e = (struct embedding *)(uintptr_t)a; /* the lock is not part of its value */
    const struct goal *g = e->goal;
    pthread_mutex_lock(&e->lock);
    enum embedding_state state = e->state;
    int warmed = e->warmed;
    pthread_mutex_unlock(&e->lock);
    text[0] = '\0';
    if (state == WARMING)
        snprintf(text, 160, "warming up: %d of %d sentences embedded", warmed, e->ntexts);
    if (e->source->v->trouble && state != BROKEN) {
        char trouble[160];
        e->source->v->trouble(e->source, trouble);
        if (*trouble)
            snprintf(text, 160, "%s", trouble);
    }
    if (state == BROKEN)
        return err_set(err, ONIC_EINTERNAL,
                       "the sentence model failed on a sentence of goal %s or its pool", g->path);
    return ONIC_OK;
}

/* A new sentence takes the model about 20 ms of a core, of which it may have a twentieth: questions
 * are open for seconds. Word vectors are looked up. */
static enum annotator_effort embedding_effort(const struct config *config)
{
    return config->embedding_source == CONFIG_embedding_source_http   ? ANNOTATOR_MAY_COST
           : config->embedding_source == CONFIG_embedding_source_file ? ANNOTATOR_AT_ONCE
                                                                      : ANNOTATOR_TAKES_TIME;
}

/* A model in the process is always there. */
static bool embedding_may_leave(const struct config *c)
{
    return c->embedding_source == CONFIG_embedding_source_http;
}

const struct annotator_vtable annotator_embedding = {
    .id = "embedding",
    .summary = "sentence vectors (embedding.source): nearest anchor of the goal file",
    .kinds = 1u << QUESTION_CLASS | 1u << QUESTION_PAIR | 1u << QUESTION_SCORE,
    .needs_goal = true,
    .reads_pool = true,
    .available = embedding_available,
    .effort = embedding_effort,
    .may_leave = embedding_may_leave,
    .idle_option = embedding_idle_option,
    .create = embedding_create,
    .free = embedding_free,
    .identity = embedding_identity,
    .window = embedding_window,
    .submit = embedding_submit,
    .poll = embedding_poll,
    .due_ms = embedding_due_ms,
    .cancel = embedding_cancel,
    .health = embedding_health,
    .status = embedding_status,
};
