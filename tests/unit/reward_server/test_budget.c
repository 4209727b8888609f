/* SPDX-License-Identifier: MIT */
/* What a language model may cost, to the last token, also over restarts and crashes. */
#include <sys/stat.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/said.h"

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

/* --- the file -------------------------------------------------------------------------------- */

static struct llm_budget open_budget(int64_t max_requests)
{
    const struct llm_limits limits = {.max_requests = max_requests};
    struct llm_budget b;
    assert_ok(llm_budget_open(&b, &limits, files_in("labels.sqlite"), 0, &err));
    return b;
}

/* What a crash now would leave to the next life. */
static int64_t requests_on_disk(void)
{
    struct llm_budget b = open_budget(0);
    return b.spent.requests;
}

static void what_was_spent_is_there_in_the_next_life(void **state)
{
    const struct llm_spent most = {1, IN, OUT}, real = {1, IN / 2, OUT / 2};
    (void)state;
    struct llm_budget b = open_budget(FIT);
    for (int i = 0; i < 3; i++) {
        assert_true(llm_budget_reserve(&b, IN, OUT));
        llm_budget_settle(&b, &most, &real);
    }
    llm_budget_close(&b);
    b = open_budget(FIT);
    assert_int_equal(b.spent.requests, 3);
    assert_int_equal(b.spent.tokens_in, 3 * (IN / 2));
    assert_int_equal(b.spent.tokens_out, 3 * (OUT / 2));
    assert_int_equal(reserved(&b), FIT - 3);
    llm_budget_close(&b); /* cut off under way: they may have been paid */
    b = open_budget(FIT);
    assert_int_equal(reserved(&b), 0);
}

/* Money is never spent that the file does not know: a killed process has no orderly end. */
static void no_request_goes_out_before_the_file_covers_it(void **state)
{
    enum { MANY = 100 };
    const struct llm_spent most = {1, IN, OUT};
    (void)state;
    struct llm_budget b = open_budget(0);
    for (int i = 1; i <= MANY; i++) {
        assert_true(llm_budget_reserve(&b, IN, OUT));
        assert_true(requests_on_disk() >= i);
        if (i % 2)
            llm_budget_settle(&b, &most, &most);
    }
}

static void nothing_is_asked_while_the_file_cannot_be_written(void **state)
{
    char text[160];
    (void)state;
    struct llm_budget b = open_budget(0);
    snprintf(b.path, sizeof b.path, "%s/gone/labels.sqlite.spent", files_folder());
    said_begin(LOG_ERROR);
    assert_false(llm_budget_reserve(&b, IN, OUT));
    said_end();
    assert_said("the language model is not asked: what it costs cannot be written down why=\"");
    assert_true(llm_budget_full(&b));
    llm_budget_text(&b, text);
    assert_int_equal(strncmp(text, "asking pauses: /", 16), 0);
    assert_non_null(strstr(text, " cannot be written"));
    assert_int_equal(mkdir(files_in("gone"), 0700), 0);
    assert_true(llm_budget_reserve(&b, IN, OUT));
    assert_false(llm_budget_full(&b));
}

/* A run in a directory that another one has taken since. */
static void nothing_is_written_beside_the_store_of_another_run(void **state)
{
    char text[160];
    (void)state;
    files_write(files_in("labels.sqlite"), "of this run");
    struct llm_budget b = open_budget(0);
    assert_true(llm_budget_reserve(&b, IN, OUT));
    assert_int_equal(rename(files_in("labels.sqlite"), files_in("away")), 0);
    assert_int_equal(unlink(files_in("labels.sqlite.spent")), 0);
    for (int i = 0; i < 2; i++) { /* gone, and then another one's */
        if (i)
            files_write(files_in("labels.sqlite"), "of another");
        b.written = b.spent; /* the block that was written ahead is used up */
        assert_false(llm_budget_reserve(&b, IN, OUT));
        llm_budget_text(&b, text);
        assert_non_null(strstr(text, "cannot be written"));
        llm_budget_close(&b);
        assert_int_equal(access(files_in("labels.sqlite.spent"), F_OK), -1);
    }
}

static void a_damaged_file_is_refused(void **state)
{
    static const char *const texts[] = {
        "", "{", "{\"requests\": 1, \"tokens_in\": 2}",
        "{\"requests\": -1, \"tokens_in\": 2, \"tokens_out\": 3}",
        "{\"requests\": \"1\", \"tokens_in\": 2, \"tokens_out\": 3}"};
    const struct llm_limits none = {0};
    struct llm_budget b;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        files_write(files_in("labels.sqlite.spent"), texts[i]);
        assert_err(llm_budget_open(&b, &none, files_in("labels.sqlite"), 0, &err), ONIC_EDAMAGED,
                   "start the budget anew");
    }
}

/* A budget that nobody meant to begin anew. */
static void a_file_that_is_gone_beside_labels_is_said(void **state)
{
    static const struct {
        struct llm_limits limits;
        uint64_t labels;
        bool file, said;
    } cases[] = {
        {{.max_requests = 1}, 5, false, true},  {{.max_tokens = 1}, 5, false, true},
        {{.max_cost = 1}, 1, false, true},      {{.max_requests = 1}, 0, false, false},
        {{.max_requests = 0}, 5, false, false}, {{.max_requests = 1}, 5, true, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct llm_budget b;
        if (cases[i].file)
            files_write(files_in("labels.sqlite.spent"),
                        "{\"requests\": 1, \"tokens_in\": 2, \"tokens_out\": 3}");
        said_begin(LOG_WARN);
        assert_ok(llm_budget_open(&b, &cases[i].limits, files_in("labels.sqlite"), cases[i].labels,
                                  &err));
        said_end();
        assert_int_equal(strstr(said_text,
                                "labels are there, and no file says what the language model "
                                "has cost so far: unless others gave them, its budget "
                                "begins anew file=") != NULL,
                         cases[i].said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_requests_as_fit_are_reserved),
        cmocka_unit_test(what_a_request_did_not_use_is_free_again),
        cmocka_unit_test(the_sentence_names_the_limit),
        cmocka_unit_test_setup_teardown(what_was_spent_is_there_in_the_next_life, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(no_request_goes_out_before_the_file_covers_it, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(nothing_is_asked_while_the_file_cannot_be_written,
                                        files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(nothing_is_written_beside_the_store_of_another_run,
                                        files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_refused, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_gone_beside_labels_is_said, files_setup,
                                        files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
