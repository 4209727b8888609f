/* SPDX-License-Identifier: MIT */
/* test_tensorboard.c - the event files of a run of several lives, as TensorBoard shows them: what a
 * life wrote beyond the place where the next one went on is void. */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>

#include "tests/onic_test.h"
#include "tests/support/scene.h"

enum { EVENTS_MAX = 10000, LIVES_MAX = 8 };

struct curve {
    int lives;
    int64_t start[LIVES_MAX]; /* step of each life's START */
    int64_t step[EVENTS_MAX]; /* what is shown: steps of the scalar events that still count */
    int shown, voided;
};

static uint64_t get_varint(const unsigned char **p)
{
    uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
        unsigned char byte = *(*p)++;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return v;
    }
}

struct event {
    int64_t step;
    bool version, start, scalars;
};

static struct event get_event(const unsigned char *p, const unsigned char *end)
{
    struct event e = {0};
    while (p < end) {
        uint64_t field = get_varint(&p);
        if (field == (1 << 3 | 1)) {
            p += 8;
        } else if (field == 2 << 3) {
            e.step = (int64_t)get_varint(&p);
        } else {
            uint64_t len = get_varint(&p);
            e.version |= field == (3 << 3 | 2) && len == 13 && !memcmp(p, "brain.Event:2", 13);
            e.start |= field == (7 << 3 | 2) && len == 2 && p[0] == 1 << 3 && p[1] == 1;
            e.scalars |= field == (5 << 3 | 2);
            p += len;
        }
    }
    assert_ptr_equal(p, end);
    return e;
}

/* As TensorBoard does: a START voids what was at its step or beyond. */
static void show(struct curve *c, const struct event *e)
{
    if (e->start) {
        assert_true(c->lives < LIVES_MAX);
        c->start[c->lives++] = e->step;
        for (; c->shown && c->step[c->shown - 1] >= e->step; c->voided++)
            c->shown--;
    } else if (e->scalars) {
        assert_true(c->shown < EVENTS_MAX);
        if (c->shown && e->step < c->step[c->shown - 1])
            fail_msg("step %lld comes after %lld", (long long)e->step,
                     (long long)c->step[c->shown - 1]);
        c->step[c->shown++] = e->step;
    }
}

static void read_file(struct curve *c, const char *path)
{
    static unsigned char data[1 << 20];
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    const unsigned char *p = data, *end = data + fread(data, 1, sizeof data, f);
    fclose(f);
    for (int i = 0; p < end; i++) {
        uint64_t len;
        memcpy(&len, p, 8);
        assert_true(len <= (uint64_t)(end - p) - 16);
        struct event e = get_event(p + 12, p + 12 + len);
        assert_int_equal(e.version, i == 0);
        assert_int_equal(e.start, i == 1);
        show(c, &e);
        p += 16 + len;
    }
}

static int is_events(const struct dirent *e)
{
    return strncmp(e->d_name, "events.out.tfevents.", 20) == 0;
}

static void read_run(struct curve *c, const char *run)
{
    struct dirent **names;
    char path[700];
    int n = scandir(run, &names, is_events, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", run, names[i]->d_name);
        read_file(c, path);
        free(names[i]);
    }
    free(names);
}

static void a_curve_does_not_run_backwards_after_a_roll_back(void **state)
{
    struct scene *s = *state;
    static struct curve c;
    scene_train(s, "--checkpoint.every_s=1000");
    scene_drain(&s->a);
    double drained = metrics_last(s->run, "env_steps");
    scene_train(s, "--checkpoint.every_s=1000");
    scene_await_metric(s, "env_steps", drained + 20000);
    scene_kill_learner(s, 3);
    scene_drain(&s->a);
    read_run(&c, s->run);
    assert_int_equal(c.lives, 3);
    assert_int_equal(c.start[0], 0);
    assert_int_equal(c.start[1], (int64_t)drained);
    assert_int_equal(c.start[2], (int64_t)drained);
    assert_true(c.voided >= 2);
    assert_int_equal(c.step[c.shown - 1], (int64_t)metrics_last(s->run, "env_steps"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_curve_does_not_run_backwards_after_a_roll_back,
                                        scene_setup, scene_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
