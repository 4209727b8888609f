/* SPDX-License-Identifier: MIT */
/* scene.c - see scene.h. */
#define _GNU_SOURCE
#include "tests/support/scene.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/files.h"

int scene_setup(void **state)
{
    static struct scene s;
    memset(&s, 0, sizeof s);
    temp_dir_create(s.dir);
    snprintf(s.run, sizeof s.run, "%s/run", s.dir);
    *state = &s;
    return 0;
}

int scene_teardown(void **state)
{
    struct scene *s = *state;
    program_kill(&s->a);
    program_kill(&s->b);
    temp_dir_remove(s->dir);
    return 0;
}

void scene_fails_within(struct scene *s, const char *name, const char *args, int code,
                        const char *part, int lines)
{
    int got = program_run(&s->a, s->dir, "a", name, args, SCENE_LONG_MS);
    const char *text = program_text(s->a.err), *last = text;
    for (const char *p = text; (p = strchr(p, '\n')) != NULL && p[1]; p++)
        last = p + 1;
    if (got != code || !strstr(last, part) || program_lines(&s->a) > lines) {
        print_error("%s %s: exit %d, want %d; %d lines, want %d with \"%s\":\n%s\n", name, args,
                    got, code, program_lines(&s->a), lines, part, program_text(s->a.err));
        fail();
    }
}

void scene_fails(struct scene *s, const char *name, const char *args, int code, const char *part)
{
    scene_fails_within(s, name, args, code, part, 1);
}

void scene_succeeds(struct scene *s, const char *args)
{
    int code = program_run(&s->a, s->dir, "a", "onic", args, SCENE_LONG_MS);
    if (code != 0)
        fail_msg("onic %s: %d\n%s", args, code, program_text(s->a.err));
}

static const char *scene_path(const struct scene *s, const char *name)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    return path;
}

const char *scene_text(const struct scene *s, const char *name)
{
    return program_text(scene_path(s, name));
}

void scene_write(const struct scene *s, const char *name, const char *text)
{
    files_write(scene_path(s, name), text);
}

void scene_remove(const struct scene *s, const char *name)
{
    assert_int_equal(unlink(scene_path(s, name)), 0);
}

void scene_assert_holds(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("there is no '%s' in:\n%s", part, text);
}

void scene_script(const struct scene *s, const char *name, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    ssize_t n = (ssize_t)strlen(text);
    assert_true(fd >= 0 && write(fd, text, (size_t)n) == n);
    close(fd);
}

struct wish {
    const char *path, *word;
};

static bool is_said(void *ctx)
{
    struct wish *w = ctx;
    return strstr(program_text(w->path), w->word) != NULL;
}

void await_word(const char *path, const char *word, int timeout_ms)
{
    struct wish w = {path, word};
    if (!wait_until(is_said, &w, timeout_ms)) {
        print_error("nobody said \"%s\" in:\n%s\n", word, program_text(path));
        fail();
    }
}

struct growth {
    const char *run, *key;
    double from;
};

static bool has_grown(void *ctx)
{
    struct growth *g = ctx;
    return metrics_last(g->run, g->key) > g->from;
}

void scene_await_metric(const struct scene *s, const char *key, double above)
{
    struct growth g = {s->run, key, above};
    if (!wait_until(has_grown, &g, SCENE_LONG_MS)) {
        print_error("%s stays at %g\n%s\n", key, metrics_last(s->run, key), program_text(s->a.err));
        fail();
    }
}

void scene_trains_on(const struct scene *s)
{
    double now = metrics_last(s->run, "env_steps");
    scene_await_metric(s, "env_steps", isnan(now) ? 0 : now);
}

void scene_kill_learner(const struct scene *s, int next_epoch)
{
    char word[32];
    pid_t learner = process_child(s->a.pid, "onic-learner");
    assert_true(learner > 0);
    assert_int_equal(kill(learner, SIGKILL), 0);
    snprintf(word, sizeof word, "epoch=%d", next_epoch);
    await_word(s->a.err, word, SCENE_LONG_MS);
    scene_trains_on(s);
}

void scene_train(struct scene *s, const char *more)
{
    char args[1024];
    snprintf(args, sizeof args,
             "train --run-dir=run --annotator.id=rules --env.id=minigrid:KeyCorridorS3R3 "
             "--env.count=8 --train.batch=1024 --frames=1000000000 --metrics.every_s=0.2 %s",
             more);
    program_start(&s->a, s->dir, "a", "onic", args);
    scene_await_metric(s, "env_steps", 0);
}

void scene_drain(struct program *p)
{
    kill(p->pid, SIGINT);
    int code = program_wait(p, SCENE_LONG_MS);
    if (code) {
        print_error("exit code %d: %s\n", code, program_text(p->err));
        fail();
    }
}

void scene_ledger_is_balanced(struct scene *s)
{
    struct program p = {0};
    assert_int_equal(program_run(&p, s->dir, "ledger", "onic", "ledger run --json", SCENE_SOON_MS),
                     0);
    assert_non_null(strstr(program_text(p.out), "\"balanced\":true"));
    assert_null(strstr(program_text(p.out), "\"balanced\":false"));
}
