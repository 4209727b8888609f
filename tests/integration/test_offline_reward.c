/* SPDX-License-Identifier: MIT */
/* test_offline_reward.c - Motif from end to end with the real programs: collect, annotate (killed
 * in the middle), train, measure, and an agent that is paid by the result. */
#include <stdlib.h>

#include "reward_server/label_store.h"
#include "tests/onic_test.h"
#include "tests/support/program.h"

enum { PATIENCE_MS = 120000 };

static char dir[256];

static struct program *onic(const char *args, int want)
{
    static struct program p;
    int rc = program_run(&p, dir, "onic", "onic", args, PATIENCE_MS);
    if (rc != want)
        fail_msg("onic %s: %d\n%s", args, rc, program_text(p.err));
    return &p;
}

static struct label_counts counts(void)
{
    char path[300];
    struct label_store *s = NULL;
    struct label_counts c = {0};
    snprintf(path, sizeof path, "%s/data/labels.sqlite", dir);
    if (label_store_open(&s, path, LABEL_STORE_READ, NULL) == ONIC_OK)
        assert_ok(label_store_counts(s, &c, &err));
    label_store_close(s);
    return c;
}

static bool some_are_labelled(void *ctx)
{
    (void)ctx;
    return counts().answered > 40;
}

static void a_reward_is_learned_offline_and_pays_an_agent(void **state)
{
    (void)state;
    struct program p;
    onic("labels collect data --random --env.id=minigrid:DoorKey-5x5 --episodes=200 --pairs=300",
         0);
    program_start(&p, dir, "annotate", "onic",
                  "labels annotate data --annotator.id=rules --rules.rate=60");
    assert_true(wait_until(some_are_labelled, NULL, PATIENCE_MS));
    program_kill(&p);
    uint64_t before = counts().answered;
    onic("labels annotate data --annotator.id=rules", 0);
    struct label_counts after = counts();
    assert_true(before < after.answered);
    assert_in_range(after.answered, 100, 300);
    assert_int_equal(after.asked_twice, 0);
    onic("reward train data --epochs=3 --reward.batch=32 --reward.lr=0.001", 0);
    const char *text = program_text(onic("reward eval data", 0)->out);
    const char *accuracy = strstr(text, "accuracy ");
    assert_non_null(accuracy);
    assert_true(strtod(accuracy + 9, NULL) > 0.8);
    onic("train --run-dir=run --env.id=minigrid:DoorKey-5x5 --actors.count=1 --frames=40000 "
         "--reward.model=motif --reward.file=data/reward.safetensors",
         0);
    char run[300];
    snprintf(run, sizeof run, "%s/run", dir);
    assert_true(metrics_last(run, "intrinsic/paid_fraction") > 0);
}

static void mistakes_get_a_sentence(void **state)
{
    (void)state;
    const struct {
        const char *args, *sentence;
        int code;
    } bad[] = {
        {"labels collect data --random", "is there already", 73},
        {"labels collect other", "name the run whose agent plays", 64},
        {"labels annotate nowhere", "`onic labels collect` writes it", 64},
        {"reward train nowhere", "nowhere/labels.sqlite", 64},
        {"reward sell data", "'sell' is not train or eval", 64},
        {"reward train", "say what to do and where", 64},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *said = program_text(onic(bad[i].args, bad[i].code)->err);
        if (!strstr(said, bad[i].sentence))
            fail_msg("onic %s: %s", bad[i].args, said);
    }
}

int main(void)
{
    temp_dir_create(dir);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reward_is_learned_offline_and_pays_an_agent),
        cmocka_unit_test(mistakes_get_a_sentence),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    temp_dir_remove(dir);
    return failed;
}
