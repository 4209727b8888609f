/* SPDX-License-Identifier: MIT */
/* Captions out, labels in, against the real server side of the link. */
#include "tests/onic_test.h"

#include <stdlib.h>
#include <time.h>

#include "common/base/clock.h"
#include "learner/process/label_client.h"
#include "learner/process/learner_options.h"
#include "learner/reward/reward_options.h"

enum { T = 2, E = 2, PATIENCE_MS = 10000 };

struct fixture {
    char dir[256], address[300];
    struct config cfg;
    struct wire_labels_server *server;
    struct label_client *annotate;
    struct reward_mix *mix;
    struct trajectory *t;
    struct batch *batch;
    char asked[8][64];
    int nasked, want;
    bool mute; /* the server answers nothing */
};

static void start_server(struct fixture *f, const char *identity, unsigned kinds)
{
    struct wire_labels_identity self = {.kinds = kinds};
    snprintf(self.identity, sizeof self.identity, "%s", identity);
    strcpy(self.annotator, "rules");
    assert_ok(wire_labels_server_create(&f->server, f->address, NULL, false, NULL, &self, &err));
}

static void open_with(struct fixture *f, const char *identity, const char *model, unsigned kinds)
{
    struct obs_spec obs = {0};
    memset(f, 0, sizeof *f);
    temp_dir_create(f->dir);
    snprintf(f->address, sizeof f->address, "ipc://%s/s", f->dir);
    config_defaults(&f->cfg);
    snprintf(f->cfg.reward_model, sizeof f->cfg.reward_model, "%s", model);
    f->cfg.reward_store_every = 1;
    obs_spec_add(&obs, "x", OBS_U8, 1, (int[]){1});
    assert_ok(reward_options_open(&f->mix, &f->cfg, &obs, &err));
    start_server(f, identity, kinds);
    assert_ok(label_client_of_options(&f->annotate, &f->cfg, f->address, NULL, &err));
    struct trajectory_shape shape = {.T = T, .E = E, .obs_bytes = 8, .actions = {.n = 2}};
    f->t = trajectory_create(&shape);
    static const char *const captions[T * E] = {"a key", "", "a door", "a key"};
    for (int i = 0; i < T * E; i++) {
        f->t->caption[i] = trajectory_caption(f->t, captions[i], strlen(captions[i]));
        f->t->caption_count[i] = captions[i][0] ? 1 : 0;
    }
    f->batch = batch_create();
    batch_lay_out(f->batch, &f->t, 1, 0, 0);
}

static void open_fixture(struct fixture *f, const char *identity)
{
    open_with(f, identity, "hash", 1u << QUESTION_CLASS);
}

static void close_fixture(struct fixture *f)
{
    label_client_free(f->annotate);
    wire_labels_server_free(f->server);
    reward_mix_free(f->mix);
    batch_free(f->batch);
    trajectory_free(f->t);
    temp_dir_remove(f->dir);
}

/* The server labels what it is asked: captions of five letters 1, everything else 0. */
static bool serve(void *ctx)
{
    struct fixture *f = ctx;
    struct wire_labels_ask ask;
    wire_labels_server_tick(f->server);
    while (wire_labels_server_recv(f->server, &ask)) {
        assert_true(f->nasked < 8 && ask.question_len < 64);
        memcpy(f->asked[f->nasked], ask.question, ask.question_len);
        f->asked[f->nasked++][ask.question_len] = '\0';
        struct label l = {.id = (uint64_t)f->nasked,
                          .state = LABEL_ANSWERED,
                          .value = ask.question_len == 5 ? 1.0 : 0.0,
                          .asked_at = 1.0,
                          .answered_at = 2.0,
                          .question = f->asked[f->nasked - 1],
                          .question_len = ask.question_len};
        strcpy(l.source, "rules");
        if (!f->mute)
            wire_labels_server_send(f->server, 0, &l, 1);
    }
    struct onic_err err = {0};
    if (label_client_poll(f->annotate, f->mix, 1, &err) != ONIC_OK)
        return true;
    return f->nasked >= f->want && !label_client_pending(f->annotate);
}

static bool was_asked(void *ctx)
{
    struct fixture *f = ctx;
    serve(f);
    return f->nasked >= f->want;
}

