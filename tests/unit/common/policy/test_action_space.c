/* SPDX-License-Identifier: MIT */
/* test_action_space.c - action spaces as text and back, their faults, masks and random actions. */
#include "common/policy/action_space.h"
#include "tests/onic_test.h"

static const char *text_of(const struct action_space *s)
{
    static char text[ACTION_TEXT_MAX];
    struct buf b;
    buf_init(&b, sizeof text);
    action_space_text(s, &b);
    snprintf(text, sizeof text, "%s", b.data);
    buf_release(&b);
    return text;
}

static void texts_are_read_back(void **state)
{
    (void)state;
    static const char *const texts[] = {"7",
                                        "4096",
                                        "3 masked",
                                        "multi 3,2,12",
                                        "multi 5 masked",
                                        "continuous -2:2",
                                        "continuous -0.100000001:1.00000002e+20,0:0.5"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct action_space s, again;
        assert_true(action_space_read(texts[i], &s));
        assert_string_equal(text_of(&s), texts[i]);
        assert_true(action_space_read(text_of(&s), &again));
        assert_true(action_space_equal(&s, &again));
    }
}

/* They come from peers and files. */
static void bad_texts_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "0",
                                        "-1",
                                        "4097",
                                        "7x",
                                        "7 maske",
                                        "+7",
                                        " 7",
                                        "99999999999999999999",
                                        "multi",
                                        "multi ",
                                        "multi 3,",
                                        "multi ,3",
                                        "multi 3,0",
                                        "multi 3;2",
                                        "multi 2048,2049",
                                        "continuous",
                                        "continuous 1",
                                        "continuous 2:1",
                                        "continuous 1:1",
                                        "continuous nan:1",
                                        "continuous 0:inf",
                                        "continuous -3e38:3e38",
                                        "continuous 0:1 masked",
                                        "continuous 0:1,",
                                        "continuous 0:1:2",
                                        "several 3"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct action_space s;
        if (action_space_read(texts[i], &s))
            fail_msg("\"%s\" was read", texts[i]);
    }
    char many[1024] = "multi 2";
    for (int i = 1; i < BOUND_ACTION_PARTS; i++)
        strcat(many, ",2");
    struct action_space s;
    assert_true(action_space_read(many, &s));
    assert_int_equal(s.n, BOUND_ACTION_PARTS);
    strcat(many, ",2");
    assert_false(action_space_read(many, &s));
}

static void faults_are_named(void **state)
{
    (void)state;
    struct action_space most = {.n = BOUND_ACTIONS}; /* of a discrete one */
    assert_null(action_space_fault(&most));
    most.n++;
    assert_string_equal(action_space_fault(&most), "no actions, or more than 4096");
    struct action_space s = {.kind = (enum action_kind)7, .n = 2};
    assert_string_equal(action_space_fault(&s), "actions of an unknown kind");
    s.kind = ACTION_CONTINUOUS;
    assert_non_null(strstr(action_space_fault(&s), "bounds of a number"));
    s.high[0] = s.high[1] = 1;
    assert_null(action_space_fault(&s));
    s.low[1] = NAN;
    assert_non_null(strstr(action_space_fault(&s), "not finite"));
    s.low[1] = 0;
    s.masked = true;
    assert_non_null(strstr(action_space_fault(&s), "only choices"));
}

static void masks_are_bits_and_must_leave_something(void **state)
{
    (void)state;
    const struct action_space s = {.kind = ACTION_MULTI, .n = 2, .masked = true, .choices = {7, 3}};
    assert_int_equal(action_space_mask_bytes(&s), 2);
    uint8_t possible[10] = {1, 0, 0, 0, 0, 0, 0, 0, 1, 1}, mask[2] = {0xff, 0xff};
    action_mask_pack(&s, possible, mask);
    assert_int_equal(mask[0], 0x01);
    assert_int_equal(mask[1], 0x03);
    assert_int_equal(action_mask_fault(&s, mask), -1);
    mask[1] = 0x80; /* beyond the last option, and none of the second choice */
    assert_int_equal(action_mask_fault(&s, mask), 1);
    mask[1] = 0x81;
    assert_int_equal(action_mask_fault(&s, mask), 0);
    mask[0] = 0;
    mask[1] = 0x01;
    assert_int_equal(action_mask_fault(&s, mask), 0);
}

static void random_actions_are_uniform_over_what_is_possible(void **state)
{
    (void)state;
    const struct action_space masked = {.n = 5, .masked = true};
    const struct action_space box = {
        .kind = ACTION_CONTINUOUS, .n = 2, .low = {-2, 5}, .high = {2, 6}};
    struct rng rng = rng_stream(4, "test", 0, 0, 0);
    const uint8_t mask = 0x16;
    int seen[5] = {0};
    double sum[2] = {0};
    for (int i = 0; i < 3000; i++) {
        union action_cell a[2];
        action_space_random(&masked, &mask, &rng, a);
        seen[a[0].choice]++;
        action_space_random(&box, NULL, &rng, a);
        assert_true(action_space_holds(&box, a));
        sum[0] += (double)a[0].number;
        sum[1] += (double)a[1].number;
    }
    assert_true(seen[0] == 0 && seen[3] == 0);
    for (int k = 1; k < 5; k += k == 2 ? 2 : 1)
        assert_close(seen[k], 1000, 0.1, 0);
    assert_close(sum[0] / 3000, 0, 0, 0.1);
    assert_close(sum[1] / 3000, 5.5, 0, 0.03);
}

static void actions_are_json(void **state)
{
    (void)state;
    const struct action_space several = {.kind = ACTION_MULTI, .n = 2, .choices = {3, 4}};
    const struct action_space box = {
        .kind = ACTION_CONTINUOUS, .n = 2, .low = {-2, -2}, .high = {2, 2}};
    const struct action_space one = {.n = 3};
    union action_cell a[2] = {{.choice = 2}, {.choice = 3}};
    struct buf b;
    buf_init(&b, 256);
    action_space_json(&one, a, &b);
    action_space_json(&several, a, &b);
    assert_true(action_space_holds(&several, a));
    a[1].choice = 4;
    assert_false(action_space_holds(&several, a));
    a[0].number = -1.5f;
    a[1].number = 0.1f;
    action_space_json(&box, a, &b);
    assert_string_equal(b.data, "2[2,3][-1.5,0.100000001]");
    a[1].number = NAN;
    assert_false(action_space_holds(&box, a));
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_back),
        cmocka_unit_test(bad_texts_are_refused),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(masks_are_bits_and_must_leave_something),
        cmocka_unit_test(random_actions_are_uniform_over_what_is_possible),
        cmocka_unit_test(actions_are_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
