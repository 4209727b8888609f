/* timeout: 300 */
/* SPDX-License-Identifier: MIT */
/* test_shown.c - what a label, a file's name or an argument holds does not act on the terminal,
 * whichever command shows it. */
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "tests/onic_test.h"
#include "tests/support/hostile_text.h"
#include "tests/support/program.h"
#include "tests/support/pty.h"
#include "tests/support/scene.h"

static char dir[256];

static void in_shell(const char *line)
{
    char command[2000];
    snprintf(command, sizeof command, "cd '%s' && %s", dir, line);
    if (system(command) != 0)
        fail_msg("%s", command);
}

/* A byte of hostile_text as a character of JSON (Latin-1), as `labels import` reads it. */
static void put_hostile_label(FILE *f, const char *caption, const char *raw, const char *more)
{
    struct buf line;
    buf_init(&line, 1 << 16);
    buf_puts(&line, "{\"caption\":");
    buf_json_string(&line, caption, strlen(caption));
    buf_puts(&line, ",\"label\":1,\"confidence\":0.5,\"raw\":");
    buf_json_string(&line, raw, strlen(raw));
    const char *const keys[] = {"annotator", "model", "goal", "parameters"};
    for (int i = 0; i < 4; i++)
        buf_json_key_text(&line, keys[i], more);
    buf_puts(&line, ",\"kind\":\"class\",\"vote\":1,\"asked_at\":1,\"answered_at\":2}\n");
    assert_true(fputs(line.data, f) >= 0);
    buf_release(&line);
}

/* A run with labels, into whose store labels of somebody else come, and a kept episode. */
static int shown_setup(void **state)
{
    struct program p;
    char path[300];
    (void)state;
    temp_dir_create(dir);
    if (program_run(&p, dir, "train", "onic",
                    "train --run-dir=run --env.id=corridor:8 --annotator.id=rules "
                    "--actors.count=1 --frames=40000 --replay.every_episodes=20",
                    SCENE_LONG_MS) != 0)
        fail_msg("%s", program_text(p.err));
    snprintf(path, sizeof path, "%s/labels.jsonl", dir);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    put_hostile_label(f, "You see a door.", hostile_text, hostile_text);
    put_hostile_label(f, "You open the door.", hostile_text, hostile_text);
    put_hostile_label(f, "You bump into the door.", hostile_text, hostile_text);
    put_hostile_label(f, hostile_text, "yes", "rules");
    assert_int_equal(fclose(f), 0);
    if (program_run(&p, dir, "import", "onic", "labels import run labels.jsonl", SCENE_LONG_MS))
        fail_msg("%s", program_text(p.err));
    in_shell("cp \"$(ls run/replays/*.jsonl | head -n 1)\" kept.jsonl");
    return 0;
}

