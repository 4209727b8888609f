/* SPDX-License-Identifier: MIT */
/* test_id_set.c - the ids of a batch, each once. */
#include "common/policy/id_set.h"

#include "tests/onic_test.h"

enum { IDS = 40 };

static void each_id_is_in_the_set_once(void **state)
{
    (void)state;
    int16_t place[IDS], id[IDS];
    struct id_set s = {.ids = IDS, .place = place, .id = id};
    memset(place, 0xff, sizeof place);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(id_set_add(&s, 7), 0);
        assert_int_equal(id_set_add(&s, 39), 1);
        assert_int_equal(id_set_add(&s, 7), 0);
        assert_int_equal(id_set_add(&s, 40), 2); /* whatever a peer sent */
        assert_int_equal(id_set_add(&s, -1), 2);
        assert_int_equal(id_set_add(&s, 0), 2);
        assert_int_equal(s.count, 3);
        id_set_clear(&s);
        assert_int_equal(s.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_id_is_in_the_set_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
