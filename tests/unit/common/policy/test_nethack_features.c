/* SPDX-License-Identifier: MIT */
/* test_nethack_features.c - what the compact NetHack network is told about a level and a message.
 */
#include "common/base/rng.h"
#include "common/policy/encoders/nethack_compact/map_features.h"
#include "common/policy/encoders/nethack_compact/message_words.h"
#include "tests/onic_test.h"

enum {
    UNEXPLORED = 2359,
    FLOOR = 2378,
    STAIRS_DOWN = 2383,
    STAIRS_UP = 2382,
    GOLD = 2316,
    NEWT = 320
};

struct level {
    int16_t glyphs[NETHACK_ROWS * NETHACK_COLS];
    int64_t blstats[NETHACK_BLSTATS];
};

static struct level level_at(int x, int y)
{
    struct level l = {
        .blstats = {[0] = x, [1] = y, [10] = 7, [11] = 14, [12] = 1, [18] = 1, [21] = 1}};
    for (int i = 0; i < NETHACK_ROWS * NETHACK_COLS; i++)
        l.glyphs[i] = UNEXPLORED;
    l.glyphs[y * NETHACK_COLS + x] = 333; /* the hero */
    return l;
}

static struct map_view view_of(const struct level *l)
{
    /* odd addresses: rows may be unaligned */
    uint8_t raw[sizeof l->glyphs + sizeof l->blstats + 1];
    struct map_view v;
    memcpy(raw + 1, l->glyphs, sizeof l->glyphs);
    memcpy(raw + 1 + sizeof l->glyphs, l->blstats, sizeof l->blstats);
    map_view_read(&v, raw + 1, raw + 1 + sizeof l->glyphs);
    return v;
}

static int facts_of(const struct level *l, int32_t *rows)
{
    struct map_view v = view_of(l);
    int n = map_facts(&v, rows);
    assert_in_range(n, 0, MAP_FACTS_MAX);
    for (int i = 0; i < n; i++)
        assert_in_range(rows[i], 0, map_fact_rows() - 1);
    return n;
}

/* Facts of a that b lacks. */
static int only_in_first(const int32_t *a, int na, const int32_t *b, int nb)
{
    int count = 0;
    for (int i = 0; i < na; i++) {
        int found = 0;
        for (int j = 0; j < nb; j++)
            found |= a[i] == b[j];
        count += !found;
    }
    return count;
}

static void the_crop_is_centred_and_padded(void **state)
{
    (void)state;
    struct level l = level_at(1, 20);
    l.glyphs[19 * NETHACK_COLS + 2] = NEWT;
    struct map_view v = view_of(&l);
    int16_t crop[81];
    map_crop(&v, 9, crop);
    assert_int_equal(crop[40], 333);
    assert_int_equal(crop[3 * 9 + 5], NEWT);       /* one up, one right */
    assert_int_equal(crop[4 * 9 + 2], MAP_PAD);    /* left of column 0 */
    assert_int_equal(crop[4 * 9 + 3], UNEXPLORED); /* column 0 */
    assert_int_equal(crop[5 * 9 + 4], MAP_PAD);    /* below row 20 */
}

static void an_unexplored_level_has_only_status_facts(void **state)
{
    (void)state;
    struct level l = level_at(40, 10);
    int32_t rows[MAP_FACTS_MAX];
    assert_int_equal(facts_of(&l, rows), 4);
}

static void a_staircase_gives_direction_distance_and_count(void **state)
{
    (void)state;
    struct level none = level_at(40, 10), near = none, far = none, west = none, two = none;
    int32_t a[MAP_FACTS_MAX], b[MAP_FACTS_MAX];
    int n0 = facts_of(&none, a);
    near.glyphs[10 * NETHACK_COLS + 43] = STAIRS_DOWN;
    int n = facts_of(&near, b);
    assert_int_equal(n, n0 + 3); /* place, count, an explored cell in the east */
    assert_int_equal(only_in_first(a, n0, b, n), 0);
    far.glyphs[10 * NETHACK_COLS + 60] = STAIRS_DOWN;
    west.glyphs[10 * NETHACK_COLS + 37] = STAIRS_DOWN;
    two.glyphs[10 * NETHACK_COLS + 43] = two.glyphs[10 * NETHACK_COLS + 44] = STAIRS_DOWN;
    assert_int_equal(only_in_first(a, facts_of(&far, a), b, n), 2);  /* distance, band */
    assert_int_equal(only_in_first(a, facts_of(&west, a), b, n), 2); /* direction, region */
    assert_int_equal(only_in_first(a, facts_of(&two, a), b, n), 1);  /* count */
    near.glyphs[10 * NETHACK_COLS + 43] = STAIRS_UP;
    assert_int_equal(only_in_first(a, facts_of(&near, a), b, n),
                     2); /* place and count of another class */
}

