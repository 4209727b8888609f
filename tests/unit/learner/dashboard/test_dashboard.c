/* SPDX-License-Identifier: MIT */
/* test_dashboard.c - the page of a learner without actors: its documents, what it hears at the end,
 * its port in the next life, and that without one nothing is missing. */
#define _GNU_SOURCE
#include "learner/dashboard/dashboard.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config/config.h"
#include "common/http/http_get.h"
#include "learner/dashboard/dashboard_options.h"
#include "tests/support/said.h"

enum { ANSWER_MAX = 1 << 20, ANSWER_MS = 20000 };

static char dir[256];
static struct metrics *metrics;
static struct wire_learner *wire;
static struct dashboard *page;

static void open_wire(void)
{
    char listen[300];
    snprintf(listen, sizeof listen, "ipc://%s/l", dir);
    struct wire_learner_params p = {.listen = listen,
                                    .weights_listen = "",
                                    .epoch = 1,
                                    .config_text = "",
                                    .env_text = "",
                                    .net_text = "",
                                    .weights_floats = 1,
                                    .window = 1,
                                    .max_queued = 1,
                                    .inflight_bytes_max = 1 << 20};
    assert_ok(wire_learner_create(&wire, &p, &err));
}

static void open_page_at(const char *listen, const struct run_home *home)
{
    struct dashboard_params p = {.frames = 1000, .env = "corridor", .reward_model = "hash"};
    snprintf(p.listen, sizeof p.listen, "%s", listen);
    snprintf(p.run_dir, sizeof p.run_dir, "%s", dir);
    assert_ok(dashboard_open(&page, &p, &err));
    dashboard_start(page, home, metrics, wire);
}

static void open_page(const char *listen)
{
    static const struct run_home home = {.fd = -1, .id = {0xab, 0xcd}};
    open_page_at(listen, &home);
}

static int page_setup(void **state)
{
    char path[300];
    (void)state;
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/metrics.jsonl", dir);
    FILE *f = fopen(path, "w");
    fputs("{\"wall_s\":1,\"env_steps\":100,\"reward/reward\":0.5}\n", f);
    fclose(f);
    struct metrics_params p = {.quiet = true, .wall_before_s = 5};
    assert_ok(metrics_create(&metrics, &p, &err));
    metrics_set(metrics, "env_steps", 250);
    metrics_set(metrics, "reward/reward", 0.75);
    metrics_text(metrics, "waiting", "for <b>actors</b>");
    metrics_text(metrics, "annotator", "labels: it is gone");
    open_wire();
    return 0;
}

static int page_teardown(void **state)
{
    (void)state;
    dashboard_close(page, 0);
    page = NULL;
    wire_learner_free(wire);
    metrics_free(metrics);
    temp_dir_remove(dir);
    return 0;
}

static json_t *page_json(const char *path, int want)
{
    struct buf b;
    int status = 0;
    buf_init(&b, ANSWER_MAX);
    assert_ok(http_get(dashboard_url(page), path, ANSWER_MS, &b, &status, &err));
    assert_int_equal(status, want);
    json_t *o = json_loadb(b.data, b.len, 0, NULL);
    assert_non_null(o);
    buf_release(&b);
    return o;
}

