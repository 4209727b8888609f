/* SPDX-License-Identifier: MIT */
/* test_sweep_plan.c - which runs a file of a sweep asks for, and what is said of a bad one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/cli/sweep_plan.h"
#include "tests/onic_test.h"

struct planned {
    struct sweep_file file;
    struct sweep_plan plan;
};

static struct planned planned_of(const char *text)
{
    struct planned p;
    assert_ok(sweep_file_read_text(&p.file, "deploy/experiments/x.yaml", text, strlen(text), &err));
    assert_ok(sweep_plan_make(&p.plan, &p.file, &err));
    return p;
}

static void planned_free(struct planned *p)
{
    sweep_plan_free(&p->plan);
    sweep_file_free(&p->file);
}

static const struct sweep_run *called(const struct planned *p, const char *name)
{
    for (int i = 0; i < p->plan.n; i++)
        if (strcmp(p->plan.run[i].name, name) == 0)
            return &p->plan.run[i];
    fail_msg("there is no run %s", name);
    return NULL;
}

static const char *option(const struct sweep_run *r, const char *key)
{
    for (int i = 0; i < r->n; i++)
        if (strcmp(r->option[i].key, key) == 0)
            return r->option[i].value;
    return "(none)";
}

static const char GRID[] = "config: ../configs/keycorridor.yaml\n"
                           "options: {run.frames: 2e6, reward.coef_int: 0.3}\n"
                           "seeds: [7, 9]\n"
                           "grid:\n"
                           "  train.lr: [0.001, 3e-4]\n"
                           "  reward:\n"
                           "    hash: {reward.model: hash, annotator.seed: '{seed}'}\n"
                           "    none: {reward.model: none, reward.coef_int: 0, config: /a.yaml}\n";

static void every_combination_is_a_run_with_each_seed(void **state)
{
    (void)state;
    static const char *const names[] = {"lr=0.001-hash-s7", "lr=0.001-hash-s9", "lr=0.001-none-s7",
                                        "lr=0.001-none-s9", "lr=3e-4-hash-s7",  "lr=3e-4-hash-s9",
                                        "lr=3e-4-none-s7",  "lr=3e-4-none-s9"};
    struct planned p = planned_of(GRID);
    assert_int_equal(p.plan.n, 8);
    for (int i = 0; i < 8; i++)
        assert_string_equal(p.plan.run[i].name, names[i]);
    const struct sweep_run *r = called(&p, "lr=3e-4-hash-s9");
    assert_string_equal(r->config, "deploy/experiments/../configs/keycorridor.yaml");
    assert_string_equal(option(r, "train.lr"), "3e-4");
    assert_string_equal(option(r, "run.frames"), "2e6");
    assert_string_equal(option(r, "reward.coef_int"), "0.3");
    assert_string_equal(option(r, "annotator.seed"), "9");
    assert_int_equal(r->seed, 9);
    r = called(&p, "lr=0.001-none-s7");
    assert_string_equal(r->config, "/a.yaml");
    assert_string_equal(option(r, "reward.coef_int"), "0"); /* the later one counts */
    planned_free(&p);
}

static const char DRAWN[] = "seeds: 1-2\n"
                            "random:\n"
                            "  draws: 200\n"
                            "  seed: 3\n"
                            "  train.lr: {log_uniform: [0.0001, 0.01]}\n"
                            "  train.minibatches: {uniform: [1, 4]}\n"
                            "  reward.model: {choice: [hash, none]}\n";

static void draws_have_the_law_that_was_asked_for(void **state)
{
    (void)state;
    struct planned p = planned_of(DRAWN);
    int low = 0, batches[5] = {0}, hash = 0, both = 0;
    assert_int_equal(p.plan.n, 400);
    for (int i = 0; i < p.plan.n; i += 2) {
        const struct sweep_run *r = &p.plan.run[i];
        double lr = strtod(option(r, "train.lr"), NULL);
        int n = (int)strtol(option(r, "train.minibatches"), NULL, 10);
        assert_true(lr >= 0.0001 && lr <= 0.01 && n >= 1 && n <= 4);
        assert_null(strchr(option(r, "train.minibatches"), '.'));
        low += lr < 0.001;
        batches[n]++;
        both += lr < 0.001 && n <= 2;
        hash += strcmp(option(r, "reward.model"), "hash") == 0;
        /* the second seed is of the same draw */
        assert_string_equal(option(r, "train.lr"), option(r + 1, "train.lr"));
    }
    assert_true(low > 75 && low < 125); /* half of the logarithms; seven deviations are 50 */
    assert_true(hash > 75 && hash < 125);
    assert_true(both > 25 && both < 75); /* options are drawn apart */
    for (int n = 1; n <= 4; n++)
        assert_true(batches[n] > 25 && batches[n] < 85);
    assert_string_equal(p.plan.run[0].name, "d001-s1");
    planned_free(&p);
}

