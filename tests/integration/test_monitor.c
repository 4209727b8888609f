/* SPDX-License-Identifier: MIT */
/* test_monitor.c - what machines ask the real programs over HTTP: /metrics,
 * /healthz, /readyz, and `onic healthcheck`. A real Prometheus asks in
 * tests/monitoring/prometheus.py. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>

#include "common/http/http_get.h"
#include "tests/onic_test.h"
#include "tests/support/scene.h"

enum { BODY_MAX = 1 << 20 };

static struct buf body;

/* The status; the answer is in `body`. 0: nobody answers. */
static int ask(const char *address, const char *path)
{
    int status = 0;
    buf_reset(&body);
    return http_get(address, path, 5000, &body, &status, NULL) == ONIC_OK ? status : 0;
}

static int monitor_setup(void **state)
{
    buf_init(&body, BODY_MAX);
    return scene_setup(state);
}

static int monitor_teardown(void **state)
{
    buf_release(&body);
    return scene_teardown(state);
}

/* Of a run's page, which the learner wrote down. */
static void address_of_run(const struct scene *s, char out[300])
{
    char path[400];
    snprintf(path, sizeof path, "%s/dashboard", s->run);
    await_word(path, "\n", SCENE_LONG_MS);
    snprintf(out, 300, "%s", program_text(path));
    out[strcspn(out, "\n")] = '\0';
}

/* Behind metrics=" in the line in which a reward server says that it is ready.
 */
static void address_of_server(const struct program *p, char out[300])
{
    static const char key[] = "metrics=\"http://";
    await_word(p->err, key, SCENE_LONG_MS);
    const char *at = strstr(program_text(p->err), key) + strlen(key);
    snprintf(out, 300, "%.*s", (int)strcspn(at, "/\""), at);
}

static double sample(const char *name)
{
    char line[128];
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(body.data, line);
    return at ? strtod(at + strlen(line), NULL) : (double)NAN;
}

static int healthcheck(struct scene *s, const char *args)
{
    char whole[440];
    struct program p = {0};
    snprintf(whole, sizeof whole, "healthcheck %s", args);
    int code = program_run(&p, s->dir, "health", "onic", whole, SCENE_SOON_MS);
    int lines = program_lines(&p);
    assert_int_equal(lines, code ? 1 : 0); /* one sentence, else one line of result */
    return code;
}

static const char *asked_address;

static bool asked_is_ready(void *ctx)
{
    (void)ctx;
    return ask(asked_address, "/readyz") == 200;
}

/* What actors say of themselves comes with their heartbeats. */
static bool actors_have_said(void *ctx)
{
    (void)ctx;
    return ask(asked_address, "/metrics") == 200 && sample("onic_actors_cpu_seconds_total") > 0;
}

/* The directory of a run may come from anywhere. */
static void no_other_machine_is_asked_because_a_file_says_so(struct scene *s)
{
    static const char *const texts[] = {"http://203.0.113.7:80/\n", "name.invalid:80\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        scene_write(s, "run/dashboard", texts[i]);
        assert_int_equal(healthcheck(s, "run"), 1);
        scene_assert_holds(scene_text(s, "health.err"), "which is no address of this machine");
    }
}

static void a_run_is_asked_while_it_trains_and_after(void **state)
{
    struct scene *s = *state;
    char address[300];
    scene_train(s, "--dashboard.listen=127.0.0.1:*");
    address_of_run(s, address);
    asked_address = address;
    assert_true(wait_until(asked_is_ready, NULL, SCENE_LONG_MS));
    assert_int_equal(ask(address, "/healthz"), 200);
    assert_string_equal(body.data, "ok\n");
    assert_true(wait_until(actors_have_said, NULL, SCENE_SOON_MS));
    assert_true(sample("onic_env_steps_total") > 0);
    assert_true(sample("onic_actors_connected") >= 1);
    assert_true(sample("onic_ledger_balanced") == 1);
    assert_true(sample("onic_series_left_out") == 0);
    const char *info = strstr(body.data, "\nonic_run_info{env=\"");
    assert_non_null(info);
    assert_non_null(strstr(info, "KeyCorridorS3R3"));
    assert_non_null(strstr(body.data, "labels=\"wanted\""));
    assert_null(strstr(body.data, "onic_number{")); /* every number has a line in the table */
    assert_int_equal(healthcheck(s, "run"), 0);
    assert_int_equal(healthcheck(s, address), 0);
    assert_int_equal(healthcheck(s, "run --ready"), 0);
    no_other_machine_is_asked_because_a_file_says_so(s);
    scene_drain(&s->a);
    assert_int_equal(ask(address, "/healthz"), 0);
    assert_int_equal(healthcheck(s, "run"), 1);
    assert_int_equal(healthcheck(s, address), 1);
}

