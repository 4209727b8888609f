/* SPDX-License-Identifier: MIT */
/* test_offline_reward.c - Motif from end to end with the real programs: collect, annotate (killed
 * in the middle), train, measure, and an agent that is paid by the result. */
#include <jansson.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/strmap.h"
#include "reward_server/store/label_store.h"
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

/* Each two captions are there once, in one order or the other. */
static int lines_of_pairs(void)
{
    char path[300], line[2048];
    int lines = 0;
    struct strmap *seen = strmap_create(512);
    snprintf(path, sizeof path, "%s/data/pairs.jsonl", dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    for (; fgets(line, sizeof line, f); lines++) {
        json_t *o = json_loads(line, 0, NULL);
        const char *a = json_string_value(json_object_get(o, "caption"));
        const char *b = json_string_value(json_object_get(o, "caption_b"));
        bool is_new = true;
        if (lines) {
            assert_true(a && b && strcmp(a, b) != 0);
            bool turned = strcmp(a, b) > 0;
            snprintf(line, sizeof line, "%s | %s", turned ? b : a, turned ? a : b);
            strmap_put(seen, line, strlen(line), &is_new);
        }
        assert_true(is_new);
        json_decref(o);
    }
    fclose(f);
    strmap_free(seen);
    return lines;
}

static json_t *document(const char *args)
{
    json_t *o = json_loads(program_text(onic(args, 0)->out), 0, NULL);
    assert_non_null(o);
    return o;
}

static double number(json_t *o, const char *object, const char *key)
{
    json_t *v = json_object_get(object ? json_object_get(o, object) : o, key);
    assert_true(json_is_number(v));
    return json_number_value(v);
}

static void a_reward_is_learned_offline_and_pays_an_agent(void **state)
{
    (void)state;
    struct program p;
    const char *few = "labels collect few --random --env.id=minigrid:DoorKey-5x5 --episodes=200";
    assert_non_null(strstr(program_text(onic(few, 0)->out), "; no others were found (--pairs=10"));
    onic("labels collect data --random --env.id=minigrid:DoorKey-5x5 --episodes=200 --pairs=300",
         0);
    program_start(&p, dir, "annotate", "onic",
                  "labels annotate data --annotator.id=rules --rules.rate=60");
    assert_true(wait_until(some_are_labelled, NULL, PATIENCE_MS));
    program_kill(&p);
    uint64_t before = counts().answered;
    onic("labels annotate data --annotator.id=rules --chunk=1/3", 0);
    struct label_counts third = counts();
    assert_true(before <= third.answered);
    onic("labels annotate data --annotator.id=rules", 0);
    struct label_counts after = counts();
    assert_true(third.answered < after.answered);
    assert_int_equal(after.answered, lines_of_pairs() - 1); /* each once, and the head line */
    assert_int_equal(after.asked_twice, 0);
    json_t *made = document("reward train data --epochs=8 --reward.batch=16 --reward.lr=0.001 "
                            "--reward.holdout=0.3 --json");
    assert_close(number(made, NULL, "pairs"), (double)after.answered, 0, 0);
    assert_close(number(made, NULL, "epochs"), 8, 0, 0);
    json_t *e = document("reward eval data --json"); /* the file knows what was held out */
    assert_close(number(e, "heldout", "pairs"), number(made, "heldout", "pairs"), 0, 0);
    assert_close(number(e, "heldout", "accuracy"), number(made, "heldout", "accuracy"), 0, 1e-9);
    assert_true(number(e, "all", "accuracy") > 0.9);
    json_t *captions = json_object_get(e, "captions");
    size_t n = json_array_size(captions);
    assert_true(n > 5 && number(json_array_get(captions, 0), NULL, "reward") > 0.5);
    assert_true(number(json_array_get(captions, n - 1), NULL, "reward") < 0);
    json_decref(made);
    json_decref(e);
    onic("train --run-dir=run --env.id=minigrid:DoorKey-5x5 --actors.count=1 --frames=40000 "
         "--reward.model=motif --reward.file=data/reward.safetensors",
         0);
    char run[300];
    snprintf(run, sizeof run, "%s/run", dir);
    assert_true(metrics_last(run, "intrinsic/paid_fraction") > 0);
    json_t *top = document("labels top run --json");
    json_t *best = json_array_get(json_object_get(top, "captions"), 0);
    assert_string_equal(json_string_value(json_object_get(top, "decided_by")), "model");
    assert_true(number(best, NULL, "score") > 0);
    assert_true(json_is_null(json_object_get(best, "label")));
    json_decref(top);
    const char *shown = program_text(onic("play run --speed=0 --episodes=4", 0)->out);
    assert_non_null(strstr(shown, "decided by reward model motif; frozen, it asks for no labels"));
}

/* Motif's rate is for 100,000s of pairs: of 100 nothing is learned in ten epochs. */
static void what_learned_nothing_warns(void **state)
{
    (void)state;
    json_t *made = document("reward train data --json");
    const char *warning = json_string_value(json_object_get(made, "warning"));
    assert_non_null(warning);
    assert_non_null(strstr(warning, "that of guessing is 0.6931"));
    assert_non_null(strstr(warning, "--reward.lr=1e-3"));
    json_decref(made);
    const char *said = program_text(onic("reward train data", 0)->err);
    assert_non_null(strstr(said, "onic reward: warning: the loss is"));
    made = document("reward train data --epochs=20 --reward.batch=16 --reward.lr=0.001 --json");
    assert_true(json_is_null(json_object_get(made, "warning")));
    json_decref(made);
}

static void ties_alone_are_told(void **state)
{
    (void)state;
    onic("labels collect ties --random --env.id=minigrid:DoorKey-5x5 --episodes=50 --pairs=40", 0);
    onic("labels annotate ties --annotator.id=rules --annotator.goal=none", 0);
    json_t *made = document("reward train ties --json");
    const char *warning = json_string_value(json_object_get(made, "warning"));
    assert_non_null(warning);
    assert_non_null(strstr(warning, "labels are ties"));
    json_decref(made);
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
        {"labels annotate data --chunk=3/2", "--chunk is '3/2'", 64},
        {"train --run-dir=no --reward.model=motif", "needs reward.file", 64},
        {"train --run-dir=no --reward.model=motif --reward.file=data/pairs.jsonl",
         "data/pairs.jsonl is JSON text, not a checkpoint of onic", 64},
        {"reward sell data", "'sell' is not train or eval", 64},
        {"reward train", "say what to do and where", 64},
        {"reward eval data --epochs=3", "--epochs is for `onic reward train`", 64},
        {"reward eval data --reward.lr=1", "--reward.lr is for `onic reward train`", 64},
        {"reward train data --reward.file=x", "--reward.file is for `onic reward eval`", 64},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *said = program_text(onic(bad[i].args, bad[i].code)->err);
        if (!strstr(said, bad[i].sentence))
            fail_msg("onic %s: %s", bad[i].args, said);
    }
    char path[300];
    snprintf(path, sizeof path, "%s/no/config.yaml", dir);
    assert_int_equal(access(path, F_OK), -1); /* what was refused is not stored */
}

