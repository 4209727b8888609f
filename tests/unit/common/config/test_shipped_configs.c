/* SPDX-License-Identifier: MIT */
/* test_shipped_configs.c - every file of deploy/configs is read without a complaint, and ONI's
 * presets say what its paper's code says (learner/reward/ONI.md). */
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "common/config/config.h"
#include "tests/onic_test.h"

static void read(struct config *c, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/deploy/configs/%s", getenv("ONIC_SOURCE"), name);
    assert_ok(config_read_file(c, path, &err));
}

static void every_file_is_valid(void **state)
{
    (void)state;
    static const char *const folder[] = {"", "/presets"};
    for (int k = 0; k < 2; k++) {
        char pattern[600];
        glob_t found;
        snprintf(pattern, sizeof pattern, "%s/deploy/configs%s/*.yaml", getenv("ONIC_SOURCE"),
                 folder[k]);
        assert_int_equal(glob(pattern, 0, NULL, &found), 0);
        assert_true(found.gl_pathc >= 2);
        for (size_t i = 0; i < found.gl_pathc; i++) {
            static struct config c;
            config_defaults(&c);
            assert_ok(config_read_file(&c, found.gl_pathv[i], &err));
        }
        globfree(&found);
    }
}

/* Published (arXiv 2410.23022): the extrinsic ones but those of StaircaseLvl2 and OracleSober, and
 * 0.4 for Score. The rest is carried over. */
static void tasks_have_their_coefficients(void **state)
{
    (void)state;
    static const struct {
        const char *file, *env;
        double coef_ext;
    } want[] = {{"oni_score.yaml", "nethack:Score", 0.1},
                {"oni_oracle.yaml", "nethack:Oracle", 10},
                {"oni_oracle_sober.yaml", "nethack:OracleSober", 10},
                {"oni_staircase_lvl2.yaml", "nethack:StaircaseLvl2", 10},
                {"oni_staircase_lvl3.yaml", "nethack:StaircaseLvl3", 10},
                {"oni_staircase_lvl4.yaml", "nethack:StaircaseLvl4", 10},
                {"oni_reward_free.yaml", "nethack:RewardFree", 0}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        static struct config c;
        config_defaults(&c);
        read(&c, "presets/oni-defaults.yaml");
        read(&c, want[i].file);
        assert_string_equal(c.env_id, want[i].env);
        assert_close(c.reward_coef_ext, want[i].coef_ext, 0, 0);
        assert_close(c.reward_coef_int, 0.4, 0, 0);
        assert_string_equal(c.policy_net, "oni-default");
        read(&c, "presets/motif-command.yaml"); /* replaces the intrinsic one alone */
        assert_string_equal(c.env_id, want[i].env);
        assert_close(c.reward_coef_ext, want[i].coef_ext, 0, 0);
        assert_close(c.reward_coef_int, 0.1, 0, 0);
    }
}

static void motif_changes_what_its_command_changed(void **state)
{
    (void)state;
    static struct config c;
    config_defaults(&c);
    read(&c, "presets/oni-defaults.yaml");
    assert_int_equal(c.train_batch, 1024);
    assert_close(c.train_lr, 1e-4, 0, 0);
    assert_close(c.train_entropy, 0.003, 0, 0);
    assert_close(c.train_adam_eps, 1e-6, 0, 0);
    assert_close(c.reward_holdout, 0, 0, 0);
    assert_close(c.reward_train_share, 1, 0, 0);
    assert_close(c.reward_int_clip, 0, 0, 0);
    assert_int_equal(c.reward_refresh, 1);
    assert_int_equal(c.reward_steps_max, c.reward_steps_per_arrival);
    assert_int_equal(c.env_count, 2);
    assert_int_equal(c.run_frames, 10000000000);
    assert_int_equal(c.checkpoint_keep, 3);
    assert_int_equal(c.checkpoint_milestone_every, 100000000);
    read(&c, "oni_score.yaml");
    read(&c, "presets/motif-command.yaml");
    assert_int_equal(c.train_batch, 4096);
    assert_close(c.reward_scale, 0.1, 0, 0);
    assert_close(c.reward_coef_int, 0.1, 0, 0);
    assert_close(c.reward_coef_ext, 0.1, 0, 0);
    assert_close(c.reward_quantile, 0.5, 0, 0);
    assert_close(c.reward_count_power, 3, 0, 0);
    assert_int_equal(c.env_count * c.actors_count, 480);
    assert_int_equal(c.run_frames, 2000000000);
    assert_int_equal(c.run_seed, 777);
    assert_int_equal(c.checkpoint_keep, 5);
    assert_int_equal(c.checkpoint_milestone_every, 10000000);
    assert_int_equal(c.policy_core_size, 512); /* what it does not name stays */
}

/* The command in the preset's head names its files in an order in which none of them loses what it
 * is there for. */
static void motif_is_documented_after_the_task(void **state)
{
    (void)state;
    char path[600], text[4096], *task, *preset;
    snprintf(path, sizeof path, "%s/deploy/configs/presets/motif-command.yaml",
             getenv("ONIC_SOURCE"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    assert_non_null(task = strstr(text, "deploy/configs/oni_score.yaml"));
    assert_non_null(preset = strstr(text, "deploy/configs/presets/motif-command.yaml"));
    assert_true(strstr(text, "deploy/configs/presets/oni-defaults.yaml") < task && task < preset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_is_valid),
        cmocka_unit_test(tasks_have_their_coefficients),
        cmocka_unit_test(motif_changes_what_its_command_changed),
        cmocka_unit_test(motif_is_documented_after_the_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
