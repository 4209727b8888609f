/* SPDX-License-Identifier: MIT */
/* The real sentence model, where it was fetched: its labels of the whole MiniGrid vocabulary equal
 * the rules', and its margins stay what they were (keycorridor_margins.tsv; it is written with
 * ONIC_WRITE_GOLDEN=1 and read by people before it is committed). */
#define _GNU_SOURCE
#include "tests/onic_test.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/cpu.h"
#include "reward_server/annotators/annotator.h"

static char goals[1024];

static bool have_model(struct config *c)
{
    struct onic_err err = {0};
    char cache[1024];
    config_defaults(c);
    snprintf(cache, sizeof cache, "%s/build/cache", getenv("ONIC_SOURCE"));
    setenv("ONIC_CACHE", cache, 0); /* the model, and the vectors of the pools: embedded once */
    snprintf(goals, sizeof goals, "%s/deploy/goals", getenv("ONIC_SOURCE"));
    if (annotator_find("embedding")->available(c, &err) == ONIC_OK)
        return true;
    print_message("skipped: %s\n", err.msg);
    return false;
}

struct one {
    bool done;
    double label;
    enum label_state state;
    char raw[LABEL_RAW_MAX];
};

static void note(void *ctx, uint64_t ticket, const struct label *label)
{
    (void)ticket;
    struct one *one = ctx;
    one->done = true;
    one->label = label->value;
    one->state = label->state;
    snprintf(one->raw, sizeof one->raw, "%s", label->raw);
}

static void no_wake(void *ctx)
{
    (void)ctx;
}

struct waiting {
    struct annotator *a;
    struct one one;
};

static bool answered(void *ctx)
{
    struct waiting *w = ctx;
    w->a->v->poll(w->a, note, &w->one);
    return w->one.done;
}

static struct one ask(struct annotator *a, const char *caption)
{
    struct waiting w = {.a = a};
    a->v->submit(a, 1, caption, strlen(caption), 0);
    if (!wait_until(answered, &w, 60000))
        fail_msg("no answer to %s", caption);
    return w.one;
}

static struct annotator *create(const char *id, const struct config *c, const struct goal *g)
{
    struct annotator *a = NULL;
    struct annotator_setup setup = {.config = c, .goal = g, .wake = no_wake};
    assert_ok(annotator_find(id)->create(&a, &setup, &err));
    return a;
}

static void labels_of_the_minigrid_vocabulary_equal_the_rules(void **state)
{
    (void)state;
    const char *goal[] = {"KeyCorridor",    "Empty",  "FourRooms",           "DoorKey",
                          "UnlockPickup",   "Unlock", "BlockedUnlockPickup", "MultiRoom",
                          "ObstructedMaze", "none"};
    struct config c;
    if (!have_model(&c))
        skip();
    for (size_t i = 0; i < sizeof goal / sizeof *goal; i++) {
        struct goal *g = NULL;
        assert_ok(goal_load(&g, goals, "minigrid", goal[i], &err));
        struct annotator *e = create("embedding", &c, g), *r = create("rules", &c, g);
        for (int k = 0; k < g->npool; k++) {
            struct one by_model = ask(e, g->pool[k]), by_rule = ask(r, g->pool[k]);
            if (by_model.label != by_rule.label || by_model.state != by_rule.state) {
                print_error("%s: %s: %s\n", goal[i], g->pool[k], by_model.raw);
                fail();
            }
        }
        e->v->free(e);
        r->v->free(r);
        goal_free(g);
    }
}

/* Centred on the anchors alone; the captions are then new sentences, which takes a while. */
static void without_a_pool_the_labels_are_nearly_the_same(void **state)
{
    (void)state;
    char dir[256], copy[300], command[1400];
    struct config c;
    struct goal *g = NULL, *shipped = NULL;
    int same = 0;
    if (!have_model(&c))
        skip();
    temp_dir_create(dir);
    snprintf(copy, sizeof copy, "%s/KeyCorridor.yaml", dir);
    snprintf(command, sizeof command, "cp '%s/minigrid/KeyCorridor.yaml' '%s'", goals, copy);
    assert_int_equal(system(command), 0);
    assert_ok(goal_load(&shipped, goals, "minigrid", "KeyCorridor", &err));
    assert_ok(goal_load(&g, dir, "elsewhere", copy, &err));
    assert_int_equal(g->npool, 0);
    struct annotator *e = create("embedding", &c, g), *r = create("rules", &c, g);
    for (int k = 0; k < shipped->npool; k++)
        same += ask(e, shipped->pool[k]).label == ask(r, shipped->pool[k]).label;
    print_message("%d of %d\n", same, shipped->npool);
    assert_true(same >= shipped->npool - 2);
    e->v->free(e);
    r->v->free(r);
    goal_free(g);
    goal_free(shipped);
    temp_dir_remove(dir);
}

