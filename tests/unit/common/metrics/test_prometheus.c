/* SPDX-License-Identifier: MIT */
/* test_prometheus.c - numbers in Prometheus' text format: every line is what a scraper takes, and
 * nothing that a peer names makes it something else. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/buf.h"
#include "common/metrics/prometheus.h"
#include "tests/onic_test.h"

static struct buf out;

static int setup(void **state)
{
    (void)state;
    buf_init(&out, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_release(&out);
    return 0;
}

static const char *numbers_text(const struct metrics_number *m, int n)
{
    buf_reset(&out);
    prometheus_numbers(&out, m, n);
    return out.data;
}

static int occurrences(const char *text, const char *word)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, word)) != NULL; p += strlen(word))
        n++;
    return n;
}

static void a_number_has_a_name_help_and_type_in_base_units(void **state)
{
    (void)state;
    const struct metrics_number m[] = {{"train/entropy", 1.25, 0},
                                       {"perf/score_us_per_frame", 3, 0},
                                       {"updates", 12345678901.0, 0}};
    const char *text = numbers_text(m, 3);
    assert_non_null(strstr(text, "# HELP onic_train_entropy Entropy of the policy.\n"
                                 "# TYPE onic_train_entropy gauge\n"
                                 "onic_train_entropy 1.25\n"));
    assert_non_null(strstr(text, "\nonic_reward_score_seconds_per_step 3e-06\n"));
    assert_non_null(strstr(text, "# TYPE onic_learner_updates_total counter\n"
                                 "onic_learner_updates_total 12345678901\n"));
}

static void a_counter_begins_at_zero_with_each_life_and_a_gauge_does_not(void **state)
{
    (void)state;
    const struct metrics_number m[] = {{"env_steps", 1000, 900}, {"annot/labels_total", 5, 20}};
    const char *text = numbers_text(m, 2);
    assert_non_null(strstr(text, "\nonic_env_steps_total 100\n"));
    assert_non_null(strstr(text, "\nonic_run_env_steps 1000\n"));
    /* fell since the life began: it was set anew, as after `onic labels distrust` */
    assert_non_null(strstr(text, "\nonic_annotation_labels_total 5\n"));
}

static void what_is_not_finite_is_left_out_with_its_head(void **state)
{
    (void)state;
    const struct metrics_number m[] = {{"train/entropy", (double)NAN, 0},
                                       {"train/grad_norm", (double)INFINITY, 0},
                                       {"reward_model/loss", -(double)INFINITY, 0},
                                       {"train/explained_variance_ext", (double)NAN, 0},
                                       {"train/explained_variance_int", 0.5, 0}};
    const char *text = numbers_text(m, 5);
    assert_null(strstr(text, "entropy"));
    assert_null(strstr(text, "gradient_norm"));
    assert_null(strstr(text, "reward_model"));
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    assert_int_equal(occurrences(text, "# TYPE onic_train_explained_variance_ratio"), 1);
    assert_non_null(strstr(text, "\nonic_train_explained_variance_ratio{head=\"int\"} 0.5\n"));
}

static void a_family_is_in_one_piece_and_has_a_bound(void **state)
{
    (void)state;
    static char name[300][32];
    static struct metrics_number m[301];
    for (int i = 0; i < 300; i++) {
        snprintf(name[i], sizeof name[i], "%s/n%d", i % 2 ? "annot/source" : "policy_stats", i);
        m[i] = (struct metrics_number){name[i], i, 0};
    }
    m[300] = (struct metrics_number){"policy_stats/success_rate", 0.5, 0};
    const char *text = numbers_text(m, 301);
    assert_int_equal(occurrences(text, "\nonic_episode_stat{stat="), PROMETHEUS_SERIES_MAX);
    assert_int_equal(occurrences(text, "\nonic_annotation_labels_by_source_total{"),
                     PROMETHEUS_SERIES_MAX);
    assert_int_equal(occurrences(text, "# TYPE onic_episode_stat "), 1);
    assert_non_null(strstr(text, "\nonic_series_left_out 172\n"));
    assert_non_null(strstr(text, "\nonic_episode_success_ratio 0.5\n"));
    const char *first = strstr(text, "\nonic_episode_stat{"), *p = first;
    for (int i = 0; i < PROMETHEUS_SERIES_MAX; i++, p = strchr(p + 1, '\n'))
        assert_int_equal(strncmp(p + 1, "onic_episode_stat{", 18), 0);
}