/* A file that grows keeps the runs that it had: they are resumed and not mixed up. */
static void a_file_that_grows_keeps_its_runs(void **state)
{
    (void)state;
    static const char more[] = "seeds: 1-3\n"
                               "random:\n"
                               "  train.entropy: {uniform: [0, 1]}\n"
                               "  train.lr: {log_uniform: [0.0001, 0.01]}\n"
                               "  train.minibatches: {uniform: [1, 4]}\n"
                               "  reward.model: {choice: [hash, none]}\n"
                               "  draws: 300\n"
                               "  seed: 3\n";
    struct planned before = planned_of(DRAWN), now = planned_of(more);
    for (int i = 0; i < before.plan.n; i++) {
        const struct sweep_run *was = &before.plan.run[i], *is = called(&now, was->name);
        for (int k = 0; k < was->n; k++)
            assert_string_equal(was->option[k].value, option(is, was->option[k].key));
        assert_int_equal(was->seed, is->seed);
    }
    planned_free(&before);
    planned_free(&now);
}

static void another_seed_draws_otherwise(void **state)
{
    (void)state;
    static const char text[] = "random: {draws: 1, seed: %d, train.lr: {uniform: [0, 1]}}\n";
    char a[100], b[100];
    snprintf(a, sizeof a, text, 1);
    snprintf(b, sizeof b, text, 2);
    struct planned p = planned_of(a), q = planned_of(b);
    assert_string_not_equal(option(&p.plan.run[0], "train.lr"), option(&q.plan.run[0], "train.lr"));
    planned_free(&p);
    planned_free(&q);
}

static void a_name_is_a_folder_of_its_own(void **state)
{
    (void)state;
    struct planned p = planned_of("grid:\n"
                                  "  annotator.goal: [./a/b.yaml, auto]\n"
                                  "  policy.core: [lstm]\n"
                                  "  x: {..: {}, -f: {}, 'a b/c': {}}\n");
    assert_string_equal(p.plan.run[0].name, "goal=._a_b.yaml-core=lstm-..-s1");
    assert_string_equal(p.plan.run[5].name, "goal=auto-core=lstm-a_b_c-s1");
    planned_free(&p);
    p = planned_of("grid: {x: {..: {}, -f: {}}}\n");
    assert_string_equal(p.plan.run[0].name, "_.-s1"); /* not hidden, and no option */
    assert_string_equal(p.plan.run[1].name, "_f-s1");
    planned_free(&p);
    p = planned_of("grid: {train.lr: [1], reward.lr: [2]}\n"); /* two that end alike */
    assert_string_equal(p.plan.run[0].name, "train.lr=1-reward.lr=2-s1");
    planned_free(&p);
}

