/* SPDX-License-Identifier: MIT */
/* test_caption_totals.c - the books of paid captions: exact while small, bounded and honest beyond.
 */
#include "learner/reward/caption_totals.h"

#include <stdlib.h>

#include "common/base/rng.h"
#include "tests/onic_test.h"

static void add(struct caption_totals *p, const char *caption, double sum, uint64_t steps)
{
    caption_totals_add(p, caption, strlen(caption), sum, steps);
}

static void sums_are_exact_and_ranked_while_there_is_room(void **state)
{
    (void)state;
    struct caption_totals *p = caption_totals_create();
    struct caption_total top[4];
    assert_int_equal(caption_totals_top(p, top, 4), 0);
    add(p, "You see a key.", 0.25, 2);
    add(p, "You open the door.", 1.0, 1);
    add(p, "You see a key.", 0.5, 3);
    add(p, "You hit a wall.", 0.75, 9);
    assert_int_equal(caption_totals_top(p, top, 4), 3);
    assert_memory_equal(top[0].caption, "You open the door.", top[0].len);
    assert_memory_equal(top[1].caption, "You see a key.", top[1].len); /* equal sums: the older */
    assert_close(top[1].sum, 0.75, 0, 0);
    assert_int_equal(top[1].steps, 5);
    assert_int_equal(top[2].steps, 9);
    assert_close(caption_totals_total(p), 2.5, 0, 0);
    assert_close(caption_totals_missing(p), 0, 0, 0);
    assert_int_equal(caption_totals_top(p, top, 1), 1);
    caption_totals_free(p);
}

static void nothing_is_booked_for_nothing(void **state)
{
    (void)state;
    struct caption_totals *p = caption_totals_create();
    struct caption_total top[1];
    char longer[257];
    memset(longer, 'x', sizeof longer);
    add(p, "", 1.0, 1);
    add(p, "zero", 0.0, 1);
    add(p, "less", -1.0, 1);
    add(p, "nan", (double)NAN, 1);
    add(p, "inf", (double)INFINITY, 1);
    caption_totals_add(p, longer, sizeof longer, 1.0, 1);
    assert_int_equal(caption_totals_top(p, top, 1), 0);
    assert_close(caption_totals_total(p), 0, 0, 0);
    caption_totals_free(p);
}

enum { DISTINCT = 60000, DRAWS = 400000 };

/* A long tail against an exact count: what is shown is never more than what was paid, nothing is
 * short by more than the stated bound, and whatever was paid more than the bound is there. */
static void beyond_the_room_the_bound_holds(void **state)
{
    (void)state;
    struct caption_totals *p = caption_totals_create();
    double *exact = calloc(DISTINCT, sizeof *exact);
    struct rng r = rng_stream(7, "paid", 0, 0, 0);
    char caption[32];
    for (int i = 0; i < DRAWS; i++) {
        double u = (double)rng_float(&r);
        int k = (int)(DISTINCT * u * u * u * u); /* small numbers are frequent */
        double sum = 1.0 + (double)rng_float(&r);
        exact[k] += sum;
        snprintf(caption, sizeof caption, "caption %d", k);
        add(p, caption, sum, 1);
    }
    double total = caption_totals_total(p), missing = caption_totals_missing(p);
    assert_true(missing > 0 && missing <= total / (CAPTION_TOTALS_MAX / 2));
    struct caption_total *top = calloc(CAPTION_TOTALS_MAX, sizeof *top);
    bool *listed = calloc(DISTINCT, sizeof *listed);
    int n = caption_totals_top(p, top, CAPTION_TOTALS_MAX);
    assert_true(n > 0 && n <= CAPTION_TOTALS_MAX);
    for (int i = 0; i < n; i++) {
        snprintf(caption, sizeof caption, "%.*s", (int)top[i].len, top[i].caption);
        int k = atoi(caption + 8);
        listed[k] = true;
        assert_true(top[i].sum <= exact[k] * (1 + 1e-12));
        assert_true(top[i].sum + missing >= exact[k] * (1 - 1e-12));
    }
    for (int k = 0; k < DISTINCT; k++)
        assert_true(listed[k] || exact[k] <= missing * (1 + 1e-12));
    assert_memory_equal(top[0].caption, "caption 0", top[0].len);
    free(listed);
    free(top);
    free(exact);
    caption_totals_free(p);
}

static void saved_books_go_on_as_the_unbroken_ones(void **state)
{
    (void)state;
    struct caption_totals *a = caption_totals_create(), *b = caption_totals_create();
    struct buf first, second, third;
    char caption[32];
    buf_init(&first, 1 << 24);
    buf_init(&second, 1 << 24);
    buf_init(&third, 1 << 24);
    for (int i = 0; i < 10000; i++) {
        if (i == 5000) {
            caption_totals_save(a, &first);
            assert_ok(caption_totals_load(b, first.data, first.len, &err));
        }
        snprintf(caption, sizeof caption, "caption %d", i * 7919 % 4500);
        add(a, caption, 1.0 + i % 3, 1);
        if (i >= 5000)
            add(b, caption, 1.0 + i % 3, 1);
    }
    caption_totals_save(a, &second);
    caption_totals_save(b, &third);
    assert_int_equal(second.len, third.len);
    assert_memory_equal(second.data, third.data, second.len);
    buf_release(&first);
    buf_release(&second);
    buf_release(&third);
    caption_totals_free(a);
    caption_totals_free(b);
}

static void damaged_books_are_refused_and_empty(void **state)
{
    (void)state;
    struct caption_totals *p = caption_totals_create();
    struct caption_total top[1];
    struct buf saved;
    buf_init(&saved, 1 << 20);
    add(p, "You see a key.", 1.0, 1);
    add(p, "You see a ball.", 2.0, 1);
    caption_totals_save(p, &saved);
    for (size_t n = 0; n < saved.len; n++) { /* an exact allocation shows an overrun */
        char *cut = malloc(n ? n : 1);
        memcpy(cut, saved.data, n);
        assert_err(caption_totals_load(p, cut, n, &err), ONIC_EDAMAGED,
                   "the account of paid captions is damaged");
        assert_int_equal(caption_totals_top(p, top, 1), 0);
        free(cut);
    }
    assert_ok(caption_totals_load(p, saved.data, saved.len, &err));
    assert_int_equal(caption_totals_top(p, top, 1), 1);
    assert_close(top[0].sum, 2.0, 0, 0);
    buf_release(&saved);
    caption_totals_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_exact_and_ranked_while_there_is_room),
        cmocka_unit_test(nothing_is_booked_for_nothing),
        cmocka_unit_test(beyond_the_room_the_bound_holds),
        cmocka_unit_test(saved_books_go_on_as_the_unbroken_ones),
        cmocka_unit_test(damaged_books_are_refused_and_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
