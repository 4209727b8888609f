/* SPDX-License-Identifier: MIT */
/* test_config.c - every way in, every refusal, and the dump that reads back. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "common/config/config.h"
#include "common/config/scalar.h"
#include "tests/onic_test.h"

static int read_text(struct config *c, const char *text, struct onic_err *err)
{
    return config_read_text(c, text, strlen(text), "f.yaml", CONFIG_FILE, err);
}

static void defaults_are_those_of_the_table(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    assert_int_equal(c.run_frames, 10000000);
    assert_close(c.train_lr, 7e-4, 0, 0);
    assert_true(c.train_normalize_advantage);
    assert_string_equal(c.env_id, "minigrid:KeyCorridorS3R3");
    assert_int_equal(config_origin_of(&c, "train.lr"), CONFIG_DEFAULT);
}

static void a_yaml_file_sets_what_it_names(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    assert_ok(
        read_text(&c,
                  "# comment\ntrain:\n  lr: 3e-4\n  batch: 1e4\nenv: {id: 'corridor', obs: ~}\n"
                  "run:\n  deterministic: yes\nreward:\n",
                  &err));
    assert_close(c.train_lr, 3e-4, 0, 0);
    assert_int_equal(c.train_batch, 10000);
    assert_string_equal(c.env_id, "corridor");
    assert_string_equal(c.env_obs, "");
    assert_true(c.run_deterministic);
    assert_int_equal(config_origin_of(&c, "train.lr"), CONFIG_FILE);
    assert_int_equal(config_origin_of(&c, "train.gamma"), CONFIG_DEFAULT);
}

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
    assert_err(config_set(&c, "plugin.a b", "1", CONFIG_CLI, "f:3", &err), ONIC_ECONFIG, "f:3");
    snprintf(words[1], sizeof words[1], "--plugin.size");
    assert_err(config_load(&c, 2, argv, &cli, &err), ONIC_ECONFIG, "--plugin.size needs a value");
}

static void an_empty_file_changes_nothing(void **state)
{
    (void)state;
    struct config a, b;
    config_defaults(&a);
    config_defaults(&b);
    assert_ok(config_read_text(&a, "", 0, "peer", CONFIG_PEER, &err));
    assert_memory_equal(&a, &b, sizeof a);
}

static void bad_yaml_names_file_line_and_what_to_do(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"train:\n  lrr: 1\n", "f.yaml:2: unknown option 'train.lrr', did you mean 'train.lr'?"},
        {"trian:\n  lr: 1\n", "f.yaml:1: unknown section 'trian', did you mean 'train'?"},
        {"env:\n  lr: 1\n", "did you mean 'train.lr'?"},
        {"zzzzzz:\n  lr: 1\n",
         "f.yaml:1: unknown section 'zzzzzz'; the sections are run, env, actors, compat, policy, "},
        {"count_power: 3\n", "written 'reward: {count_power: ...}'"},
        {"train:\n\n  lr: 2\n", "f.yaml:3: train.lr is '2', must be a number from 0 to 1"},
        {"train: {lr: nan}\n", "must be a number"},
        {"train: {lr: }\n", "must be a number"},
        {"train: {lr: 1x}\n", "must be a number"},
        {"train: {lr: 0x1.8}\n", "must be a number"},
        {"train: {lr: .inf}\n", "train.lr is '.inf', must be a number from 0 to 1"},
        {"train: {lr: .nan}\n", "train.lr is '.nan', must be a number from 0 to 1"},
        {"train: {lr: Null}\n", "train.lr has no value, must be a number from 0 to 1"},
        {"run: {deterministic: ~}\n", "run.deterministic has no value, must be true or false"},
        {"run: {deterministic: tRUE}\n", "run.deterministic is 'tRUE', must be true or false"},
        {"train: {batch: 1_000}\n", "train.batch is '1_000', must be a whole number"},
        {"train: {batch: ' 5'}\n", "train.batch is ' 5', must be a whole number"},
        {"train: {batch: 1.5}\n",
         "train.batch is '1.5', must be a whole number from 1 to 16777216"},
        {"train: {batch: 99999999999999999999}\n", "must be a whole number"},
        {"train: {batch: -1}\n", "must be a whole number"},
        {"run: {deterministic: maybe}\n", "run.deterministic is 'maybe', must be true or false"},
        {"log: {level: loud}\n", "must be one of error, warn, info, debug"},
        {"log: {level: inf}\n", "must be one of"},
        {"train: {lr: 0.1, lr: 0.2}\n", "'train.lr' is given twice, first in line 1"},
        {"train: &a {lr: 0.1}\n", "anchors are not supported"},
        {"train: {lr: &a 0.1}\n", "anchors are not supported"},
        {"train: *a\n", "aliases are not supported"},
        {"train: {lr: !!float 0.1}\n", "tags are not supported"},
        {"train: !t {lr: 0.1}\n", "tags are not supported"},
        {"train: {lr: {a: 1}}\n", "nested deeper than section and key: lr"},
        {"train: [1, 2]\n", "lists are not supported"},
        {"train: {lr: [1]}\n", "lists are not supported; write one value after lr"},
        {"- a\n", "lists are not supported"},
        {"hello\n", "f.yaml:1: the file must hold 'section:' lines"},
        {"train: 5\n", "expected 'key: value' lines"},
        {"train: {lr: 0.1}\n---\nenv: {}\n", "f.yaml:2: only one document"},
        {"train:\n\tlr: 1\n", "f.yaml:2: this is not valid YAML"},
        {"train: {lr: 0.1\n", "this is not valid YAML"},
        {"env: {id: \"a\\u0007b\"}\n", "without control characters"},
        {"env: {id: \"a\\0b\"}\n", "zero byte"},
        {"env: {id: x}\nrun: {dir: '\xfcx'}\n",
         "f.yaml:2: the byte 0xfc is not UTF-8 text; save the file as UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config c, before;
        config_defaults(&c);
        before = c;
        assert_err(read_text(&c, cases[i].text, &err), ONIC_ECONFIG, cases[i].part);
        assert_memory_equal(&c, &before, sizeof c); /* nothing half-read */
    }
}

