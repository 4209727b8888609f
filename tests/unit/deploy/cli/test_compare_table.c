/* SPDX-License-Identifier: MIT */
/* test_compare_table.c - runs in groups, what is said of them, and that what they say of
 * themselves stays text. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "deploy/cli/compare_html.h"
#include "deploy/cli/compare_svg.h"
#include "deploy/cli/compare_text.h"
#include "tests/onic_test.h"

enum { KEYS = 3, ROWS = 5 };
static const char *const keys[KEYS] = {"reward.model", "train.lr", "annotator.seed"};

static struct compare_set set;

static int set_up(void **state)
{
    (void)state;
    compare_set_init(&set);
    set.keys = KEYS;
    set.key = xcalloc(KEYS, sizeof *set.key);
    for (int i = 0; i < KEYS; i++)
        set.key[i] = xstrdup(keys[i]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    compare_set_free(&set);
    return 0;
}

/* A run of ROWS rows of 100 frames each, whose success and return are `at_end` at the end. */
static struct compare_run *add(const char *env, const char *model, const char *lr, int seed,
                               double at_end)
{
    char text[32];
    snprintf(text, sizeof text, "%d", seed);
    set.run = xrealloc(set.run, ((size_t)set.runs + 1) * sizeof *set.run);
    struct compare_run *r = &set.run[set.runs++];
    *r = (struct compare_run){.path = xstrdup("runs/a"),
                              .env = xstrdup(env),
                              .seed = xstrdup(text),
                              .eval_success = (double)NAN,
                              .eval_return = (double)NAN};
    r->value = xcalloc(KEYS, sizeof *r->value);
    r->value[0] = xstrdup(model);
    r->value[1] = xstrdup(lr);
    r->value[2] = xstrdup(text); /* drawn anew for each seed */
    r->curve = (struct compare_curve){.n = ROWS, .columns = COMPARE_CHOSEN};
    r->curve.row = xcalloc((size_t)ROWS * COMPARE_CHOSEN, sizeof *r->curve.row);
    for (int i = 0; i < ROWS; i++) {
        double *row = r->curve.row + (size_t)i * COMPARE_CHOSEN;
        row[COMPARE_FRAMES] = 100 * (i + 1);
        row[COMPARE_SECONDS] = i + 1;
        row[COMPARE_SUCCESS] = row[COMPARE_RETURN] = at_end * (i + 1) / ROWS;
    }
    return r;
}

static struct compare_report report_of(const struct compare_wish *wish)
{
    struct compare_report r;
    compare_set_group(&set);
    assert_ok(compare_report_make(&r, wish, &set, &err));
    return r;
}

static const struct compare_wish plain = {.x = COMPARE_FRAMES, .threshold = (double)NAN};

static void groups_are_named_by_what_differs_in_them(void **state)
{
    (void)state;
    add("e:A", "hash", "0.001", 1, 1);
    add("e:A", "none", "0.001", 1, 0.5);
    add("e:A", "hash", "0.001", 2, 0.8);
    add("e:B", "hash", "0.001", 1, 1);
    add("e:B", "hash", "0.002", 1, 1);
    compare_set_group(&set);
    assert_int_equal(set.worlds, 2);
    assert_int_equal(set.world[0].groups, 2);
    assert_string_equal(set.world[0].group[0].label, "reward.model=hash");
    assert_int_equal(set.world[0].group[0].n, 2);
    assert_string_equal(set.world[0].group[1].label, "reward.model=none");
    assert_string_equal(set.world[1].group[0].label, "train.lr=0.001");
    assert_string_equal(set.world[1].group[1].label, "train.lr=0.002");
    assert_string_equal(set.notes.data,
                        "the runs are of 2 environments, which are compared apart\n");
}

static void seeds_alone_are_no_difference(void **state)
{
    (void)state;
    add("e:A", "hash", "0.001", 1, 1);
    add("e:A", "hash", "0.001", 2, 0.5);
    compare_set_group(&set);
    assert_int_equal(set.world[0].groups, 1);
    assert_string_equal(set.world[0].group[0].label, "the same options");
    assert_string_equal(set.notes.data, "");
}