static void the_value_of_a_label_ends_nowhere_but_at_its_quote(void **state)
{
    (void)state;
    const struct metrics_number m[] = {{"policy_stats/a\"} 1\nevil 2\n\\", 1, 0},
                                       {"policy_stats/caf\xc3\xa9", 2, 0},
                                       {"policy_stats/\xff", 3, 0},
                                       {"policy_stats/\x1b[2J\xc2\x9b", 4, 0}};
    const char *text = numbers_text(m, 4);
    assert_non_null(strstr(text, "{stat=\"a\\\"} 1\\nevil 2\\n\\\\\"} 1\n"));
    assert_non_null(strstr(text, "{stat=\"caf\xc3\xa9\"} 2\n"));
    assert_non_null(strstr(text, "{stat=\"?\"} 3\n"));
    assert_non_null(strstr(text, "{stat=\"?[2J?\"} 4\n")); /* a page that curl shows */
    assert_null(strstr(text, "\nevil"));
}

/* Nothing of the registry is lost for want of a line in prometheus.def. */
static void a_name_that_no_line_knows_is_shown_all_the_same(void **state)
{
    (void)state;
    const struct metrics_number m[] = {{"perf/rss_mb", 1, 0}, /* a line says that it is not */
                                       {"reward_model/of_a_plugin", 2, 0},
                                       {"something/new", 3, 0}};
    const char *text = numbers_text(m, 3);
    assert_null(strstr(text, "rss_mb"));
    assert_non_null(strstr(text, "\nonic_reward_model_number{name=\"of_a_plugin\"} 2\n"));
    assert_non_null(strstr(text, "\nonic_number{name=\"something/new\"} 3\n"));
    assert_int_equal(occurrences(text, "onic_number{"), 1);
}

static void a_registry_says_what_it_counted_in_this_life(void **state)
{
    (void)state;
    struct metrics *m;
    struct metrics_params p = {.every_s = 10, .quiet = true, .frames_total = 77};
    struct metrics_number n[METRICS_NUMBERS_MAX];
    assert_ok(metrics_create(&m, &p, &err));
    metrics_set(m, "env_steps", 50);
    metrics_start(m);
    metrics_set(m, "env_steps", 80);
    metrics_add(m, "train/episodes_total", 3);
    const char *text = numbers_text(n, metrics_numbers(m, n, METRICS_NUMBERS_MAX));
    assert_non_null(strstr(text, "\nonic_env_steps_total 30\n"));
    assert_non_null(strstr(text, "\nonic_run_env_steps 80\n"));
    assert_non_null(strstr(text, "\nonic_episodes_total 3\n"));
    assert_non_null(strstr(text, "\nonic_run_env_steps_goal 77\n"));
    assert_non_null(strstr(text, "\nonic_run_wall_seconds "));
    metrics_free(m);
}

static void a_process_says_what_it_is_and_takes(void **state)
{
    (void)state;
    buf_reset(&out);
    prometheus_process(&out);
    assert_non_null(strstr(out.data, "\nonic_build_info{version=\""));
    const char *started = strstr(out.data, "\nprocess_start_time_seconds ");
    assert_non_null(started);
    double age = (double)time(NULL) - strtod(started + 28, NULL);
    assert_true(age > -5 && age < 600);
    const char *memory = strstr(out.data, "\nprocess_resident_memory_bytes ");
    assert_non_null(memory);
    assert_true(strtod(memory + 31, NULL) > 100000);
    assert_non_null(strstr(out.data, "\nprocess_open_fds "));
}

/* The page is made, not written: `onic config --metrics >deploy/monitoring/metrics.md`. */
static void the_page_of_all_names_is_up_to_date(void **state)
{
    (void)state;
    char path[600];
    static char page[1 << 18];
    snprintf(path, sizeof path, "%s/deploy/monitoring/metrics.md", getenv("ONIC_SOURCE"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    page[fread(page, 1, sizeof page - 1, f)] = '\0';
    fclose(f);
    buf_reset(&out);
    prometheus_reference(&out);
    if (strcmp(page, out.data) != 0)
        fail_msg("deploy/monitoring/metrics.md is not what `onic config --metrics` prints");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_number_has_a_name_help_and_type_in_base_units),
        T(a_counter_begins_at_zero_with_each_life_and_a_gauge_does_not),
        T(what_is_not_finite_is_left_out_with_its_head),
        T(a_family_is_in_one_piece_and_has_a_bound),
        T(the_value_of_a_label_ends_nowhere_but_at_its_quote),
        T(a_name_that_no_line_knows_is_shown_all_the_same),
        T(a_registry_says_what_it_counted_in_this_life),
        T(a_process_says_what_it_is_and_takes),
        T(the_page_of_all_names_is_up_to_date),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