static bool known(struct fixture *f, const char *caption, float *score)
{
    bool is_known;
    *score = reward_mix_caption(f->mix, caption, strlen(caption), &is_known);
    return is_known;
}

static bool stray_is_known(void *ctx)
{
    struct fixture *f = ctx;
    float score;
    serve(f);
    return known(f, "a wall", &score);
}

static void labels_reach_the_model_and_each_caption_is_asked_once(void **state)
{
    (void)state;
    static struct fixture f;
    float score;
    open_fixture(&f, "id-1");
    f.want = 2;
    label_client_ask(f.annotate, f.mix, f.batch);
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(serve, &f, PATIENCE_MS));
    assert_int_equal(f.nasked, 2); /* never the empty caption, never twice */
    assert_true(known(&f, "a key", &score));
    assert_close(score, 1, 0, 0);
    assert_true(known(&f, "a door", &score));
    assert_close(score, 0, 0, 0);
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_false(label_client_pending(f.annotate));
    struct metrics *m = NULL;
    assert_ok(metrics_create(&m, &(struct metrics_params){0}, &err));
    label_client_report(f.annotate, m);
    assert_close(metrics_get(m, "annot/labels_total"), 2, 0, 0);
    assert_close(metrics_get(m, "annot/label_positive"), 0.5, 0, 0);
    assert_close(metrics_get(m, "annot/label_mean"), 0.5, 0, 0);
    assert_close(metrics_get(m, "annot/label_tie"), 0, 0, 0);
    /* They were asked for at second 1 of 1970. */
    assert_close(metrics_get(m, "annot/staleness_s"), clock_wall_s() - 1, 60, 0);
    metrics_free(m);
    close_fixture(&f);
}

/* The learner goes back to a checkpoint of before the labels. */
static void labels_that_the_model_forgot_are_asked_for_anew(void **state)
{
    (void)state;
    static struct fixture f;
    struct buf empty;
    float score;
    open_fixture(&f, "id-1");
    buf_init(&empty, 1 << 20);
    reward_mix_save(f.mix, &empty);
    f.want = 2;
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(serve, &f, PATIENCE_MS));
    assert_ok(reward_mix_load(f.mix, empty.data, empty.len, &err));
    assert_false(known(&f, "a key", &score));
    assert_ok(label_client_restart(f.annotate, &err));
    f.want = 4;
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(serve, &f, PATIENCE_MS));
    assert_int_equal(f.nasked, 4);
    assert_true(known(&f, "a key", &score));
    assert_close(score, 1, 0, 0);
    buf_release(&empty);
    close_fixture(&f);
}

static void held_labels_wait_until_they_are_applied(void **state)
{
    (void)state;
    static struct fixture f;
    float score;
    open_fixture(&f, "id-1");
    f.want = 2;
    label_client_hold(f.annotate, true);
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(serve, &f, PATIENCE_MS));
    assert_false(known(&f, "a key", &score));
    label_client_apply(f.annotate, f.mix);
    assert_true(known(&f, "a key", &score));
    close_fixture(&f);
}

static char order_heard[4][16]; /* by the model below, in this order */
static int nheard;

static void hear(struct reward_model *m, const struct label *l)
{
    (void)m;
    assert_true(nheard < 4 && l->question_len < sizeof order_heard[0]);
    memcpy(order_heard[nheard], l->question, l->question_len);
    order_heard[nheard++][l->question_len] = '\0';
}

static bool has_none(const struct reward_model *m, const char *caption, size_t len)
{
    (void)m, (void)caption, (void)len;
    return false;
}

static void free_nothing(struct reward_model *m)
{
    (void)m;
}

static void save_nothing(const struct reward_model *m, struct buf *out)
{
    (void)m, (void)out;
}

static void send_label(struct fixture *f, uint64_t id, const char *caption)
{
    struct label l = {.id = id,
                      .state = LABEL_ANSWERED,
                      .value = 1,
                      .question = caption,
                      .question_len = strlen(caption)};
    wire_labels_server_send(f->server, 0, &l, 1);
}