static void numbers_are_those_of_the_runs(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 4; seed++)
        add("e:A", "hash", "1", seed, 0.7 + 0.1 * seed); /* 0.8 to 1.1, reaches 0.88 at its end */
    add("e:A", "none", "1", 1, 0.5);
    struct compare_wish wish = {.x = COMPARE_FRAMES, .threshold = 0.88};
    struct compare_report r = report_of(&wish);
    const struct compare_row *hash = &r.panel[0].row[0], *none = &r.panel[0].row[1];
    char text[128];
    assert_int_equal(r.panels, 1);
    assert_string_equal(r.panel[0].what, "success");
    assert_close(hash->last.mid, 0.95, 1e-12, 0); /* without 0.8 and 1.1 */
    assert_true(hash->last.lo > 0.799 && hash->last.lo < 0.95 && hash->last.hi > 0.95);
    assert_int_equal(hash->reached, 3);
    assert_string_equal(compare_reach_text(none, text), "-");
    assert_non_null(strstr(compare_reach_text(hash, text), "(3 of 4)"));
    assert_string_equal(compare_interval_text(&none->last, none->runs, text), "0.50");
    assert_int_equal(hash->points, COMPARE_POINTS);
    assert_close(hash->x[0], 100, 0, 0);
    assert_close(hash->x[COMPARE_POINTS - 1], 500, 0, 0);
    assert_close(hash->y[0].mid, 0.19, 1e-12, 0);
    assert_close(hash->y[COMPARE_POINTS - 1].mid, 0.95, 1e-12, 0);
    compare_report_free(&r);
}

static void a_curve_goes_as_far_as_all_of_its_runs(void **state)
{
    (void)state;
    add("e:A", "hash", "1", 1, 1);
    struct compare_run *stopped = add("e:A", "hash", "1", 2, 1);
    stopped->curve.n = 3; /* killed early */
    struct compare_report r = report_of(&plain);
    assert_close(r.panel[0].row[0].x[COMPARE_POINTS - 1], 300, 0, 0);
    compare_report_free(&r);
    compare_set_free(&set);
    set_up(NULL);
    add("e:A", "hash", "1", 1, 1);
    stopped = add("e:A", "hash", "1", 2, 1);
    stopped->curve.n = 3;
    stopped->stop_success = 0.6; /* solved, at 0.6: it keeps that */
    r = report_of(&plain);
    assert_close(r.panel[0].row[0].x[COMPARE_POINTS - 1], 500, 0, 0);
    assert_close(r.panel[0].row[0].y[COMPARE_POINTS - 1].mid, 0.8, 1e-12, 0);
    compare_report_free(&r);
}

static void evaluations_count_when_all_runs_have_one(void **state)
{
    (void)state;
    char what[96];
    add("e:A", "hash", "1", 1, 1);
    add("e:A", "none", "1", 1, 1)->eval_success = 0.25;
    struct compare_report r = report_of(&plain);
    assert_string_equal(compare_what(&r.panel[0], what), "success in training");
    assert_close(r.panel[0].row[1].last.mid, 1, 0, 0);
    compare_report_free(&r);
    set.run[0].eval_success = 0.75;
    set.run[0].eval_episodes = set.run[1].eval_episodes = 400;
    assert_ok(compare_report_make(&r, &plain, &set, &err));
    assert_string_equal(compare_what(&r.panel[0], what), "success in 400 episodes of onic eval");
    assert_close(r.panel[0].row[0].last.mid, 0.75, 0, 0);
    assert_close(r.panel[0].row[1].last.mid, 0.25, 0, 0);
    compare_report_free(&r);
}

static void equal_groups_of_several_environments_are_put_together(void **state)
{
    (void)state;
    static const char *const envs[] = {"e:A", "e:B"};
    for (int e = 0; e < 2; e++)
        for (int seed = 1; seed <= 2; seed++) {
            add(envs[e], "hash", "1", seed, 0.6 + 0.2 * e);
            add(envs[e], "none", "1", seed, 0.2);
        }
    struct compare_report r = report_of(&plain);
    assert_int_equal(r.panels, 3);
    assert_string_equal(r.panel[2].env, "all environments");
    assert_int_equal(r.panel[2].row[0].runs, 4);
    assert_close(r.panel[2].row[0].last.mid, 0.7, 1e-12, 0);
    /* runs are drawn within their environment, where they are equal: nothing varies */
    assert_close(r.panel[2].row[0].last.lo, 0.7, 1e-12, 0);
    assert_close(r.panel[2].row[0].last.hi, 0.7, 1e-12, 0);
    assert_int_equal(r.panel[1].row[0].colour, r.panel[0].row[0].colour);
    compare_report_free(&r);
}

static void a_metric_that_no_run_has_is_named(void **state)
{
    (void)state;
    struct compare_report r;
    add("e:A", "hash", "1", 1, (double)NAN);
    compare_set_group(&set);
    assert_err(compare_report_make(&r, &plain, &set, &err), ONIC_ENOTFOUND, "reward/reward");
    compare_report_free(&r);
}

/* --- text stays text ------------------------------------------------------------------------- */

static const char HOSTILE[] = "</text><script>alert('1')</script>&\x1b[31m\"\n";

