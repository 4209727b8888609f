/* SPDX-License-Identifier: MIT */
/* test_share_watch.c - what is said about the share of the intrinsic reward, and when not. */
#include "learner/reward/reward_options.h"
#include "learner/reward/share_watch.h"
#include "tests/onic_test.h"

enum { FRAMES = 2000000, WINDOW = 100000, BATCH = 1000 };

static struct reward_mix *mix_of(const char *model, double coef_int)
{
    static struct config c;
    struct obs_spec s = {0};
    struct reward_mix *x;
    config_defaults(&c);
    snprintf(c.reward_model, sizeof c.reward_model, "%s", model);
    c.reward_coef_int = coef_int;
    obs_spec_add(&s, "x", OBS_U8, 1, (int[]){4});
    assert_ok(reward_options_open(&x, &c, &s, &err));
    return x;
}

/* That many windows of equal updates; how often something was said, and what first. */
static int watch(struct share_watch *w, const struct reward_mix *mix, int windows,
                 struct reward_mix_stats update, char words[SHARE_WORDS_MAX])
{
    int said = 0;
    char now[SHARE_WORDS_MAX];
    update.steps = BATCH;
    for (int i = 0; i < windows * WINDOW / BATCH; i++)
        if (share_watch_add(w, mix, &update, now) && said++ == 0)
            snprintf(words, SHARE_WORDS_MAX, "%s", now);
    return said;
}

static void a_share_that_drowns_the_task_is_said_once(void **state)
{
    (void)state;
    struct reward_mix *mix = mix_of("ranking", 0.25);
    const struct reward_mix_stats drowning = {.int_abs = 8.7, .ext_abs = 1.3, .paid = 500};
    const struct reward_mix_stats fine = {.int_abs = 2, .ext_abs = 1.3, .paid = 500};
    const struct reward_mix_stats early = {.int_abs = 2, .ext_abs = 0, .paid = 500};
    char words[SHARE_WORDS_MAX] = "";
    struct share_watch w;
    share_watch_start(&w, FRAMES);
    assert_int_equal(w.window, WINDOW);
    assert_int_equal(watch(&w, mix, 3, early, words), 0); /* the task has paid nothing yet */
    assert_int_equal(watch(&w, mix, 3, fine, words), 0);
    assert_int_equal(watch(&w, mix, 3, drowning, words), 1);
    assert_int_equal(watch(&w, mix, 3, drowning, words), 0);
    share_watch_start(&w, FRAMES);
    for (int i = 1; i < 8; i++) { /* the task is being learned: each window pays a fifth more */
        struct reward_mix_stats learning = drowning;
        learning.ext_abs *= pow(1.2, i);
        learning.int_abs *= pow(1.2, i);
        assert_int_equal(watch(&w, mix, 1, learning, words), 0);
    }
    struct reward_mix_stats gone = drowning; /* and then nothing at all */
    gone.ext_abs = 0;
    assert_int_equal(watch(&w, mix, 1, gone, words), 1);
    assert_non_null(strstr(words, "100 % of what"));
    share_watch_start(&w, FRAMES);
    assert_int_equal(watch(&w, mix, 3, drowning, words), 1);
    assert_non_null(strstr(words, "87 % of what the policy is paid is intrinsic"));
    assert_non_null(strstr(words, "reward.coef_int below 0.25"));
    assert_non_null(strstr(words, "reward.pay_share"));
    reward_mix_free(mix);
}

/* Of every `of` updates one is paid by the task; whether it was said that novelty drowns it. */
static bool drowns_where_one_pays_of(const struct reward_mix *mix, int of)
{
    char words[SHARE_WORDS_MAX];
    struct share_watch w;
    bool said = false;
    share_watch_start(&w, FRAMES);
    for (int i = 0; i < 4 * WINDOW / BATCH; i++) {
        struct reward_mix_stats s = {
            .steps = BATCH, .int_abs = 87, .ext_abs = i % of ? 0 : 1.3, .paid = 500};
        said |= share_watch_add(&w, mix, &s, words);
    }
    return said;
}

