/* SPDX-License-Identifier: MIT */
/* test_run_config.c - a stored configuration that is not whole is refused, and which word lets a
 * run go on all the same. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/checkpoint/checkpoint.h"
#include "common/run/run_dir.h"
#include "common/run/run_id.h"
#include "common/run/run_seal.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"

enum { TEXT_MAX = 1 << 16 };

static void keep_quiet(void *ctx, const char *line, size_t len)
{
    (void)ctx, (void)line, (void)len;
}

static int setup(void **state)
{
    log_set_writer(keep_quiet, NULL);
    return files_setup(state);
}

static int teardown(void **state)
{
    log_set_writer(NULL, NULL);
    return files_teardown(state);
}

static void set(struct config *c, const char *key, const char *value)
{
    assert_ok(config_set(c, key, value, CONFIG_CLI, key, &err));
}

static int open_run(const struct config *given, struct config *cfg, bool *resumed,
                    struct onic_err *err)
{
    int lock = -1, rc = run_dir_open(files_in("run"), given, cfg, &lock, resumed, err);
    if (lock >= 0)
        close(lock);
    return rc;
}

static void add_checkpoint(uint64_t version, const char *options)
{
    uint8_t id[RUN_ID_BYTES];
    assert_ok(run_id_read(files_in("run"), id, &err));
    struct checkpoint *c = checkpoint_create();
    checkpoint_add_bytes(c, "config", options, strlen(options));
    checkpoint_add_bytes(c, "run_id", id, sizeof id);
    assert_ok(checkpoint_write_version(c, files_in("run/checkpoints"), version, NULL, &err));
    checkpoint_free(c);
}

/* A run that learns with 0.25, and a checkpoint of it that holds `kept`. */
static void make_run_of(const char *kept)
{
    struct config given, cfg;
    bool resumed;
    config_defaults(&given);
    set(&given, "train.lr", "0.25");
    set(&given, "run.on_exists", "overwrite");
    assert_ok(open_run(&given, &cfg, &resumed, &err));
    assert_ok(run_dir_write(files_in("run"), &cfg, resumed, &err));
    add_checkpoint(5, kept);
}

static void make_run(void)
{
    make_run_of("train:\n  lr: 0.125\nlabels:\n  path: '/etc/x'\n");
}

static size_t read_stored(char text[TEXT_MAX])
{
    assert_ok(run_dir_read(files_in("run"), "config.yaml", text, TEXT_MAX, &err));
    return strlen(text);
}

