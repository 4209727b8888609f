/* SPDX-License-Identifier: MIT */
/* trial.c - see trial.h. */
#include "reward_server/annotators/trial.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "common/base/clock.h"

enum { POLL_MS = 10, POOL_MAX = 512 };

/* Ticket 0 is the question, 1 and more are captions of the pool. */
struct asking {
    struct trial *t;
    struct annotator *a;
    const struct goal *goal;
    uv_timer_t timer;
    int next, want, done; /* tickets */
    char said[160];       /* status of the last poll */
    int64_t moved_ms, patience_ms;
    int rc;
    struct onic_err *err;
};

/* --- the question ---------------------------------------------------------------------------- */

/* GOAL_NO_RULE where no rule matches and there are none: they say nothing then. */
static int label_by_rules(const struct goal *g, const char *caption)
{
    int rule = goal_match(g, caption);
    return rule != GOAL_NO_RULE ? g->rules[rule].label : g->nrules > 0 ? 0 : GOAL_NO_RULE;
}

/* The first caption of the pool with this label by the rules, else the first of the anchors. */
static const char *caption_of(const struct goal *g, int label, char *const *anchors, int n)
{
    for (int i = 0; i < g->npool; i++)
        if (label_by_rules(g, g->pool[i]) == label)
            return g->pool[i];
    return n > 0 ? anchors[0] : g->npool > 0 ? g->pool[0] : "You see a door.";
}

void trial_question(struct trial *t, const struct goal *goal, enum question_kind kind)
{
    const char *good = caption_of(goal, 1, goal->positive, goal->npositive);
    const char *other = caption_of(goal, 0, goal->negative, goal->nnegative);
    *t = (struct trial){.expected = -1};
    int label = label_by_rules(goal, good);
    if (kind == QUESTION_CLASS && !goal->no_preference && (label == 0 || label == 1))
        t->expected = label;
    t->len = kind == QUESTION_PAIR
                 ? question_pair(t->question, good, strlen(good), other, strlen(other))
                 : question_about(t->question, kind, good, strlen(good));
}

void trial_put_label(const struct trial *t, double label, struct buf *out)
{
    buf_printf(out, " gets label %g", label);
    if (t->expected >= 0 && t->expected != (int)label)
        buf_printf(out, ", where the rules of the goal say %d", t->expected);
}

void trial_put_question(const struct trial *t, struct buf *out)
{
    struct question q;
    question_split(t->question, t->len, &q);
    buf_printf(out, "\"%.*s\"", (int)q.len, q.caption);
    if (q.kind == QUESTION_PAIR)
        buf_printf(out, " or \"%.*s\"", (int)q.len_b, q.caption_b);
}

/* --- asking ---------------------------------------------------------------------------------- */

static void trial_wake_nobody(void *ctx)
{
    (void)ctx; /* it is polled */
}

static void trial_take(void *ctx, uint64_t ticket, const struct label *label)
{
    struct asking *k = ctx;
    struct trial *t = k->t;
    k->done++;
    k->moved_ms = clock_ms();
    if (ticket > 0) {
        t->abstained += label->state != LABEL_ANSWERED;
        t->high += label->state == LABEL_ANSWERED && label->value > 0.5;
        return;
    }
    annotator_answer_keep(&t->answer, ticket, label);
}

static void trial_submit(struct asking *k)
{
    int window = k->a->v->window(k->a);
    for (; k->next < k->want && k->next - k->done < window; k->next++) {
        const char *question = k->next > 0 ? k->goal->pool[k->next - 1] : k->t->question;
        size_t len = k->next > 0 ? question_caption_len(question, strlen(question)) : k->t->len;
        k->a->v->submit(k->a, (uint64_t)k->next, question, len, 0);
    }
}

/* True when there is nothing more to wait for. */
static bool is_over(struct asking *k)
{
    char text[160];
    k->a->v->poll(k->a, trial_take, k);
    if (k->done == k->want)
        return true;
    k->rc = k->a->v->status(k->a, text, k->err);
    if (k->rc)
        return true;
    if (strcmp(text, k->said) != 0)
        k->moved_ms = clock_ms();
    snprintf(k->said, sizeof k->said, "%s", text);
    bool wrong = *text && !label_annotator_is_starting(text);
    return wrong || clock_ms() - k->moved_ms >= k->patience_ms;
}

static void trial_on_timer(uv_timer_t *timer)
{
    struct asking *k = timer->data;
    if (is_over(k))
        uv_stop(timer->loop);
    else
        trial_submit(k);
}

static void trial_run(struct asking *k, uv_loop_t *loop)
{
    k->moved_ms = clock_ms();
    uv_timer_init(loop, &k->timer);
    k->timer.data = k;
    trial_submit(k);
    uv_timer_start(&k->timer, trial_on_timer, 0, POLL_MS);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&k->timer, NULL);
    if (k->t->answer.label.state == LABEL_UNKNOWN && !k->rc)
        snprintf(k->t->answer.raw, sizeof k->t->answer.raw, "%s",
                 *k->said ? k->said : "it does not answer in time");
}

int trial_ask(struct trial *t, const struct annotator_order *o, int member, const struct goal *goal,
              double patience_s, struct onic_err *err)
{
    const struct annotator_vtable *v = o->member[member].v;
    struct asking k = {.t = t, .goal = goal, .patience_ms = (int64_t)(patience_s * 1000)};
    struct annotator_setup setup = {.config = o->config, .goal = goal, .wake = trial_wake_nobody};
    uv_loop_t loop;
    if (o->member[member].effort != ANNOTATOR_MAY_COST &&
        question_kind_of(t->question, t->len) == QUESTION_CLASS)
        t->pool = goal->npool < POOL_MAX ? goal->npool : POOL_MAX;
    k.want = 1 + t->pool;
    k.err = err;
    if (uv_loop_init(&loop) != 0)
        return err_set(err, ONIC_EIO, "cannot create an event loop");
    setup.loop = &loop;
    k.rc = v->create(&k.a, &setup, err);
    if (!k.rc) {
        trial_run(&k, &loop);
        v->free(k.a);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    ONIC_ASSERT(uv_loop_close(&loop) == 0);
    return k.rc;
}
