/* timeout: 300 */
/* SPDX-License-Identifier: MIT */
/* test_dashboard.c - the page of a real run: what it says, in a browser and in the terminal, whom
 * it refuses, and that training goes on whatever those do who look at it. */
#define _GNU_SOURCE
#include <dirent.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/http/http_get.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/pty.h"
#include "tests/support/scene.h"

enum { ANSWER_MAX = 8 << 20, TABS = 50 };

/* "127.0.0.1:PORT" */
static const char *place_of(const struct scene *s)
{
    static char place[100];
    char path[400];
    snprintf(path, sizeof path, "%s/dashboard", s->run);
    await_word(path, "http://", SCENE_SOON_MS);
    snprintf(place, sizeof place, "%s", program_text(path) + strlen("http://"));
    place[strcspn(place, "/")] = '\0';
    return place;
}

static json_t *get_json(const struct scene *s, const char *path, int want)
{
    struct buf b;
    int status = 0;
    buf_init(&b, ANSWER_MAX);
    assert_ok(http_get(place_of(s), path, 20000, &b, &status, &err));
    json_t *o = json_loadb(b.data, b.len, 0, NULL);
    if (status != want || !o) {
        print_error("%s: status %d, %.300s\n", path, status, b.data);
        fail();
    }
    buf_release(&b);
    return o;
}

struct wanted {
    const struct scene *s;
    const char *path;
    json_t *doc;
};

static bool is_ready(void *ctx)
{
    struct wanted *w = ctx;
    struct buf b;
    struct onic_err err;
    int status = 0;
    buf_init(&b, ANSWER_MAX);
    int rc = http_get(place_of(w->s), w->path, 20000, &b, &status, &err);
    json_decref(w->doc);
    w->doc = !rc && status == 200 ? json_loadb(b.data, b.len, 0, NULL) : NULL;
    buf_release(&b);
    return w->doc && !json_object_get(w->doc, "error");
}

/* A document that takes a moment, or that there is none of yet; the caller releases it. */
static json_t *get_ready(const struct scene *s, const char *path)
{
    struct wanted w = {.s = s, .path = path};
    if (!wait_until(is_ready, &w, SCENE_LONG_MS)) {
        char *text = json_dumps(w.doc, 0);
        print_error("%s: %s\n%s\n", path, text ? text : "nothing", program_text(s->a.err));
        fail();
    }
    return w.doc;
}

static const char *first_episode(json_t *list)
{
    return json_string_value(
        json_object_get(json_array_get(json_object_get(list, "episodes"), 0), "file"));
}

static bool has_an_episode(void *ctx)
{
    json_t *list = get_json(ctx, "/api/episodes", 200);
    bool has = first_episode(list) != NULL;
    json_decref(list);
    return has;
}

static bool is_training(void *ctx)
{
    json_t *now = get_json(ctx, "/api/state", 200);
    bool is = json_number_value(json_object_get(json_object_get(now, "v"), "env_steps")) > 0;
    json_decref(now);
    return is;
}

/* --- tests ----------------------------------------------------------------------------------- */

static void a_page_knows_its_run(void **state)
{
    struct scene *s = *state;
    scene_train(s, "--actors.count=1 --checkpoint.every_s=1 --replay.every_episodes=400 "
                   "--rules.latency_ms=40");
    char said[120];
    snprintf(said, sizeof said, "url=\"http://%s/\"", place_of(s));
    await_word(s->a.err, said, SCENE_SOON_MS);
    assert_null(strstr(program_text(s->a.err), "resuming with another value"));
    assert_true(wait_until(is_training, s, SCENE_SOON_MS)); /* a state is of the last second */
    scene_await_metric(s, "annot/latency_s", 0.0399);
    json_t *now = get_json(s, "/api/state", 200), *v = json_object_get(now, "v");
    assert_string_equal(json_string_value(json_object_get(now, "phase")), "training");
    assert_true(json_number_value(json_object_get(v, "env_steps")) > 0);
    assert_string_equal(json_string_value(json_object_get(json_object_get(now, "run"), "env")),
                        "minigrid:KeyCorridorS3R3");
    assert_true(json_is_number(json_object_get(v, "annot/backlog_age_s")));
    json_t *actors = get_json(s, "/api/actors", 200);
    const json_t *actor = json_array_get(json_object_get(actors, "actors"), 0);
    assert_string_equal(json_string_value(json_object_get(actor, "state")), "running");
    json_t *ledger = get_json(s, "/api/ledger", 200);
    assert_true(json_is_true(json_object_get(json_object_get(ledger, "trajectories"), "balanced")));
    json_t *captions = get_ready(s, "/api/captions");
    assert_true(json_is_array(json_object_get(captions, "captions")));
    json_decref(now);
    json_decref(actors);
    json_decref(ledger);
    json_decref(captions);
}