static void store(const char *text, size_t len)
{
    FILE *f = fopen(files_in("run/config.yaml"), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    fclose(f);
}

static void assert_refused(const char *part)
{
    struct config given, cfg;
    bool resumed;
    config_defaults(&given);
    assert_err(open_run(&given, &cfg, &resumed, &err), ONIC_ECONFIG, part);
    assert_err(open_run(&given, &cfg, &resumed, &err), ONIC_ECONFIG, "--run.config=checkpoint");
}

/* Whatever is left of it and whatever was changed, no option comes back as its default. */
static void a_configuration_that_was_cut_or_changed_is_refused(void **state)
{
    static char text[TEXT_MAX];
    (void)state;
    make_run();
    size_t len = read_stored(text);
    store(text, 0);
    assert_refused("config.yaml is empty");
    for (size_t n = 1; n < len; n += n < len - 200 ? 97 : 1) {
        store(text, n);
        assert_refused("was cut");
    }
    for (size_t at = 0; at < len; at += 131) {
        text[at] ^= 4;
        store(text, len);
        assert_refused("it was cut");
        text[at] ^= 4;
    }
    char *digit = strstr(text, "0.25");
    assert_non_null(digit);
    digit[2] = '5';
    store(text, len);
    assert_refused("config.yaml does not match its checksum");
    store("\0\0\0\0", 4); /* as some file systems leave it after a power cut */
    assert_refused("config.yaml is empty");
    assert_int_equal(unlink(files_in("run/config.yaml")), 0);
    assert_refused("config.yaml is gone, though there are checkpoints");
}

static double rate_with(const char *how)
{
    struct config given, cfg;
    bool resumed;
    config_defaults(&given);
    set(&given, "run.config", how);
    assert_ok(open_run(&given, &cfg, &resumed, &err));
    assert_true(resumed);
    assert_int_equal(cfg.run_config, CONFIG_run_config_kept); /* the word of one life */
    assert_string_equal(cfg.labels_path, "");                 /* no path out of a checkpoint */
    return cfg.train_lr;
}

static void a_word_lets_it_go_on_with_the_file_or_the_checkpoint(void **state)
{
    static char text[TEXT_MAX];
    (void)state;
    make_run();
    assert_close(rate_with("kept"), 0.25, 1e-12, 0);
    assert_close(rate_with("checkpoint"), 0.125, 1e-12, 0);
    read_stored(text);
    memcpy(strstr(text, "0.25"), "0.75", 4);
    store(text, strlen(text));
    assert_close(rate_with("edited"), 0.75, 1e-12, 0);
    store(text, (size_t)(strstr(text, "\n  seed") + 1 - text));
    /* what is not in it comes from the checkpoint, never from the defaults */
    assert_close(rate_with("edited"), 0.125, 1e-12, 0);
    assert_close(rate_with("checkpoint"), 0.125, 1e-12, 0);
    assert_int_equal(unlink(files_in("run/config.yaml")), 0);
    assert_close(rate_with("checkpoint"), 0.125, 1e-12, 0);
}

/* A checkpoint gives no path; the file that its owner edited does. */
static void an_edited_file_may_name_paths(void **state)
{
    static const char here[] = "env: {options: 'level=/levels/1'}\n",
                      nothing[] = "run: {seed: 2}\n";
    struct config given, cfg;
    bool resumed;
    (void)state;
    make_run_of("env:\n  options: 'level=/levels/0'\n");
    config_defaults(&given);
    set(&given, "run.config", "checkpoint");
    assert_err(open_run(&given, &cfg, &resumed, &err), ONIC_ECONFIG, "give --env.options=...");
    set(&given, "run.config", "edited");
    store(here, sizeof here - 1);
    assert_ok(open_run(&given, &cfg, &resumed, &err));
    assert_string_equal(cfg.env_options, "level=/levels/1");
    store(nothing, sizeof nothing - 1); /* it is asked for */
    assert_err(open_run(&given, &cfg, &resumed, &err), ONIC_ECONFIG, "give --env.options=...");
}

/* Beside the run another one that learns with 0.5, and was resumed, in the folder "another". */
static void make_another(void)
{
    struct config given, cfg;
    bool resumed;
    assert_int_equal(rename(files_in("run"), files_in("kept")), 0);
    config_defaults(&given);
    set(&given, "train.lr", "0.5");
    for (int life = 0; life < 2; life++) {
        assert_ok(open_run(&given, &cfg, &resumed, &err));
        assert_ok(run_dir_write(files_in("run"), &cfg, resumed, &err));
    }
    assert_int_equal(rename(files_in("run"), files_in("another")), 0);
    assert_int_equal(rename(files_in("kept"), files_in("run")), 0);
}

/* It is whole, and its environment and network fit. */
static void a_configuration_of_another_run_is_refused(void **state)
{
    static char text[TEXT_MAX];
    char why[RUN_CONFIG_WHY_MAX];
    struct config cfg;
    (void)state;
    make_run();
    make_another();
    assert_int_equal(rename(files_in("another/config.yaml"), files_in("run/config.yaml")), 0);
    assert_refused("config.yaml is of another run than run_id says (");
    assert_err(run_dir_check_config(files_in("run"), &err), ONIC_ECONFIG,
               "put the one of the two back that was replaced");
    assert_ok(run_dir_config_shown(files_in("run"), &cfg, why, &err));
    assert_non_null(strstr(why, "config.yaml is of another run than run_id says ("));
    assert_close(cfg.train_lr, 0.5, 1e-12, 0);
    assert_close(rate_with("checkpoint"), 0.125, 1e-12, 0);
    assert_close(rate_with("edited"), 0.5, 1e-12, 0);
    /* a run whose id is lost takes that of its newest checkpoint, and the file is of no other */
    assert_int_equal(unlink(files_in("run/run_id")), 0);
    assert_close(rate_with("kept"), 0.5, 1e-12, 0);
    make_run();
    assert_ok(run_dir_config_shown(files_in("run"), &cfg, why, &err));
    assert_string_equal(why, "");
    read_stored(text);
    assert_non_null(strstr(text, "\n# of run: "));
}

/* Nor does what was kept of another run's lives replace this one's. */
static void a_kept_configuration_of_another_run_does_not_come_back(void **state)
{
    (void)state;
    make_run();
    make_another();
    assert_int_equal(unlink(files_in("run/checkpoints/ckpt-000000000005.safetensors")), 0);
    assert_int_equal(unlink(files_in("run/checkpoints/LATEST")), 0);
    assert_int_equal(
        rename(files_in("another/config.yaml.before"), files_in("run/config.yaml.before")), 0);
    assert_close(rate_with("kept"), 0.25, 1e-12, 0);
}

/* What is taken over so is stored whole, and the next life needs no word. */
static void the_next_life_finds_it_whole_again(void **state)
{
    struct config given, cfg;
    bool resumed;
    (void)state;
    make_run();
    store("", 0);
    config_defaults(&given);
    set(&given, "run.config", "checkpoint");
    assert_ok(open_run(&given, &cfg, &resumed, &err));
    assert_ok(run_dir_write(files_in("run"), &cfg, resumed, &err));
    assert_false(run_dir_settle(files_in("run"), false));
    assert_close(rate_with("kept"), 0.125, 1e-12, 0);
    assert_int_equal(access(files_in("run/config.yaml.broken"), F_OK), -1);
}

/* A life that took a configuration over by a word, with a rate of its own. */
static void life_of_a_word(const char *how)
{
    struct config given, cfg;
    bool resumed;
    config_defaults(&given);
    set(&given, "run.config", how);
    set(&given, "train.lr", "0.5");
    assert_ok(open_run(&given, &cfg, &resumed, &err));
    assert_ok(run_dir_write(files_in("run"), &cfg, resumed, &err));
    assert_ok(run_dir_config(files_in("run"), &cfg, &err));
    assert_close(cfg.train_lr, 0.5, 1e-12, 0);
}

static size_t stored_now(char text[TEXT_MAX])
{
    text[0] = '\0';
    run_dir_read(files_in("run"), "config.yaml", text, TEXT_MAX, NULL);
    return strlen(text);
}

static void assert_as_it_was(const char *was)
{
    static char is[TEXT_MAX];
    stored_now(is);
    assert_string_equal(is, was);
    assert_int_equal(access(files_in("run/config.yaml.before"), F_OK), -1);
    assert_int_equal(access(files_in("run/config.yaml.broken"), F_OK), -1);
}

enum { CUT, EDITED, GONE, HARMS };

static void harm(int how)
{
    static char text[TEXT_MAX];
    make_run();
    size_t len = read_stored(text);
    if (how == GONE)
        assert_int_equal(unlink(files_in("run/config.yaml")), 0);
    if (how == EDITED)
        memcpy(strstr(text, "0.25"), "0.75", 4);
    if (how != GONE)
        store(text, how == CUT ? len / 2 : len);
}

/* What was refused is not stored, or the next life would begin with it; and what a person made of
 * the file is not gone with it. */
static void a_refused_life_leaves_a_broken_configuration_as_it_was(void **state)
{
    static char was[TEXT_MAX];
    (void)state;
    for (int how = 0; how < HARMS; how++) {
        harm(how);
        stored_now(was);
        life_of_a_word(how == EDITED ? "edited" : "checkpoint");
        assert_true(run_dir_settle(files_in("run"), true));
        assert_as_it_was(was);
        assert_refused("config.yaml");
    }
}

/* The same of one that was killed, at any place. */
static void a_killed_life_leaves_a_broken_configuration_as_it_was(void **state)
{
    static char was[TEXT_MAX];
    (void)state;
    for (int how = 0; how < HARMS; how++) {
        harm(how);
        stored_now(was);
        life_of_a_word(how == EDITED ? "edited" : "checkpoint");
        assert_refused("config.yaml"); /* by the next start */
        assert_as_it_was(was);
        if (how == GONE)
            continue;
        life_of_a_word("checkpoint"); /* before its own configuration was written */
        assert_int_equal(unlink(files_in("run/config.yaml")), 0);
        assert_refused("config.yaml");
        assert_as_it_was(was);
    }
}

/* One that trained keeps what it trained with. */
static void a_life_that_trained_keeps_what_it_took_over(void **state)
{
    (void)state;
    harm(EDITED);
    life_of_a_word("edited");
    add_checkpoint(6, "train:\n  lr: 0.5\n");
    assert_false(run_dir_settle(files_in("run"), true));
    assert_close(rate_with("kept"), 0.5, 1e-12, 0);
    assert_int_equal(access(files_in("run/config.yaml.broken"), F_OK), -1);
}

static void a_lost_version_is_no_lost_run(void **state)
{
    struct config given, cfg;
    bool resumed;
    (void)state;
    make_run();
    assert_int_equal(unlink(files_in("run/version.txt")), 0);
    assert_close(rate_with("kept"), 0.25, 1e-12, 0);
    config_defaults(&given);
    assert_ok(open_run(&given, &cfg, &resumed, &err));
    assert_ok(run_dir_write(files_in("run"), &cfg, resumed, &err));
    assert_int_equal(access(files_in("run/version.txt"), F_OK), 0);
}

/* It wrote no checksum and no run id. */
static void a_run_of_an_older_onic_goes_on(void **state)
{
    static char text[TEXT_MAX];
    (void)state;
    make_run();
    size_t len = read_stored(text), body = run_seal_body(text, len);
    assert_true(body < len);
    store(text, body);
    assert_refused("lacks its checksum");
    assert_int_equal(unlink(files_in("run/run_id")), 0);
    assert_close(rate_with("kept"), 0.25, 1e-12, 0);
    store(text, body - 1);
    assert_refused("config.yaml was cut");
    assert_int_equal(unlink(files_in("run/version.txt")), 0);
    store(text, body);
    assert_refused(
        "config.yaml has no checksum and no version.txt beside it: onic did not write it");
}

/* It wrote a checksum, and no line above it that names the run. */
static void a_run_whose_configuration_names_no_run_goes_on_and_gets_a_name(void **state)
{
    static char text[TEXT_MAX];
    struct config given, cfg;
    struct buf before;
    bool resumed;
    (void)state;
    make_run();
    read_stored(text);
    char *owner = strstr(text, "\n# of run: ");
    assert_non_null(owner);
    buf_init(&before, TEXT_MAX);
    buf_append(&before, text, (size_t)(owner + 1 - text));
    run_seal_close(&before);
    store(before.data, before.len);
    buf_release(&before);
    assert_close(rate_with("kept"), 0.25, 1e-12, 0);
    config_defaults(&given);
    assert_ok(open_run(&given, &cfg, &resumed, &err));
    assert_ok(run_dir_write(files_in("run"), &cfg, resumed, &err));
    read_stored(text);
    assert_non_null(strstr(text, "\n# of run: "));
}

/* Somebody's config.yaml in the folder that was named as a run directory. */
static void a_persons_file_is_not_replaced(void **state)
{
    struct config given, cfg;
    bool resumed;
    char text[100];
    (void)state;
    assert_int_equal(mkdir(files_in("run"), 0700), 0);
    assert_int_equal(mkdir(files_in("run/checkpoints"), 0700), 0);
    files_write(files_in("run/checkpoints/mine"), "");
    files_write(files_in("run/config.yaml"), "train: {lr: 0.5}\n");
    assert_refused(
        "config.yaml has no checksum and no version.txt beside it: onic did not write it");
    config_defaults(&given);
    set(&given, "run.on_exists", "overwrite");
    assert_err(open_run(&given, &cfg, &resumed, &err), ONIC_ECANTCREATE, "is not a run and is not");
    assert_ok(run_dir_read(files_in("run"), "config.yaml", text, sizeof text, &err));
    assert_string_equal(text, "train: {lr: 0.5}\n");
}

/* A life of the run that learns with 0.5, and is killed before it trained. */
static void killed_life(void)
{
    struct config given, cfg;
    bool resumed;
    make_run();
    config_defaults(&given);
    set(&given, "train.lr", "0.5");
    assert_ok(open_run(&given, &cfg, &resumed, &err));
    assert_ok(run_dir_write(files_in("run"), &cfg, resumed, &err));
}

/* config.yaml.before that was cut brings nothing back. */
static void half_a_copy_of_before_is_not_brought_back(void **state)
{
    static char text[TEXT_MAX];
    (void)state;
    killed_life();
    assert_ok(run_dir_read(files_in("run"), "config.yaml.before", text, TEXT_MAX, &err));
    assert_int_equal(run_seal_look(text, strlen(text)), RUN_SEAL_GOOD);
    assert_int_equal(truncate(files_in("run/config.yaml.before"), 300), 0);
    assert_close(rate_with("kept"), 0.5, 1e-12, 0);
}

/* The last digit of its rate. */
static void edit_rate(char digit)
{
    static char text[TEXT_MAX];
    read_stored(text);
    char *rate = strstr(text, " lr: 0.5");
    assert_non_null(rate);
    rate[7] = digit;
    store(text, strlen(text));
}

static void assert_refused_untouched(const char *part)
{
    static char config[2][TEXT_MAX], before[2][TEXT_MAX];
    for (int i = 0; i < 2; i++) {
        if (i)
            assert_refused(part);
        config[i][0] = '\0'; /* where it was removed */
        run_dir_read(files_in("run"), "config.yaml", config[i], TEXT_MAX, NULL);
        assert_ok(run_dir_read(files_in("run"), "config.yaml.before", before[i], TEXT_MAX, &err));
    }
    assert_string_equal(config[0], config[1]);
    assert_string_equal(before[0], before[1]);
}

/* What comes back of a killed life never replaces what a person made of config.yaml since. */
static void an_edit_after_a_killed_life_is_refused_and_stays(void **state)
{
    (void)state;
    killed_life();
    edit_rate('7');
    assert_refused_untouched("config.yaml does not match its checksum");
    assert_close(rate_with("edited"), 0.7, 1e-12, 0);
    store("train: {lr: 0.6}\n", 17);
    assert_refused_untouched("config.yaml lacks its checksum");
    assert_close(rate_with("edited"), 0.6, 1e-12, 0);
    assert_int_equal(unlink(files_in("run/config.yaml")), 0);
    assert_refused_untouched("config.yaml is gone, though there are checkpoints");
    assert_close(rate_with("checkpoint"), 0.125, 1e-12, 0);
}

/* The same where the life was refused, and edited while it ran. */
static void an_edit_during_a_refused_life_stays(void **state)
{
    (void)state;
    killed_life();
    edit_rate('7');
    assert_false(run_dir_settle(files_in("run"), true));
    assert_refused_untouched("config.yaml does not match its checksum");
    assert_close(rate_with("edited"), 0.7, 1e-12, 0);
}

/* However the life with the edited options ends, what was kept before the edit is over: the edit is
 * what comes back. */
static void what_was_kept_before_an_edit_does_not_come_back(void **state)
{
    struct config given, cfg;
    bool resumed;
    (void)state;
    for (int i = 0; i < 2; i++) {
        killed_life();
        edit_rate('7');
        config_defaults(&given);
        set(&given, "run.config", "edited");
        assert_ok(open_run(&given, &cfg, &resumed, &err));
        assert_ok(run_dir_write(files_in("run"), &cfg, resumed, &err));
        if (i)
            assert_true(run_dir_settle(files_in("run"), true));
        assert_refused("config.yaml does not match its checksum");
        assert_close(rate_with("edited"), 0.7, 1e-12, 0);
    }
}

/* Nor do the options of this life take its place when it cannot begin. */
static void nothing_is_stored_of_a_life_whose_run_cannot_be_told(void **state)
{
    static char was[TEXT_MAX], is[TEXT_MAX];
    struct config given, cfg;
    bool resumed;
    (void)state;
    make_run();
    read_stored(was);
    assert_int_equal(unlink(files_in("run/run_id")), 0);
    files_write(files_in("run/checkpoints/ckpt-000000000005.safetensors"), "damaged");
    config_defaults(&given);
    set(&given, "train.lr", "0.5");
    assert_ok(open_run(&given, &cfg, &resumed, &err));
    assert_err(run_dir_write(files_in("run"), &cfg, resumed, &err), ONIC_EDAMAGED, "the run id");
    read_stored(is);
    assert_string_equal(was, is);
    assert_int_equal(access(files_in("run/config.yaml.before"), F_OK), -1);
    assert_int_equal(access(files_in("run/run_id"), F_OK), -1);
}

/* Of a process that was killed while it replaced a file; not what a person called so. */
static void what_a_killed_process_left_is_removed(void **state)
{
    static const char *const left[] = {
        "run/config.yaml.tmp.12.0123456789abcdef", "run/ledger.json.tmp.7.0123456789abcdef",
        "run/epoch.tmp.9.0123456789abcdef", "run/places.key.4711.tmp", "run/places.key.tmp"};
    static const char *const mine[] = {"run/notes.tmp.1", "run/notes.12.tmp",
                                       "run/places.key.old.tmp", "run/places.key.12"};
    (void)state;
    make_run();
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        files_write(files_in(left[i]), "half");
    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++)
        files_write(files_in(mine[i]), "mine");
    assert_close(rate_with("kept"), 0.25, 1e-12, 0);
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        assert_int_equal(access(files_in(left[i]), F_OK), -1);
    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++)
        assert_int_equal(access(files_in(mine[i]), F_OK), 0);
}