static void a_file_above_one_mebibyte_is_refused(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    size_t n = (1 << 20) + 1;
    char *big = malloc(n);
    assert_non_null(big);
    memset(big, '#', n);
    assert_err(config_read_text(&c, big, n, "big.yaml", CONFIG_FILE, &err), ONIC_ECONFIG,
               "at most 1 MiB");
    assert_ok(config_read_text(&c, big, n - 1, "big.yaml", CONFIG_FILE, &err));
    free(big);
    assert_err(config_read_file(&c, "/nonexistent/x.yaml", &err), ONIC_ECONFIG,
               "/nonexistent/x.yaml cannot be opened");
    assert_err(config_read_file(&c, "/", &err), ONIC_ECONFIG, "/ cannot be read");
}

static void too_long_text_is_refused(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    char text[CONFIG_STR_MAX + 1];
    memset(text, 'a', sizeof text);
    text[CONFIG_STR_MAX] = '\0';
    assert_err(config_set(&c, "env.id", text, CONFIG_CLI, "--env.id", &err), ONIC_ECONFIG,
               "shorter than 512");
    text[CONFIG_STR_MAX - 1] = '\0';
    assert_ok(config_set(&c, "env.id", text, CONFIG_CLI, "--env.id", &err));
    assert_string_equal(c.env_id, text);
}