/* The pictures of an episode, and why a step was paid, as `onic replay` has them. */
static void a_kept_episode_is_played_again(void **state)
{
    struct scene *s = *state;
    char path[400];
    assert_true(wait_until(has_an_episode, s, SCENE_LONG_MS));
    json_t *list = get_json(s, "/api/episodes", 200);
    snprintf(path, sizeof path, "/api/episode?file=%s", first_episode(list));
    json_t *episode = get_ready(s, path), *steps = json_object_get(episode, "step");
    assert_true(json_is_true(json_object_get(episode, "exact")));
    assert_true(json_array_size(json_object_get(episode, "start")) > 5);
    assert_true(json_array_size(steps) > 0);
    assert_true(json_is_array(json_object_get(json_array_get(steps, 0), "frame")));
    snprintf(path, sizeof path, "/api/why?file=%s&t=1", first_episode(list));
    json_t *why = get_ready(s, path);
    assert_non_null(json_string_value(json_object_get(why, "reward_model")));
    json_decref(get_json(s, "/api/episode?file=../../etc/passwd", 400));
    json_decref(get_json(s, "/api/why?file=a.jsonl&t=-1", 400));
    json_decref(list);
    json_decref(episode);
    json_decref(why);
}

/* tests/support/browser.py, and what it saw; NULL: there is no Chromium here. */
static json_t *browse(struct scene *s, const char *how)
{
    char line[900];
    snprintf(line, sizeof line, "exec python3 %s/tests/support/browser.py http://%s/ %s",
             getenv("ONIC_SOURCE"), place_of(s), how);
    program_start_shell(&s->b, s->dir, "browser", line);
    int code = program_wait(&s->b, SCENE_LONG_MS);
    if (code == 77)
        return NULL;
    json_t *seen = json_loads(program_text(s->b.out), 0, NULL);
    if (code || !seen) {
        print_error("the browser ended with %d: %s\n", code, program_text(s->b.err));
        fail();
    }
    return seen;
}

static void assert_seen(const json_t *seen, const char *words)
{
    const char *text = json_string_value(json_object_get(seen, "text"));
    if (!strstr(text, words)) {
        print_error("the page has no \"%s\": %.3000s\n", words, text);
        fail();
    }
}

