/* SPDX-License-Identifier: MIT */
/* What a language model may cost, to the last token; files and restarts are integration/llm's. */
#include "tests/onic_test.h"

#include "reward_server/annotators/llm/llm_impl.h"

enum { IN = 100, OUT = 2, FIT = 5 };

static int reserved(struct llm_budget *b)
{
    int n = 0;
    while (n < 10 * FIT && llm_budget_reserve(b, IN, OUT))
        n++;
    return n;
}

static void as_many_requests_as_fit_are_reserved(void **state)
{
    const struct llm_budget limits[] = {
        {.limits.max_requests = FIT},
        {.limits.max_tokens = FIT * (IN + OUT)},
        {.limits.max_tokens = (FIT + 1) * (IN + OUT) - 1},
        {.limits.max_cost = (FIT * (IN + OUT * 60) + 1) * 1e-6,
         .limits.price_in = 1,
         .limits.price_out = 60},
    };
    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct llm_budget b = limits[i];
        assert_int_equal(reserved(&b), FIT);
        assert_true(llm_budget_full(&b));
    }
}

static void what_a_request_did_not_use_is_free_again(void **state)
{
    const struct llm_spent most = {1, IN, OUT}, real = {1, IN / 2, OUT / 2};
    struct llm_budget b = {.limits.max_tokens = FIT * (IN + OUT)};
    (void)state;
    assert_int_equal(reserved(&b), FIT);
    llm_budget_settle(&b, &most, &real);
    assert_false(llm_budget_reserve(&b, IN, OUT));
    llm_budget_settle(&b, &most, &real);
    assert_int_equal(reserved(&b), 1);
}

static void the_sentence_names_the_limit(void **state)
{
    struct llm_budget b = {.limits.max_tokens = FIT * (IN + OUT)};
    char text[160];
    (void)state;
    reserved(&b);
    llm_budget_text(&b, text);
    assert_string_equal(text, "budget used up: 510 of llm.max_tokens_total=510; asking pauses");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_requests_as_fit_are_reserved),
        cmocka_unit_test(what_a_request_did_not_use_is_free_again),
        cmocka_unit_test(the_sentence_names_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