static void the_dump_reads_back_to_the_same_values(void **state)
{
    (void)state;
    static const char *const keys[][2] = {{"env.id", "it's: #a \"quoted\" *x"},
                                          {"env.obs", "null"},
                                          {"train.lr", "0.1234567890123456"},
                                          {"train.gamma", "0.30000000000000004"},
                                          {"train.clip", "1e-9"},
                                          {"run.frames", "123456789012345"},
                                          {"run.deterministic", "true"}};
    struct config a, b;
    config_defaults(&a);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_ok(config_set(&a, keys[i][0], keys[i][1], CONFIG_CLI, "t", &err));
    struct buf text;
    buf_init(&text, 1 << 20);
    config_dump(&a, &text);
    assert_non_null(strstr(text.data, "lr: 0.1234567890123456  # command line"));
    assert_non_null(strstr(text.data, "batch: 4096  # default"));
    config_defaults(&b);
    assert_ok(config_read_text(&b, text.data, text.len, "dump", CONFIG_FILE, &err));
    assert_memory_equal(&a, &b, offsetof(struct config, origin));
    assert_int_equal(config_origin_of(&b, "run.on_exists"), CONFIG_FILE);
    buf_release(&text);
}

static void get_and_set_agree(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    char out[64];
    assert_ok(config_set(&c, "rules.latency_ms", "12.5", CONFIG_AUTO, "t", &err));
    assert_int_equal(config_get(&c, "rules.latency_ms", out, sizeof out), ONIC_OK);
    assert_string_equal(out, "12.5");
    assert_int_equal(config_get(&c, "rules.latency", out, sizeof out), ONIC_ENOTFOUND);
    assert_int_equal(config_get(&c, "env.id", out, 4), ONIC_ELIMIT);
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

/* The core schema of YAML 1.2 (section 10.3.2): the words and what they are. */
struct word {
    const char *text;
    enum { NOTHING = 1, YES = 2, NO = 4, INT = 8, REAL = 16 } is;
    double number;
};

static const struct word words[] = {
    {"true", YES, 0},
    {"True", YES, 0},
    {"TRUE", YES, 0},
    {"false", NO, 0},
    {"False", NO, 0},
    {"FALSE", NO, 0},
    {"yes", YES, 0},
    {"Off", NO, 0},
    {"NO", NO, 0},
    {"on", YES, 0},
    {"tRUE", 0, 0},
    {"TRue", 0, 0},
    {"y", 0, 0},
    {"truee", 0, 0},
    {"tru", 0, 0},
    {"1", YES | INT | REAL, 1},
    {"0", NO | INT | REAL, 0},
    {"+5", INT | REAL, 5},
    {"-5", INT | REAL, -5},
    {"017", INT | REAL, 17},
    {"0o17", INT | REAL, 15},
    {"0x1F", INT | REAL, 31},
    {"0x1f", INT | REAL, 31},
    {"0o18", 0, 0},
    {"0xG", 0, 0},
    {"0x", 0, 0},
    {"-0x1F", 0, 0},
    {"0b11", 0, 0},
    {"0O17", 0, 0},
    {"0X1F", 0, 0},
    {"1_000", 0, 0},
    {"1e3", INT | REAL, 1000},
    {"1E+3", INT | REAL, 1000},
    {"5.", INT | REAL, 5},
    {"1.5", REAL, 1.5},
    {".5", REAL, 0.5},
    {"-.5e-1", REAL, -0.05},
    {".", 0, 0},
    {"e3", 0, 0},
    {"1e", 0, 0},
    {"1e3.", 0, 0},
    {"0x1.8p1", 0, 0},
    {"inf", 0, 0},
    {"nan", 0, 0},
    {"infinity", 0, 0},
    {" 5", 0, 0},
    {"5 ", 0, 0},
    {"+", 0, 0},
    {"9007199254740992", INT | REAL, 0x1p53},
    {"9223372036854775808", REAL, 0x1p63},
    {"0x8000000000000000", REAL, 0x1p63},
    {"0x10000000000000000", 0, 0},
    {"1e16", REAL, 1e16},
    {"", NOTHING, 0},
    {"~", NOTHING, 0},
    {"null", NOTHING, 0},
    {"Null", NOTHING, 0},
    {"NULL", NOTHING, 0},
    {"nULL", 0, 0},
    {"nil", 0, 0},
    {"none", 0, 0},
};

static void words_mean_what_the_core_schema_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const struct word *w = &words[i];
        bool b = false;
        int64_t n = 0;
        double x = 0;
        int is = scalar_is_null(w->text) ? NOTHING : 0;
        if (scalar_bool(w->text, &b))
            is |= b ? YES : NO;
        is |= scalar_int(w->text, &n) ? INT : 0;
        is |= scalar_real(w->text, &x) ? REAL : 0;
        if (is != (int)w->is || (is & INT && n != (int64_t)w->number) ||
            (is & REAL && x != w->number))
            fail_msg("'%s': %d, %lld, %g", w->text, is, (long long)n, x);
    }
    double x;
    int64_t n;
    assert_true(scalar_int("9007199254740993", &n) && n == 9007199254740993);
    assert_true(scalar_int("9223372036854775807", &n) && n == INT64_MAX);
    assert_true(scalar_real(".inf", &x) && x > 0 && isinf(x));
    assert_true(scalar_real("-.INF", &x) && x < 0 && isinf(x));
    assert_true(scalar_real("+.Inf", &x) && isinf(x));
    assert_true(scalar_real(".nan", &x) && isnan(x));
    assert_true(scalar_real(".NaN", &x) && isnan(x));
    assert_false(scalar_real("-.nan", &x));
    assert_false(scalar_real(".iNF", &x));
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

