/* SPDX-License-Identifier: MIT */
/* test_server_disk.c - a server whose disk takes no labels waits a quarter of an hour, then ends
 * with the reason. */
#define _GNU_SOURCE
#include "tests/onic_test.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <zmq.h>

#include "reward_server/server_impl.h"
#include "reward_server/server_options.h"
#include "reward_server/store/label_store_impl.h"
#include "tests/support/said.h"
#include "tests/support/skewed_clock.h"

enum { CAPTION = 250, QUESTIONS = 100, PATIENCE_MS = 50000 };

struct disk_case {
    char dir[256];
    struct config cfg;
    struct server_params params;
    struct server *server;
    pthread_t thread;
    void *zmq;
    struct wire_labels_client *client;
    _Atomic bool ended;
    int rc;
    struct onic_err why;
};

static int disk_setup(void **state)
{
    struct disk_case *d = calloc(1, sizeof *d);
    temp_dir_create(d->dir);
    config_defaults(&d->cfg);
    snprintf(d->cfg.listen_address, sizeof d->cfg.listen_address, "ipc://%s/a", d->dir);
    snprintf(d->cfg.labels_path, sizeof d->cfg.labels_path, "%s/labels.sqlite", d->dir);
    snprintf(d->cfg.annotator_id, sizeof d->cfg.annotator_id, "rules");
    snprintf(d->cfg.annotator_domain, sizeof d->cfg.annotator_domain, "minigrid");
    snprintf(d->cfg.annotator_goal, sizeof d->cfg.annotator_goal, "KeyCorridor");
    assert_ok(server_options(&d->params, &d->cfg, &err));
    assert_ok(server_create(&d->server, &d->params, &err));
    d->zmq = zmq_ctx_new();
    assert_ok(wire_labels_client_create(&d->client, d->cfg.listen_address, d->zmq, NULL, &err));
    skewed_clock_set(0);
    said_begin(LOG_ERROR);
    *state = d;
    return 0;
}

static int disk_teardown(void **state)
{
    struct disk_case *d = *state;
    said_end();
    clock_replace(NULL);
    wire_labels_client_free(d->client);
    zmq_ctx_term(d->zmq);
    server_free(d->server);
    temp_dir_remove(d->dir);
    free(d);
    return 0;
}

static void caption_of(char text[CAPTION + 1], const char *what, int i)
{
    memset(text, '.', CAPTION);
    text[CAPTION] = '\0';
    int n = snprintf(text, CAPTION, "%.40s %d", what, i);
    text[n] = '.';
}

/* The pages that are there hold no more rows; what is in them can be written anew. */
static void fill_store(struct label_store *s)
{
    char caption[CAPTION + 1];
    struct onic_err full = {0};
    int rc = ONIC_OK;
    assert_int_equal(sqlite3_exec(s->db, "PRAGMA max_page_count = 1", NULL, NULL, NULL), SQLITE_OK);
    for (int i = 0; !rc && i < 1000; i++) {
        caption_of(caption, "You see ballast", i);
        struct label l = {.question = caption,
                          .question_len = CAPTION,
                          .state = LABEL_ANSWERED,
                          .confidence = 1,
                          .raw = ""};
        rc = label_store_answer(s, &l, 1, &full);
    }
    assert_int_equal(rc, ONIC_EIO);
    assert_ok(label_store_probe(s, &err));
}

static void *run_server(void *ctx)
{
    struct disk_case *d = ctx;
    d->rc = server_run(d->server, &d->why);
    d->ended = true;
    return NULL;
}

static bool asking_stopped(void *ctx)
{
    struct disk_case *d = ctx;
    char said[] = "labels cannot be kept: asking stops until the store can be written again";
    wire_labels_client_poll(d->client, 5);
    return log_said(said);
}

static bool has_ended(void *ctx)
{
    return ((struct disk_case *)ctx)->ended;
}

/* Questions are asked, their answers are not kept, and a quarter of an hour goes by. */
static void ends_after_its_grace(struct disk_case *d)
{
    char caption[CAPTION + 1];
    assert_int_equal(pthread_create(&d->thread, NULL, run_server, d), 0);
    for (int i = 0; i < QUESTIONS; i++) {
        caption_of(caption, "You see number", i);
        wire_labels_client_ask(d->client, caption, CAPTION);
    }
    bool stopped = wait_until(asking_stopped, d, PATIENCE_MS);
    skewed_clock_advance((int64_t)15 * 60 * 1000000000);
    bool ended = wait_until(has_ended, d, PATIENCE_MS);
    server_stop(d->server);
    pthread_join(d->thread, NULL);
    assert_true(stopped && ended);
    assert_int_equal(d->rc, ONIC_EIO);
    assert_int_equal(err_exit_code(d->rc), 74);
}

static void a_disk_with_room_for_a_probe_alone_is_named_in_the_end(void **state)
{
    struct disk_case *d = *state;
    char want[700];
    fill_store(d->server->store);
    ends_after_its_grace(d);
    snprintf(want, sizeof want,
             "labels could not be kept for 15 minutes: writing %s: the disk is full",
             d->cfg.labels_path);
    assert_string_equal(d->why.msg, want);
}

static void a_disk_that_takes_nothing_is_named_in_the_end(void **state)
{
    struct disk_case *d = *state;
    char want[700];
    struct rlimit old, tight;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = old;
    tight.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    ends_after_its_grace(d);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    snprintf(want, sizeof want,
             "labels could not be kept for 15 minutes: writing %s: ", d->cfg.labels_path);
    assert_non_null(strstr(d->why.msg, want));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_disk_with_room_for_a_probe_alone_is_named_in_the_end,
                                        disk_setup, disk_teardown),
        cmocka_unit_test_setup_teardown(a_disk_that_takes_nothing_is_named_in_the_end, disk_setup,
                                        disk_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