static int shown_teardown(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

static void is_clean(const char *path, const char *command)
{
    static char text[PROGRAM_TEXT_MAX];
    snprintf(text, sizeof text, "%s", program_text(path));
    for (char *p = text; *p; p++)
        if (*p == '\n' || *p == '\t')
            *p = ' ';
    const char *at = hostile_text_in(text);
    if (at)
        fail_msg("%s: byte 0x%02x in: %.*s", command, (unsigned)(unsigned char)*at,
                 (int)(at - text > 60 ? 60 : at - text), at - (at - text > 60 ? 60 : at - text));
}

/* A line of the shell with $onic; what it says on both outputs, which must hold `part`. */
static void shows(const char *command, const char *part)
{
    static struct program p;
    char line[1200];
    snprintf(line, sizeof line, "onic='%s/onic'; %s", getenv("ONIC_BUILD"), command);
    program_start_shell(&p, dir, "p", line);
    assert_int_not_equal(program_wait(&p, SCENE_LONG_MS), PROGRAM_STILL_RUNS);
    if (!strstr(program_text(p.out), part) && !strstr(program_text(p.err), part))
        fail_msg("%s does not say '%s': %s", command, part, program_text(p.err));
    is_clean(p.out, command);
    is_clean(p.err, command);
}

static void labels_of_somebody_else(void **state)
{
    static const char *const commands[] = {
        "$onic labels list run",
        "$onic labels export run",
        "$onic labels top run",
        "$onic labels top run --json",
        "$onic play run --episodes=3 --speed=0",
        "$onic replay kept.jsonl --labels.path=run/labels.sqlite",
        "$onic replay \"$(ls run/replays/*.jsonl | head -n 1)\" --explain=1",
        "for i in 1 2 3 4 5 6 7 8; do $onic replay run --explain=$i; done",
        "for i in 1 2 3 4 5 6 7 8; do $onic replay run --explain=$i --json; done",
    };
    (void)state;
    shows("$onic labels list run", "31md");
    shows("$onic labels list run | grep -a 'You see a door'", "31md"); /* its goal is printed */
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        shows(commands[i], "");
}

static void names_of_files_and_arguments(void **state)
{
    (void)state;
    in_shell("mkdir -p named/replays && cp kept.jsonl \"$(printf "
             "'named/replays/zz\\033[2J\\302\\2331mx\\342\\200\\256y\\377.jsonl')\"");
    shows("$onic replay named", "the newest of 1 kept episode");
    shows("$onic eval \"$(printf 'x\\033[2J\\302\\233y\\233z')\"", "there is no run x");
    shows("$onic play \"$(printf 'x\\302\\233y\\342\\200\\256')\"", "there is no run x");
    shows("$onic \"$(printf 'x\\033[2J\\302\\233y')\"", "unknown command");
    shows("$onic config --env.id=\"$(printf 'x\\302\\233y')\"", "without control characters");
    shows("$onic config --env.id=\"$(printf 'x\\342\\200\\256y')\"", "without control characters");
    shows("$onic config --env.id=\"$(printf 'x\\377')\"", "without control characters");
    shows("$onic config \"$(printf 'x\\302\\233y.yaml')\"", "cannot be opened");
    shows("$onic env describe \"$(printf 'x\\302\\233y')\"", "");
    shows("$onic labels count \"$(printf 'x\\302\\233y')\"", "there is no run");
}

/* A kept episode says what it likes of itself. */
static void words_of_a_kept_episode(void **state)
{
    (void)state;
    in_shell(
        "sed '1s/\"annotator\":\"[^\"]*\"/\"annotator\":\"a\\\\u009b31mb\\\\u001b[2Jc\"/; "
        "1s/\"goal\":\"[^\"]*\"/\"goal\":\"g\\\\u202eh\"/; "
        "1s/\"reward_model\":\"[^\"]*\"/\"reward_model\":\"m\\\\u009b2J\"/' kept.jsonl >said.jsonl"
        " && grep -q u009b said.jsonl");
    shows("$onic replay said.jsonl", "as recorded");
    shows("$onic replay said.jsonl --explain=1", "");
    shows("$onic replay said.jsonl --json", "exact");
}

/* On a terminal too, where colours pass: those of pictures. */
static void a_terminal_gets_no_colours_of_a_label(void **state)
{
    static struct pty t;
    (void)state;
    pty_start(&t, 40, 100, dir, "exec onic labels list run");
    assert_int_equal(pty_end(&t), 0);
    assert_null(strchr(t.bytes, '\x1b'));
    assert_null(strstr(t.bytes, "\xc2\x9b"));
    pty_close(&t);
}

/* --- a run of somebody else ------------------------------------------------------------------ */

/* A folder of that name, whose version, warnings and log's name are hostile too, in both formats of
 * a log, newer than any other line. */
static void make_their_run(char path[400])
{
    char name[700];
    struct buf line;
    snprintf(path, 400, "%s/th%s", dir, hostile_text);
    in_shell("rm -rf th*");
    snprintf(name, sizeof name, "cp -r '%s/run' '%s'", dir, path);
    assert_int_equal(system(name), 0);
    snprintf(name, sizeof name, "%s/version.txt", path);
    FILE *f = fopen(name, "ae");
    assert_non_null(f);
    fprintf(f, "2999-01-01T00:00:00Z onic v%s (git x)\n", hostile_text);
    fclose(f);
    snprintf(name, sizeof name, "%s/log/r%s.log", path, hostile_text);
    f = fopen(name, "we");
    assert_non_null(f);
    fprintf(f, "2999-01-01T00:00:00.000Z warn t%s: of a line of text\n", hostile_text);
    buf_init(&line, 4096);
    buf_puts(&line, "{\"time\":\"2999\x1b[2J\xc2\x9b"
                    "31m00000000000\",\"level\":\"warn\","
                    "\"role\":\"x\",\"msg\":");
    buf_json_string(&line, hostile_text, strlen(hostile_text));
    buf_puts(&line, "}\n");
    fputs(line.data, f);
    buf_release(&line);
    fclose(f);
}

static void json_is_clean(json_t *v, const char *where)
{
    const char *key;
    json_t *e;
    size_t i;
    if (json_is_string(v) && strcmp(where, "run") != 0 && hostile_text_in(json_string_value(v)))
        fail_msg("%s: %s", where, json_string_value(v));
    json_array_foreach(v, i, e) json_is_clean(e, where);
    json_object_foreach(v, key, e) json_is_clean(e, key);
}

/* Programs read the one, and show it somewhere. The run's own name has to stay as it is. */
static void a_status_of_somebody_elses_run(void **state)
{
    static struct program p;
    char path[400];
    (void)state;
    make_their_run(path);
    shows("$onic status th*", "of a line of text");
    shows("$onic status th* --json", "of a line of text");
    program_start_shell(&p, dir, "p", "exec \"$ONIC_BUILD\"/onic status th* --json");
    assert_int_equal(program_wait(&p, SCENE_LONG_MS), 0);
    json_t *root = json_loads(program_text(p.out), 0, NULL);
    assert_non_null(root);
    const char *version = json_string_value(json_object_get(root, "version"));
    assert_true(version && version[0] == 'v' && strstr(version, "31md"));
    assert_true(json_array_size(json_object_get(root, "warnings")) >= 2);
    json_is_clean(root, "");
    json_decref(root);
}

static void a_screen_of_somebody_elses_run(void **state)
{
    static const char *const acts[] = {"\x1b]0;t", "\xc2\x9b", "\xe2\x80\xae", "\xe2\x81\xa6"};
    static struct pty t;
    char path[400];
    (void)state;
    make_their_run(path);
    shows("$onic top th* --once", "31md");
    pty_start(&t, 40, 200, dir, "exec onic top th*");
    assert_int_equal(pty_end(&t), 0);
    assert_non_null(strstr(t.bytes, "31md"));
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (strstr(t.bytes, acts[i]))
            fail_msg("%zu is shown", i);
    pty_close(&t);
}

/* What a run is called goes to gnuplot, which draws on a terminal of its own choice. */
static void a_picture_of_somebody_elses_run(void **state)
{
    char path[400];
    (void)state;
    make_their_run(path);
    in_shell("mkdir -p fake && printf '#!/bin/sh\\ncat\\n' >fake/gnuplot && chmod +x fake/gnuplot");
    shows("PATH=fake:$PATH $onic compare th* --names --out=c.png", "");
    snprintf(path, sizeof path, "%s/c.png", dir);
    assert_non_null(strstr(program_text(path), "31md"));
    is_clean(path, "compare --out=c.png");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_of_somebody_else),
        cmocka_unit_test(names_of_files_and_arguments),
        cmocka_unit_test(words_of_a_kept_episode),
        cmocka_unit_test(a_terminal_gets_no_colours_of_a_label),
        cmocka_unit_test(a_status_of_somebody_elses_run),
        cmocka_unit_test(a_screen_of_somebody_elses_run),
        cmocka_unit_test(a_picture_of_somebody_elses_run),
    };
    return cmocka_run_group_tests(tests, shown_setup, shown_teardown);
}
