/* SPDX-License-Identifier: MIT */
/* test_held_labels.c - labels that wait in lock-step: those of the run stay, of the others so many.
 */
#include "learner/process/held_labels.h"

#include <stdio.h>
#include <string.h>

#include "tests/onic_test.h"

enum { FOREIGN = 100000, OWN = 50 };

struct told {
    int forgotten, used;
    char last[QUESTION_MAX];
    bool in_order;
};

static void forget(void *ctx, const char *question, size_t len)
{
    struct told *t = ctx;
    t->forgotten++;
    assert_true(len > 8 && memcmp(question, "foreign ", 8) == 0);
}

static void put(struct held_labels *h, const struct strmap *asked, const char *question,
                struct told *t)
{
    struct label l = {
        .state = LABEL_ANSWERED, .question = question, .question_len = strlen(question)};
    held_labels_put(h, asked, &l, forget, t);
}

static void use(void *ctx, const struct label *l)
{
    struct told *t = ctx;
    char now[QUESTION_MAX] = {0};
    memcpy(now, l->question, l->question_len);
    t->in_order &= strcmp(t->last, now) < 0;
    memcpy(t->last, now, sizeof now);
    t->used++;
}

static void of_those_that_nobody_asked_for_the_older_ones_go(void **state)
{
    struct held_labels h = {0};
    struct told t = {.in_order = true};
    struct strmap *asked = strmap_create(64);
    char question[32];
    (void)state;
    for (int i = 0; i < FOREIGN; i++) {
        int own = i / (FOREIGN / OWN);
        snprintf(question, sizeof question, "own %d", own);
        if (i % (FOREIGN / OWN) == 0) {
            strmap_put(asked, question, strlen(question), NULL);
            put(&h, asked, question, &t);
        }
        snprintf(question, sizeof question, "foreign %d", i);
        put(&h, asked, question, &t);
        assert_true(h.count <= 2 * HELD_LABELS_MAX + OWN);
    }
    assert_int_equal(h.dropped, t.forgotten);
    assert_int_equal(h.count + t.forgotten, FOREIGN + OWN);
    assert_in_range(h.count, HELD_LABELS_MAX, 2 * HELD_LABELS_MAX + OWN);
    held_labels_take(&h, asked, use, &t);
    assert_int_equal(t.used, OWN);
    assert_true(t.in_order);
    held_labels_take(&h, NULL, use, &t); /* the newest are there still */
    assert_int_equal(t.used, FOREIGN + OWN - t.forgotten);
    held_labels_clear(&h);
    held_labels_release(&h);
    strmap_free(asked);
}

/* Which of them came first is known after they were sorted, too. */
static void the_oldest_go_whatever_their_question(void **state)
{
    struct held_labels h = {0};
    struct told t = {.in_order = true};
    struct strmap *asked = strmap_create(64);
    char question[32];
    (void)state;
    for (int i = 0; i <= 2 * HELD_LABELS_MAX; i++) {
        snprintf(question, sizeof question, "foreign %d", (i * 7919) % 1000000);
        put(&h, asked, question, &t);
        if (i == HELD_LABELS_MAX)
            held_labels_take(&h, asked, use, &t); /* sorts them */
    }
    assert_int_equal(h.count, HELD_LABELS_MAX);
    for (int i = 0; i < h.count; i++)
        assert_true(h.label[i].came > HELD_LABELS_MAX);
    held_labels_release(&h);
    strmap_free(asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_those_that_nobody_asked_for_the_older_ones_go),
        cmocka_unit_test(the_oldest_go_whatever_their_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
