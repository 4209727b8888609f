/* SPDX-License-Identifier: MIT */
/* Who gave the labels, and when what they give is not what it was. */
#include "learner/process/label_sources.h"

#include "common/base/log.h"
#include "tests/onic_test.h"

static int warnings;
static char warning[2048];

static void hear(void *ctx, const char *line, size_t len)
{
    (void)ctx;
    warnings++;
    snprintf(warning, sizeof warning, "%.*s", (int)len, line);
}

/* n labels of which one in `every` is 1 (0: none). */
static void take(struct label_sources *s, const char *name, int n, int every)
{
    log_set_writer(hear, NULL);
    for (int i = 0; i < n; i++)
        assert_true(label_sources_take(s, name, every && i % every == 0 ? 1.0 : 0.0));
    log_set_writer(NULL, NULL);
}

static double number(const struct label_sources *s, const char *name)
{
    struct metrics *m = NULL;
    assert_ok(metrics_create(&m, &(struct metrics_params){.quiet = true}, &err));
    label_sources_report(s, m);
    double value = metrics_get(m, name);
    metrics_free(m);
    return value;
}

static int start(void **state)
{
    (void)state;
    warnings = 0;
    warning[0] = '\0';
    return 0;
}

static void labels_are_counted_by_who_gave_them(void **state)
{
    struct label_sources s = {.alarm = 0.25};
    (void)state;
    take(&s, "llm", 30, 2);
    take(&s, "rules", 10, 2);
    assert_close(number(&s, "annot/source/llm"), 30, 0, 0);
    assert_close(number(&s, "annot/source/rules"), 10, 0, 0);
    assert_close(number(&s, "annot/share/llm"), 0.75, 0, 1e-12);
    assert_close(number(&s, "annot/share/rules"), 0.25, 0, 1e-12);
    assert_true(isnan(number(&s, "annot/label_drift/llm")));
    assert_false(label_sources_take(&s, "a b", 1));
    for (int i = 0; i < LABEL_SOURCES_MAX - 2; i++)
        assert_true(label_sources_take(&s, (char[]){(char)('a' + i), 0}, 1));
    assert_false(label_sources_take(&s, "one more", 1));
    assert_false(label_sources_take(&s, "another", 1));
}

static void what_changes_is_said_once_with_the_option(void **state)
{
    struct label_sources s = {.alarm = 0.25};
    (void)state;
    take(&s, "llm", 400, 5); /* a fifth */
    assert_close(number(&s, "annot/label_drift/llm"), 0, 0, 1e-12);
    take(&s, "llm", 80, 1); /* all of them: 0.52 of the window */
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(warning, "the labels of an annotator are not what they were: is it"));
    assert_non_null(strstr(warning, "annotator=\"llm\""));
    assert_non_null(strstr(warning, "reward.label_drift"));
    assert_non_null(strstr(warning, "onic labels distrust"));
    take(&s, "llm", 120, 1);
    assert_close(number(&s, "annot/label_drift/llm"), 0.8, 0, 1e-12);
    take(&s, "llm", 400, 5);
    assert_int_equal(warnings, 1);
    take(&s, "rules", 400, 5); /* another source has its own word */
    take(&s, "rules", 200, 1);
    assert_int_equal(warnings, 2);
}

static void what_is_usual_is_not_said(void **state)
{
    struct label_sources s = {.alarm = 0.25};
    (void)state;
    take(&s, "new", 200, 1); /* too little before: an agent that has just begun */
    take(&s, "new", 199, 0);
    assert_int_equal(warnings, 0);
    take(&s, "less", 400, 2); /* from a half to a third */
    take(&s, "less", 200, 3);
    assert_int_equal(warnings, 0);
    s.alarm = 0;
    take(&s, "off", 400, 0);
    take(&s, "off", 200, 1);
    assert_int_equal(warnings, 0);
    assert_close(number(&s, "annot/label_drift/off"), 1, 0, 0);
    s = (struct label_sources){.alarm = 0.001}; /* what chance does is no change */
    take(&s, "chance", 400, 5);
    take(&s, "chance", 200, 4);
    assert_int_equal(warnings, 0);
}

/* The lines of a checkpoint into another life; what is no line of a source is told apart. */
static void load(struct label_sources *s, const char *text)
{
    char copy[512], *save = NULL;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        assert_true(label_sources_load_line(s, line));
}

static void earlier_lives_are_part_of_before(void **state)
{
    struct label_sources s = {.alarm = 0.25}, next = {.alarm = 0.25}, old = {.alarm = 0.25};
    struct buf b;
    (void)state;
    buf_init(&b, 4096);
    take(&s, "llm", 400, 5);
    label_sources_save(&s, &b);
    assert_string_equal(b.data, "source llm 400 400 80\n");
    load(&next, b.data);
    take(&next, "llm", 200, 1);
    assert_int_equal(warnings, 1);
    assert_close(number(&next, "annot/source/llm"), 600, 0, 0);
    assert_close(number(&next, "annot/label_drift/llm"), 0.8, 0, 1e-12);
    load(&old, "source llm 400\n"); /* of an older onic: values are not known */
    take(&old, "llm", 200, 1);
    assert_int_equal(warnings, 1);
    assert_close(number(&old, "annot/source/llm"), 600, 0, 0);
    assert_true(isnan(number(&old, "annot/label_drift/llm")));
    load(&old, "source bad 5 9 2\n"); /* numbers that cannot be */
    take(&old, "bad", 200, 1);
    assert_true(isnan(number(&old, "annot/label_drift/bad")));
    assert_false(label_sources_load_line(&old, "option x=1"));
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(labels_are_counted_by_who_gave_them, start),
        cmocka_unit_test_setup(what_changes_is_said_once_with_the_option, start),
        cmocka_unit_test_setup(what_is_usual_is_not_said, start),
        cmocka_unit_test_setup(earlier_lives_are_part_of_before, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
