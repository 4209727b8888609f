/* timeout: 600 */
/* SPDX-License-Identifier: MIT */
/* test_explain.c - `onic replay --explain`, `onic labels top` and `onic play` on runs of the real
 * programs whose reward model does more than to look a label up: it was trained on labels, on
 * labels of pairs, or involves no language. (A looked-up label: test_replay.c.) */
#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/onic_test.h"
#include "tests/support/program.h"

enum { PATIENCE_MS = 180000 };

struct scene {
    char dir[256], file[300]; /* relative to dir: the episode that was chosen */
    json_t *step;             /* of it; borrowed */
    json_t *episode;
};

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    temp_dir_create(s->dir);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    json_decref(s->episode);
    temp_dir_remove(s->dir);
    free(s);
    return 0;
}

/* --- programs -------------------------------------------------------------------------------- */

static const char *onic(struct scene *s, const char *args)
{
    static struct program p;
    if (program_run(&p, s->dir, "onic", "onic", args, PATIENCE_MS) != 0)
        fail_msg("onic %s: %s", args, program_text(p.err));
    return program_text(p.out);
}

static json_t *document(struct scene *s, const char *args)
{
    json_t *o = json_loads(onic(s, args), 0, NULL);
    assert_non_null(o);
    return o;
}

/* Labels are waited for, so what is known does not depend on how busy the machine is. */
static void train(struct scene *s, const char *options)
{
    char args[1024];
    snprintf(args, sizeof args,
             "train --run-dir=run --env.id=minigrid:DoorKey-6x6 --env.max_steps=50 --deterministic "
             "--annotator.id=rules --actors.count=1 --replay.every_episodes=20 %s",
             options);
    onic(s, args);
}

/* --- JSON ------------------------------------------------------------------------------------ */

static double number(json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);
    if (!json_is_number(v))
        fail_msg("no number \"%s\"", key);
    return json_number_value(v);
}

static const char *text(json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    if (!s)
        fail_msg("no text \"%s\"", key);
    return s;
}

static bool is_false(json_t *o, const char *key)
{
    return json_is_false(json_object_get(o, key));
}

/* The first step of a kept episode that `fits`; the newest episodes come in any order. */
static json_t *choose(struct scene *s, bool (*fits)(json_t *step))
{
    char path[300], args[400];
    snprintf(path, sizeof path, "%s/run/replays", s->dir);
    DIR *d = opendir(path);
    s->step = NULL;
    for (struct dirent *e; !s->step && (e = readdir(d));) {
        if (!strstr(e->d_name, ".jsonl"))
            continue;
        snprintf(s->file, sizeof s->file, "run/replays/%s", e->d_name);
        snprintf(args, sizeof args, "replay %s --json", s->file);
        json_decref(s->episode);
        s->episode = document(s, args);
        size_t i;
        json_t *step;
        json_array_foreach(json_object_get(s->episode, "step"), i, step)
        {
            if (!s->step && fits(step))
                s->step = step;
        }
    }
    closedir(d);
    assert_non_null(s->step);
    return s->step;
}

static json_t *explain_json(struct scene *s)
{
    char args[400];
    snprintf(args, sizeof args, "replay %s --json --explain=%d", s->file,
             (int)number(s->step, "t"));
    return document(s, args);
}

static const char *explain_text(struct scene *s, const char *options)
{
    char args[400];
    snprintf(args, sizeof args, "replay %s --explain=%d %s", s->file, (int)number(s->step, "t"),
             options);
    return onic(s, args);
}

static void says(const char *shown, const char *what)
{
    if (!strstr(shown, what))
        fail_msg("'%s' is not in: %s", what, shown);
}

/* What was paid is the score, shaped by N^-3, times the coefficient. */
static void check_paid(json_t *o)
{
    double n = number(o, "n");
    assert_close(number(o, "int"), number(o, "coef_int") * number(o, "score") / (n * n * n), 1e-5,
                 0);
}

