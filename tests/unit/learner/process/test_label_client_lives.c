/* SPDX-License-Identifier: MIT */
/* test_label_client_lives.c - labels of before: a checkpoint that knows more or less than the
 * store, a server of another identity, and one that changes it. */
#include <stdlib.h>

#include "tests/support/asking.h"
#include "tests/support/said.h"

/* Another client of the same run, as it was saved, and a server whose store is that. */
static void begin_another_life(struct asking *f, uint64_t store, uint64_t last_id)
{
    char path[300];
    snprintf(path, sizeof path, "%s/c.safetensors", f->dir);
    struct checkpoint *c = checkpoint_create();
    label_client_save(f->annotate, c);
    assert_ok(checkpoint_write(c, path, &err));
    checkpoint_free(c);
    label_client_free(f->annotate);
    wire_labels_server_free(f->server);
    asking_server(f, "id-1", 1u << QUESTION_CLASS);
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
    struct asking *f = ctx;
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
    static struct asking f;
    static const struct {
        uint64_t store, last_id, missing;
    } then[] = {{7, 2, 0}, {7, 9, 0}, {7, 1, 1}, {7, 0, 2}, {8, 0, 0}};
    for (size_t i = 0; i < sizeof then / sizeof *then; i++) {
        asking_open(&f, "id-1");
        wire_labels_server_store(f.server, 7, 0);
        f.want = 2;
        label_client_ask(f.annotate, f.mix, f.batch);
        assert_true(wait_until(serve, &f, PATIENCE_MS)); /* labels 1 and 2 */
        begin_another_life(&f, then[i].store, then[i].last_id);
        said_begin(LOG_WARN);
        assert_true(wait_until(server_is_met, &f, PATIENCE_MS));
        wire_labels_server_store(f.server, then[i].store, 50);
        wait_until(never, &f, 100); /* told once, whatever is said later */
        said_end();
        assert_int_equal(strstr(said_text,
                                "the labels of this run are of another label store than "
                                "the reward server's, which may have none of them") != NULL,
                         then[i].store != 7);
        struct metrics *m = NULL;
        assert_ok(metrics_create(&m, &(struct metrics_params){0}, &err));
        label_client_report(f.annotate, m);
        double missing = metrics_get(m, "annot/missing_total");
        assert_int_equal(missing > 0 ? (int)missing : 0, then[i].missing);
        metrics_free(m);
        asking_close(&f);
    }
}

static void a_state_that_makes_no_sense_is_refused(void **state)
{
    static char large[1 << 20];
    static const struct {
        const char *text, *part;
    } bad[] = {{"id-1\nseven 2 0 -1\n", "c.safetensors: the annotation state cannot be read"},
               {"id-1", "c.safetensors: the annotation state cannot be read"},
               {large, "c.safetensors: the annotation state is too long"}};
    static struct asking f;
    char path[300];
    (void)state;
    memset(large, 'x', sizeof large - 1);
    asking_open(&f, "id-1");
    snprintf(path, sizeof path, "%s/c.safetensors", f.dir);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct checkpoint_file *file;
        struct checkpoint *c = checkpoint_create();
        checkpoint_add_bytes(c, "annotation", bad[i].text, strlen(bad[i].text));
        assert_ok(checkpoint_write(c, path, &err));
        checkpoint_free(c);
        assert_ok(checkpoint_open(&file, path, &err));
        assert_err(label_client_load(f.annotate, file, &err), ONIC_EDAMAGED, bad[i].part);
        checkpoint_close(file);
    }
    asking_close(&f);
}

/* A roll-back in a life whose labels were withdrawn may go back to a checkpoint of an onic that
 * could not withdraw any: that none were is what it says. */
static void a_checkpoint_that_says_nothing_of_distrust_is_of_before(void **state)
{
    static const char before[] = "id-1\n7 2 0 -1\n";
    (void)state;
    static struct asking f;
    char path[300];
    struct checkpoint_file *file;
    asking_open(&f, "id-1");
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
    asking_close(&f);
}

static void labels_of_another_identity_are_refused(void **state)
{
    (void)state;
    static struct asking f;
    struct onic_err why = {0};
    char path[300];
    asking_open(&f, "id-1");
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
    asking_server(&f, "id-2", 1u << QUESTION_CLASS);
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
    asking_close(&f);
}

static bool abstains(void *ctx)
{
    struct asking *f = ctx;
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
    struct asking *f = ctx;
    label_client_ask(f->annotate, f->mix, f->batch);
    return serve(f);
}

/* What abstained settles nothing, and what was labelled but not yet applied is asked anew. */
static void a_run_without_labels_takes_another_identity(void **state)
{
    (void)state;
    static struct asking f;
    float score;
    for (int hold = 0; hold < 2; hold++) {
        asking_open(&f, "id-1");
        f.want = 2;
        label_client_hold(f.annotate, hold);
        label_client_ask(f.annotate, f.mix, f.batch);
        assert_true(wait_until(hold ? serve : abstains, &f, PATIENCE_MS));
        const char *why = label_client_fruitless(f.annotate);
        if (!hold)
            assert_string_equal(why, "no label in this life, the annotator abstained from 2 of 2 "
                                     "questions");
        wire_labels_server_free(f.server);
        asking_server(&f, "id-2", 1u << QUESTION_CLASS);
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
        asking_close(&f);
    }
}

static void a_server_that_changes_its_identity_is_refused(void **state)
{
    (void)state;
    static struct asking f;
    struct onic_err why = {0};
    float score;
    asking_open(&f, "id-1");
    f.want = 2;
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(serve, &f, PATIENCE_MS));
    wire_labels_server_free(f.server);
    asking_server(&f, "id-2", 1u << QUESTION_CLASS);
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
    asking_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_that_are_gone_from_the_store_are_missed),
        cmocka_unit_test(a_state_that_makes_no_sense_is_refused),
        cmocka_unit_test(a_checkpoint_that_says_nothing_of_distrust_is_of_before),
        cmocka_unit_test(labels_of_another_identity_are_refused),
        cmocka_unit_test(a_run_without_labels_takes_another_identity),
        cmocka_unit_test(a_server_that_changes_its_identity_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
