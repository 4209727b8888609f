/* SPDX-License-Identifier: MIT */
/* test_meta.c - a few bytes of protobuf cost no more memory than a few bytes may. */
#include "common/wire/frame/meta.h"

#include <string.h>

#include "annotation.pb-c.h"
#include "tests/onic_test.h"

/* Labels without anything in them: two bytes each, some sixty where they are unpacked. */
static const Onic__Wire__AnnotLabels *unpack_empty(struct meta_arena *a, size_t n)
{
    static uint8_t wire[FRAME_META_MAX];
    assert_true(2 * n <= sizeof wire);
    for (size_t i = 0; i < n; i++) {
        wire[2 * i] = 1 << 3 | 2;
        wire[2 * i + 1] = 0;
    }
    return meta_unpack(a, &onic__wire__annot_labels__descriptor, wire, 2 * n);
}

static void the_budget_grows_with_what_was_sent(void **state)
{
    (void)state;
    struct meta_arena *a = meta_arena_create();
    const Onic__Wire__AnnotLabels *m = unpack_empty(a, 200);
    assert_non_null(m);
    assert_int_equal(m->n_labels, 200);
    assert_null(unpack_empty(a, 2000)); /* within what the largest message may take */
    assert_null(unpack_empty(a, FRAME_META_MAX / 2));
    assert_non_null(unpack_empty(a, 200));
    meta_arena_free(a);
}

static void fields_that_nobody_knows_have_a_bound(void **state)
{
    (void)state;
    struct meta_arena *a = meta_arena_create();
    uint8_t wire[3 * (META_UNKNOWN_MAX + 1)];
    for (size_t i = 0; i <= META_UNKNOWN_MAX; i++) { /* number 1000, a varint of 0 */
        wire[3 * i] = (1000 << 3 & 0x7f) | 0x80;
        wire[3 * i + 1] = 1000 << 3 >> 7;
        wire[3 * i + 2] = 0;
    }
    assert_non_null(meta_unpack(a, &onic__wire__annot_labels__descriptor, wire, sizeof wire - 3));
    assert_null(meta_unpack(a, &onic__wire__annot_labels__descriptor, wire, sizeof wire));
    meta_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_budget_grows_with_what_was_sent),
        cmocka_unit_test(fields_that_nobody_knows_have_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