/* When labels come depends on chance, and a model may learn another thing from another order. */
static void held_labels_are_applied_in_an_order_of_their_own(void **state)
{
    (void)state;
    static struct fixture f;
    static const struct reward_model_type listener = {
        .name = "listener",
        .traits = {.wants_labels = true, .asks = QUESTION_CLASS},
        .free = free_nothing,
        .on_label = hear,
        .has_label = has_none,
        .save = save_nothing};
    open_fixture(&f, "id-1");
    reward_mix_free(f.mix);
    f.mix = reward_mix_create(&(struct reward_mix_params){0}, &listener, NULL);
    f.mute = true;
    for (int round = 0; round < 2; round++) { /* "a key" comes first, then last */
        nheard = f.nasked = 0;
        f.want = 2;
        label_client_free(f.annotate);
        assert_ok(label_client_of_options(&f.annotate, &f.cfg, f.address, NULL, &err));
        label_client_hold(f.annotate, true);
        label_client_ask(f.annotate, f.mix, f.batch);
        assert_true(wait_until(was_asked, &f, PATIENCE_MS));
        send_label(&f, 1, round ? "a door" : "a key");
        send_label(&f, 2, round ? "a key" : "a door");
        assert_true(wait_until(serve, &f, PATIENCE_MS));
        assert_int_equal(nheard, 0);
        label_client_apply(f.annotate, f.mix);
        assert_int_equal(nheard, 2);
        assert_string_equal(order_heard[0], "a door");
        assert_string_equal(order_heard[1], "a key");
    }
    close_fixture(&f);
}

/* "\0a key": five letters and what marks a score. */
static void a_score_reaches_the_model_under_its_caption(void **state)
{
    (void)state;
    static struct fixture f;
    float score;
    open_with(&f, "id-1", "similarity", 1u << QUESTION_SCORE);
    f.want = 2;
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(serve, &f, PATIENCE_MS));
    assert_int_equal(f.asked[0][0], '\0');
    assert_true(known(&f, "a key", &score));
    assert_true(known(&f, "a door", &score));
    close_fixture(&f);
}

static void pairs_are_drawn_and_labels_of_another_kind_are_no_answer(void **state)
{
    (void)state;
    static struct fixture f;
    float score;
    open_with(&f, "id-1", "ranking", 1u << QUESTION_PAIR);
    f.want = 1;
    for (int i = 0; i < 8 && !label_client_pending(f.annotate); i++) {
        reward_mix_on_batch(f.mix, &f.batch->reward);
        label_client_ask(f.annotate, f.mix, f.batch);
    }
    struct label stray = {
        .id = 99, .state = LABEL_ANSWERED, .question = "a wall", .question_len = 6};
    assert_true(wait_until(serve, &f, PATIENCE_MS));
    assert_int_equal(question_kind_of(f.asked[0], 12), QUESTION_PAIR); /* a key, a door */
    assert_true(wire_labels_server_send(f.server, 0, &stray, 1));
    assert_false(wait_until(stray_is_known, &f, 200));
    assert_true(known(&f, "a key", &score));
    close_fixture(&f);
}

static void an_annotator_that_does_not_answer_such_questions_ends_the_run(void **state)
{
    (void)state;
    static struct fixture f;
    struct onic_err err = {0};
    open_with(&f, "id-1", "ranking", 1u << QUESTION_CLASS);
    while (label_client_poll(f.annotate, f.mix, 10, &err) == ONIC_OK) {
        struct wire_labels_ask ask;
        wire_labels_server_tick(f.server);
        wire_labels_server_recv(f.server, &ask);
    }
    assert_int_equal(err.code, ONIC_ECONFIG);
    assert_non_null(
        strstr(err.msg, "asks pair questions, which annotator.id=rules does not answer"));
    close_fixture(&f);
}

static bool annotator_is_quoted(void *ctx)
{
    struct fixture *f = ctx;
    serve(f);
    return strcmp(label_client_waiting_for(f->annotate), "labels: the budget is used up") == 0;
}

static void what_the_annotator_says_of_itself_reaches_the_learner(void **state)
{
    (void)state;
    static struct fixture f;
    struct wire_labels_server_numbers n = {.status = "the budget is used up",
                                           .own = {{"llm_requests", 7}, {"Not a name/", 1}},
                                           .nown = 2};
    open_fixture(&f, "id-1");
    wire_labels_server_numbers(f.server, &n);
    assert_true(wait_until(annotator_is_quoted, &f, PATIENCE_MS));
    struct metrics *m = NULL;
    assert_ok(metrics_create(&m, &(struct metrics_params){0}, &err));
    label_client_report(f.annotate, m);
    assert_close(metrics_get(m, "annot/llm_requests"), 7, 0, 0);
    assert_false(metrics_get(m, "annot/Not a name/") == 1);
    metrics_free(m);
    close_fixture(&f);
}