static json_t *entry(json_t *top, const char *caption)
{
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(top, "captions"), i, c)
    {
        if (strcmp(text(c, "caption"), caption) == 0)
            return c;
    }
    fail_msg("no '%s'", caption);
    return NULL;
}

/* --- classifier ------------------------------------------------------------------------------ */

static bool paid_without_a_label(json_t *step)
{
    return number(step, "int") > 0 && is_false(step, "labelled");
}

static bool paid(json_t *step)
{
    return number(step, "int") > 0;
}

/* Every caption is good, but the annotator never says so of one: the network does. */
static void write_goal(const struct scene *s)
{
    static const char *const file[][2] = {
        {"goal.yaml", "description: Everything is fine.\n"
                      "environments: [\"minigrid:*\"]\n"
                      "positive: [You see a key.]\nnegative: [You see lava.]\nthreshold: 0\n"
                      "rules:\n  - \"You pick up the * key.\": abstain\n  - \"*\": 1\n"},
        {"pool.txt", "You see a key.\nYou see lava.\n"},
    };
    for (int i = 0; i < 2; i++) {
        char path[300];
        snprintf(path, sizeof path, "%s/%s", s->dir, file[i][0]);
        FILE *f = fopen(path, "w");
        assert_true(fputs(file[i][1], f) >= 0);
        assert_int_equal(fclose(f), 0);
    }
}

static void a_classifier_pays_what_nobody_labelled(void **state)
{
    struct scene *s = *state;
    write_goal(s);
    train(s, "--annotator.goal=./goal.yaml --reward.model=classifier --reward.refresh=2 "
             "--reward.lr=0.001 --frames=40000");
    choose(s, paid_without_a_label);
    json_t *o = explain_json(s), *label = json_object_get(o, "label");
    says(text(o, "caption"), "You pick up the ");
    assert_string_equal(text(o, "decided_by"), "model");
    assert_close(number(o, "score"), 1, 0, 0);
    check_paid(o);
    assert_true(json_is_null(json_object_get(label, "label")));
    assert_close(number(label, "count"), 0, 0, 0);
    const char *shown = explain_text(s, "");
    says(shown, "decided by    classifier, a trained model; the caption was not labelled");
    says(shown, "score         1, of the model as it was then");
    says(shown, "the annotator abstained");
    says(explain_text(s, "--labels.path=nowhere"), "label         none in the store");
    json_t *top = document(s, "labels top run --json"), *e = entry(top, text(o, "caption"));
    assert_string_equal(text(top, "decided_by"), "model");
    assert_true(is_false(e, "labelled"));
    assert_close(number(e, "score"), 1, 0, 0);
    json_decref(top);
    says(onic(s, "labels top run"), "reward model classifier, trained, decides for every caption");
    shown = onic(s, "play run --speed=0 --episodes=8");
    says(shown, "score 1 decided by reward model classifier; label 1 (confidence 1.00) by rules");
    json_decref(o);
}

/* --- ranking --------------------------------------------------------------------------------- */

/* A pair label, as the label store has it, of one caption's view. */
static void check_pair(struct scene *s, json_t *view, const char *caption)
{
    const char *line = onic(s, "labels export run");
    int count = 0, newest = 0;
    bool found = false;
    while (*line) {
        const char *end = strchr(line, '\n');
        json_t *row = json_loadb(line, (size_t)(end - line), 0, NULL);
        const char *side[] = {text(row, "caption"), text(row, "caption_b")};
        int place = strcmp(side[0], caption) == 0 ? 1 : strcmp(side[1], caption) == 0 ? 2 : 0;
        if (place) {
            count++;
            newest = (int)fmax(newest, number(row, "id"));
        }
        if (place && number(row, "id") == number(view, "id")) {
            double fared = place == 1 ? 1 - number(row, "label") : number(row, "label");
            found = true;
            assert_close(number(view, "place"), place, 0, 0);
            assert_string_equal(text(view, "other"), side[2 - place]);
            assert_string_equal(text(view, "side"), fared == 1   ? "won"
                                                    : fared == 0 ? "lost"
                                                                 : "tie");
        }
        json_decref(row);
        line = end + 1;
    }
    assert_true(found);
    assert_close(number(view, "id"), newest, 0, 0);
    assert_close(number(view, "count"), count, 0, 0);
    assert_string_equal(text(view, "kind"), "pair");
    assert_non_null(strstr(text(view, "raw"), " | ")); /* the rule of each */
}

