/* SPDX-License-Identifier: MIT */
/* Lives of one run, and the background writer of checkpoints. */
#include "tests/onic_test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/xmalloc.h"
#include "learner/process/checkpoint_writer.h"
#include "learner/process/label_options.h"
#include "learner/process/run_identity.h"

static char dir[256];

static int setup(void **state)
{
    (void)state;
    temp_dir_create(dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

static void write_file(const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void every_life_has_the_next_epoch(void **state)
{
    (void)state;
    struct run_identity a, b;
    assert_ok(run_identity_begin(&a, dir, NULL, &err));
    assert_ok(run_identity_begin(&b, dir, NULL, &err));
    assert_int_equal(a.epoch, 1);
    assert_int_equal(b.epoch, 2);
    assert_memory_equal(a.run_id, b.run_id, sizeof a.run_id);
}

/* A checkpoint of this epoch and its run. */
static struct checkpoint_file *checkpoint_of_life(uint32_t epoch)
{
    char path[300];
    struct checkpoint_file *f;
    struct run_identity l;
    assert_ok(run_identity_begin(&l, dir, NULL, &err));
    l.epoch = epoch;
    snprintf(path, sizeof path, "%s/c.safetensors", dir);
    struct checkpoint *c = checkpoint_create();
    run_identity_save(&l, 1, 1, 1, c);
    assert_ok(checkpoint_write(c, path, &err));
    checkpoint_free(c);
    assert_ok(checkpoint_open(&f, path, &err));
    return f;
}

static void what_is_no_epoch_is_refused(void **state)
{
    static const char *const bad[] = {
        "",   "\n", "0\n",   "-5\n",         "4294967295\n", "+3\n",
        " 3", "3x", "3 4\n", "1000000001\n", "0x3\n",        "99999999999999999999999999999999\n"};
    struct run_identity l;
    struct checkpoint_file *f = checkpoint_of_life(3);
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_file("epoch", bad[i]);
        assert_err(run_identity_begin(&l, dir, NULL, &err), ONIC_ECONFIG,
                   "/epoch holds no number from 1 to 1000000000; remove it");
        assert_err(run_identity_check(dir, f, &err), ONIC_ECONFIG, "/epoch holds no number");
    }
    write_file("epoch", "1000000000\n");
    assert_err(run_identity_begin(&l, dir, f, &err), ONIC_ECONFIG,
               " has no epoch left after 1000000000");
    checkpoint_close(f);
}

/* Lives that left no checkpoint had numbers, too. */
static void the_larger_epoch_of_file_and_checkpoint_wins(void **state)
{
    char path[300];
    struct run_identity l;
    struct checkpoint_file *f = checkpoint_of_life(40);
    (void)state;
    write_file("epoch", "41");
    assert_ok(run_identity_begin(&l, dir, f, &err));
    assert_int_equal(l.epoch, 42);
    write_file("epoch", "7\n");
    assert_ok(run_identity_begin(&l, dir, f, &err));
    assert_true(l.epoch > 41);
    snprintf(path, sizeof path, "%s/epoch", dir);
    assert_int_equal(unlink(path), 0);
    assert_ok(run_identity_begin(&l, dir, f, &err));
    assert_true(l.epoch > 41);
    uint32_t before = l.epoch;
    assert_ok(run_identity_begin(&l, dir, f, &err)); /* and the file knows it again */
    assert_int_equal(l.epoch, before + 1);
    checkpoint_close(f);
    f = checkpoint_of_life(RUN_EPOCH_MAX + 1u);
    assert_err(run_identity_begin(&l, dir, f, &err), ONIC_ECONFIG,
               " says that it is of life 1000000001 of its run, more than 1000000000");
    checkpoint_close(f);
}

static void a_checkpoint_of_another_run_gives_nothing(void **state)
{
    char path[300];
    struct run_identity l;
    struct checkpoint_file *f = checkpoint_of_life(1);
    (void)state;
    snprintf(path, sizeof path, "%s/run_id", dir);
    assert_int_equal(unlink(path), 0);
    assert_ok(run_identity_begin(&l, dir, NULL, &err));
    assert_err(run_identity_load(&l, f, &err), ONIC_ECONFIG, "is of another run");
    checkpoint_close(f);
}

static void a_time_that_no_run_has_taken_is_none(void **state)
{
    static const char *const absurd[] = {"1e400", "-7", "nan", "1e300", "inf"};
    char line[64];
    (void)state;
    for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
        snprintf(line, sizeof line, "{\"wall_s\":%s}\n", absurd[i]);
        write_file("metrics.jsonl", line);
        assert_close(run_identity_wall_s(dir), 0, 0, 0);
    }
}

static void time_goes_on_from_the_last_whole_line_of_the_metrics(void **state)
{
    (void)state;
    struct run_identity l;
    write_file("metrics.jsonl",
               "{\"time\":1,\"wall_s\":4.5}\n{\"time\":2,\"wall_s\":17.25}\n{\"wall_s\":99");
    assert_ok(run_identity_begin(&l, dir, NULL, &err));
    assert_close(l.wall_before_s, 17.25, 1e-12, 0);
}

static void the_run_id_comes_back_from_a_checkpoint(void **state)
{
    (void)state;
    struct run_identity a, b;
    char path[300];
    snprintf(path, sizeof path, "%s/c.safetensors", dir);
    assert_ok(run_identity_begin(&a, dir, NULL, &err));
    struct checkpoint *c = checkpoint_create();
    run_identity_save(&a, 17.5, 12.5, 99.25, c);
    assert_ok(checkpoint_write(c, path, &err));
    checkpoint_free(c);
    struct checkpoint_file *f;
    assert_ok(checkpoint_open(&f, path, &err));
    assert_ok(run_identity_begin(&b, dir, f, &err));
    assert_ok(run_identity_load(&b, f, &err));
    checkpoint_close(f);
    assert_memory_equal(a.run_id, b.run_id, sizeof a.run_id);
    assert_close(b.cpu_learner_before_s, 12.5, 1e-9, 0);
    assert_close(b.cpu_actors_before_s, 99.25, 1e-9, 0);
    assert_close(b.wall_before_s, 17.5, 1e-9, 0); /* there is no metrics.jsonl that knows */
    assert_int_equal(b.epoch, 2);
}

/* The checkpoint is of 17.5 s, and the last line of the metrics of 50 s. */
static void what_went_on_after_the_checkpoint_is_known(void **state)
{
    (void)state;
    struct run_identity a, b;
    struct checkpoint_file *f;
    char path[300];
    snprintf(path, sizeof path, "%s/c.safetensors", dir);
    assert_ok(run_identity_begin(&a, dir, NULL, &err));
    struct checkpoint *c = checkpoint_create();
    run_identity_save(&a, 17.5, 0, 0, c);
    assert_ok(checkpoint_write(c, path, &err));
    checkpoint_free(c);
    write_file("metrics.jsonl", "{\"time\":1,\"wall_s\":50}\n");
    assert_ok(checkpoint_open(&f, path, &err));
    assert_ok(run_identity_begin(&b, dir, f, &err));
    assert_ok(run_identity_load(&b, f, &err));
    checkpoint_close(f);
    assert_close(b.lost_s, 32.5, 1e-9, 0);
    assert_ok(run_identity_begin(&b, dir, NULL, &err)); /* ended before its first checkpoint */
    assert_close(b.lost_s, 50, 1e-9, 0);
}

static void save_as(struct checkpoint_writer *s, uint64_t version, uint64_t milestone)
{
    struct checkpoint *c = checkpoint_writer_begin(s);
    assert_non_null(c);
    checkpoint_add_meta_u64(c, "weights_version", version);
    checkpoint_add_bytes(c, "x", "abc", 3);
    checkpoint_writer_commit(s, version, milestone);
    checkpoint_writer_wait(s);
}

static void save_one(struct checkpoint_writer *s, uint64_t version)
{
    save_as(s, version, 0);
}

static void the_saver_keeps_the_newest_and_reports_once(void **state)
{
    (void)state;
    struct checkpoint_writer *s = checkpoint_writer_create(dir, 2, NULL);
    struct checkpoint_writer_result r;
    uint64_t version = 0;
    for (uint64_t v = 1; v <= 4; v++)
        save_one(s, v * 10);
    checkpoint_writer_look(s, &r);
    assert_true(r.fresh && r.failures == 0 && r.written == 4 && r.version == 40);
    checkpoint_writer_look(s, &r);
    assert_false(r.fresh);
    checkpoint_writer_free(s);
    struct checkpoint_file *f;
    assert_ok(checkpoint_newest_valid(&f, dir, NULL, &err));
    assert_ok(checkpoint_meta_u64(f, "weights_version", &version, &err));
    assert_int_equal(version, 40);
    checkpoint_close(f);
    char path[300];
    snprintf(path, sizeof path, "%s/ckpt-000000000020.safetensors", dir);
    assert_int_equal(access(path, F_OK), -1);
}

/* A milestone outlives what is pruned, is not resumed from, and is replaced by the same steps
 * again.
 */
static void milestones_are_kept_for_good(void **state)
{
    (void)state;
    char path[300];
    uint64_t version = 0;
    struct checkpoint_file *f;
    struct checkpoint_writer *s = checkpoint_writer_create(dir, 1, NULL);
    save_as(s, 50, 7000);
    save_as(s, 60, 7000);
    save_one(s, 70);
    checkpoint_writer_free(s);
    snprintf(path, sizeof path, "%s/ckpt-000000000060.safetensors", dir);
    assert_int_equal(access(path, F_OK), -1);
    snprintf(path, sizeof path, "%s/milestone-000000007000.safetensors", dir);
    assert_ok(checkpoint_open(&f, path, &err));
    assert_ok(checkpoint_meta_u64(f, "weights_version", &version, &err));
    checkpoint_close(f);
    assert_int_equal(version, 60);
    assert_ok(checkpoint_newest_valid(&f, dir, NULL, &err));
    assert_ok(checkpoint_meta_u64(f, "weights_version", &version, &err));
    checkpoint_close(f);
    assert_int_equal(version, 70);
}

static void failures_are_counted_in_a_row_and_forgiven_by_a_success(void **state)
{
    (void)state;
    char folder[300], gone[310];
    snprintf(folder, sizeof folder, "%s/f", dir);
    snprintf(gone, sizeof gone, "%s.gone", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    struct checkpoint_writer *s = checkpoint_writer_create(folder, 2, NULL);
    struct checkpoint_writer_result r;
    assert_int_equal(rename(folder, gone), 0);
    save_one(s, 1);
    save_one(s, 2);
    checkpoint_writer_look(s, &r);
    assert_int_equal(r.failures, 2);
    assert_true(strlen(r.err.msg) > 10);
    assert_int_equal(rename(gone, folder), 0);
    save_one(s, 3);
    checkpoint_writer_look(s, &r);
    assert_int_equal(r.failures, 0);
    assert_int_equal(r.written, 1);
    checkpoint_writer_free(s);
}

/* Labels of an onic that had no llm.answer are of texts. */
static void what_was_done_before_there_was_an_option_is_named(void **state)
{
    char remedy[LABEL_OPTIONS_REMEDY_MAX];
    struct label_options *now = xcalloc(1, sizeof *now);
    struct config *cfg = xmalloc(sizeof *cfg);
    (void)state;
    config_defaults(cfg);
    assert_ok(config_set(cfg, "annotator.id", "llm", CONFIG_CLI, "", &err));
    assert_ok(config_set(cfg, "llm.model", "m", CONFIG_CLI, "", &err));
    label_options(now, cfg);
    label_options_remedy("option llm.model=m\n", now, "llm m g", "llm m g", remedy);
    assert_string_equal(remedy, "llm.answer was text and is auto now; give --llm.answer=text");
    label_options_remedy("option llm.model=n\n", now, "rules m g", "rules m g", remedy);
    assert_null(strstr(remedy, "llm.answer"));
    /* nothing that is an option differs */
    label_options_remedy("", now, "llm m x/g@0123456789abcdef0123456789abcdef a",
                         "llm m x/g@0123456789abcdef0123456789abcdef b", remedy);
    assert_string_equal(remedy,
                        "give the old annotator options, or bring the old prompt file back");
    label_options_remedy("", now, "llm m x/g@0123456789abcdef0123456789abcdef",
                         "llm m x/g@0123456789abcdef0123456789abcde0", remedy);
    assert_string_equal(remedy, "the goal file, or the caption pool beside it, is another one; "
                                "bring the old one back");
    assert_ok(config_set(cfg, "annotator.id", "auto", CONFIG_CLI, "", &err));
    label_options(now, cfg);
    label_options_remedy("", now, "rules m g", "embedding m g", remedy);
    assert_string_equal(remedy, "annotator.id=auto means another annotator now; give "
                                "--annotator.id=rules");
    free(cfg);
    free(now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_done_before_there_was_an_option_is_named),
        cmocka_unit_test_setup_teardown(every_life_has_the_next_epoch, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_epoch_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_larger_epoch_of_file_and_checkpoint_wins, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_checkpoint_of_another_run_gives_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_time_that_no_run_has_taken_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(time_goes_on_from_the_last_whole_line_of_the_metrics, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_run_id_comes_back_from_a_checkpoint, setup, teardown),
        cmocka_unit_test_setup_teardown(what_went_on_after_the_checkpoint_is_known, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(milestones_are_kept_for_good, setup, teardown),
        cmocka_unit_test_setup_teardown(the_saver_keeps_the_newest_and_reports_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(failures_are_counted_in_a_row_and_forgiven_by_a_success,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