static void help_is_short_unless_more_is_asked_for(void **state)
{
    (void)state;
    struct buf out;
    struct config c;
    buf_init(&out, 1 << 20);
    config_defaults(&c);
    assert_ok(config_help('F', NULL, NULL, &c, &out, &err));
    assert_non_null(strstr(out.data, "--reward.model="));
    assert_null(strstr(out.data, "--train.adam_eps="));
    assert_non_null(strstr(out.data, "train("));
    assert_non_null(strstr(out.data, "--help=all"));
    buf_reset(&out);
    assert_ok(config_help('F', NULL, "train", &c, &out, &err));
    assert_non_null(strstr(out.data, "--train.adam_eps="));
    assert_null(strstr(out.data, "--reward.model="));
    buf_reset(&out);
    assert_ok(config_help('F', NULL, "train.lr", &c, &out, &err));
    assert_null(strstr(out.data, "--train.lr_schedule="));
    assert_err(config_help('F', NULL, "trian", &c, &out, &err), ONIC_ECONFIG, "--help=trian");
    assert_err(config_help('F', NULL, "trian", &c, &out, &err), ONIC_ECONFIG, "train(");
    assert_err(config_help('F', "run.seed env.id", "train", &c, &out, &err), ONIC_ECONFIG,
               "the sections are run(1), env(1)");
    assert_err(config_help('F', "", "train", &c, &out, &err), ONIC_ECONFIG, "no sections");
    buf_reset(&out);
    assert_ok(config_help('F', NULL, "all", &c, &out, &err));
    for (const char *p = out.data; *p; p += strcspn(p, "\n"), p += *p == '\n')
        if (strcspn(p, "\n") > 100)
            fail_msg("more than 100 columns: %.*s", (int)strcspn(p, "\n"), p);
    buf_release(&out);
}

