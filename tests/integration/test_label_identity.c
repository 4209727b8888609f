/* SPDX-License-Identifier: MIT */
/* test_label_identity.c - what a run does when its next life would be labelled otherwise: without a
 * label it goes on with the new options, with labels it says which ones to give. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "common/config/overlay.h"
#include "learner/process/label_options.h"
#include "reward_server/annotators/annotator.h"
#include "tests/onic_test.h"
#include "tests/support/annotator_run.h"
#include "tests/support/scene.h"

/* --- the options ----------------------------------------------------------------------------- */

static void no_wake(void *ctx)
{
    (void)ctx;
}

/* Everything an answer of this annotator depends on. */
static bool identity_of(const struct config *c, const char *id, char out[600])
{
    struct annotator_run r;
    const char *model, *parameters;
    annotator_run_prepare(&r, 1);
    r.config = *c;
    struct annotator_setup setup = {
        .goal = r.goal, .loop = &r.loop, .store_path = r.store, .wake = no_wake};
    struct annotator_order order;
    bool fine = annotator_order_read(&order, annotator_find(id), c, NULL) == ONIC_OK &&
                annotator_open(&r.a, &order, &setup, NULL) == ONIC_OK;
    if (fine) {
        char names[ANNOTATOR_NAMES_MAX];
        annotator_names(&order, names);
        r.a->v->identity(r.a, &model, &parameters);
        snprintf(out, 600, "%s %s %s %d", names, model, parameters, (int)c->annotator_vote);
    }
    annotator_run_dispose(&r);
    return fine;
}

/* The identity with another value of an option; false: there is none that the annotator takes. */
static bool identity_with_another(struct config *c, const char *key, const char *id, char out[600])
{
    static const char *const tries[] = {"2",    "0.25",  "rules", "x",    "file",
                                        "true", "plain", "first", "top_p"};
    char now[CONFIG_STR_MAX];
    config_get(c, key, now, sizeof now);
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
        if (strcmp(tries[i], now) != 0 &&
            config_set(c, key, tries[i], CONFIG_CLI, "test", NULL) == ONIC_OK &&
            identity_of(c, id, out))
            return true;
    return false;
}

static void every_option_of_an_identity_is_known_to_the_learner(void **state)
{
    static const char *const ids[] = {"llm", "command", "rules", "random", "embedding"};
    static struct config base, other;
    char before[600], after[600];
    int changed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        config_defaults(&base);
        assert_ok(config_set(&base, "env.id", "minigrid:KeyCorridorS3R3", CONFIG_CLI, "", &err));
        assert_ok(config_set(&base, "llm.url", "http://127.0.0.1:1", CONFIG_CLI, "", &err));
        assert_ok(config_set(&base, "llm.model", "m", CONFIG_CLI, "", &err));
        assert_ok(config_set(&base, "command.run", "cat", CONFIG_CLI, "", &err));
        assert_ok(config_set(&base, "embedding.source", "http", CONFIG_CLI, "", &err));
        assert_ok(config_set(&base, "embedding.url", "http://127.0.0.1:1", CONFIG_CLI, "", &err));
        assert_ok(config_set(&base, "embedding.model", "m", CONFIG_CLI, "", &err));
        assert_ok(config_set(&base, "annotator.noise", "0.1", CONFIG_CLI, "", &err));
        assert_true(identity_of(&base, ids[i], before));
        for (int k = 0; k < CONFIG_COUNT; k++) {
            char key[64];
            config_key(k, key);
            other = base;
            if (!identity_with_another(&other, key, ids[i], after) || strcmp(before, after) == 0)
                continue;
            changed++;
            if (!label_option(key))
                fail_msg("%s changes \"%s\" to \"%s\"", key, before, after);
        }
    }
    assert_in_range(changed, 20, 200);
}

/* --- runs ------------------------------------------------------------------------------------ */

static void start(struct scene *s, const char *more)
{
    static int lives_started;
    char args[1400], tag[32];
    snprintf(tag, sizeof tag, "life-%d", lives_started++); /* a file of its own for each */
    snprintf(args, sizeof args,
             "train --env.id=minigrid:KeyCorridorS3R3 --run-dir=%s --frames=1000000000 "
             "--actors.count=1 --train.batch=1024 --metrics.every_s=0.2 %s",
             s->run, more);
    program_start(&s->a, s->dir, tag, "onic", args);
}

/* One life of a run that goes on until a metric of it is above a number. */
static void lives(struct scene *s, const char *more, const char *metric, double above)
{
    start(s, more);
    scene_await_metric(s, metric, above);
    scene_drain(&s->a);
}

/* Abstentions and questions without an answer are no labels. */
static void a_run_without_labels_takes_other_options(void **state)
{
    struct scene *s = *state;
    char shy[400];
    scene_script(
        s, "shy",
        "#!/usr/bin/env python3\n"
        "import json, sys\n"
        "for q in sys.stdin:\n"
        "    print(json.dumps({'id': json.loads(q)['id'], 'abstain': 'no'}), flush=True)\n");
    snprintf(shy, sizeof shy, "--annotator.id=command --command.run=%s/shy", s->dir);
    lives(s, shy, "annot/abstained_total", 0);
    static const char *const changes[] = {
        "--annotator.id=llm --llm.url=http://127.0.0.1:1 --llm.model=m",
        "--llm.max_tokens=64 --llm.temperature=0.9 --annotator.vote=3 --annotator.prompt=reworded"};
    for (int i = 0; i < 2; i++) {
        start(s, changes[i]);
        await_word(s->a.err, "the run has no labels yet, so it takes those", SCENE_LONG_MS);
        scene_drain(&s->a);
        assert_close(metrics_last(s->run, "annot/labels_total"), 0, 0, 0);
    }
    lives(s,
          "--annotator.id=rules --annotator.noise=0.1 --annotator.vote=1 "
          "--reward.model=classifier",
          "annot/labels_total", 0);
    start(s, "--annotator.noise=0.2 --annotator.vote=3");
    assert_int_equal(program_wait(&s->a, SCENE_LONG_MS), 64);
    assert_non_null(strstr(program_text(s->a.err), "annotator.noise was 0.1 and is 0.2 now"));
    assert_non_null(
        strstr(program_text(s->a.err), "give --annotator.vote=1 --annotator.noise=0.1"));
    start(s, "--reward.model=hash");
    assert_int_equal(program_wait(&s->a, SCENE_LONG_MS), 64);
    assert_non_null(strstr(program_text(s->a.err), "trained with reward.model=classifier"));
    double labels = metrics_last(s->run, "annot/labels_total");
    lives(s, "", "annot/labels_total", labels); /* what was refused is not remembered */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_of_an_identity_is_known_to_the_learner),
        cmocka_unit_test_setup_teardown(a_run_without_labels_takes_other_options, scene_setup,
                                        scene_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