static double number_at(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static void the_run_is_told_as_it_is(void **state)
{
    (void)state;
    open_page("127.0.0.1:*");
    json_t *o = page_json("/api/state", 200);
    assert_close(number_at(json_object_get(o, "v"), "reward/reward"), 0.75, 1e-9, 0);
    assert_close(number_at(o, "progress"), 0.25, 1e-9, 0);
    assert_string_equal(json_string_value(json_object_get(o, "waiting")), "for <b>actors</b>");
    assert_string_equal(json_string_value(json_object_get(o, "annotator")), "labels: it is gone");
    assert_true(number_at(o, "waiting_s") >= 0);
    assert_string_equal(json_string_value(json_object_get(o, "advice")), "");
    assert_int_equal(
        strncmp(json_string_value(json_object_get(json_object_get(o, "run"), "id")), "abcd00", 6),
        0);
    json_decref(o);
    o = page_json("/api/actors", 200);
    assert_int_equal(json_array_size(json_object_get(o, "actors")), 0);
    json_decref(o);
    o = page_json("/api/ledger", 200);
    assert_true(json_is_true(json_object_get(json_object_get(o, "trajectories"), "balanced")));
    json_decref(o);
    o = page_json("/api/episodes", 200);
    assert_int_equal(json_array_size(json_object_get(o, "episodes")), 0);
    json_decref(o);
}

/* Who looks for it there finds the page by the log alone. */
static void an_address_that_cannot_be_left_in_the_run_is_said(void **state)
{
    char path[300];
    (void)state;
    snprintf(path, sizeof path, "%s/dashboard", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    said_begin(LOG_WARN);
    open_page("127.0.0.1:*");
    said_end();
    assert_said("the address of the page is not in the run directory why=\"cannot rename ");
    json_decref(page_json("/api/state", 200));
}

static double actors_as_of(void)
{
    json_t *o = page_json("/api/actors", 200);
    double at = number_at(o, "at_s");
    json_decref(o);
    return at;
}

/* More of them than are answered in the thousandth of a second that tells two documents apart. */
static bool all_are_given_the_same(void *ctx)
{
    double first = actors_as_of();
    bool same = true;
    (void)ctx;
    for (int i = 0; i < 20; i++)
        same &= actors_as_of() == first;
    return same;
}

static bool another_is_given(void *before)
{
    return actors_as_of() != *(double *)before;
}

static void pages_that_ask_at_the_same_time_share_a_document_that_is_made_anew(void **state)
{
    (void)state;
    open_page("127.0.0.1:*");
    assert_true(wait_until(all_are_given_the_same, NULL, ANSWER_MS));
    double before = actors_as_of();
    assert_true(wait_until(another_is_given, &before, ANSWER_MS));
}

static bool curves_have_earlier_lives(void *ctx)
{
    (void)ctx;
    json_t *o = page_json("/api/series?tags=reward/reward", 200);
    json_t *tag = json_object_get(json_object_get(o, "tags"), "reward/reward");
    bool have = fabs(json_number_value(json_array_get(tag, 0)) - 0.5) < 1e-6;
    json_decref(o);
    return have;
}

static void curves_begin_with_earlier_lives(void **state)
{
    (void)state;
    open_page("127.0.0.1:*");
    assert_true(wait_until(curves_have_earlier_lives, NULL, ANSWER_MS));
}

static void what_is_asked_wrongly_is_refused(void **state)
{
    static const char *const bad[] = {"/api/episode",
                                      "/api/episode?file=../x.jsonl",
                                      "/api/episode?file=%2e%2e%2fx.jsonl",
                                      "/api/why?file=a.jsonl",
                                      "/api/why?file=a.jsonl&t=1%20--env.plugin=x.so",
                                      "/api/why?file=a.jsonl&t=99999999999"};
    (void)state;
    open_page("127.0.0.1:*");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        json_decref(page_json(bad[i], 400));
}

static bool says_why_not(void *ctx)
{
    struct buf b;
    struct onic_err err;
    int status = 0;
    (void)ctx;
    buf_init(&b, ANSWER_MAX);
    int rc = http_get(dashboard_url(page), "/api/captions", ANSWER_MS, &b, &status, &err);
    bool says = !rc && status == 200 && strstr(b.data, "{\"error\":\"") == b.data;
    buf_release(&b);
    return says;
}

/* Here there is no `onic` beside the program. */
static void what_cannot_be_told_is_a_sentence(void **state)
{
    (void)state;
    open_page("127.0.0.1:*");
    json_t *o = page_json("/api/captions", 202);
    assert_true(json_is_true(json_object_get(o, "pending")));
    json_decref(o);
    assert_true(wait_until(says_why_not, NULL, ANSWER_MS));
}

/* Reads until the text holds the word, or the end; NUL-terminated. */
static void hear_until(int fd, char *text, size_t max, const char *word)
{
    size_t have = 0;
    text[0] = '\0';
    while (have < max - 1 && !strstr(text, word)) {
        ssize_t n = recv(fd, text + have, max - 1 - have, 0);
        if (n <= 0)
            return;
        have += (size_t)n;
        text[have] = '\0';
    }
}

static void the_last_event_is_the_end(void **state)
{
    static const char request[] = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static char text[1 << 18];
    (void)state;
    open_page("127.0.0.1:*");
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port =
                                 htons((uint16_t)atoi(strrchr(dashboard_url(page), ':') + 1)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
    hear_until(fd, text, sizeof text, "\"phase\":\"training\"");
    assert_non_null(strstr(text, "text/event-stream"));
    dashboard_draining(page);
    dashboard_close(page, 75);
    page = NULL;
    hear_until(fd, text, sizeof text, "\"phase\":\"ended\",\"exit\":75");
    assert_non_null(strstr(text, "\"phase\":\"ended\",\"exit\":75"));
    close(fd);
}

static void the_next_life_has_the_same_address(void **state)
{
    char before[200];
    (void)state;
    open_page("127.0.0.1:*");
    snprintf(before, sizeof before, "%s", dashboard_url(page));
    dashboard_close(page, 0);
    open_page("127.0.0.1:*");
    assert_string_equal(dashboard_url(page), before);
}

static void a_run_without_a_page_lacks_nothing(void **state)
{
    (void)state;
    open_page("");
    assert_null(page);
    assert_string_equal(dashboard_url(page), "");
    dashboard_draining(page);
    dashboard_close(page, 0);
}

static void the_address_is_not_written_into_another_run(void **state)
{
    struct run_home home;
    uint8_t id[RUN_ID_BYTES];
    char id_path[300], address[300];
    (void)state;
    assert_ok(run_id_ensure(dir, id, &err));
    assert_ok(run_home_open(&home, dir, &err));
    snprintf(id_path, sizeof id_path, "%s/run_id", dir);
    snprintf(address, sizeof address, "%s/dashboard", dir);
    assert_int_equal(unlink(id_path), 0);
    assert_ok(run_id_ensure(dir, id, &err));
    assert_err(run_home_check(&home, &err), ONIC_ECANTCREATE,
               "holds another run now while the run");
    open_page_at("127.0.0.1:*", &home);
    assert_int_equal(access(address, F_OK), -1);
    dashboard_close(page, 0);
    page = NULL;
    run_home_close(&home);
}

/* A life that ends before it began to serve. */
static void a_page_that_was_bound_only_is_closed(void **state)
{
    struct dashboard_params p = {.listen = "127.0.0.1:*"};
    (void)state;
    snprintf(p.run_dir, sizeof p.run_dir, "%s", dir);
    assert_ok(dashboard_open(&page, &p, &err));
    dashboard_close(page, 64);
    page = NULL;
}

#define WITH_PAGE(name) cmocka_unit_test_setup_teardown(name, page_setup, page_teardown)

/* What `onic` must be told again to play a kept episode: what no file may make it load or read. */
static void a_path_in_the_options_of_a_plugin_is_said_again(void **state)
{
    static struct config cfg;
    static struct dashboard_params p;
    (void)state;
    config_defaults(&cfg);
    snprintf(cfg.env_plugin, sizeof cfg.env_plugin, "p.so");
    snprintf(cfg.env_options, sizeof cfg.env_options, "levels=/srv/levels;size=8");
    dashboard_options(&p, &cfg, "run");
    assert_string_equal(p.plugin, "--env.plugin=p.so");
    assert_string_equal(p.env_options, "--env.options=levels=/srv/levels;size=8");
    snprintf(cfg.env_options, sizeof cfg.env_options, "size=8"); /* the episode says it */
    dashboard_options(&p, &cfg, "run");
    assert_string_equal(p.env_options, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_in_the_options_of_a_plugin_is_said_again),
        WITH_PAGE(the_run_is_told_as_it_is),
        WITH_PAGE(an_address_that_cannot_be_left_in_the_run_is_said),
        WITH_PAGE(pages_that_ask_at_the_same_time_share_a_document_that_is_made_anew),
        WITH_PAGE(curves_begin_with_earlier_lives),
        WITH_PAGE(what_is_asked_wrongly_is_refused),
        WITH_PAGE(what_cannot_be_told_is_a_sentence),
        WITH_PAGE(the_last_event_is_the_end),
        WITH_PAGE(the_next_life_has_the_same_address),
        WITH_PAGE(a_run_without_a_page_lacks_nothing),
        WITH_PAGE(a_page_that_was_bound_only_is_closed),
        WITH_PAGE(the_address_is_not_written_into_another_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
