/* SPDX-License-Identifier: MIT */
/* test_cli.c - the command line: which source wins, short forms, flags of one command, bad ones. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "common/config/config.h"
#include "tests/onic_test.h"

static void a_plugins_options_are_pairs_wherever_they_stand(void **state)
{
    (void)state;
    static const char text[] = "plugin: {size: 8, map: 'a b', on: }\n";
    char words[4][24] = {"prog", "--plugin.size=9", "--plugin.new", "x"};
    char *argv[] = {words[0], words[1], words[2], words[3]};
    struct config_cli cli = {.who = 'F', .program = "prog"};
    struct config c;
    config_defaults(&c);
    assert_ok(config_read_text(&c, text, strlen(text), "f", CONFIG_FILE, &err));
    assert_string_equal(c.env_options, "size=8;map=a b;on=");
    config_defaults(&c);
    setenv("ONIC_PLUGIN_SIZE", "7", 1);
    assert_ok(config_read_env(&c, &err));
    assert_string_equal(c.env_options, "size=7");
    assert_ok(config_load(&c, 4, argv, &cli, &err)); /* begins with the defaults */
    assert_string_equal(c.env_options, "size=9;new=x");
    unsetenv("ONIC_PLUGIN_SIZE");
    assert_int_equal(config_origin_of(&c, "env.options"), CONFIG_CLI);
    assert_err(config_set(&c, "plugin.a", "1;2", CONFIG_CLI, "--plugin.a", &err), ONIC_ECONFIG,
               "no ';'");
    assert_err(config_set(&c, "plugin.a b", "1", CONFIG_CLI, "f:3", &err), ONIC_ECONFIG,
               "f:3: the name of a plug-in's option is 1 to 40 letters, digits, _, - or .");
    char most[CONFIG_STR_MAX] = {0};
    memset(most, 'x', sizeof most - 1);
    assert_err(config_set(&c, "plugin.b", most, CONFIG_CLI, "--plugin.b", &err), ONIC_ECONFIG,
               "--plugin.b: the plug-in's options together are longer than 511 bytes");
    snprintf(words[1], sizeof words[1], "--plugin.size");
    assert_err(config_load(&c, 2, argv, &cli, &err), ONIC_ECONFIG, "--plugin.size needs a value");
}

struct extras {
    int greedy, json;
    char episodes[32];
};

static int on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct extras *e = ctx;
    if (strcmp(name, "greedy") == 0 && !value)
        e->greedy++;
    else if (strcmp(name, "episodes") == 0)
        snprintf(e->episodes, sizeof e->episodes, "%s", value);
    else if (strcmp(name, "json") == 0 && (!value || strcmp(value, "-") == 0))
        e->json++;
    else
        return err_set(err, ONIC_EINVAL, "unexpected extra %s", name);
    return ONIC_OK;
}

/* One string of words separated by spaces -> config_load. */
static int load(struct config *c, struct extras *ex, const char *line, struct onic_err *err)
{
    static const char *const extra[] = {"--greedy", "--episodes=", "--json=-", NULL};
    struct config_cli cli = {
        .who = 'F', .program = "onic test", .extra = extra, .on_extra = on_extra, .ctx = ex};
    char copy[512], program[] = "onic", *argv[32] = {program};
    int argc = 1;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *save, *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    return config_load(c, argc, argv, &cli, err);
}

