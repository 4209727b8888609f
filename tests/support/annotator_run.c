/* SPDX-License-Identifier: MIT */
/* annotator_run.c - see annotator_run.h. */
#include "tests/support/annotator_run.h"

#include <signal.h>
#include <stdlib.h>

#include "tests/onic_test.h"

static void no_wake(void *ctx)
{
    (void)ctx;
}

void annotator_run_prepare(struct annotator_run *r, int want)
{
    char goals[600];
    memset(r, 0, sizeof *r);
    r->want = want;
    signal(SIGPIPE, SIG_DFL); /* as in a program that never thought of it */
    temp_dir_create(r->dir);
    snprintf(r->store, sizeof r->store, "%s/labels.sqlite", r->dir);
    snprintf(goals, sizeof goals, "%s/deploy/goals", getenv("ONIC_SOURCE"));
    assert_ok(goal_load(&r->goal, goals, "minigrid", "KeyCorridor", &err));
    config_defaults(&r->config);
    assert_int_equal(uv_loop_init(&r->loop), 0);
}

void annotator_run_set(struct annotator_run *r, const char *key, const char *value)
{
    assert_ok(config_set(&r->config, key, value, CONFIG_CLI, key, &err));
}

int order_checked(const char *id, const struct config *config, struct onic_err *err)
{
    struct annotator_order o;
    int rc = annotator_order_read(&o, annotator_find(id), config, err);
    return rc ? rc : annotator_order_check(&o, err);
}

int order_opened(struct annotator **out, const char *id, const struct annotator_setup *setup,
                 struct onic_err *err)
{
    struct annotator_order o;
    *out = NULL;
    int rc = annotator_order_read(&o, annotator_find(id), setup->config, err);
    return rc ? rc : annotator_open(out, &o, setup, err);
}

void annotator_run_open(struct annotator_run *r, const char *id)
{
    struct annotator_setup setup = {.config = &r->config,
                                    .goal = r->goal,
                                    .loop = &r->loop,
                                    .store_path = r->store,
                                    .wake = no_wake};
    assert_ok(order_opened(&r->a, id, &setup, &err));
}

void annotator_run_close(struct annotator_run *r)
{
    if (r->a)
        r->a->v->free(r->a);
    r->a = NULL;
    uv_run(&r->loop, UV_RUN_DEFAULT);
}

void annotator_run_dispose(struct annotator_run *r)
{
    annotator_run_close(r);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    goal_free(r->goal);
    temp_dir_remove(r->dir);
}

static void note(void *ctx, uint64_t ticket, const struct label *label)
{
    struct annotator_run *r = ctx;
    r->answered++;
    r->labels += label->state == LABEL_ANSWERED;
    r->abstained += label->state == LABEL_ABSTAINED;
    r->right += label->state == LABEL_ANSWERED && (label->value > 0.5) == (ticket % 2 == 0);
    r->odd += ticket % 2 == 1;
    snprintf(r->raw, sizeof r->raw, "%s", label->raw);
    if (ticket % 2 == 1)
        snprintf(r->odd_raw, sizeof r->odd_raw, "%s", label->raw);
}

void annotator_run_submit(struct annotator_run *r, int i)
{
    char caption[80];
    snprintf(caption, sizeof caption, "A %s thing\xe9 number \"%d\" happens.",
             i % 2 ? "bad" : "good", i);
    r->a->v->submit(r->a, (uint64_t)i, caption, strlen(caption), 0);
}

bool annotator_run_answered(void *ctx)
{
    struct annotator_run *r = ctx;
    uv_run(&r->loop, UV_RUN_NOWAIT);
    r->a->v->poll(r->a, note, r);
    return r->answered >= r->want;
}

void annotator_run_ask_all(struct annotator_run *r)
{
    for (int i = 0; i < r->want; i++)
        annotator_run_submit(r, i);
    if (!wait_until(annotator_run_answered, r, ANNOTATOR_RUN_PATIENCE_MS)) {
        char text[160];
        r->a->v->status(r->a, text, NULL);
        fail_msg("%d of %d answers; status: %s", r->answered, r->want, text);
    }
    assert_int_equal(r->answered, r->want);
    assert_int_equal(r->right, r->labels);
}

bool annotator_run_says(void *ctx)
{
    struct annotator_hope *h = ctx;
    annotator_run_answered(h->r);
    h->r->a->v->status(h->r->a, h->text, NULL);
    return strstr(h->text, h->part) != NULL;
}