static _Atomic int64_t sooner_ns; /* the clock is ahead by so much */
static int64_t ahead(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec + sooner_ns;
}

static bool annotator_warms_up(void *ctx)
{
    struct fixture *f = ctx;
    serve(f);
    return strstr(label_client_waiting_for(f->annotate), "warming up") && f->nasked == 2;
}

/* Stopped while the annotator was still starting, it could not have had a label. */
static void a_life_that_is_too_short_for_labels_is_not_fruitless(void **state)
{
    (void)state;
    static struct fixture f;
    struct wire_labels_server_numbers n = {.status = "warming up: 3 of 300 sentences"};
    open_fixture(&f, "id-1");
    f.mute = true;
    wire_labels_server_numbers(f.server, &n);
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(annotator_warms_up, &f, PATIENCE_MS));
    assert_string_equal(label_client_fruitless(f.annotate), "");
    sooner_ns = 60000000000LL;
    clock_replace(ahead);
    const char *why = label_client_fruitless(f.annotate);
    clock_replace(NULL);
    assert_non_null(strstr(why, "no label in this life, none of 2 questions was answered"));
    close_fixture(&f);
}

static bool annotator_ails(void *ctx)
{
    struct fixture *f = ctx;
    serve(f);
    return strstr(label_client_waiting_for(f->annotate), "no such model") != NULL;
}

static void an_annotator_that_ails_makes_every_life_fruitless(void **state)
{
    (void)state;
    static struct fixture f;
    struct wire_labels_server_numbers n = {.status = "llm.url: no such model"};
    open_fixture(&f, "id-1");
    f.mute = true;
    wire_labels_server_numbers(f.server, &n);
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(annotator_ails, &f, PATIENCE_MS));
    assert_string_equal(label_client_fruitless(f.annotate),
                        "no label in this life, none of 2 questions was answered: llm.url: no "
                        "such model");
    close_fixture(&f);
}

/* Another client of the same run, as it was saved, and a server whose store is that. */
static void begin_another_life(struct fixture *f, uint64_t store, uint64_t last_id)
{
    char path[300];
    snprintf(path, sizeof path, "%s/c.safetensors", f->dir);
    struct checkpoint *c = checkpoint_create();
    label_client_save(f->annotate, c);
    assert_ok(checkpoint_write(c, path, &err));
    checkpoint_free(c);
    label_client_free(f->annotate);
    wire_labels_server_free(f->server);
    start_server(f, "id-1", 1u << QUESTION_CLASS);
    wire_labels_server_store(f->server, store, last_id);
    struct checkpoint_file *file;
    struct label_heard heard;
    assert_ok(checkpoint_open(&file, path, &err));
    assert_ok(label_client_of_options(&f->annotate, &f->cfg, f->address, NULL, &err));
    assert_ok(label_client_load(f->annotate, file, &err));
    assert_ok(label_client_heard(file, &heard, &err));
    assert_int_equal(heard.store, 7);
    checkpoint_close(file);
}

/* The numbers come with the welcome; one more round takes them, too. */
static bool server_is_met(void *ctx)
{
    struct fixture *f = ctx;
    bool met = label_client_identity(f->annotate)->identity[0];
    serve(f);
    return met;
}

static bool never(void *ctx)
{
    serve(ctx);
    return false;
}

/* Rule A7. What is in the store, and what comes of it later, is no loss; what a store of before
 * has is no measure for another. */
static void labels_that_are_gone_from_the_store_are_missed(void **state)
{
    (void)state;
    static struct fixture f;
    static const struct {
        uint64_t store, last_id, missing;
    } then[] = {{7, 2, 0}, {7, 9, 0}, {7, 1, 1}, {7, 0, 2}, {8, 0, 0}};
    for (size_t i = 0; i < sizeof then / sizeof *then; i++) {
        open_fixture(&f, "id-1");
        wire_labels_server_store(f.server, 7, 0);
        f.want = 2;
        label_client_ask(f.annotate, f.mix, f.batch);
        assert_true(wait_until(serve, &f, PATIENCE_MS)); /* labels 1 and 2 */
        begin_another_life(&f, then[i].store, then[i].last_id);
        assert_true(wait_until(server_is_met, &f, PATIENCE_MS));
        wire_labels_server_store(f.server, then[i].store, 50);
        wait_until(never, &f, 100); /* told once, whatever is said later */
        struct metrics *m = NULL;
        assert_ok(metrics_create(&m, &(struct metrics_params){0}, &err));
        label_client_report(f.annotate, m);
        double missing = metrics_get(m, "annot/missing_total");
        assert_int_equal(missing > 0 ? (int)missing : 0, then[i].missing);
        metrics_free(m);
        close_fixture(&f);
    }
}