static void assert_harmless(const char *page)
{
    assert_null(strstr(page, "<script"));
    assert_null(strchr(page, 0x1b));
    assert_null(strstr(page, "alert('1')"));
    assert_non_null(strstr(page, "&lt;/text&gt;&lt;script&gt;alert(&#39;1&#39;)"));
}

static void what_runs_say_is_escaped(void **state)
{
    (void)state;
    struct buf out;
    add(HOSTILE, HOSTILE, "1", 1, 1);
    add(HOSTILE, "none", "1", 1, 1);
    add("e:B", "none", "1", 1, 1);
    free(set.run[0].path);
    set.run[0].path = xstrdup(HOSTILE);
    compare_note(&set, "%s", "<script>note");
    struct compare_report r = report_of(&plain);
    buf_init(&out, 1 << 22);
    compare_svg(&r, &out);
    assert_false(out.overflow);
    assert_harmless(out.data);
    buf_reset(&out);
    compare_html(&r, &out);
    assert_harmless(out.data);
    assert_null(strstr(out.data, "<script>note"));
    assert_non_null(strstr(out.data, "default-src 'none'"));
    assert_null(strstr(out.data, "src=")); /* it fetches nothing */
    buf_reset(&out);
    compare_json(&r, &out);
    json_t *doc = json_loads(out.data, 0, NULL);
    assert_non_null(doc);
    const json_t *world = json_array_get(json_object_get(doc, "environments"), 0);
    assert_string_equal(json_string_value(json_object_get(world, "env")), HOSTILE);
    json_decref(doc);
    buf_release(&out);
    compare_report_free(&r);
}

/* --- columns, names, Markdown ---------------------------------------------------------------- */

static void columns_are_those_that_were_asked_for(void **state)
{
    (void)state;
    struct compare_extra e[COMPARE_EXTRAS_MAX];
    int n;
    assert_ok(compare_extra_parse("train/kl:max,reward/reward:mean,a,eval/score", e, &n, &err));
    assert_int_equal(n, 4);
    assert_string_equal(e[0].name, "train/kl:max");
    assert_string_equal(e[0].metric, "train/kl");
    assert_string_equal(e[3].metric, "score");
    assert_true(e[3].of_eval && !e[2].of_eval);
    struct compare_run *r = add("e:A", "hash", "1", 1, 1); /* 0.2, 0.4 ... 1 */
    r->curve.row[4 * COMPARE_CHOSEN + COMPARE_RETURN] = 0.1;
    r->curve.row[1 * COMPARE_CHOSEN + COMPARE_RETURN] = (double)NAN;
    assert_close(compare_extra_of(&e[0], &r->curve, COMPARE_RETURN), 0.8, 1e-12, 0);
    assert_close(compare_extra_of(&e[1], &r->curve, COMPARE_RETURN), 1.7 / 4, 1e-12, 0);
    assert_close(compare_extra_of(&e[2], &r->curve, COMPARE_RETURN), 0.1, 1e-12, 0);
    for (int i = 0; i < ROWS; i++)
        r->curve.row[i * COMPARE_CHOSEN + COMPARE_RETURN] = (double)NAN;
    for (int i = 0; i < 3; i++)
        assert_true(isnan(compare_extra_of(&e[i], &r->curve, COMPARE_RETURN)));
}

static void a_column_that_is_none_is_one_sentence(void **state)
{
    (void)state;
    struct compare_extra e[COMPARE_EXTRAS_MAX];
    struct compare_report r;
    int n;
    assert_err(compare_extra_parse("a,", e, &n, &err), ONIC_ECONFIG, "separated by commas");
    assert_err(compare_extra_parse("a:least", e, &n, &err), ONIC_ECONFIG, "not 'least'");
    assert_err(compare_extra_parse("eval/score:max", e, &n, &err), ONIC_ECONFIG, "one value");
    assert_err(compare_extra_parse("a,a,a,a,a,a,a,a,a", e, &n, &err), ONIC_ECONFIG, "more than 8");
    assert_ok(compare_extra_parse("no/such", set.extra, &set.extras, &err));
    add("e:A", "hash", "1", 1, 1)->extra[0] = (double)NAN;
    compare_set_group(&set);
    assert_err(compare_report_make(&r, &plain, &set, &err), ONIC_ENOTFOUND, "no run has no/such");
    compare_report_free(&r);
}

static void name_last(const char *path)
{
    free(set.run[set.runs - 1].path);
    set.run[set.runs - 1].path = xstrdup(path);
}