static void classes_follow_the_glyph_ranges(void **state)
{
    (void)state;
    assert_int_equal(map_class(UNEXPLORED), 0);
    assert_int_equal(map_class(FLOOR), 0);
    assert_int_equal(map_class(MAP_PAD), 0);
    assert_int_not_equal(map_class(GOLD), map_class(GOLD + 1));
    assert_int_equal(map_class(0), map_class(380));
    assert_int_not_equal(map_class(380), map_class(381));
    for (int g = 0; g < MAP_GLYPHS; g++)
        assert_in_range(map_class(g), 0, MAP_CLASSES);
}

/* Every byte may come from a peer. */
static void garbage_stays_within_every_bound(void **state)
{
    (void)state;
    struct rng r = rng_stream(2, "garbage", 0, 0, 0);
    for (int round = 0; round < 200; round++) {
        struct level l;
        uint8_t *bytes = (uint8_t *)&l;
        for (size_t i = 0; i < sizeof l; i++)
            bytes[i] = (uint8_t)rng_u32(&r);
        int32_t rows[MAP_FACTS_MAX];
        facts_of(&l, rows);
        struct map_view v = view_of(&l);
        int16_t crop[81];
        float numbers[MAP_NUMBERS];
        map_crop(&v, 9, crop);
        for (int i = 0; i < 81; i++)
            assert_in_range(crop[i], 0, MAP_PAD);
        map_numbers(&v, numbers);
        for (int i = 0; i < MAP_NUMBERS; i++)
            assert_true(numbers[i] >= -5 && numbers[i] <= 5);
        uint8_t text[256];
        int32_t words[MESSAGE_ROWS_MAX];
        for (int i = 0; i < 256; i++)
            text[i] = (uint8_t)(1 + rng_below(&r, 255));
        int n = message_words(text, sizeof text, words);
        assert_in_range(n, 0, MESSAGE_ROWS_MAX);
        for (int i = 0; i < n; i++)
            assert_in_range(words[i], 0, MESSAGE_BUCKETS - 1);
    }
}

static void the_status_line_is_scaled(void **state)
{
    (void)state;
    struct level l = level_at(78, 0);
    l.blstats[16] = 10;
    l.blstats[20] = 1000000;
    struct map_view v = view_of(&l);
    float n[MAP_NUMBERS];
    map_numbers(&v, n);
    assert_close(n[0], 1, 1e-6, 0);
    assert_close(n[1], -1, 1e-6, 0);
    assert_close(n[8], 0, 0, 1e-6);  /* half of the hit points */
    assert_close(n[16], 0, 0, 1e-6); /* armour class 10 is none */
    assert_close(n[19], 0.1 * log(1000001), 1e-5, 0);
}

static int words_of(const char *text, int32_t *rows)
{
    uint8_t message[256] = {0};
    memcpy(message, text, strlen(text));
    return message_words(message, sizeof message, rows);
}

static void words_and_pairs_make_the_message(void **state)
{
    (void)state;
    int32_t a[MESSAGE_ROWS_MAX], b[MESSAGE_ROWS_MAX];
    assert_int_equal(words_of("", a), 0);
    assert_int_equal(words_of("...!?", a), 0);
    assert_int_equal(words_of("Hello", a), 1);
    int n = words_of("You kill the newt!", a);
    assert_int_equal(n, 4 + 3);
    assert_int_equal(words_of("  YOU KILL   THE newt", b), 7);
    assert_memory_equal(a, b, 7 * sizeof *a);
    assert_int_equal(words_of("The newt kill you!", b), 7); /* same words, other pairs */
    assert_int_equal(only_in_first(a, n, b, 7), 2);
    n = words_of("$ - 12 gold pieces.", a);
    assert_int_equal(words_of("$ - 345 gold pieces.", b), n);
    assert_memory_equal(a, b, (size_t)n * sizeof *a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_crop_is_centred_and_padded),
        cmocka_unit_test(an_unexplored_level_has_only_status_facts),
        cmocka_unit_test(a_staircase_gives_direction_distance_and_count),
        cmocka_unit_test(classes_follow_the_glyph_ranges),
        cmocka_unit_test(garbage_stays_within_every_bound),
        cmocka_unit_test(the_status_line_is_scaled),
        cmocka_unit_test(words_and_pairs_make_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
