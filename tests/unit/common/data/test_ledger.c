/* SPDX-License-Identifier: MIT */
/* test_ledger.c - books as JSON: what is written is read, and what is no ledger is told. */
#include "common/data/ledger.h"

#include <stdlib.h>

#include "tests/onic_test.h"

static void what_is_written_is_read(void **state)
{
    struct ledger l = {.trajectories = {.produced = 9, .consumed = 5, .in_flight = 1},
                       .steps = {.produced = 900, .consumed = 500, .in_flight = 100}},
                  got;
    struct buf text;
    (void)state;
    l.trajectories.dropped[LEDGER_DROP_STALE] = 2;
    l.trajectories.lost[LEDGER_LOST_ROLLBACK] = 1;
    l.steps.dropped[LEDGER_DROP_STALE] = 200;
    l.steps.lost[LEDGER_LOST_ROLLBACK] = 100;
    buf_init(&text, 1 << 14);
    ledger_json(&l, &text);
    assert_ok(ledger_parse(&got, text.data, text.len, &err));
    assert_memory_equal(&got, &l, sizeof l);
    assert_true(ledger_balanced(&got));
    for (size_t cut = 0; cut < text.len / 2; cut++) /* the sums of steps are not whole */
        assert_err(ledger_parse(&got, text.data, cut, &err), ONIC_EDAMAGED,
                   "the ledger cannot be read near byte ");
    assert_memory_equal(&got, &l, sizeof l); /* nothing of them was taken */
    buf_release(&text);
}

static void what_is_too_long_for_a_ledger_is_not_read(void **state)
{
    struct ledger got;
    (void)state;
    char *text = calloc(1, 16384);
    assert_non_null(text);
    assert_err(ledger_parse(&got, text, 16384, &err), ONIC_EDAMAGED,
               "the ledger is longer than 16384 bytes");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_too_long_for_a_ledger_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