static void later_sources_win(void **state)
{
    (void)state;
    char dir[256], path[300], line[400];
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/a.yaml", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("train: {lr: 0.1, gamma: 0.2, epochs: 3}\n", f);
    fclose(f);
    setenv("ONIC_TRAIN_GAMMA", "0.3", 1);
    setenv("ONIC_TRAIN_LR", "0.4", 1);
    struct config c;
    struct extras ex = {0};
    snprintf(line, sizeof line, "--train.lr=0.5 %s",
             path); /* the file stands last and still loses */
    assert_ok(load(&c, &ex, line, &err));
    unsetenv("ONIC_TRAIN_GAMMA");
    unsetenv("ONIC_TRAIN_LR");
    assert_close(c.train_lr, 0.5, 0, 0);
    assert_close(c.train_gamma, 0.3, 0, 0);
    assert_int_equal(c.train_epochs, 3);
    assert_int_equal(config_origin_of(&c, "train.lr"), CONFIG_CLI);
    assert_int_equal(config_origin_of(&c, "train.gamma"), CONFIG_ENV);
    assert_int_equal(config_origin_of(&c, "train.epochs"), CONFIG_FILE);
    assert_string_equal(c.origin_file[0], path);
    temp_dir_remove(dir);
}

static void short_forms_and_extras_are_understood(void **state)
{
    (void)state;
    struct config c;
    struct extras ex = {0};
    assert_ok(load(&c, &ex,
                   "--frames 2e7 --seed=9 --run-dir runs/x --deterministic --on-exists=fail "
                   "--listen tcp://a:1 "
                   "--learner=ipc:///x --orphan-timeout 5 --greedy --episodes 400 --actors.id -1 "
                   "--metrics.tensorboard false --metrics.panel",
                   &err));
    assert_int_equal(c.run_frames, 20000000);
    assert_int_equal(c.run_seed, 9);
    assert_string_equal(c.run_dir, "runs/x");
    assert_true(c.run_deterministic);
    assert_int_equal(c.run_on_exists, CONFIG_run_on_exists_fail);
    assert_string_equal(c.listen_address, "tcp://a:1");
    assert_string_equal(c.actors_learner, "ipc:///x");
    assert_int_equal(c.actors_orphan_timeout_s, 5);
    assert_int_equal(c.actors_id, -1);
    assert_false(c.metrics_tensorboard);
    assert_true(c.metrics_panel);
    assert_int_equal(ex.greedy, 1);
    assert_ok(load(&c, &ex, "--json - --json=- --json --greedy", &err));
    assert_int_equal(ex.json, 3);
    assert_int_equal(ex.greedy, 2);
    assert_string_equal(ex.episodes, "400");
}

/* A word means the same in a file, in the environment and on the command line; in quotes it is a
 * text. */
static void words_mean_the_same_wherever_they_stand(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        bool want;
    } switches[] = {{"True", true}, {"TRUE", true}, {"on", true}, {"False", false}, {"NO", false}};
    struct config c;
    struct extras ex = {0};
    char text[200];
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        const char *word = switches[i].word;
        bool want = switches[i].want;
        config_defaults(&c);
        snprintf(text, sizeof text, "run: {deterministic: %s}\n", word);
        c.run_deterministic = !want;
        assert_ok(config_read_text(&c, text, strlen(text), "f", CONFIG_FILE, &err));
        assert_int_equal(c.run_deterministic, want);
        setenv("ONIC_RUN_DETERMINISTIC", word, 1);
        c.run_deterministic = !want;
        assert_ok(config_read_env(&c, &err));
        unsetenv("ONIC_RUN_DETERMINISTIC");
        assert_int_equal(c.run_deterministic, want);
        snprintf(text, sizeof text, "--deterministic %s --run.deterministic=%s --greedy", word,
                 word);
        assert_ok(load(&c, &ex, text, &err));
        assert_int_equal(c.run_deterministic, want);
        int before = ex.greedy;
        snprintf(text, sizeof text, "--greedy %s --greedy=%s --seed 0x1F", word, word);
        assert_ok(load(&c, &ex, text, &err));
        assert_int_equal(ex.greedy - before, want ? 2 : 0);
        assert_int_equal(c.run_seed, 31);
    }
    /* A digit behind a blank is a file or a run. */
    assert_err(load(&c, &ex, "--deterministic 1", &err), ONIC_ECONFIG, "1 cannot be opened");
    assert_ok(load(&c, &ex, "--deterministic=1", &err));
    static const char quoted[] = "env: {obs: '~', id: \"True\", actions: ~}\nrun: {seed: '7'}\n";
    config_defaults(&c);
    snprintf(c.env_obs, sizeof c.env_obs, "x");
    assert_err(config_read_text(&c, quoted, strlen(quoted), "f", CONFIG_FILE, &err), ONIC_ECONFIG,
               "env.actions has no value");
    static const char texts[] =
        "env: {obs: '~', id: \"True\"}\nlabels: {path: Null}\nrun: {seed: '7'}\n";
    snprintf(c.labels_path, sizeof c.labels_path, "x");
    assert_ok(config_read_text(&c, texts, strlen(texts), "f", CONFIG_FILE, &err));
    assert_string_equal(c.env_obs, "~");
    assert_string_equal(c.env_id, "True");
    assert_string_equal(c.labels_path, "");
    assert_int_equal(c.run_seed, 7);
}

