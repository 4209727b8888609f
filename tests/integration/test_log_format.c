/* SPDX-License-Identifier: MIT */
/* test_log_format.c - log.format=json: whatever a run and its parts say on stderr is one object per
 * line, also what a program is refused with. */
#define _GNU_SOURCE
#include <dirent.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>

#include "tests/onic_test.h"
#include "tests/support/scene.h"

struct seen {
    int lines, progress, last_words;
    char roles[400]; /* each once, with commas around it */
};

static const char *word(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    if (!s)
        fail_msg("no %s in %s", key, json_dumps(o, 0));
    return s;
}

static void look_at_line(struct seen *seen, const char *line)
{
    json_error_t why;
    json_t *o = json_loads(line, JSON_REJECT_DUPLICATES, &why);
    if (!o)
        fail_msg("no object (%s): %s", why.text, line);
    const char *time = word(o, "time"), *level = word(o, "level"), *role = word(o, "role");
    char known[80];
    assert_int_equal(strlen(time), 24);
    assert_non_null(strstr(" error warn info debug ", level));
    snprintf(known, sizeof known, ",%s,", role);
    if (!strstr(seen->roles, known) && strlen(seen->roles) + strlen(known) < sizeof seen->roles)
        strcat(seen->roles, known);
    seen->lines++;
    seen->progress += strcmp(word(o, "msg"), "progress") == 0;
    seen->last_words += json_object_get(o, "event") != NULL;
    json_decref(o);
}

static void look_at_file(struct seen *seen, const char *path)
{
    char *text = strdup(program_text(path)), *rest = text, *line;
    while ((line = strsep(&rest, "\n")) != NULL)
        if (line[0])
            look_at_line(seen, line);
    free(text);
}

static int is_file(const struct dirent *e)
{
    return e->d_name[0] != '.' && strncmp(e->d_name, "audit-", 6) != 0; /* of its own format */
}

static void look_at_logs(struct seen *seen, const struct scene *s)
{
    char dir[400], path[700];
    struct dirent **names;
    snprintf(dir, sizeof dir, "%s/log", s->run);
    int n = scandir(dir, &names, is_file, alphasort);
    assert_true(n >= 3); /* learner, reward server, an actor */
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        look_at_file(seen, path);
        free(names[i]);
    }
    free(names);
}

static void every_line_of_a_run_and_its_parts_is_an_object(void **state)
{
    struct scene *s = *state;
    struct seen front = {.roles = ","}, parts = {.roles = ","};
    scene_train(s, "--log.format=json");
    pid_t actor = process_child(s->a.pid, "onic-actor");
    assert_true(actor > 0);
    kill(actor, SIGKILL); /* the front end says what died */
    await_word(s->a.err, "is started again", SCENE_LONG_MS);
    scene_trains_on(s);
    scene_drain(&s->a);
    look_at_file(&front, s->a.err);
    assert_non_null(strstr(front.roles, ",onic,"));
    assert_non_null(strstr(front.roles, ",learner,"));
    assert_true(front.progress >= 1);
    struct program again = {0}; /* a later life goes on as it was told, its front end too */
    assert_int_equal(program_run(&again, s->dir, "again", "onic", "train --run-dir=run --frames=1",
                                 SCENE_LONG_MS),
                     0);
    look_at_file(&front, again.err);
    look_at_logs(&parts, s);
    assert_non_null(strstr(parts.roles, ",learner,"));
    assert_non_null(strstr(parts.roles, ",reward-server,"));
    assert_non_null(strstr(parts.roles, ",actor-0,"));
}

/* The run's own last words name those of its part, not the line in which they stood. */
static void a_part_that_is_refused_is_quoted_in_words(void **state)
{
    struct scene *s = *state;
    struct program p = {0};
    struct seen seen = {.roles = ","};
    const char *args =
        "train --run-dir=run --env.id=corridor --log.format=json "
        "--annotator.id=rules --labels.path=/proc/nowhere/x.sqlite --frames=1000000000";
    int code = program_run(&p, s->dir, "refused", "onic", args, SCENE_LONG_MS);
    assert_int_equal(code, 73);
    look_at_file(&seen, p.err);
    assert_true(seen.last_words >= 1);
    assert_non_null(strstr(program_text(p.err),
                           "\"msg\":\"reward-server ended with exit code 73: cannot create"));
    assert_null(strstr(program_text(p.err), "\\\"msg\\\"")); /* no object inside of a text */
}

/* Also where the options themselves are refused, and from the environment. */
static void a_program_that_is_refused_says_so_in_an_object(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *program, *args;
    } refused[] = {
        {"onic", "train --log.format=json --train.lr=much"},
        {"onic", "status nowhere --log.format json"},
        {"onic-learner", "--no.such=1 --log.format=json"},
        {"onic-actor", "ONIC_LOG_FORMAT=json --learner=nonsense"},
        {"onic-reward-server", "ONIC_LOG_FORMAT=json --listen=nonsense --annotator.id=rules"}};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct program p = {0};
        struct seen seen = {.roles = ","};
        int code =
            program_run(&p, s->dir, "bad", refused[i].program, refused[i].args, SCENE_SOON_MS);
        assert_int_equal(code, 64);
        look_at_file(&seen, p.err);
        assert_int_equal(seen.lines, 1);
        assert_int_equal(seen.last_words, 1);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        T(every_line_of_a_run_and_its_parts_is_an_object),
        T(a_part_that_is_refused_is_quoted_in_words),
        T(a_program_that_is_refused_says_so_in_an_object),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
