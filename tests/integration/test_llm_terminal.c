/* timeout: 600 */
/* SPDX-License-Identifier: MIT */
/* test_llm_terminal.c - what people see of a language model that gives no labels: the warning and
 * the panel's lines on the terminal of `onic train`, which goes on training. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/annotator_run.h"
#include "tests/support/program.h"
#include "tests/support/scripted.h"

enum { MANY = 12, PATIENCE_MS = 60000, TEXT_MAX = 1 << 16 };

static struct scripted server;
static char dir[256];

/* --- the annotator alone --------------------------------------------------------------------- */

/* Asks MANY questions of a server that answers with prose; its status then. */
static void open_annotator(struct annotator_run *r, const char *behaviour, const char *structured,
                           const char *part)
{
    struct annotator_hope h = {.r = r, .part = part};
    char url[100];
    annotator_run_prepare(r, MANY);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/%s", server.port, behaviour);
    annotator_run_set(r, "llm.url", url);
    annotator_run_set(r, "llm.model", "m");
    annotator_run_set(r, "llm.structured", structured);
    annotator_run_set(r, "llm.breaker_s", "0.02");
    annotator_run_open(r, "llm");
    for (int i = 0; i < MANY; i++)
        annotator_run_submit(r, i);
    if (!wait_until(annotator_run_says, &h, PATIENCE_MS))
        fail_msg("status \"%s\" does not say \"%s\"", h.text, part);
    assert_int_equal(r->answered, 0);
}

static void a_server_without_labels_is_told_of_as_long_as_it_gives_none(void **state)
{
    static const char part[] = "prose: 8 answers in a row are no labels (not one";
    struct annotator_run r;
    struct annotator_hope h = {.r = &r, .part = part};
    (void)state;
    open_annotator(&r, "prose", "auto", part);
    for (int i = 0; i < 300; i++) /* while it is left alone, probed and on trial */
        assert_true(annotator_run_says(&h));
    assert_int_equal(r.answered, 0);
    annotator_run_dispose(&r);
}

static void an_unbound_one_is_told_of_until_it_gives_a_label(void **state)
{
    struct annotator_run r;
    struct annotator_hope h = {.r = &r, .part = ""};
    (void)state;
    open_annotator(&r, "repents", "plain", "repents: 8 answers in a row are no labels");
    assert_true(wait_until(annotator_run_answered, &r, PATIENCE_MS));
    assert_int_equal(r.labels, MANY);
    annotator_run_says(&h);
    assert_string_equal(h.text, "");
    annotator_run_dispose(&r);
}

/* --- a terminal ------------------------------------------------------------------------------ */

/* A wide pseudo-terminal in place of the file that a program's stderr goes to, and what has been
 * written to it lately. */
struct terminal {
    int fd, other; /* other: our own end of the program's side, so that nothing hangs up */
    char text[TEXT_MAX + 1];
    size_t len;
};

static void terminal_open(struct terminal *t, const char *tag)
{
    char path[400], name[64];
    struct winsize size = {.ws_row = 50, .ws_col = 250};
    t->len = 0;
    t->fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_true(t->fd >= 0 && grantpt(t->fd) == 0 && unlockpt(t->fd) == 0);
    assert_int_equal(ptsname_r(t->fd, name, sizeof name), 0);
    assert_int_equal(ioctl(t->fd, TIOCSWINSZ, &size), 0);
    t->other = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(t->other >= 0);
    snprintf(path, sizeof path, "%s/%s.err", dir, tag);
    assert_int_equal(symlink(name, path), 0);
}

