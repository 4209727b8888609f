/* SPDX-License-Identifier: MIT */
/* test_env_command.c - `onic env` as a script sees it: JSON, exit codes, sentences
 * (deploy/interface.md sections 2, 4 and 7). */
#include <jansson.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "actor/envs/env.h"
#include "tests/onic_test.h"

enum { TEXT_MAX = 1 << 20 };

/* Runs a shell command with $ONIC = the program; returns the exit code. */
static int run(const char *command, char text[TEXT_MAX])
{
    char program[4096];
    snprintf(program, sizeof program, "%s/onic", getenv("ONIC_BUILD"));
    setenv("ONIC", program, 1);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    size_t n = fread(text, 1, TEXT_MAX - 1, p);
    text[n] = '\0';
    return WEXITSTATUS(pclose(p));
}

static void list_is_json_with_every_minigrid_task(void **state)
{
    (void)state;
    static char text[TEXT_MAX];
    assert_int_equal(run("\"$ONIC\" env list --json", text), 0);
    json_t *list = json_loads(text, 0, NULL), *e;
    assert_true(json_is_array(list));
    int minigrid = 0, nethack = 0;
    size_t i;
    json_array_foreach(list, i, e)
    {
        const char *id = json_string_value(json_object_get(e, "id"));
        assert_true(json_is_boolean(json_object_get(e, "available")));
        nethack += strncmp(id, "nethack:", 8) == 0;
        if (strncmp(id, "minigrid:", 9) != 0)
            continue;
        minigrid++;
        assert_int_equal(json_integer_value(json_object_get(e, "actions")), 7);
        assert_true(json_is_true(json_object_get(e, "available")));
    }
    assert_int_equal(minigrid, 32);
    assert_true(nethack >= 4);
    json_decref(list);
}

static void check_line(const json_t *line, const struct env *e, const uint8_t *obs,
                       const struct env_result *r)
{
    for (int f = 0; f < e->spec.obs.nfields; f++) {
        const struct obs_field *field = &e->spec.obs.field[f];
        json_t *values = json_object_get(json_object_get(line, "obs"), field->name);
        assert_int_equal(json_array_size(values), obs_field_count(field));
        for (int i = 0; i < obs_field_count(field); i++)
            assert_int_equal(json_integer_value(json_array_get(values, (size_t)i)),
                             obs_value(field, obs, i));
    }
    assert_close(json_number_value(json_object_get(line, "reward")), r->reward, 1e-8, 0);
    assert_int_equal(json_is_true(json_object_get(line, "terminated")), r->terminated);
    assert_int_equal(json_is_true(json_object_get(line, "truncated")), r->truncated);
    assert_string_equal(json_string_value(json_object_get(line, "message")), r->caption);
}

/* 40 actions with a limit of 15 steps: resets at once after the 15th and the 30th, numbered on. */
static void trace_shows_what_the_environment_does(void **state)
{
    (void)state;
    static char text[TEXT_MAX];
    static struct config cfg;
    config_defaults(&cfg);
    cfg.env_max_steps = 15;
    struct buf command;
    buf_init(&command, 4096);
    buf_puts(&command, "echo '");
    for (int k = 0; k < 40; k++)
        buf_printf(&command, "%d%s", k * 5 % 7, k % 3 ? " " : "\n");
    buf_puts(&command, "' | \"$ONIC\" env trace minigrid:DoorKey-5x5 --seed 9 --actions - "
                       "--env.max_steps=15");
    assert_int_equal(run(command.data, text), 0);
    buf_release(&command);

    struct env *e;
    uint8_t obs[152];
    struct env_result r;
    assert_ok(env_create(&e, "minigrid:DoorKey-5x5", &cfg, 0, &err));
    e->family->seed(e, 9);
    int action = 0, t = 0, resets = 0;
    bool reset_next = true;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1, t++) {
        *end = '\0';
        json_t *json = json_loads(line, 0, NULL);
        assert_true(json_is_object(json));
        assert_int_equal(json_integer_value(json_object_get(json, "t")), t);
        assert_int_equal(json_is_true(json_object_get(json, "reset")), reset_next && t > 0);
        if (reset_next)
            assert_ok(e->family->reset(e, obs, &r, &err));
        else
            assert_ok(e->family->step(e, action++ * 5 % 7, obs, &r, &err));
        resets += reset_next;
        check_line(json, e, obs, &r);
        reset_next = r.terminated || r.truncated;
        json_decref(json);
    }
    assert_int_equal(action, 40);
    assert_int_equal(resets, 3);
    env_free(e);
}

static void mistakes_exit_64_with_one_sentence(void **state)
{
    (void)state;
    static char text[TEXT_MAX];
    assert_int_equal(run("echo 7 | \"$ONIC\" env trace corridor --actions - 2>&1 >/dev/null", text),
                     64);
    assert_non_null(strstr(text, "'7' is not an action of corridor"));
    assert_int_equal(
        run("echo x1 | \"$ONIC\" env trace corridor --actions - 2>&1 >/dev/null", text), 64);
    assert_non_null(strstr(text, "'x1'"));
    assert_int_equal(run("\"$ONIC\" env describe minigrid:DorKey-8x8 2>&1", text), 64);
    assert_non_null(strstr(text, "minigrid:DoorKey-8x8"));
    assert_int_equal(run("\"$ONIC\" env trace corridor --actions /nonexistent 2>&1", text), 64);
    assert_non_null(strstr(text, "/nonexistent"));
    assert_int_equal(run("\"$ONIC\" env frobnicate 2>&1", text), 64);
    assert_non_null(strstr(text, "frobnicate"));
}

static void describe_names_fields_and_actions(void **state)
{
    (void)state;
    static char text[TEXT_MAX];
    assert_int_equal(run("\"$ONIC\" env describe minigrid:KeyCorridorS3R3", text), 0);
    assert_non_null(strstr(text, "image uint8[7,7,3]; direction uint8[1]"));
    assert_non_null(strstr(text, "3=pickup"));
    assert_non_null(strstr(text, "270"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_is_json_with_every_minigrid_task),
        cmocka_unit_test(trace_shows_what_the_environment_does),
        cmocka_unit_test(mistakes_exit_64_with_one_sentence),
        cmocka_unit_test(describe_names_fields_and_actions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
