/* SPDX-License-Identifier: MIT */
#include "tests/onic_test.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "reward_server/annotators/annotator.h"

struct answers {
    int n;
    uint64_t ticket[4096];
    double label[4096];
    enum label_state state[4096];
    char raw[LABEL_RAW_MAX];
};

static void note(void *ctx, uint64_t ticket, const struct label *label)
{
    struct answers *out = ctx;
    out->ticket[out->n] = ticket;
    out->label[out->n] = label->value;
    out->state[out->n++] = label->state;
    snprintf(out->raw, sizeof out->raw, "%s", label->raw);
}

static void no_wake(void *ctx)
{
    (void)ctx;
}

static struct annotator *rules(const struct config *c, const struct goal *g)
{
    struct annotator *a = NULL;
    struct annotator_setup setup = {.config = c, .goal = g, .wake = no_wake};
    assert_ok(annotator_find("rules")->create(&a, &setup, &err));
    return a;
}

static struct goal *load(const char *domain, const char *name)
{
    char dir[1024];
    struct goal *g = NULL;
    snprintf(dir, sizeof dir, "%s/deploy/goals", getenv("ONIC_SOURCE"));
    assert_ok(goal_load(&g, dir, domain, name, &err));
    return g;
}

static double label_of(struct annotator *a, const char *caption)
{
    static struct answers out;
    out.n = 0;
    a->v->submit(a, 1, caption, strlen(caption), 0);
    assert_int_equal(a->v->poll(a, note, &out), 1);
    assert_int_equal(out.state[0], LABEL_ANSWERED);
    return out.label[0];
}

static void shipped_rules_praise_what_they_should(void **state)
{
    (void)state;
    const struct {
        const char *domain, *goal, *caption;
        int label;
    } want[] = {
        {"minigrid", "KeyCorridor", "You see a yellow key.", 1},
        {"minigrid", "KeyCorridor", "You pick up the yellow key.", 1},
        {"minigrid", "KeyCorridor", "You unlock the grey door.", 1},
        {"minigrid", "KeyCorridor", "You open the red door.", 1},
        {"minigrid", "KeyCorridor", "You see a locked red door.", 1},
        {"minigrid", "KeyCorridor", "You pick up the green ball.", 1},
        {"minigrid", "KeyCorridor", "You see a red door.", 0},
        {"minigrid", "KeyCorridor", "You bump into a wall.", 0},
        {"minigrid", "KeyCorridor", "The door is locked.", 0},
        {"minigrid", "KeyCorridor", "You close the red door.", 0},
        {"minigrid", "KeyCorridor", "You drop the red ball.", 0},
        {"minigrid", "KeyCorridor", "You pick up the red box.", 0},
        {"minigrid", "UnlockPickup", "You pick up the red box.", 1},
        {"minigrid", "Empty", "You reach the goal.", 1},
        {"nethack", "score", "You kill the newt!", 1},
        {"nethack", "score", "The newt is killed!", 0},
        {"nethack", "score", "You swap places with your kitten.  $ - 4 gold pieces.", 1},
        {"nethack", "score", "The kitten picks up a gold piece.", 0},
        {"nethack", "combat", "You hit the goblin.", 1},
        {"nethack", "combat", "You kick the fountain.  Ouch!", 0},
        {"nethack", "combat", "$ - 4 gold pieces.", 0},
        {"nethack", "gold", "$ - 4 gold pieces.", 1},
        {"nethack", "gold", "You kill the newt!", 0},
        {"nethack", "stairs", "There is a staircase down here.", 1},
        {"nethack", "stairs", "There is a staircase up here.", 0},
        {"nethack", "none", "You kill the newt!", 0},
        {"corridor", "corridor", "You open the door.", 1},
    };
    struct config c;
    config_defaults(&c);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct goal *g = load(want[i].domain, want[i].goal);
        struct annotator *a = rules(&c, g);
        if ((int)label_of(a, want[i].caption) != want[i].label) {
            print_error("%s %s\n", want[i].goal, want[i].caption);
            fail();
        }
        a->v->free(a);
        goal_free(g);
    }
}

static int64_t now_ns;
static int64_t fake_clock(void)
{
    return now_ns;
}

static void latency_and_rate_hold_answers_back(void **state)
{
    (void)state;
    static struct answers out;
    struct goal *g = load("minigrid", "KeyCorridor");
    struct config c;
    config_defaults(&c);
    c.rules_latency_ms = 200;
    c.rules_rate = 10;
    clock_replace(fake_clock);
    now_ns = 5000000000;
    struct annotator *a = rules(&c, g);
    assert_in_range(a->v->window(a), 2, 10);
    for (uint64_t i = 0; i < 3; i++)
        a->v->submit(a, i, "x", 1, 0);
    out.n = 0;
    assert_int_equal(a->v->due_ms(a), 5200);
    now_ns += 199000000;
    assert_int_equal(a->v->poll(a, note, &out), 0);
    now_ns += 1000000;
    assert_int_equal(a->v->poll(a, note, &out), 1);
    assert_int_equal(a->v->due_ms(a), 5300);
    now_ns += 1000000000;
    assert_int_equal(a->v->poll(a, note, &out), 2);
    assert_int_equal(a->v->due_ms(a), -1);
    a->v->free(a);
    clock_replace(NULL);
    goal_free(g);
}

static void speed_is_no_part_of_the_identity(void **state)
{
    (void)state;
    struct goal *g = load("minigrid", "KeyCorridor");
    struct config c;
    const char *model, *parameters;
    char plain[128];
    config_defaults(&c);
    struct annotator *a = rules(&c, g);
    a->v->identity(a, &model, &parameters);
    snprintf(plain, sizeof plain, "%s", parameters);
    a->v->free(a);
    c.rules_latency_ms = 5;
    c.rules_rate = 5;
    a = rules(&c, g);
    a->v->identity(a, &model, &parameters);
    assert_string_equal(plain, parameters);
    a->v->free(a);
    goal_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_rules_praise_what_they_should),
        cmocka_unit_test(latency_and_rate_hold_answers_back),
        cmocka_unit_test(speed_is_no_part_of_the_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
