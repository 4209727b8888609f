/* SPDX-License-Identifier: MIT */
/* test_tensorboard_package.c - what the published tensorboard package and its plug-ins read of a
 * run: nothing of ours is between the file and them (tests/support/tensorboard). */
#define _GNU_SOURCE
#include <jansson.h>
#include <stdlib.h>

#include "tests/onic_test.h"
#include "tests/support/scene.h"

enum { HPARAM_TEXT = 1, HPARAM_FLAG = 2, HPARAM_NUMBER = 3, SESSION_SUCCESS = 1 };

/* Of all runs below the scene's folder; given back by the caller. */
static json_t *read_runs(struct scene *s)
{
    char line[1200];
    struct program p = {0};
    snprintf(line, sizeof line, "exec %s/tests/support/tensorboard/read_run.sh .",
             getenv("ONIC_SOURCE"));
    program_start_shell(&p, s->dir, "read", line);
    int code = program_wait(&p, SCENE_LONG_MS);
    if (code == 77) {
        print_message("%s", program_text(p.err));
        skip();
    }
    if (code)
        fail_msg("read_run.sh ended with %d: %s", code, program_text(p.err));
    json_t *o = json_loads(program_text(p.out), 0, NULL);
    assert_non_null(o);
    return o;
}

static json_t *part(const json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);
    if (!v)
        fail_msg("no %s in %s", key, json_dumps(o, JSON_COMPACT));
    return v;
}

static void train_short(struct scene *s, const char *run, const char *more)
{
    char args[400];
    struct program p = {0};
    snprintf(args, sizeof args,
             "train --run-dir=%s --annotator.id=rules --env.id=corridor --env.count=4 "
             "--train.batch=256 --frames=4000 %s",
             run, more);
    assert_int_equal(program_run(&p, s->dir, run, "onic", args, SCENE_LONG_MS), 0);
}

static void hparams_are_those_of_the_run(const json_t *run, double lr)
{
    const char *key;
    json_t *value, *hparams = part(run, "hparams"), *types = part(run, "types");
    assert_close(json_number_value(part(hparams, "train.lr")), lr, 1e-9, 0);
    assert_int_equal(json_integer_value(part(types, "train.lr")), HPARAM_NUMBER);
    assert_string_equal(json_string_value(part(hparams, "env.id")), "corridor");
    assert_int_equal(json_integer_value(part(types, "env.id")), HPARAM_TEXT);
    assert_true(json_is_true(part(hparams, "train.normalize_advantage")));
    assert_int_equal(json_integer_value(part(types, "train.normalize_advantage")), HPARAM_FLAG);
    assert_int_equal(json_object_size(types), json_object_size(hparams));
    json_object_foreach(hparams, key, value)
    { /* what is of a machine or a secret is no hyper-parameter */
        assert_null(strstr(key, "llm."));
        assert_null(strstr(key, "security."));
        assert_null(strstr(key, "run.dir"));
        assert_null(strstr(key, "reward.server"));
    }
}

static void histograms_hold_all_weights(const json_t *run, double episodes)
{
    const char *tag;
    json_t *h;
    int layers = 0;
    double values = 0;
    json_object_foreach(part(run, "histograms"), tag, h)
    {
        double from = json_number_value(part(h, "from")), to = json_number_value(part(h, "to"));
        assert_true(from <= to && isfinite(from) && isfinite(to));
        if (strncmp(tag, "weights/", 8) != 0)
            continue;
        layers++;
        values += json_number_value(part(h, "values"));
    }
    assert_true(layers >= 4 && values > 1000);
    json_t *returns = part(part(run, "histograms"), "episodes/return");
    assert_close(json_number_value(part(returns, "values")), fmin(episodes, 100), 0, 0);
}

static void the_package_reads_scalars_histograms_text_and_hparams(void **state)
{
    struct scene *s = *state;
    train_short(s, "one", "--train.lr=0.002");
    train_short(s, "two", "--train.lr=0.003 --train.entropy=0.02");
    json_t *all = read_runs(s);
    assert_int_equal(json_object_size(all), 2);
    json_t *one = part(all, "one"), *two = part(all, "two");
    hparams_are_those_of_the_run(one, 0.002);
    hparams_are_those_of_the_run(two, 0.003);
    assert_close(json_number_value(part(part(two, "hparams"), "train.entropy")), 0.02, 1e-9, 0);
    const char *config = json_string_value(part(part(one, "texts"), "config/text_summary"));
    assert_non_null(strstr(config, "```yaml\n"));
    assert_non_null(strstr(config, "train:"));
    snprintf(s->run, sizeof s->run, "%s/one", s->dir);
    histograms_hold_all_weights(one, metrics_last(s->run, "train/episodes_total"));
    json_t *steps = part(part(one, "scalars"), "env_steps");
    assert_close(json_number_value(json_array_get(steps, 1)), metrics_last(s->run, "env_steps"), 0,
                 0);
    assert_string_equal(json_string_value(json_array_get(part(one, "metrics"), 0)),
                        "reward/reward");
    assert_int_equal(json_integer_value(part(one, "end")), SESSION_SUCCESS);
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_package_reads_scalars_histograms_text_and_hparams,
                                        scene_setup, scene_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