/* What the page makes of some states and numbers (browser.py has them). */
static void assert_written(const json_t *seen)
{
    const json_t *pills = json_object_get(seen, "pills");
    assert_string_equal(json_string_value(json_array_get(pills, 0)), "training, no new labels");
    assert_string_equal(json_string_value(json_array_get(pills, 1)), "waiting");
    assert_string_equal(json_string_value(json_array_get(pills, 2)), "training");
    const json_t *paid = json_object_get(seen, "paid");
    assert_string_equal(json_string_value(json_array_get(paid, 0)),
                        "paid -0.0005 = 1 x -0.0005; a reward of -0.01 before scale and clip");
    assert_non_null(strstr(json_string_value(json_array_get(paid, 1)), "paid 0.2 = 0.4 x 0.5; "));
    assert_string_equal(json_string_value(json_object_get(seen, "words")),
                        "TOV stands for label 1, BEX stands for label 0");
    static const char *const numbers[] = {"0.00612", "7,723",      "7,900",  "10,214", "12.3M",
                                          "9500",    "10.2k",      "217k",   "47 s",   "4 min 12 s",
                                          "43 min",  "1 h 29 min", "2 d 7 h"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_string_equal(json_string_value(json_array_get(json_object_get(seen, "numbers"), i)),
                            numbers[i]);
    const json_t *tops = json_object_get(seen, "tops");
    assert_int_equal(json_array_size(tops), 4);
    for (size_t i = 0; i < 4; i++)
        assert_close(json_number_value(json_array_get(tops, i)), i ? 1 : 0.02, 1e-9, 0);
    assert_int_equal(json_array_size(json_object_get(seen, "behind")), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(json_is_true(json_array_get(json_object_get(seen, "behind"), i)), i == 0);
}

/* In a real browser: content, nothing in its console, it hears more than once, and fits. */
static void a_browser_shows_it_and_goes_on_hearing(void **state)
{
    static const char *const content[] = {"minigrid:KeyCorridorS3R3",
                                          "training",
                                          "frames per second",
                                          "Return of the environment",
                                          "trained on",
                                          "running",
                                          "latency of an answer, s",
                                          "Captions by paid reward"};
    struct scene *s = *state;
    json_t *seen = browse(s, "--events=3 --episode --width=1280");
    if (!seen) {
        print_message("no Chromium is installed: the page is not looked at\n");
        skip();
    }
    for (size_t i = 0; i < sizeof content / sizeof *content; i++)
        assert_seen(seen, content[i]);
    if (json_array_size(json_object_get(seen, "console"))) {
        char *text = json_dumps(json_object_get(seen, "console"), 0);
        print_error("in the console: %s\n", text);
        fail();
    }
    assert_true(json_number_value(json_object_get(seen, "events")) >= 3);
    assert_true(json_number_value(json_object_get(seen, "charts")) >= 8);
    assert_true(json_is_true(json_object_get(seen, "picture")));
    assert_non_null(strstr(json_string_value(json_object_get(seen, "why")), "hash"));
    assert_int_equal(json_number_value(json_object_get(seen, "cut")), 0);
    assert_int_equal(json_number_value(json_object_get(seen, "axes_cut")), 0);
    assert_written(seen);
    json_decref(seen);
    seen = browse(s, "--events=1 --captions --width=390 --dark"); /* all of a table's words */
    assert_int_equal(json_number_value(json_object_get(seen, "wider_than_window")), 0);
    assert_int_equal(json_number_value(json_object_get(seen, "cut")), 0);
    assert_int_equal(json_array_size(json_object_get(seen, "console")), 0);
    json_decref(seen);
}

/* The reader goes in the middle of an event. */
static void a_reader_that_is_killed_costs_nothing(void **state)
{
    struct scene *s = *state;
    char line[300];
    snprintf(line, sizeof line,
             "exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/%s; printf \"GET /events "
             "HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n\" >&3; head -c 1500 <&3; sleep 300'",
             strrchr(place_of(s), ':') + 1);
    program_start_shell(&s->b, s->dir, "reader", line);
    await_word(s->b.out, "data:", SCENE_SOON_MS);
    program_kill(&s->b);
    scene_trains_on(s);
    json_decref(get_json(s, "/api/state", 200));
}

/* Seconds that the threads of that name (NULL: all) of a process have run. */
static double thread_cpu_s(pid_t pid, const char *name)
{
    char path[400];
    double total = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        char comm[64];
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/comm", (int)pid, e->d_name);
        snprintf(comm, sizeof comm, "%.60s", program_text(path));
        comm[strcspn(comm, "\n")] = '\0';
        if (e->d_name[0] == '.' || (name && strcmp(comm, name) != 0))
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/schedstat", (int)pid, e->d_name);
        total += strtod(program_text(path), NULL) / 1e9; /* 0 of one that has just ended */
    }
    closedir(d);
    return total;
}

/* What so many pages ask for beside their events, in that time. */
static void ask_as_pages_do(struct scene *s, int pages, double for_s)
{
    static const struct {
        const char *path;
        double every_s;
    } docs[] = {
        {"/api/actors", 3}, {"/api/ledger", 3}, {"/api/episodes", 6}, {"/api/captions", 15}};
    double asked[sizeof docs / sizeof *docs] = {0}, t;
    int64_t begun = clock_ms();
    const struct timespec pause = {.tv_nsec = 5000000};
    while ((t = (double)(clock_ms() - begun) / 1000) < for_s) {
        for (size_t i = 0; i < sizeof docs / sizeof *docs; i++)
            while (asked[i] < t * pages / docs[i].every_s) {
                json_decref(get_ready(s, docs[i].path));
                asked[i]++;
            }
        nanosleep(&pause, NULL);
    }
}

/* What fifty pages cost: of a core's time, for what the learner gets of it depends on who else is
 * there. */
static void fifty_pages_cost_little_and_training_goes_on(void **state)
{
    struct scene *s = *state;
    struct program tab[TABS];
    char line[200];
    snprintf(
        line, sizeof line,
        "exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/%s; printf \"GET /events HTTP/1.1\\r\\nHost: "
        "localhost\\r\\n\\r\\n\" >&3; exec cat <&3'",
        strrchr(place_of(s), ':') + 1);
    pid_t learner = process_child(s->a.pid, "onic-learner");
    assert_true(learner > 0);
    if (access("/proc/self/schedstat", R_OK) != 0) {
        print_message("this kernel does not count the time of threads so finely\n");
        skip();
    }
    memset(tab, 0, sizeof tab);
    for (int i = 0; i < TABS; i++) {
        char tag[20];
        snprintf(tag, sizeof tag, "listener%d", i);
        program_start_shell(&tab[i], s->dir, tag, line);
    }
    for (int i = 0; i < TABS; i++)
        await_word(tab[i].out, "data:", SCENE_SOON_MS);
    double page = -thread_cpu_s(learner, "http"), took = -(double)clock_ms();
    ask_as_pages_do(s, TABS, 5);
    page += thread_cpu_s(learner, "http");
    took = (took + (double)clock_ms()) / 1000;
    print_message("%d pages take %.2f %% of a core\n", TABS, 100 * page / took);
    assert_true(page > 0 && page < 0.02 * SCENE_SLOWNESS * took);
    for (int i = 0; i < TABS; i++) /* and now they never read again */
        kill(-tab[i].pid, SIGSTOP);
    scene_trains_on(s);
    json_decref(get_json(s, "/api/state", 200)); /* there is room for one more */
    scene_trains_on(s);
    for (int i = 0; i < TABS; i++)
        program_kill(&tab[i]);
}

/* scene_fails would take the place of the run. */
static void fails_beside(struct scene *s, const char *args, const char *part)
{
    assert_int_equal(program_run(&s->b, s->dir, "b", "onic", args, SCENE_SOON_MS), 64);
    assert_non_null(strstr(program_text(s->b.err), part));
}

static void the_terminal_shows_the_same(void **state)
{
    struct scene *s = *state;
    char args[200];
    assert_int_equal(program_run(&s->b, s->dir, "top", "onic", "top run", SCENE_SOON_MS), 0);
    assert_non_null(strstr(program_text(s->b.out), "--- minigrid:KeyCorridorS3R3  hash  training"));
    assert_non_null(strstr(program_text(s->b.out), "frames/s"));
    assert_non_null(strstr(program_text(s->b.out), "ledger"));
    snprintf(args, sizeof args, "top %s", place_of(s));
    assert_int_equal(program_run(&s->b, s->dir, "top", "onic", args, SCENE_SOON_MS), 0);
    assert_non_null(strstr(program_text(s->b.out), "--- minigrid:KeyCorridorS3R3  hash  training"));
    assert_non_null(strstr(program_text(s->b.out), "actor 0"));
    snprintf(args, sizeof args, "top %s --json", place_of(s));
    assert_int_equal(program_run(&s->b, s->dir, "top", "onic", args, SCENE_SOON_MS), 0);
    json_t *o = json_loads(program_text(s->b.out), 0, NULL);
    assert_non_null(json_object_get(o, "v"));
    json_decref(o);
    fails_beside(s, "top nowhere", "no run directory");
    fails_beside(s, "top 127.0.0.1:1", "nobody answers");
}

static bool has_a_port(void *ctx)
{
    return strstr(program_text(((struct program *)ctx)->out), "127.0.0.1 port ") != NULL;
}

/* Whatever answers at an address is a stranger. */
static void a_page_that_says_something_else_is_no_page(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *text, *refused, *shown; /* one of them is NULL */
    } answers[] = {
        {"{\"v\":{}}", "no page of onic", NULL},
        {"{\"v\":{},\"phase\":1}", "no page of onic", NULL},
        {"{\"v\":[],\"phase\":\"training\"}", "no page of onic", NULL},
        {"{\"v\":{},\"phase\":\"training\",\"progress\":1e300}", NULL, "##] "},
        {"{\"v\":{},\"phase\":\"training\",\"progress\":-1e300}", NULL, "[.."},
        {"{\"v\":{},\"phase\":\"training\",\"waiting\":\"it is gone\",\"waiting_s\":67,"
         "\"advice\":\"start it\"}",
         NULL, "waiting   it is gone, for 1:07\n          start it\n"},
    };
    struct program page;
    char path[400], args[100];
    program_start_shell(&page, s->dir, "page",
                        "mkdir -p page/api && cd page && exec python3 -u -m http.server "
                        "--bind 127.0.0.1 0");
    assert_true(wait_until(has_a_port, &page, SCENE_SOON_MS));
    int port = atoi(strstr(program_text(page.out), " port ") + strlen(" port "));
    snprintf(path, sizeof path, "%s/page/api/state", s->dir);
    snprintf(args, sizeof args, "top 127.0.0.1:%d", port);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        files_write(path, answers[i].text);
        int code = program_run(&s->b, s->dir, "b", "onic", args, SCENE_SOON_MS);
        assert_int_equal(code, answers[i].refused ? 78 : 0);
        if (answers[i].refused)
            assert_non_null(strstr(program_text(s->b.err), answers[i].refused));
        else
            assert_non_null(strstr(program_text(s->b.out), answers[i].shown));
    }
    program_kill(&page);
}