static void bad_flags_get_one_sentence(void **state)
{
    (void)state;
    struct config c;
    struct extras ex = {0};
    assert_err(load(&c, &ex, "--train.lrr=3", &err), ONIC_ECONFIG,
               "unknown option '--train.lrr', did you mean '--train.lr'?");
    assert_err(load(&c, &ex, "--frame=3", &err), ONIC_ECONFIG, "did you mean '--frames'?");
    assert_err(load(&c, &ex, "--episode=3", &err), ONIC_ECONFIG, "did you mean '--episodes'?");
    assert_err(load(&c, &ex, "--qqqqqqqqqqqqq", &err), ONIC_ECONFIG, "`onic test --help` lists");
    assert_err(load(&c, &ex, "--greedy=2", &err), ONIC_ECONFIG,
               "--greedy is '2', must be true or false");
    assert_err(load(&c, &ex, "--json=out.json", &err), ONIC_ECONFIG,
               "--json is 'out.json', but it only writes to standard output");
    assert_err(load(&c, &ex, "--train.lr", &err), ONIC_ECONFIG, "--train.lr needs a value");
    assert_err(load(&c, &ex, "--train.lr=7", &err), ONIC_ECONFIG,
               "--train.lr: train.lr is '7', must be a number from 0 to 1");
    assert_err(load(&c, &ex, "-x", &err), ONIC_ECONFIG, "unknown option '-x'");
    assert_err(load(&c, &ex, "nofile.yaml", &err), ONIC_ECONFIG, "nofile.yaml cannot be opened");
    assert_err(load(&c, &ex, "-- --train.lr=1", &err), ONIC_ECONFIG,
               "--train.lr=1 cannot be opened");
}

static void a_misspelt_environment_variable_is_an_error(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    setenv("ONIC_TRAIN_LRR", "1", 1);
    assert_err(config_read_env(&c, &err), ONIC_ECONFIG,
               "ONIC_TRAIN_LRR: unknown option 'train.lrr', did you mean 'train.lr'?");
    unsetenv("ONIC_TRAIN_LRR");
    setenv("ONIC_CACHE", "/x", 1); /* not an option, allowed */
    assert_ok(config_read_env(&c, &err));
    unsetenv("ONIC_CACHE");
    setenv("ONIC_TRAIN_LR", "9", 1);
    assert_err(config_read_env(&c, &err), ONIC_ECONFIG, "ONIC_TRAIN_LR: train.lr is '9'");
    unsetenv("ONIC_TRAIN_LR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plugins_options_are_pairs_wherever_they_stand),
        cmocka_unit_test(later_sources_win),
        cmocka_unit_test(short_forms_and_extras_are_understood),
        cmocka_unit_test(words_mean_the_same_wherever_they_stand),
        cmocka_unit_test(bad_flags_get_one_sentence),
        cmocka_unit_test(a_misspelt_environment_variable_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