/* Counters are of this life, as rate() expects; what the run has reached is a
 * gauge. */
static void a_later_life_counts_from_zero(void **state)
{
    struct scene *s = *state;
    char address[300];
    scene_train(s, "--dashboard.listen=off");
    scene_await_metric(s, "env_steps", 200000);
    scene_drain(&s->a);
    double before = metrics_last(s->run, "env_steps");
    scene_train(s, "--dashboard.listen=127.0.0.1:*");
    address_of_run(s, address);
    asked_address = address;
    assert_true(wait_until(asked_is_ready, NULL, SCENE_LONG_MS));
    assert_int_equal(ask(address, "/metrics"), 200);
    double run = sample("onic_run_env_steps"), life = sample("onic_env_steps_total");
    assert_true(run >= before);
    assert_close(run - before, life, 0, 0);
}

/* A run that serves nothing is asked through its files. */
static void a_run_without_a_page_is_well_all_the_same(void **state)
{
    struct scene *s = *state;
    scene_train(s, "--dashboard.listen=off");
    assert_int_equal(healthcheck(s, "run"), 0);
    assert_int_equal(healthcheck(s, "nowhere"), 64);
    assert_int_equal(healthcheck(s, ""), 64);
    assert_int_equal(healthcheck(s, "127.0.0.1:1"), 1);
    program_kill(&s->a);
    assert_int_equal(healthcheck(s, "run"), 1);
}

static void start_server(struct scene *s, const char *more)
{
    char args[500];
    snprintf(args, sizeof args,
             "--listen=ipc://r.sock --run-dir=run "
             "--dashboard.listen=127.0.0.1:* "
             "%s",
             more);
    program_start(&s->b, s->dir, "server", "onic-reward-server", args);
}

static bool server_names_the_trouble(void *ctx)
{
    (void)ctx;
    return ask(asked_address, "/readyz") == 503 && !strstr(body.data, "starting");
}

static void a_reward_server_is_ready_when_it_can_label(void **state)
{
    struct scene *s = *state;
    char address[300];
    start_server(s, "--annotator.id=rules");
    address_of_server(&s->b, address);
    asked_address = address;
    assert_true(wait_until(asked_is_ready, NULL, SCENE_LONG_MS));
    assert_int_equal(ask(address, "/healthz"), 200);
    assert_int_equal(ask(address, "/metrics"), 200);
    assert_true(sample("onic_reward_server_annotator_ready") == 1);
    assert_true(sample("onic_reward_server_labels_total") == 0);
    assert_null(strstr(body.data, "onic_number{"));
    assert_int_equal(ask(address, "/"), 404); /* no page */
    assert_int_equal(healthcheck(s, address), 0);
}

/* Its model is away: a reason not to be ready, and none to be started again. */
static void a_reward_server_without_its_model_is_well_but_not_ready(void **state)
{
    struct scene *s = *state;
    char address[300], args[400];
    start_server(s, "--annotator.id=llm --llm.url=http://127.0.0.1:1/v1 --llm.model=none");
    address_of_server(&s->b, address);
    asked_address = address;
    assert_true(wait_until(server_names_the_trouble, NULL, SCENE_LONG_MS));
    assert_int_equal(ask(address, "/healthz"), 200);
    assert_int_equal(ask(address, "/metrics"), 200);
    assert_true(sample("onic_reward_server_annotator_ready") == 0);
    assert_true(sample("onic_reward_server_store_writable") == 1);
    assert_int_equal(healthcheck(s, address), 0);
    snprintf(args, sizeof args, "%s --ready", address);
    assert_int_equal(healthcheck(s, args), 1);
}

static void a_port_that_is_taken_is_named(void **state)
{
    struct scene *s = *state;
    char address[300], args[500];
    start_server(s, "--annotator.id=rules");
    address_of_server(&s->b, address);
    snprintf(args, sizeof args,
             "--listen=ipc://q.sock --run-dir=other "
             "--annotator.id=rules "
             "--dashboard.listen=%s",
             address);
    scene_fails(s, "onic-reward-server", args, 73, "--dashboard.listen");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, monitor_setup, monitor_teardown)
    const struct CMUnitTest tests[] = {
        T(a_run_is_asked_while_it_trains_and_after),
        T(a_later_life_counts_from_zero),
        T(a_run_without_a_page_is_well_all_the_same),
        T(a_reward_server_is_ready_when_it_can_label),
        T(a_reward_server_without_its_model_is_well_but_not_ready),
        T(a_port_that_is_taken_is_named),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