int main(void)
{
    unsetenv("ONIC_HELD_LOCK");
#define IN_DIR(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_DIR(a_configuration_that_was_cut_or_changed_is_refused),
        IN_DIR(a_word_lets_it_go_on_with_the_file_or_the_checkpoint),
        IN_DIR(an_edited_file_may_name_paths),
        IN_DIR(a_configuration_of_another_run_is_refused),
        IN_DIR(a_kept_configuration_of_another_run_does_not_come_back),
        IN_DIR(the_next_life_finds_it_whole_again),
        IN_DIR(a_refused_life_leaves_a_broken_configuration_as_it_was),
        IN_DIR(a_killed_life_leaves_a_broken_configuration_as_it_was),
        IN_DIR(a_life_that_trained_keeps_what_it_took_over),
        IN_DIR(a_lost_version_is_no_lost_run),
        IN_DIR(a_run_of_an_older_onic_goes_on),
        IN_DIR(a_run_whose_configuration_names_no_run_goes_on_and_gets_a_name),
        IN_DIR(a_persons_file_is_not_replaced),
        IN_DIR(half_a_copy_of_before_is_not_brought_back),
        IN_DIR(an_edit_after_a_killed_life_is_refused_and_stays),
        IN_DIR(an_edit_during_a_refused_life_stays),
        IN_DIR(what_was_kept_before_an_edit_does_not_come_back),
        IN_DIR(nothing_is_stored_of_a_life_whose_run_cannot_be_told),
        IN_DIR(what_a_killed_process_left_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
