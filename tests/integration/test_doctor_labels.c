/* SPDX-License-Identifier: MIT */
/* test_doctor_labels.c - `onic doctor` says ok of an annotator only where a label comes: rules, the
 * model, a server of vectors, a program, a reward server that runs. Language models:
 * test_doctor.c. */
#define _GNU_SOURCE
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/scene.h"
#include "tests/support/scripted.h"

/* The verdict of the check and parts of its sentence. */
static void says(struct scene *s, const char *args, char verdict, const char *first,
                 const char *second)
{
    char all[1200];
    struct program p = {0};
    json_t *one;
    size_t i;
    bool found = false;
    snprintf(all, sizeof all, "doctor --env.id=minigrid:KeyCorridorS3R3 --json %s", args);
    assert_int_equal(program_run(&p, s->dir, "doctor", "onic", all, SCENE_LONG_MS), 0);
    json_t *doc = json_loads(program_text(p.out), 0, NULL);
    json_array_foreach(json_object_get(doc, "checks"), i, one)
    {
        const char *text = json_string_value(json_object_get(one, "text"));
        char got = *json_string_value(json_object_get(one, "verdict"));
        if (strcmp(json_string_value(json_object_get(one, "name")), "annotator") != 0)
            continue;
        found = true;
        if (got != verdict || !strstr(text, first) || !strstr(text, second))
            fail_msg("%s: %c, want %c with \"%s\" and \"%s\": %s", args, got, verdict, first,
                     second, text);
    }
    assert_true(found);
    json_decref(doc);
}

static void rules_and_lots_are_asked_for_the_whole_pool(void **state)
{
    struct scene *s = *state;
    char args[600];
    says(s, "--annotator.id=rules", 'o', "rules: \"You pick up the red key.\" gets label 1 (rule 2",
         "; of 118 captions of the pool 42 get label 1");
    says(s, "--annotator.id=random", 'o', "random: \"You pick up the red key.\" gets label",
         "of 118 captions");
    says(s, "--annotator.id=random --random.probability=1", 'w', "118 get label 1",
         "nothing is told apart");
    says(s, "--annotator.id=rules --annotator.goal=none", 'o', "no preference", "");
    says(s, "--annotator.id=rules --reward.model=ranking", 'o',
         "\"You pick up the red key.\" or \"You pick up the red box.\" gets label 0", "");
    says(s, "--annotator.id=rules --reward.model=similarity", 'w', "asks score questions",
         "choose another");
    says(s, "--reward.model=none", 'o', "asks for no labels", "");
    scene_script(s, "idle.yaml",
                 "description: nothing\npositive: [You see a key.]\nnegative: [You see a wall.]\n"
                 "threshold: 0.1\nrules: [{\"You see a wall.\": 1}]\n");
    scene_script(s, "pool.txt", "You see a key.\nYou see a door.\n");
    snprintf(args, sizeof args, "--annotator.id=rules --annotator.goal=%s/idle.yaml", s->dir);
    says(s, args, 'w', "of 2 captions of the pool 0 get label 1, so nothing is told apart: edit",
         "idle.yaml");
    says(s, "--annotator.id=rules --annotator.goal=nowhere", 'w', "nowhere", "");
    says(s, "--annotator.id=nobody", 'w', "must be auto or one of", "");
}

static void a_server_of_vectors_is_asked_for_one(void **state)
{
    struct scene *s = *state;
    struct scripted server = {0};
    char args[600];
    static const struct {
        const char *behaviour;
        char verdict;
        const char *first, *second;
    } of[] = {{"fine", 'o', "embedding: \"You pick up the red key.\" gets label 0",
               "say 1 (margin 0.0000"},
              {"other_model", 'w', "gets no answer: ", "somebody-else"},
              {"locked", 'w', "it says 401: check embedding.api_key_file", ""},
              {"reason", 'w', "it says 403: your country is not served", "the server is there"},
              {"gone", 'w', "gets no answer: ", "change embedding.url"}};
    assert_true(scripted_start(&server, "scripted_embeddings/scripted_embeddings.py", "", 0));
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        snprintf(args, sizeof args,
                 "--annotator.id=embedding --embedding.source=http --embedding.model=m "
                 "--embedding.url=http://127.0.0.1:%d/%s/v1",
                 server.port, of[i].behaviour);
        says(s, args, of[i].verdict, of[i].first, of[i].second);
    }
    scripted_stop(&server);
    says(s, args, 'w', "gets no answer: embedding.url does not work", "start the server there");
}

static void a_program_is_asked_once(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *text;
        char verdict;
        const char *first, *second;
    } of[] = {
        {"#!/bin/sh\nread q\necho '{\"id\":1,\"label\":0,\"raw\":\"because\"}'\nread q\n", 'o',
         "command: \"You pick up the red key.\" gets label 0, where the rules of the goal say 1",
         "(because)"},
        {"#!/bin/sh\nread q\necho '{\"id\":1,\"abstain\":\"no idea\"}'\nread q\n", 'w',
         "gets no label (abstained: no idea)", ""},
        {"#!/bin/sh\necho 'no licence' >&2\nexit 3\n", 'w',
         "gets no answer: it ended with code 3: no licence", "mend the program, or command.run"},
        {"#!/bin/sh\nread q\necho what\nread q\n", 'w', "no answer within 1 s", "what"},
        {"#!/bin/sh\nwhile read q; do echo '{\"id\":1,\"label\":7}'; done\n", 'w',
         "gets no answer: ", "no answer within 1 s"},
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char args[600];
        scene_script(s, "program", of[i].text);
        snprintf(args, sizeof args,
                 "--annotator.id=command --command.run=%s/program --command.timeout_s=1", s->dir);
        says(s, args, of[i].verdict, of[i].first, of[i].second);
    }
}

static void a_reward_server_that_runs_is_asked(void **state)
{
    struct scene *s = *state;
    char args[600], address[400];
    snprintf(address, sizeof address, "--reward.server=ipc://%s/r", s->dir);
    says(s, address, 'w', "gets no answer: no reward server answers at ipc://", "");
    snprintf(args, sizeof args,
             "--listen=ipc://%s/r --run-dir=run --annotator.id=rules "
             "--env.id=minigrid:KeyCorridorS3R3",
             s->dir);
    program_start(&s->b, s->dir, "b", "onic-reward-server", args);
    await_word(s->b.err, "reward server is ready", SCENE_SOON_MS);
    says(s, address, 'o', "[rules patterns minigrid/KeyCorridor@",
         "\"You pick up the red key.\" gets label 1 (by rules)");
}

int main(void)
{
#define IN_SCENE(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        IN_SCENE(rules_and_lots_are_asked_for_the_whole_pool),
        IN_SCENE(a_server_of_vectors_is_asked_for_one),
        IN_SCENE(a_program_is_asked_once),
        IN_SCENE(a_reward_server_that_runs_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
