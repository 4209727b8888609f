/* SPDX-License-Identifier: MIT */
/* test_asks.c - what is asked of `onic` in a process of its own: a script of that name beside a
 * copy of this program, so that it answers as the test wants it to. */
#define _GNU_SOURCE
#include "learner/dashboard/asks.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/paths.h"
#include "common/http/http_get.h"
#include "tests/onic_test.h"

enum { SOON_MS = 60000, ANSWER_MAX = HTTP_BODY_MAX + 100 };

static const char script[] =
    "#!/bin/sh\n"
    "case $1 in\n"
    "noisy) head -c 9000 /dev/zero | tr '\\0' 'x' >&2; echo >&2; echo 'onic x: at last' >&2; exit "
    "1;;\n"
    "format) printf '{\"format\":\"%s\"}' \"$ONIC_LOG_FORMAT\";;\n"
    "limit) while [ \"$(ulimit -f)\" = unlimited ]; do sleep 0.01; done; printf '{\"ok\":1}';;\n"
    "hold*) while [ ! -e \"${0%/*}/go\" ]; do sleep 0.01; done; printf '{}';;\n"
    "quick*) printf '{}';;\n"
    "big*) printf '{\"x\":\"'; head -c 15000000 /dev/zero | tr '\\0' 'x'; printf '\"}';;\n"
    "endless) head -c 20000000 /dev/zero;;\n"
    "esac\n";

static struct http_plane *plane;
static struct asks *asks;

static void route_ask(void *ctx, const struct http_request *q, struct http_reply *out)
{
    const char *words[] = {http_query(q, "word"), NULL};
    (void)ctx;
    asks_answer(asks, words, INT64_MAX, out);
}

static void look(void *ctx)
{
    (void)ctx;
    if (asks)
        asks_look(asks);
}

static int asks_setup(void **state)
{
    const struct http_plane_params p = {
        .listen = "127.0.0.1:*", .option = "--dashboard.listen", .tick_ms = 5, .tick = look};
    (void)state;
    assert_ok(http_plane_create(&plane, &p, &err));
    http_plane_route(plane, &(struct http_route){.path = "/ask", .answer = route_ask});
    asks = asks_create(plane);
    assert_ok(http_plane_start(plane, &err));
    return 0;
}

static int asks_teardown(void **state)
{
    (void)state;
    http_plane_stop(plane);
    asks_free(asks);
    http_plane_free(plane);
    asks = NULL;
    return 0;
}

struct asked {
    const char *word;
    int status;
    struct buf text;
};

static void ask_once(struct asked *q)
{
    char path[100];
    snprintf(path, sizeof path, "/ask?word=%s", q->word);
    buf_release(&q->text);
    buf_init(&q->text, ANSWER_MAX);
    assert_ok(http_get(http_plane_url(plane), path, SOON_MS, &q->text, &q->status, &err));
}

static bool is_answered(void *ctx)
{
    struct asked *q = ctx;
    ask_once(q);
    return q->status == 200;
}

static void assert_answer(const char *word, const char *want)
{
    struct asked q = {.word = word};
    assert_true(wait_until(is_answered, &q, SOON_MS));
    assert_string_equal(q.text.data, want);
    buf_release(&q.text);
}

static void the_last_line_is_its_reason_however_much_it_says(void **state)
{
    (void)state;
    assert_answer("noisy", "{\"error\":\"at last\"}");
}

static void it_says_sentences_whatever_the_learner_logs(void **state)
{
    (void)state;
    setenv("ONIC_LOG_FORMAT", "json", 1);
    assert_answer("format", "{\"format\":\"text\"}");
    unsetenv("ONIC_LOG_FORMAT");
}

static void what_it_writes_is_bounded(void **state)
{
    (void)state;
    assert_answer("limit", "{\"ok\":1}");
    assert_answer("endless", "{\"error\":\"it is too long to be shown here\"}");
}

static int status_now(const char *word)
{
    struct asked q = {.word = word};
    ask_once(&q);
    buf_release(&q.text);
    return q.status;
}

/* ...and costs no document that is kept. */
static void who_asks_too_much_is_refused(void **state)
{
    char word[20];
    (void)state;
    for (int i = 0; i < ASKS_KEPT; i++) {
        snprintf(word, sizeof word, "quick%d", i);
        assert_answer(word, "{}");
    }
    for (int i = 0; i < 4; i++) {
        snprintf(word, sizeof word, "hold%d", i);
        assert_int_equal(status_now(word), 202);
    }
    for (int i = 0; i < ASKS_KEPT; i++) {
        snprintf(word, sizeof word, "other%d", i);
        assert_int_equal(status_now(word), 503);
    }
    assert_int_equal(status_now("hold0"), 202);
    for (int i = 4; i < ASKS_KEPT; i++) {
        snprintf(word, sizeof word, "quick%d", i);
        assert_int_equal(status_now(word), 200);
    }
}

/* Five of 15 MB are more than HTTP_UNREAD_MAX. */
static void a_document_makes_room_for_the_next(void **state)
{
    static const char *const word[] = {"big0", "big1", "big2", "big3", "big4"};
    (void)state;
    for (size_t i = 0; i < sizeof word / sizeof *word; i++) {
        struct asked q = {.word = word[i]};
        assert_true(wait_until(is_answered, &q, SOON_MS));
        assert_int_equal(q.text.len, 15000000 + 8);
        buf_release(&q.text);
    }
    assert_int_equal(status_now("big3"), 200);
    assert_int_equal(status_now("big0"), 202);
}

static void make_script(const char *dir, const char *text)
{
    char path[PATHS_MAX + 8];
    snprintf(path, sizeof path, "%s/onic", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, 0755), 0);
}

/* A program for another kind of machine, one whose loader is missing. */
static void what_cannot_be_started_is_said(void **state)
{
    char dir[PATHS_MAX];
    (void)state;
    assert_ok(paths_program_dir(dir, sizeof dir, &err));
    make_script(dir, "#!/nowhere/loader\n");
    struct asked q = {.word = "quick-elsewhere"};
    assert_true(wait_until(is_answered, &q, SOON_MS));
    assert_non_null(strstr(q.text.data, "/onic cannot be started: No such file or directory"));
    buf_release(&q.text);
    make_script(dir, script);
    assert_answer("quick-again", "{}");
}

/* --- beside the script ----------------------------------------------------------------------- */

/* A program is where its file is, so a copy of this one goes into a folder of its own. */
static int run_copy(void)
{
    char dir[256], line[700];
    temp_dir_create(dir);
    make_script(dir, script);
    snprintf(line, sizeof line, "cp /proc/%d/exe %s/test && %s/test inside", (int)getpid(), dir,
             dir);
    int failed = system(line);
    temp_dir_remove(dir);
    return failed != 0;
}

#define WITH_ASKS(name) cmocka_unit_test_setup_teardown(name, asks_setup, asks_teardown)

int main(int argc, char **argv)
{
    (void)argv;
    const struct CMUnitTest tests[] = {
        WITH_ASKS(the_last_line_is_its_reason_however_much_it_says),
        WITH_ASKS(it_says_sentences_whatever_the_learner_logs),
        WITH_ASKS(what_it_writes_is_bounded),
        WITH_ASKS(who_asks_too_much_is_refused),
        WITH_ASKS(a_document_makes_room_for_the_next),
        WITH_ASKS(what_cannot_be_started_is_said),
    };
    return argc < 2 ? run_copy() : cmocka_run_group_tests(tests, NULL, NULL);
}