static void terminal_read(struct terminal *t)
{
    ssize_t n;
    do {
        if (t->len > TEXT_MAX / 2) {
            t->len -= TEXT_MAX / 4;
            memmove(t->text, t->text + TEXT_MAX / 4, t->len);
        }
        n = read(t->fd, t->text + t->len, TEXT_MAX - t->len);
        t->len += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    t->text[t->len] = '\0';
}

static void terminal_close(struct terminal *t)
{
    close(t->other);
    close(t->fd);
}

/* --- whole runs ------------------------------------------------------------------------------ */

struct wish {
    struct terminal *t;
    const char *part[3]; /* each is seen once, in any order */
    bool seen[3];
};

static bool all_seen(void *ctx)
{
    struct wish *w = ctx;
    bool all = true;
    terminal_read(w->t);
    for (int i = 0; i < 3; i++) {
        w->seen[i] |= !w->part[i] || strstr(w->t->text, w->part[i]);
        all &= w->seen[i];
    }
    return all;
}

struct progress {
    struct terminal *t;
    char run[400];
    double steps;
};

static bool trains_on(void *ctx)
{
    struct progress *p = ctx;
    terminal_read(p->t);
    return metrics_last(p->run, "env_steps") > p->steps;
}

/* Trains with a server at `url` until its terminal has shown every part of `w`, and on. */
static void shows(const char *tag, const char *url, const char *options, struct wish w)
{
    static struct terminal t;
    struct program p;
    struct progress on = {.t = &t};
    char args[1200];
    int code;
    snprintf(args, sizeof args,
             "TERM=xterm train --run-dir=%s --frames=1000000000 "
             "--env.id=minigrid:KeyCorridorS3R3 --reward.model=hash --annotator.id=llm "
             "--llm.model=m --llm.url=%s --llm.breaker_s=0.1 --llm.backoff_s=0.01 "
             "--llm.answer=text --actors.count=1 --metrics.every_s=0.2 --train.batch=1024 %s",
             tag, url, options);
    terminal_open(&t, tag);
    w.t = &t;
    program_start(&p, dir, tag, "onic", args);
    if (!wait_until(all_seen, &w, PATIENCE_MS)) {
        program_kill(&p);
        fail_msg("%s: seen %d %d %d of these in\n%s", tag, w.seen[0], w.seen[1], w.seen[2], t.text);
    }
    snprintf(on.run, sizeof on.run, "%s/%s", dir, tag);
    on.steps = fmax(metrics_last(on.run, "env_steps"), 0);
    assert_true(wait_until(trains_on, &on, PATIENCE_MS));
    kill(p.pid, SIGINT);
    while ((code = program_wait(&p, 50)) == PROGRAM_STILL_RUNS)
        terminal_read(&t);
    assert_int_equal(code, 0);
    terminal_close(&t);
}

static const char *address(const char *behaviour)
{
    static char url[100];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/%s", server.port, behaviour);
    return url;
}

static void a_server_that_nobody_reaches_is_shown(void **state)
{
    (void)state;
    shows("nobody", "http://127.0.0.1:1", "",
          (struct wish){.part = {"language model is not asked for a while url=\"http://127.0.0.1:1",
                                 "waiting labels: http://127.0.0.1:1/v1: "}});
}

static void a_server_that_never_answers_is_shown(void **state)
{
    (void)state;
    shows("mute", address("mute"), "--llm.deadline_s=0.2",
          (struct wish){.part = {"language model failed", "why=\"Operation timed out after",
                                 "/mute: Operation timed out after"}});
}

static void a_server_without_labels_is_shown(void **state)
{
    (void)state;
    shows("prose", address("prose"), "--llm.structured=plain",
          (struct wish){
              .part = {"answers are no labels: this server is left alone, and its questions",
                       "/prose: 8 answers in a row are no labels (not one of the words)",
                       "labels 0  abstained 0"}});
}

static void a_budget_that_is_used_up_is_shown(void **state)
{
    (void)state;
    shows("budget", address("vllm"), "--llm.max_requests=7",
          (struct wish){.part = {"annotator status=\"budget used up: 7 of llm.max_requests=7",
                                 "waiting labels: budget used up: 7 of", "labels 5"}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_without_labels_is_told_of_as_long_as_it_gives_none),
        cmocka_unit_test(an_unbound_one_is_told_of_until_it_gives_a_label),
        cmocka_unit_test(a_server_that_nobody_reaches_is_shown),
        cmocka_unit_test(a_server_that_never_answers_is_shown),
        cmocka_unit_test(a_server_without_labels_is_shown),
        cmocka_unit_test(a_budget_that_is_used_up_is_shown),
    };
    return scripted_run_group_tests(tests, &server, "scripted_llm/scripted_llm.py", dir);
}