/* A roll-back in a life whose labels were withdrawn may go back to a checkpoint of an onic that
 * could not withdraw any: that none were is what it says. */
static void a_checkpoint_that_says_nothing_of_distrust_is_of_before(void **state)
{
    static const char before[] = "id-1\n7 2 0 -1\n";
    (void)state;
    static struct fixture f;
    char path[300];
    struct checkpoint_file *file;
    open_fixture(&f, "id-1");
    label_client_relearn(f.annotate, 3);
    snprintf(path, sizeof path, "%s/c.safetensors", f.dir);
    struct checkpoint *c = checkpoint_create();
    checkpoint_add_bytes(c, "annotation", before, sizeof before - 1);
    assert_ok(checkpoint_write(c, path, &err));
    checkpoint_free(c);
    assert_ok(checkpoint_open(&file, path, &err));
    assert_ok(label_client_load(f.annotate, file, &err));
    checkpoint_close(file);
    assert_int_equal(label_client_labels(f.annotate), 2);
    assert_int_equal(label_client_distrusts(f.annotate), 0);
    close_fixture(&f);
}

static void labels_of_another_identity_are_refused(void **state)
{
    (void)state;
    static struct fixture f;
    struct onic_err why = {0};
    char path[300];
    open_fixture(&f, "id-1");
    f.want = 2;
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(serve, &f, PATIENCE_MS));
    struct checkpoint *c = checkpoint_create();
    label_client_save(f.annotate, c);
    snprintf(path, sizeof path, "%s/c.safetensors", f.dir);
    assert_ok(checkpoint_write(c, path, &err));
    checkpoint_free(c);
    struct checkpoint_file *file;
    assert_ok(checkpoint_open(&file, path, &err));

    label_client_free(f.annotate);
    wire_labels_server_free(f.server);
    start_server(&f, "id-2", 1u << QUESTION_CLASS);
    f.cfg.annotator_vote = 3;
    assert_ok(label_client_of_options(&f.annotate, &f.cfg, f.address, NULL, &err));
    assert_ok(label_client_load(f.annotate, file, &err));
    checkpoint_close(file);
    int rc = ONIC_OK;
    for (int i = 0; i < 1000 && !rc; i++) {
        struct wire_labels_ask ask;
        wire_labels_server_tick(f.server);
        while (wire_labels_server_recv(f.server, &ask))
            ;
        rc = label_client_poll(f.annotate, f.mix, 10, &why);
    }
    assert_int_equal(rc, ONIC_EINCOMPATIBLE);
    assert_non_null(strstr(why.msg, "2 labels of this run were given by [id-1]"));
    assert_non_null(strstr(why.msg, "[id-2]"));
    assert_non_null(strstr(why.msg, "annotator.vote was 1 and is 3 now; give --annotator.vote=1"));
    assert_non_null(strstr(why.msg, "or another --run-dir"));
    close_fixture(&f);
}

static bool abstains(void *ctx)
{
    struct fixture *f = ctx;
    struct wire_labels_ask ask;
    wire_labels_server_tick(f->server);
    while (wire_labels_server_recv(f->server, &ask)) {
        struct label l = {.id = 1, .state = LABEL_ABSTAINED, .question = ask.question};
        l.question_len = ask.question_len;
        wire_labels_server_send(f->server, 0, &l, 1);
        f->nasked++;
    }
    assert_ok(label_client_poll(f->annotate, f->mix, 1, &err));
    return f->nasked >= f->want && !label_client_pending(f->annotate);
}

/* Captions come again, as they do in training. */
static bool serve_what_is_seen(void *ctx)
{
    struct fixture *f = ctx;
    label_client_ask(f->annotate, f->mix, f->batch);
    return serve(f);
}