/* A list of captions that somebody has: labels of each alone, for whoever compares annotators. */
static void captions_alone_are_annotated_too(void **state)
{
    char path[300];
    (void)state;
    snprintf(path, sizeof path, "%s/alone", dir);
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/alone/pairs.jsonl", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("{\"env\":\"minigrid:KeyCorridorS3R3\"}\n{\"caption\":\"You pick up the red key.\"}\n"
          "{\"caption\":\"You bump into a wall.\"}\n"
          "{\"caption\":\"You bump into a wall.\",\"caption_b\":\"You see a grey key.\"}\n",
          f);
    assert_int_equal(fclose(f), 0);
    onic("labels annotate alone --annotator.id=rules", 0);
    const char *out = program_text(onic("labels export alone/labels.sqlite -", 0)->out);
    assert_non_null(strstr(out, "\"caption\":\"You pick up the red key.\""));
    int labels = 0;
    for (const char *at = out; (at = strstr(at, "\"label\":1,")) != NULL; at++)
        labels++;
    assert_int_equal(labels, 2); /* the key, and of the pair its second */
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/alone/labels.sqlite", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "UPDATE labels SET label = 1 - label WHERE id = 1", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    const char *said = program_text(onic("reward train alone", 74)->err);
    assert_non_null(strstr(said, "1 rows that do not match their checks are left out"));
    snprintf(path, sizeof path, "%s/alone/pairs.jsonl", dir);
    f = fopen(path, "a");
    assert_non_null(f);
    fputs("{\"captoin\":\"x\"}\n", f);
    assert_int_equal(fclose(f), 0);
    onic("labels annotate alone --annotator.id=rules", 64);
}

int main(void)
{
    temp_dir_create(dir);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reward_is_learned_offline_and_pays_an_agent),
        cmocka_unit_test(what_learned_nothing_warns),
        cmocka_unit_test(ties_alone_are_told),
        cmocka_unit_test(mistakes_get_a_sentence),
        cmocka_unit_test(captions_alone_are_annotated_too),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    temp_dir_remove(dir);
    return failed;
}
