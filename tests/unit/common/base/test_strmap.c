/* SPDX-License-Identifier: MIT */
/* test_strmap.c - the table against a naive list, binary keys, clear without allocation. */
#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "tests/onic_test.h"

enum { KEYS = 5000 };

static void make_key(int i, char out[32])
{
    snprintf(out, 32, "caption %d", i * 7919 % KEYS);
}

static void every_key_keeps_its_value_through_growth(void **state)
{
    (void)state;
    struct strmap *m = strmap_create(4);
    char key[32];
    bool inserted;
    for (int i = 0; i < KEYS; i++) {
        make_key(i, key);
        *strmap_put(m, key, strlen(key), &inserted) = (uint64_t)i + 1;
        assert_true(inserted);
    }
    assert_int_equal(strmap_count(m), KEYS);
    for (int i = 0; i < KEYS; i++) {
        make_key(i, key);
        assert_int_equal(*strmap_get(m, key, strlen(key)), i + 1);
        strmap_put(m, key, strlen(key), &inserted);
        assert_false(inserted);
    }
    assert_null(strmap_get(m, "absent", 6));
    size_t it = 0, len, n = 0;
    const char *k;
    uint64_t v;
    while (strmap_next(m, &it, &k, &len, &v)) {
        make_key((int)n, key); /* insertion order */
        assert_int_equal(len, strlen(key));
        assert_memory_equal(k, key, len);
        assert_int_equal(v, ++n);
    }
    assert_int_equal(n, KEYS);
    strmap_free(m);
}

static void keys_are_bytes_and_may_be_empty(void **state)
{
    (void)state;
    struct strmap *m = strmap_create(0);
    *strmap_put(m, "", 0, NULL) = 1;
    *strmap_put(m, "\0", 1, NULL) = 2;
    *strmap_put(m, "\0\0", 2, NULL) = 3;
    *strmap_put(m, "a", 1, NULL) = 4;
    assert_int_equal(*strmap_get(m, "", 0), 1);
    assert_int_equal(*strmap_get(m, "\0", 1), 2);
    assert_int_equal(*strmap_get(m, "\0\0", 2), 3);
    assert_int_equal(*strmap_get(m, "a", 1), 4);
    assert_int_equal(strmap_count(m), 4);
    strmap_free(m);
    strmap_free(NULL);
}

static void clearing_keeps_the_memory(void **state)
{
    (void)state;
    struct strmap *m = strmap_create(8);
    uint64_t calls = 0;
    for (int round = 0; round < 5; round++) {
        if (round == 2)
            calls = xmalloc_calls();
        strmap_clear(m);
        assert_int_equal(strmap_count(m), 0);
        for (int i = 0; i < 1000; i++) {
            char key[32];
            make_key(i, key);
            uint64_t *v = strmap_put(m, key, strlen(key), NULL);
            assert_int_equal(*v, 0);
            *v = 9;
        }
    }
    assert_int_equal(xmalloc_calls(), calls);
    strmap_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_keeps_its_value_through_growth),
        cmocka_unit_test(keys_are_bytes_and_may_be_empty),
        cmocka_unit_test(clearing_keeps_the_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