/* Another run that is told to use the same port trains without a page. */
static void a_port_that_is_taken_is_said_and_training_goes_on(void **state)
{
    struct scene *s = *state;
    char args[300];
    snprintf(args, sizeof args,
             "train --run-dir=other --env.id=corridor --reward.model=none --reward.coef_int=0 "
             "--actors.count=1 --frames=20000 --dashboard.listen=%s",
             place_of(s));
    assert_int_equal(program_run(&s->b, s->dir, "b", "onic", args, SCENE_LONG_MS), 0);
    assert_non_null(strstr(program_text(s->b.err), "the run has no page"));
    assert_non_null(strstr(program_text(s->b.err), "the port is taken"));
}

static void the_page_ends_with_its_run(void **state)
{
    static struct pty watcher;
    struct scene *s = *state;
    char path[500], before[100];
    snprintf(before, sizeof before, "%s", place_of(s));
    snprintf(
        path, sizeof path,
        "exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/%s; printf \"GET /events HTTP/1.1\\r\\nHost: "
        "localhost\\r\\n\\r\\n\" >&3; cat <&3'",
        strrchr(before, ':') + 1);
    program_start_shell(&s->b, s->dir, "tab", path);
    await_word(s->b.out, "training", SCENE_SOON_MS);
    snprintf(path, sizeof path, "exec \"$ONIC_BUILD\"/onic top %s", before);
    pty_start(&watcher, 40, 120, s->dir, path);
    pty_await(&watcher, "training");
    scene_drain(&s->a);
    assert_int_equal(pty_end(&watcher), 0);
    pty_close(&watcher);
    assert_int_equal(program_wait(&s->b, SCENE_SOON_MS), 0);
    assert_non_null(strstr(program_text(s->b.out), "\"phase\":\"ended\",\"exit\":0"));
    scene_ledger_is_balanced(s);
    assert_int_equal(program_run(&s->b, s->dir, "top", "onic", "top run", SCENE_SOON_MS), 0);
    assert_non_null(strstr(program_text(s->b.out), "ended with 0"));
    /* as if it had been killed */
    program_start_shell(&s->b, s->dir, "cut", "sed -i '/\"event\":\"end\"/d' run/metrics.jsonl");
    assert_int_equal(program_wait(&s->b, SCENE_SOON_MS), 0);
    assert_int_equal(program_run(&s->b, s->dir, "top", "onic", "top run", SCENE_SOON_MS), 0);
    assert_non_null(strstr(program_text(s->b.out), "hash  crashed"));
    assert_null(strstr(program_text(s->b.out), "to go"));
}