static void a_task_that_pays_once_in_a_while_has_no_share_yet(void **state)
{
    (void)state;
    struct reward_mix *mix = mix_of("ranking", 0.25);
    assert_true(drowns_where_one_pays_of(mix, 1));
    assert_true(drowns_where_one_pays_of(mix, 2));
    assert_false(drowns_where_one_pays_of(mix, 3));
    assert_false(drowns_where_one_pays_of(mix, 10));
    reward_mix_free(mix);
}

/* Windows until something is said of a task of which one update in ten pays, from window `from` on;
 * after `solved` (0 = never) all of them pay, a fifth more each. -1: nothing in 40 windows. */
static int said_of_a_rare_task(const struct reward_mix *mix, int from, int solved,
                               char words[SHARE_WORDS_MAX])
{
    struct share_watch w;
    share_watch_start(&w, FRAMES);
    for (int k = 0; k < 40; k++)
        for (int i = 0; i < WINDOW / BATCH; i++) {
            bool all = solved && k >= solved, pays = all || (k >= from && i % 10 == 0);
            double task = pays ? 1.3 * pow(1.2, all ? k - solved : 0) : 0;
            struct reward_mix_stats s = {
                .steps = BATCH, .int_abs = 87, .ext_abs = task, .paid = 500};
            if (share_watch_add(&w, mix, &s, words))
                return k;
        }
    return -1;
}

static void what_does_not_lead_to_the_task_is_said_in_time(void **state)
{
    (void)state;
    struct reward_mix *mix = mix_of("ranking", 0.25);
    char words[SHARE_WORDS_MAX] = "";
    assert_int_equal(said_of_a_rare_task(mix, 0, 0, words), 9);
    assert_non_null(strstr(words, "paid in the last 1000000 steps was intrinsic"));
    assert_non_null(strstr(words, "onic labels top"));
    assert_non_null(strstr(words, "reward.coef_int below 0.25"));
    assert_non_null(strstr(words, "reward.quantile"));
    assert_int_equal(said_of_a_rare_task(mix, 15, 0, words), 24);  /* since it was met first */
    assert_int_equal(said_of_a_rare_task(mix, 100, 0, words), -1); /* never: nothing to compare */
    assert_int_equal(said_of_a_rare_task(mix, 0, 9, words), -1);   /* it was about to be learned */
    reward_mix_free(mix);
}

static void a_model_that_pays_nothing_is_said_once(void **state)
{
    (void)state;
    struct reward_mix *mix = mix_of("classifier", 0.2), *off = mix_of("classifier", 0),
                      *none = mix_of("none", 0.2);
    const struct reward_mix_stats nothing = {.ext_abs = 1.3}, one = {.paid = 1, .int_abs = 0.1};
    char words[SHARE_WORDS_MAX] = "";
    struct share_watch w;
    share_watch_start(&w, FRAMES);
    assert_int_equal(watch(&w, mix, 2, one, words), 0);
    assert_int_equal(watch(&w, off, 2, nothing, words), 0);
    assert_int_equal(watch(&w, none, 2, nothing, words), 0);
    assert_int_equal(watch(&w, mix, 5, nothing, words), 1);
    assert_non_null(strstr(words, "reward.model=classifier paid nothing in the last 100000 steps"));
    assert_non_null(strstr(words, "reward.eta"));
    reward_mix_free(mix);
    reward_mix_free(off);
    reward_mix_free(none);
}

static void windows_fit_the_run(void **state)
{
    (void)state;
    struct share_watch w;
    share_watch_start(&w, 1);
    assert_int_equal(w.window, 20000);
    share_watch_start(&w, (uint64_t)1 << 50);
    assert_int_equal(w.window, 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_that_drowns_the_task_is_said_once),
        cmocka_unit_test(a_task_that_pays_once_in_a_while_has_no_share_yet),
        cmocka_unit_test(what_does_not_lead_to_the_task_is_said_in_time),
        cmocka_unit_test(a_model_that_pays_nothing_is_said_once),
        cmocka_unit_test(windows_fit_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