/* The page is made, not written: `onic config --reference >deploy/options.md`. */
static void the_page_of_all_options_is_up_to_date(void **state)
{
    (void)state;
    struct buf out;
    char path[600];
    static char page[1 << 20];
    snprintf(path, sizeof path, "%s/deploy/options.md", getenv("ONIC_SOURCE"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    page[fread(page, 1, sizeof page - 1, f)] = '\0';
    fclose(f);
    buf_init(&out, 1 << 20);
    config_reference(&out);
    if (strcmp(page, out.data) != 0)
        fail_msg("deploy/options.md is not what `onic config --reference` prints");
    for (const char *p = out.data; (p = strchr(p, '<')) != NULL; p++)
        if (p[-1] != '\\')
            fail_msg("Markdown hides what is taken for HTML: %.40s", p);
    buf_release(&out);
}

static void help_lists_the_rows_of_one_program(void **state)
{
    (void)state;
    struct buf out;
    struct config c;
    buf_init(&out, 1 << 20);
    config_defaults(&c);
    assert_ok(config_help('A', NULL, "all", &c, &out, &err));
    assert_non_null(strstr(out.data, "--actors.learner"));
    assert_null(strstr(out.data, "--train.lr="));
    buf_reset(&out);
    assert_ok(config_help('L', NULL, "all", &c, &out, &err));
    assert_non_null(strstr(out.data, "--train.lr=0..1"));
    assert_non_null(strstr(out.data, "[0.0007]"));
    assert_null(strstr(out.data, "--rules.noise"));
    buf_reset(&out);
    assert_ok(config_help('F', "run.seed env", "all", &c, &out, &err));
    assert_non_null(strstr(out.data, "--run.seed="));
    assert_non_null(strstr(out.data, "--env.max_steps="));
    assert_null(strstr(out.data, "--run.frames="));
    assert_null(strstr(out.data, "--train.lr="));
    buf_reset(&out);
    c.run_seed = 7; /* a command whose default is another one says so */
    assert_ok(config_help('F', "run.seed", "all", &c, &out, &err));
    assert_non_null(strstr(out.data, "[7]"));
    buf_reset(&out);
    assert_ok(config_help('F', "", NULL, &c, &out, &err));
    assert_null(strstr(out.data, "="));
    assert_non_null(strstr(out.data, "--help"));
    buf_reset(&out);
    config_version(&out);
    assert_non_null(strstr(out.data, "onic 0."));
    assert_non_null(strstr(out.data, "CPU path avx"));
    buf_release(&out);
}

static void a_stored_run_may_hold_options_that_are_gone(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    const char text[] = "train: {lr: 0.5, gone: 3}\nvanished: {key: 1}\nrun: {seed: 9}\n";
    assert_ok(config_read_stored(&c, text, strlen(text), "old.yaml", &err));
    assert_close(c.train_lr, 0.5, 0, 0);
    assert_int_equal(c.run_seed, 9);
    assert_err(config_read_text(&c, text, strlen(text), "new.yaml", CONFIG_FILE, &err),
               ONIC_ECONFIG, "train.gone");
    const char bad[] = "train: {lr: many}\n"; /* lenient on names, not on values */
    assert_err(config_read_stored(&c, bad, strlen(bad), "old.yaml", &err), ONIC_ECONFIG,
               "old.yaml:1");
}

int main(void)
{
    unsetenv("ONIC_TRAIN_LR");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stored_run_may_hold_options_that_are_gone),
        cmocka_unit_test(defaults_are_those_of_the_table),
        cmocka_unit_test(a_yaml_file_sets_what_it_names),
        cmocka_unit_test(a_plugins_options_are_pairs_wherever_they_stand),
        cmocka_unit_test(an_empty_file_changes_nothing),
        cmocka_unit_test(bad_yaml_names_file_line_and_what_to_do),
        cmocka_unit_test(a_file_above_one_mebibyte_is_refused),
        cmocka_unit_test(too_long_text_is_refused),
        cmocka_unit_test(the_dump_reads_back_to_the_same_values),
        cmocka_unit_test(get_and_set_agree),
        cmocka_unit_test(later_sources_win),
        cmocka_unit_test(short_forms_and_extras_are_understood),
        cmocka_unit_test(words_mean_what_the_core_schema_says),
        cmocka_unit_test(words_mean_the_same_wherever_they_stand),
        cmocka_unit_test(bad_flags_get_one_sentence),
        cmocka_unit_test(a_misspelt_environment_variable_is_an_error),
        cmocka_unit_test(help_is_short_unless_more_is_asked_for),
        cmocka_unit_test(the_page_of_all_options_is_up_to_date),
        cmocka_unit_test(help_lists_the_rows_of_one_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