/* What abstained settles nothing, and what was labelled but not yet applied is asked anew. */
static void a_run_without_labels_takes_another_identity(void **state)
{
    (void)state;
    static struct fixture f;
    float score;
    for (int hold = 0; hold < 2; hold++) {
        open_fixture(&f, "id-1");
        f.want = 2;
        label_client_hold(f.annotate, hold);
        label_client_ask(f.annotate, f.mix, f.batch);
        assert_true(wait_until(hold ? serve : abstains, &f, PATIENCE_MS));
        const char *why = label_client_fruitless(f.annotate);
        if (!hold)
            assert_string_equal(why, "no label in this life, the annotator abstained from 2 of 2 "
                                     "questions");
        wire_labels_server_free(f.server);
        start_server(&f, "id-2", 1u << QUESTION_CLASS);
        f.nasked = 0;
        assert_true(wait_until(hold ? serve : serve_what_is_seen, &f, PATIENCE_MS));
        if (hold)
            label_client_apply(f.annotate, f.mix);
        assert_true(known(&f, "a key", &score));
        assert_string_equal(label_client_fruitless(f.annotate), "");
        assert_string_equal(label_client_identity(f.annotate)->identity, "id-2");
        struct metrics *m = NULL;
        assert_ok(metrics_create(&m, &(struct metrics_params){0}, &err));
        label_client_report(f.annotate, m);
        assert_close(metrics_get(m, "annot/labels_total"), 2, 0, 0);
        metrics_free(m);
        close_fixture(&f);
    }
}

static void a_server_that_changes_its_identity_is_refused(void **state)
{
    (void)state;
    static struct fixture f;
    struct onic_err why = {0};
    float score;
    open_fixture(&f, "id-1");
    f.want = 2;
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(serve, &f, PATIENCE_MS));
    wire_labels_server_free(f.server);
    start_server(&f, "id-2", 1u << QUESTION_CLASS);
    int rc = ONIC_OK;
    for (int i = 0; i < 1000 && !rc; i++) {
        struct wire_labels_ask ask;
        wire_labels_server_tick(f.server);
        while (wire_labels_server_recv(f.server, &ask))
            ;
        rc = label_client_poll(f.annotate, f.mix, 10, &why);
    }
    assert_int_equal(rc, ONIC_EINCOMPATIBLE);
    assert_non_null(strstr(why.msg, "[id-1]"));
    assert_true(known(&f, "a key", &score)); /* what id-1 said stays */
    close_fixture(&f);
}

static void without_a_server_nothing_waits(void **state)
{
    (void)state;
    static struct fixture f;
    open_fixture(&f, "id-1");
    label_client_free(f.annotate);
    assert_ok(label_client_of_options(&f.annotate, &f.cfg, "", NULL, &err));
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_ok(label_client_poll(f.annotate, f.mix, 0, &err));
    assert_false(label_client_pending(f.annotate));
    assert_string_equal(label_client_waiting_for(f.annotate), "");
    assert_string_equal(label_client_fruitless(f.annotate), "");
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_reach_the_model_and_each_caption_is_asked_once),
        cmocka_unit_test(labels_that_the_model_forgot_are_asked_for_anew),
        cmocka_unit_test(held_labels_wait_until_they_are_applied),
        cmocka_unit_test(held_labels_are_applied_in_an_order_of_their_own),
        cmocka_unit_test(a_score_reaches_the_model_under_its_caption),
        cmocka_unit_test(pairs_are_drawn_and_labels_of_another_kind_are_no_answer),
        cmocka_unit_test(an_annotator_that_does_not_answer_such_questions_ends_the_run),
        cmocka_unit_test(what_the_annotator_says_of_itself_reaches_the_learner),
        cmocka_unit_test(a_life_that_is_too_short_for_labels_is_not_fruitless),
        cmocka_unit_test(an_annotator_that_ails_makes_every_life_fruitless),
        cmocka_unit_test(labels_that_are_gone_from_the_store_are_missed),
        cmocka_unit_test(a_checkpoint_that_says_nothing_of_distrust_is_of_before),
        cmocka_unit_test(labels_of_another_identity_are_refused),
        cmocka_unit_test(a_run_without_labels_takes_another_identity),
        cmocka_unit_test(a_server_that_changes_its_identity_is_refused),
        cmocka_unit_test(without_a_server_nothing_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