static void an_address_that_is_none_is_refused_before_anything_is_begun(void **state)
{
    struct scene *s = *state;
    static const char common[] = "--run-dir=third --env.id=corridor --reward.model=none "
                                 "--reward.coef_int=0 --listen=ipc://third.sock";
    char args[400];
    snprintf(args, sizeof args, "%s --dashboard.listen=0.0.0.0:*", common);
    scene_fails(s, "onic-learner", args, 64, "other machines reach it");
    snprintf(args, sizeof args, "%s --dashboard.listen=8080", common);
    scene_fails(s, "onic-learner", args, 64, "give HOST:PORT");
    snprintf(args, sizeof args, "%s --dashboard.listen=127.0.0.1:* --dashboard.hosts=a:1", common);
    scene_fails(s, "onic-learner", args, 64, "dashboard.hosts");
    scene_fails_within(s, "onic",
                       "train --run-dir=third --env.id=corridor --dashboard.listen=0.0.0.0:*", 64,
                       "other machines reach it", 1);
    char third[300];
    snprintf(third, sizeof third, "%s/third/config.yaml", s->dir);
    assert_int_not_equal(access(third, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* of one run, in this order */
        cmocka_unit_test(a_page_knows_its_run),
        cmocka_unit_test(a_kept_episode_is_played_again),
        cmocka_unit_test(the_terminal_shows_the_same),
        cmocka_unit_test(a_browser_shows_it_and_goes_on_hearing),
        cmocka_unit_test(a_reader_that_is_killed_costs_nothing),
        cmocka_unit_test(fifty_pages_cost_little_and_training_goes_on),
        cmocka_unit_test(a_page_that_says_something_else_is_no_page),
        cmocka_unit_test(a_port_that_is_taken_is_said_and_training_goes_on),
        cmocka_unit_test(the_page_ends_with_its_run),
        cmocka_unit_test(an_address_that_is_none_is_refused_before_anything_is_begun),
    };
    return cmocka_run_group_tests(tests, scene_setup, scene_teardown);
}