static void groups_are_called_by_their_runs_where_that_is_wanted(void **state)
{
    (void)state;
    set.by_name = true;
    add("e:A", "hash", "1", 1, 1);
    name_last("runs/x/quick-s1");
    add("e:A", "hash", "1", 12, 1);
    name_last("quick-s12");
    add("e:A", "none", "1", 1, 1);
    name_last("runs/x/bare-s1");
    add("e:A", "rnd", "1", 1, 1); /* two names in a group, and one in two groups */
    name_last("a-s1");
    add("e:A", "rnd", "1", 2, 1);
    name_last("b-s2");
    add("e:A", "none", "2", 1, 1);
    name_last("runs/y/bare-s1");
    compare_set_group(&set);
    const struct compare_group *g = set.world[0].group;
    assert_int_equal(set.world[0].groups, 4);
    assert_string_equal(g[0].label, "quick");
    assert_int_equal(g[0].n, 2);
    assert_string_equal(g[1].label, "reward.model=none train.lr=1");
    assert_string_equal(g[2].label, "reward.model=rnd train.lr=1");
    assert_string_equal(g[3].label, "reward.model=none train.lr=2");
}

static void markdown_has_the_number_of_each_run(void **state)
{
    (void)state;
    struct buf out;
    add("e:A", "hash|<b>![x](//y)\xc2\x9b", "1", 1, 1);
    add("e:A", "hash|<b>![x](//y)\xc2\x9b", "1", 2, 0.8);
    add("e:A", "none", "1", 1, 0.5);
    assert_ok(compare_extra_parse("train/kl:max", set.extra, &set.extras, &err));
    for (int i = 0; i < set.runs; i++)
        set.run[i].extra[0] = 0.25;
    struct compare_report r = report_of(&plain);
    buf_init(&out, 1 << 20);
    compare_markdown(&r, &out);
    if (!strstr(out.data, "| e:A | runs | success in training | return | frames to 0.95 | frames | "
                          "seconds | train/kl:max | by run | reached by run |\n"
                          "|---|---|---|---|---|---|---|---|---|---|\n") ||
        !strstr(out.data, "| reward.model=hash\\|&lt;b>![x]\\(//y)  | 2 | 0.90 [0.80, 1.00] |") ||
        !strstr(out.data, "| 0.25 [0.25, 0.25] | 1.000, 0.800 | 500, - |\n") ||
        !strstr(out.data, "| reward.model=none | 1 | 0.50 |"))
        fail_msg("%s", out.data);
    buf_reset(&out);
    compare_json(&r, &out);
    assert_non_null(strstr(out.data, "\"values\":[1,0.8],\"reaches\":[500,null],\"columns\":"
                                     "{\"train/kl:max\":{\"iqm\":0.25,"));
    buf_release(&out);
    compare_report_free(&r);
}

static void ticks_are_round_and_inside(void **state)
{
    (void)state;
    double t[COMPARE_TICKS_MAX];
    assert_int_equal(compare_ticks(0, 1.03, 6, t), 6);
    assert_close(t[1], 0.2, 1e-12, 0);
    assert_int_equal(compare_ticks(0, 2e6, 5, t), 5);
    assert_close(t[4], 2e6, 1e-12, 0);
    assert_int_equal(compare_ticks(-3, 3, 6, t), 7);
    assert_close(t[3], 0, 0, 0);
}

static void numbers_have_three_digits(void **state)
{
    (void)state;
    char text[32];
    assert_string_equal(compare_number_text(0.951, text), "0.95");
    assert_string_equal(compare_number_text(1234567, text), "1.23 M");
    assert_string_equal(compare_number_text(410000, text), "410 k");
    assert_string_equal(compare_number_text(999600, text), "1.00 M");
    assert_string_equal(compare_number_text(-12.34, text), "-12.3");
    assert_string_equal(compare_number_text(0, text), "0.00");
    assert_string_equal(compare_number_text(0.0012, text), "0.0012");
}

#define WITH_SET(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SET(groups_are_named_by_what_differs_in_them),
        WITH_SET(seeds_alone_are_no_difference),
        WITH_SET(numbers_are_those_of_the_runs),
        WITH_SET(a_curve_goes_as_far_as_all_of_its_runs),
        WITH_SET(evaluations_count_when_all_runs_have_one),
        WITH_SET(equal_groups_of_several_environments_are_put_together),
        WITH_SET(a_metric_that_no_run_has_is_named),
        WITH_SET(what_runs_say_is_escaped),
        WITH_SET(columns_are_those_that_were_asked_for),
        WITH_SET(a_column_that_is_none_is_one_sentence),
        WITH_SET(groups_are_called_by_their_runs_where_that_is_wanted),
        WITH_SET(markdown_has_the_number_of_each_run),
        cmocka_unit_test(ticks_are_round_and_inside),
        cmocka_unit_test(numbers_have_three_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