static void a_ranking_shows_the_pair_and_its_own_score(void **state)
{
    struct scene *s = *state;
    char want[700];
    train(s, "--reward.model=ranking --reward.refresh=2 --reward.lr=0.001 --reward.batch=64 "
             "--train.batch=512 --frames=60000");
    choose(s, paid);
    json_t *o = explain_json(s), *label = json_object_get(o, "label");
    assert_string_equal(text(o, "decided_by"), "model");
    check_paid(o);
    check_pair(s, label, text(o, "caption"));
    assert_string_equal(text(label, "annotator"), "rules");
    assert_int_equal(strlen(text(label, "prompt_version")), 32);
    const char *shown = explain_text(s, "");
    says(shown, "decided by    ranking, a trained model; ");
    says(shown, text(label, "prompt_version"));
    says(shown, text(label, "raw"));
    bool tie = strcmp(text(label, "side"), "tie") == 0;
    snprintf(want, sizeof want, "pair          %s %s \"%s\"", text(label, "side"),
             tie ? "with" : "against", text(label, "other"));
    says(shown, want);
    snprintf(want, sizeof want, "asked         as the %s of the two; the newest of %d pair label",
             number(label, "place") == 1 ? "first" : "second", (int)number(label, "count"));
    says(shown, want);
    json_t *top = document(s, "labels top run --json"), *c;
    size_t i;
    int pairs = 0;
    json_array_foreach(json_object_get(top, "captions"), i, c)
    {
        assert_true(isfinite(number(c, "score")));
        if (json_is_null(json_object_get(c, "label"))) /* paid, and never drawn */
            assert_true(is_false(c, "labelled"));
        else if (++pairs)
            check_pair(s, c, text(c, "caption"));
    }
    assert_true(pairs > 3);
    json_decref(top);
    shown = onic(s, "play run --speed=0 --episodes=8");
    says(shown, " decided by reward model ranking; ");
    says(shown, ", the newest of ");
    json_decref(o);
}

/* --- no language ----------------------------------------------------------------------------- */

static bool any(json_t *step)
{
    return number(step, "t") == 3;
}

static void check_no_language(struct scene *s, const char *options, const char *basis)
{
    train(s, options);
    choose(s, any);
    json_t *o = explain_json(s);
    assert_string_equal(text(o, "decided_by"), basis);
    assert_true(json_is_null(json_object_get(o, "score")));
    assert_true(json_is_null(json_object_get(o, "label")));
    json_decref(o);
    says(explain_text(s, ""), "no language is involved");
    says(onic(s, "labels top run"), "no language is involved");
    says(onic(s, "play run --speed=0 --episodes=1"), "no language is involved");
}

static void rnd_says_that_no_language_is_involved(void **state)
{
    check_no_language(*state, "--reward.model=rnd --frames=8000", "observation");
}

static void none_says_that_no_language_is_involved(void **state)
{
    check_no_language(*state, "--reward.model=none --reward.coef_int=0 --frames=8000", "nothing");
}

int main(void)
{
#define IN_SCENE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_SCENE(a_classifier_pays_what_nobody_labelled),
        IN_SCENE(a_ranking_shows_the_pair_and_its_own_score),
        IN_SCENE(rnd_says_that_no_language_is_involved),
        IN_SCENE(none_says_that_no_language_is_involved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