static void margins_of_keycorridor_are_the_recorded_ones(void **state)
{
    (void)state;
    char path[1100], line[512];
    struct config c;
    struct goal *g = NULL;
    if (!have_model(&c))
        skip();
    assert_ok(goal_load(&g, goals, "minigrid", "KeyCorridor", &err));
    struct annotator *e = create("embedding", &c, g);
    snprintf(path, sizeof path, "%s/tests/golden/reward_server/keycorridor_margins.tsv",
             getenv("ONIC_SOURCE"));
    bool writing = getenv("ONIC_WRITE_GOLDEN") != NULL;
    FILE *f = fopen(path, writing ? "w" : "r");
    assert_non_null(f);
    if (writing)
        fprintf(f, "# label\tmargin\tcaption (goal KeyCorridor, e5-small-enpt-q4)\n");
    else
        assert_non_null(fgets(line, sizeof line, f));
    for (int k = 0; k < g->npool; k++) {
        struct one one = ask(e, g->pool[k]);
        double margin = 0, want = 0;
        int label = 0;
        char caption[300];
        assert_int_equal(sscanf(one.raw, "margin %lf", &margin), 1);
        if (writing) {
            fprintf(f, "%d\t%.4f\t%s\n", (int)one.label, margin, g->pool[k]);
            continue;
        }
        assert_non_null(fgets(line, sizeof line, f));
        assert_int_equal(sscanf(line, "%d\t%lf\t%299[^\n]", &label, &want, caption), 3);
        assert_string_equal(caption, g->pool[k]);
        assert_int_equal(label, (int)one.label);
        assert_close(margin, want, 0, 0.02); /* CPU types differ in the fourth digit of a cosine */
    }
    fclose(f);
    e->v->free(e);
    goal_free(g);
}

static void nethack_sentences_outside_the_pool_are_understood(void **state)
{
    (void)state;
    const struct {
        const char *goal, *caption;
        int label;
    } want[] = {
        {"score", "You kill the sewer rat!  The little dog eats a tripe ration.", 1},
        {"score", "You swap places with your kitten.  $ - 88 gold pieces.", 1},
        {"score", "The jackal bites!  You hear some noises in the distance.", 0},
        {"combat", "You destroy the gnome zombie!", 1},
        {"combat", "$ - 88 gold pieces.", 0},
        {"gold", "$ - 88 gold pieces.", 1},
        {"gold", "You kill the jackal!", 0},
        {"stairs", "There is a staircase down here.  You see here 3 daggers.", 1},
        {"stairs", "There is a staircase up here.", 0},
    };
    struct config c;
    if (!have_model(&c))
        skip();
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct goal *g = NULL;
        assert_ok(goal_load(&g, goals, "nethack", want[i].goal, &err));
        struct annotator *e = create("embedding", &c, g);
        struct one one = ask(e, want[i].caption);
        if ((int)one.label != want[i].label) {
            print_error("%s: %s: %s\n", want[i].goal, want[i].caption, one.raw);
            fail();
        }
        e->v->free(e);
        goal_free(g);
    }
}

static void after_the_burst_the_model_keeps_to_its_share(void **state)
{
    (void)state;
    struct config c;
    struct goal *g = NULL;
    if (!have_model(&c))
        skip();
    c.embedding_burst = 0;
    c.embedding_cpu_share = 0.1;
    assert_ok(goal_load(&g, goals, "minigrid", "KeyCorridor", &err));
    struct annotator *e = create("embedding", &c, g);
    ask(e, "You see a red key."); /* warm */
    int64_t cpu = clock_process_cpu_ns(), wall = clock_ns();
    for (int i = 0; i < 12; i++) {
        char caption[64];
        snprintf(caption, sizeof caption, "You see %d strange little things.", i);
        ask(e, caption);
    }
    double used = (double)(clock_process_cpu_ns() - cpu);
    double earned = 0.1 * cpu_usable() * ((double)(clock_ns() - wall) + 0.5e9);
    /* never more than was earned (and the bucket's half second), but for the last caption */
    assert_true(used <= earned * 1.5 + 0.2e9);
    assert_true(used > 12 * 1e6); /* it did work: at least a millisecond each */
    e->v->free(e);
    goal_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_of_the_minigrid_vocabulary_equal_the_rules),
        cmocka_unit_test(without_a_pool_the_labels_are_nearly_the_same),
        cmocka_unit_test(margins_of_keycorridor_are_the_recorded_ones),
        cmocka_unit_test(nethack_sentences_outside_the_pool_are_understood),
        cmocka_unit_test(after_the_burst_the_model_keeps_to_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