static void what_is_excluded_is_no_run(void **state)
{
    (void)state;
    static const char text[] = "seeds: [7, 9]\n"
                               "grid:\n"
                               "  train.lr: [0.001, 3e-4]\n"
                               "  reward: {hash: {}, none: {}}\n"
                               "exclude: ['*-none-*', lr=0.001-hash-s9]\n"
                               "keep: x/kept\n";
    static const char *const names[] = {"lr=0.001-hash-s7", "lr=3e-4-hash-s7", "lr=3e-4-hash-s9"};
    struct planned p = planned_of(text);
    assert_int_equal(p.plan.n, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(p.plan.run[i].name, names[i]);
    assert_string_equal(p.file.keep, "deploy/experiments/x/kept"); /* beside the file */
    bool matched[3] = {false};
    assert_int_equal(sweep_match(&p.plan, "*-s7,", 4, matched), 2);
    assert_true(matched[0] && matched[1] && !matched[2]);
    assert_int_equal(sweep_match(&p.plan, "lr=3e-4", 7, matched), 0); /* of the whole name */
    planned_free(&p);
}

static void assert_refused(const char *text, const char *part)
{
    struct onic_err err = {0};
    struct planned p = {.plan = {.n = 0}};
    int rc = sweep_file_read_text(&p.file, "f.yaml", text, strlen(text), &err);
    if (!rc)
        rc = sweep_plan_make(&p.plan, &p.file, &err);
    if (rc != ONIC_ECONFIG || !strstr(err.msg, part) || !strstr(err.msg, "f.yaml"))
        fail_msg("%s\n%d '%s', want '%s'", text, rc, err.msg, part);
    planned_free(&p);
}

static void a_bad_file_is_named_with_its_line(void **state)
{
    (void)state;
    assert_refused("seds: [1]", "f.yaml:1: unknown key 'seds', did you mean 'seeds'?");
    assert_refused("options: {}\ngrd: {}", "f.yaml:2: unknown key 'grd', did you mean 'grid'?");
    assert_refused("random: {draws: 2, train.lr: {log_unform: [1, 2]}}", "'log_uniform'");
    assert_refused("eval: {episods: 4}", "did you mean 'episodes'?");
    assert_refused("seeds: 5", "[1, 2] or 101-105");
    assert_refused("seeds: [1, 1]", "twice");
    assert_refused("seeds: [1, -2]", "whole numbers");
    assert_refused("seeds: 5-1", "[1, 2] or 101-105");
    assert_refused("seeds: 0-4294967295", "[1, 2] or 101-105");
    assert_refused("seeds: []", "empty");
    assert_refused("options: {train.lr: [1, 2]}", "values to try stand below grid");
    assert_refused("options:\n  train:\n    lr: 1", "f.yaml:2: 'train' is followed by");
    assert_refused("options: {train.lr: 1, train.lr: 2}", "given twice");
    assert_refused("grid: {train.lr: 1}", "has no list of values");
    assert_refused("grid: {train.lr: []}", "has no list of values");
    assert_refused("grid: {train.lr: [1, 1]}", "twice");
    assert_refused("grid: {lr: [1, 2]}", "is no option");
    assert_refused("grid: {x: {a: 1}}", "is a set of options");
    assert_refused("random: {train.lr: {uniform: [0, 1]}}", "how often: draws: 20");
    assert_refused("random: {draws: 3}", "draws no option");
    assert_refused("random: {draws: 0, train.lr: {uniform: [0, 1]}}", "1 to 10000");
    assert_refused("random: {draws: 1, train.lr: {uniform: [1, 0]}}", "the smaller one first");
    assert_refused("random: {draws: 1, train.lr: {log_uniform: [0, 1]}}", "above 0");
    assert_refused("random: {draws: 1, train.lr: {uniform: [.nan, 1]}}", "the smaller one first");
    assert_refused("random: {draws: 1, train.lr: 3}", "is drawn as one of");
    assert_refused("random: {draws: 1, lr: {uniform: [0, 1]}}", "not draws, seed or an option");
    assert_refused("grid: {x: {a b: {}, a_b: {}}}", "two runs would be called a_b-s1");
    char far[400] = "options: {}\ngrid: {x: {";
    memset(far + strlen(far), 'a', 300);
    strcat(far, ": {}, b: {}}}");
    assert_refused(far, "f.yaml: the run aaaaaaaaaa");
    assert_refused(far, "... would have a name of 303 bytes: give its values short names, as sets "
                        "below an axis");
    assert_refused("exclude: s1", "is a list of names");
    assert_refused("exclude: [[s1]]", "a name that is none");
    assert_refused("seeds: [1, 2]\nexclude: [s1, s3]", "f.yaml:2: exclude: no run is called s3");
    assert_refused("exclude: [s?]", "exclude leaves no run");
    assert_refused("keep: [a]", "is the path of one folder");
    assert_refused("keep:", "is the path of one folder");
    assert_refused("[1, 2]", "a sweep has lines");
    assert_refused("", "a sweep has lines");
    assert_refused("grid: {a: {", "f.yaml:2:");
    assert_refused("config: [a]", "path of one configuration file");
    assert_refused("seeds: 1-1000\ngrid: {train.lr: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}",
                   "11000 runs; a sweep may have 10000");
}

static void seven_tens_of_values_do_not_wrap_around(void **state)
{
    (void)state;
    char text[4096] = "grid:\n";
    for (int i = 0; i < 7; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "  a%d: {0: {}, 1: {}, 2: {}, 3: {}, 4: {}, 5: {}, 6: {}, 7: {}, 8: {}, 9: {}}\n",
                 i);
    assert_refused(text, "10000000 runs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_is_a_run_with_each_seed),
        cmocka_unit_test(draws_have_the_law_that_was_asked_for),
        cmocka_unit_test(a_file_that_grows_keeps_its_runs),
        cmocka_unit_test(another_seed_draws_otherwise),
        cmocka_unit_test(a_name_is_a_folder_of_its_own),
        cmocka_unit_test(what_is_excluded_is_no_run),
        cmocka_unit_test(a_bad_file_is_named_with_its_line),
        cmocka_unit_test(seven_tens_of_values_do_not_wrap_around),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
