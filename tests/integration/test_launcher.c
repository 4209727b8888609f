/* SPDX-License-Identifier: MIT */
/* test_launcher.c - the program `onic` as a user meets it: exit codes, sentences, JSON, labels in
 * and out. */
#define _GNU_SOURCE
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/run_lock.h"
#include "common/data/ledger.h"
#include "reward_server/store/label_store.h"
#include "tests/onic_test.h"

struct scene {
    char dir[256];
    char out[1 << 18], err[1 << 16];
};

static int setup(void **state)
{
    static struct scene s;
    temp_dir_create(s.dir);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    temp_dir_remove(((struct scene *)*state)->dir);
    return 0;
}

static void slurp(const char *dir, const char *name, char *out, size_t size)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(out, 1, size - 1, f) : 0;
    if (f)
        fclose(f);
    out[n] = '\0';
}

/* Runs `onic <args>` in the scene's folder; the exit code. */
static int onic(struct scene *s, const char *args)
{
    char command[2048];
    const char *build = getenv("ONIC_BUILD");
    assert_non_null(build);
    snprintf(command, sizeof command, "cd '%s' && '%s/onic' %s >out 2>err </dev/null", s->dir,
             build, args);
    int status = system(command);
    assert_true(WIFEXITED(status));
    slurp(s->dir, "out", s->out, sizeof s->out);
    slurp(s->dir, "err", s->err, sizeof s->err);
    return WEXITSTATUS(status);
}

#define assert_fails(args, code, part)                                                             \
    do {                                                                                           \
        int got_ = onic(s, (args));                                                                \
        if (got_ != (code) || !strstr(s->err, (part)) || s->out[0]) {                              \
            print_error("onic %s: exit %d, stdout \"%s\", stderr \"%s\"\n", (args), got_, s->out,  \
                        s->err);                                                                   \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

static void every_listed_command_explains_itself(void **state)
{
    struct scene *s = *state;
    assert_int_equal(onic(s, "--help"), 0);
    char list[sizeof s->out], args[64], word[32];
    memcpy(list, s->out, sizeof list);
    int n = 0;
    const char *p = strstr(list, "commands:\n");
    assert_non_null(p);
    for (p = strchr(p, '\n') + 1; sscanf(p, "  %31s", word) == 1 && p[0] == ' ';
         p = strchr(p, '\n') + 1, n++) {
        snprintf(args, sizeof args, "%s --help", word);
        assert_int_equal(onic(s, args), 0);
        assert_non_null(strstr(s->out, "usage: onic "));
        assert_string_equal(s->err, "");
    }
    assert_true(n >= 6);
    assert_int_equal(onic(s, "--version"), 0);
    assert_non_null(strstr(s->out, "CPU path"));
}

/* Every command writes its document to standard output for --json, --json - and --json=- alike, and
 * its help lists only options that it acts on. */
static void json_goes_to_standard_output_however_it_is_asked(void **state)
{
    struct scene *s = *state;
    static const char *const ways[] = {"env list --json", "env list --json -", "env list --json=-"};
    char first[sizeof s->out];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(onic(s, ways[i]), 0);
        if (i)
            assert_string_equal(s->out, first);
        memcpy(first, s->out, sizeof first);
    }
    assert_fails("env list --json=file", 64, "only writes to standard output");
    assert_int_equal(onic(s, "eval --random --env.id=corridor --episodes 3 --seed 5 --json -"), 0);
    json_t *doc = json_loads(s->out, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(doc, "episodes")), 3);
    assert_int_equal(json_integer_value(json_object_get(doc, "seed")), 5);
    json_decref(doc);
    assert_int_equal(onic(s, "eval --help"), 0);
    assert_non_null(strstr(s->out, "--env.max_steps="));
    assert_null(strstr(s->out, "--train.lr="));
}

/* Uniform random play never solves it: 0 of 20 is not "certainly 0". */
static void a_success_rate_has_an_interval_of_its_kind(void **state)
{
    struct scene *s = *state;
    const char *args = "eval --random --env.id=minigrid:KeyCorridorS6R3 --env.max_steps=20 "
                       "--episodes=20 --json=-";
    assert_int_equal(onic(s, args), 0);
    json_t *doc = json_loads(s->out, 0, NULL), *rate = json_object_get(doc, "success_rate");
    json_t *ci = json_object_get(rate, "ci95");
    assert_close(json_number_value(json_object_get(rate, "mean")), 0, 0, 0);
    assert_close(json_number_value(json_array_get(ci, 0)), 0, 0, 0);
    assert_close(json_number_value(json_array_get(ci, 1)), 0.1611252, 0, 1e-6);
    json_decref(doc);
    char shown[200];
    snprintf(shown, sizeof shown, "%.*s", (int)(strstr(args, " --json") - args), args);
    assert_int_equal(onic(s, shown), 0);
    assert_non_null(strstr(s->out, "0 .. 0.1611 (0 of 20 episodes)"));
}

static void slips_get_one_sentence_and_64(void **state)
{
    struct scene *s = *state;
    assert_fails("", 64, "usage: onic COMMAND");
    assert_fails("trian", 64, "unknown command 'trian', did you mean 'train'?");
    assert_fails("--help=all", 64, "`onic train --help=all`");
    assert_fails("eval runs/x --random", 64, "give --env.id=ENV instead of 'runs/x'");
    assert_fails("config --train.lrr=1", 64, "did you mean '--train.lr'?");
    assert_fails("config --run.frames=0", 64,
                 "run.frames is '0', must be a whole number from 1 to");
    assert_fails("config missing.yaml", 64, "missing.yaml cannot be opened");
    assert_fails("train --reward.model=hahs", 64, "hash");
    assert_fails("train --env.id=minigrid:KeyCorridorS3R4", 64, "minigrid:KeyCorridorS3R");
    assert_fails("ledger", 64, "give a run directory");
    assert_fails("ledger nowhere", 64, "nowhere does not exist");
    assert_fails("labels", 64, "say what to do");
    assert_fails("labels count nowhere", 64, "there is no run nowhere");
    assert_fails("bench --only=B99", 64,
                 "--only=B99 begins no benchmark's name: B6, B8, B-gym, B-gym-100us, B-gym-300us, "
                 "B-gym-pixels, B11-");
    char runs[400];
    snprintf(runs, sizeof runs, "%s/runs", s->dir);
    assert_int_equal(access(runs, F_OK), -1); /* nothing was created for a refused run */
}

/* Whoever knows the name of a configuration, or of what it trains in, is told its file. */
static void a_name_that_is_no_file_is_answered_with_the_file_that_was_meant(void **state)
{
    static const char *const meant[][2] = {
        {"keycorridor", "did you mean "},
        {"keycorridor", "configs/keycorridor.yaml?"},
        {"KeyCorridorS3R3", "configs/keycorridor.yaml?"},
        {"minigrid:KeyCorridorS3R3", "configs/keycorridor.yaml?"},
        {"MiniGrid-KeyCorridorS6R3-v0", "configs/keycorridor_s6r3.yaml?"},
        {"minigrid:KeyCorridorS4R3", "configs/keycorridor_s4r3.yaml?"},
        {"nethack_score", "configs/nethack_score.yaml?"},
        {"somewhere/keycoridor.yaml", "configs/keycorridor.yaml?"},
        {"Nethack-Score.yml", "configs/nethack_score.yaml?"},
        {"ObstructedMaze-Full", "configs/obstructedmaze_full.yaml?"},
        {"mine.yaml", "those that come with onic are in "},
        {"DoorKey-8x8", "an environment is given as --env.id=NAME"},
    };
    struct scene *s = *state;
    char args[400];
    for (size_t i = 0; i < sizeof meant / sizeof *meant; i++) {
        snprintf(args, sizeof args, "train %s", meant[i][0]);
        assert_fails(args, 64, meant[i][1]);
    }
    /* the file that is named is there */
    char *name = strstr(strcpy(args, s->err), "are in ");
    assert_non_null(name);
    name += strlen("are in ");
    name[strcspn(name, ",")] = '\0';
    assert_int_equal(access(name, R_OK), 0);
}

/* A run is given as --run-dir; what is suggested can be copied whatever its name is. */
static void a_run_where_a_file_is_wanted_is_answered_with_how_it_goes_on(void **state)
{
    struct scene *s = *state;
    assert_int_equal(onic(s, "train --run-dir='my $run' --env.id=corridor --reward.model=none "
                             "--frames=2000 --actors.count=1"),
                     0);
    assert_fails("train 'my $run'", 64, "goes on with --run-dir='my $run'");
}

/* A refused value is never stored, or the next life of the run would start with it again. */
static void what_a_part_would_refuse_is_refused_before_it_is_stored(void **state)
{
    struct scene *s = *state;
    char path[400];
    snprintf(path, sizeof path, "%s/run/config.yaml", s->dir);
    assert_fails("train --run-dir=run --annotator.goal=socre", 64, "annotator.goal is \"socre\"");
    assert_fails("train --run-dir=run --annotator.id=rulse", 64, "annotator.id is \"rulse\"");
    assert_fails("train --run-dir=run --reward.model=similarity --annotator.id=rules", 64,
                 "asks score questions, which annotator.id=rules does not answer");
    assert_fails("train --run-dir=run --policy.net=nte", 64, "policy.net is \"nte\"");
    assert_fails("train --run-dir=run --env.obs=nonsense", 64, "nonsense");
    assert_int_equal(access(path, F_OK), -1);
}

static void config_prints_yaml_that_it_reads_again(void **state)
{
    struct scene *s = *state;
    char first[sizeof s->out], path[400];
    assert_int_equal(onic(s, "config --train.lr=0.125 --env.id=corridor"), 0);
    assert_non_null(strstr(s->out, "lr: 0.125  # command line"));
    assert_ptr_equal(strstr(s->out, "# run directory: runs/corridor-s1\n"), s->out);
    memcpy(first, s->out, sizeof first);
    snprintf(path, sizeof path, "%s/again.yaml", s->dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(first, f);
    fclose(f);
    assert_int_equal(onic(s, "config again.yaml"), 0);
    assert_non_null(strstr(s->out, "lr: 0.125  # again.yaml"));
    assert_non_null(strstr(s->out, "id: 'corridor'  # again.yaml"));
}

static void doctor_speaks_json(void **state)
{
    struct scene *s = *state;
    int code = onic(s, "doctor --json");
    assert_true(code == 0 || code == 64);
    json_t *doc = json_loads(s->out, 0, NULL), *checks = json_object_get(doc, "checks");
    assert_true(json_is_array(checks) && json_array_size(checks) >= 8);
    bool failed = false;
    for (size_t i = 0; i < json_array_size(checks); i++) {
        json_t *c = json_array_get(checks, i);
        const char *verdict = json_string_value(json_object_get(c, "verdict"));
        assert_true(json_is_string(json_object_get(c, "name")) &&
                    json_is_string(json_object_get(c, "text")));
        assert_true(strcmp(verdict, "ok") == 0 || strcmp(verdict, "warn") == 0 ||
                    strcmp(verdict, "fail") == 0);
        failed |= strcmp(verdict, "fail") == 0;
    }
    assert_int_equal(code, failed ? 64 : 0);
    json_decref(doc);
}

static void put_ledger(struct scene *s, const struct ledger *l)
{
    char path[400];
    struct buf b;
    buf_init(&b, 1 << 16);
    ledger_json(l, &b);
    snprintf(path, sizeof path, "%s/ledger.json", s->dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fwrite(b.data, 1, b.len, f);
    fclose(f);
    buf_release(&b);
}

static void the_ledger_is_shown_and_an_unbalanced_one_is_70(void **state)
{
    struct scene *s = *state;
    struct ledger l = {.trajectories = {.produced = 10, .consumed = 7, .in_flight = 1},
                       .steps = {.produced = 320, .consumed = 224, .in_flight = 32}};
    l.trajectories.dropped[LEDGER_DROP_STALE] = 2;
    l.steps.dropped[LEDGER_DROP_STALE] = 64;
    put_ledger(s, &l);
    assert_int_equal(onic(s, "ledger --json ."), 0);
    json_t *doc = json_loads(s->out, 0, NULL), *t = json_object_get(doc, "trajectories");
    assert_int_equal(json_integer_value(json_object_get(t, "produced")), 10);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(t, "dropped"), "stale")),
                     2);
    assert_true(json_is_true(json_object_get(t, "balanced")));
    json_decref(doc);
    l.trajectories.consumed = 8;
    put_ledger(s, &l);
    assert_int_equal(onic(s, "ledger ."), 70);
}

/* Three answers, one abstention; one caption has bytes of every troublesome kind. */
static void fill_store(const char *path)
{
    struct label_store *store = NULL;
    struct label_identity id = {.annotator = "rules",
                                .model = "table",
                                .goal = "g",
                                .goal_version = "1",
                                .parameters = "noise=0",
                                .vote = 1};
    static const char *const captions[] = {"You pick up the key.", "You open the door.",
                                           "odd \xe9\xff \"x\"\\ \x01", "Nothing."};
    assert_ok(label_store_open(&store, path, LABEL_STORE_SERVER, &err));
    assert_ok(label_store_use(store, &id, &err));
    for (int i = 0; i < 4; i++) {
        struct label q = {.question = captions[i], .question_len = strlen(captions[i])};
        struct label a = {.question = captions[i],
                          .question_len = strlen(captions[i]),
                          .state = i < 3 ? LABEL_ANSWERED : LABEL_ABSTAINED,
                          .value = i % 2,
                          .confidence = 0.75,
                          .raw = "why \xe9"};
        assert_ok(label_store_ask(store, &q, 1, true, &err));
        assert_ok(label_store_answer(store, &a, 1, &err));
    }
    label_store_close(store);
}

static void labels_go_out_and_come_back(void **state)
{
    struct scene *s = *state;
    char path[400], first[sizeof s->out];
    snprintf(path, sizeof path, "%s/labels.sqlite", s->dir);
    fill_store(path);
    assert_int_equal(onic(s, "labels count ."), 0);
    assert_string_equal(s->out, "3\n");
    assert_int_equal(onic(s, "labels export ."), 0);
    memcpy(first, s->out, sizeof first);
    int lines = 0;
    char copy[sizeof first];
    memcpy(copy, first, sizeof copy);
    for (char *save, *l = strtok_r(copy, "\n", &save); l;
         l = strtok_r(NULL, "\n", &save), lines++) {
        json_t *o = json_loads(l, 0, NULL);
        assert_non_null(o);
        static const char *const keys[] = {"id",        "caption",  "goal",       "prompt_version",
                                           "annotator", "model",    "label",      "confidence",
                                           "raw",       "asked_at", "answered_at"};
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
            assert_non_null(json_object_get(o, keys[i]));
        json_decref(o);
    }
    assert_int_equal(lines, 3);
    assert_int_equal(onic(s, "labels export . labels.jsonl"), 0);
    assert_int_equal(onic(s, "labels list ."), 0);
    assert_non_null(strstr(s->out, "You open the door."));

    snprintf(path, sizeof path, "%s/other", s->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(onic(s, "labels import other labels.jsonl"), 0);
    assert_non_null(strstr(s->err, "3 lines read, 3 labels added"));
    assert_int_equal(onic(s, "labels import other labels.jsonl"), 0);
    assert_non_null(strstr(s->err, "3 lines read, 0 labels added"));
    assert_int_equal(onic(s, "labels export other"), 0);
    assert_string_equal(s->out, first); /* nothing was lost on the way, bytes included */
}

static void a_bad_label_file_names_the_line(void **state)
{
    struct scene *s = *state;
    char path[400];
    snprintf(path, sizeof path, "%s/bad.jsonl", s->dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(
        "{\"caption\":\"a\",\"label\":1,\"annotator\":\"x\"}\n{\"caption\":\"b\",\"label\":0.5}\n",
        f);
    fclose(f);
    assert_fails("labels import . bad.jsonl", 64, "bad.jsonl: line 2: label must be 0 or 1");
    static const char *const confidence[] = {"95", "-0.5", "1e300", "\"0.9\"", "true"};
    for (size_t i = 0; i < sizeof confidence / sizeof confidence[0]; i++) {
        f = fopen(path, "w");
        assert_non_null(f);
        fprintf(f,
                "{\"caption\":\"a\",\"label\":1,\"confidence\":null}\n"
                "{\"caption\":\"b\",\"label\":1,\"confidence\":%s}\n",
                confidence[i]);
        fclose(f);
        assert_fails("labels import . bad.jsonl", 64,
                     "bad.jsonl: line 2: confidence must be from 0 to 1");
    }
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("not json\n", f);
    fclose(f);
    assert_fails("labels import . bad.jsonl", 64, "bad.jsonl: line 1 is not a label");
    assert_fails("labels import . missing.jsonl", 64, "missing.jsonl does not exist");
    assert_fails("labels count bad.jsonl", 64, "bad.jsonl is a text file, not a label store");
    f = fopen(path, "w");
    assert_non_null(f);
    fwrite("{\"caption\":\"a\0b\",\"label\":1}\n", 1, 28, f);
    fclose(f);
    assert_fails("labels import . bad.jsonl", 64, "bad.jsonl: line 1 holds a zero byte");
    f = fopen(path, "w"); /* in the last line, which has no end: it would be a label without it */
    assert_non_null(f);
    fwrite("{\"caption\":\"a\",\"label\":1}\n\n{\"caption\":\"b\",\"label\":1}\0{", 1, 57, f);
    fclose(f);
    assert_fails("labels import . bad.jsonl", 64, "bad.jsonl: line 3 holds a zero byte");
}

static void a_run_directory_in_use_is_73_and_names_the_holder(void **state)
{
    struct scene *s = *state;
    char path[400];
    int fd;
    snprintf(path, sizeof path, "%s/run", s->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_ok(run_lock_take(path, &fd, &err));
    assert_fails("train --run-dir=run --env.id=corridor", 73,
                 "the run directory run is in use by process");
    close(fd);
    assert_fails("train --run-dir=run --env.id=corridor --on-exists=fail", 73, "--on-exists=fail");
    assert_fails("train --run-dir=/proc/x/y --env.id=corridor", 73, "cannot be created");
}

int main(void)
{
    unsetenv("ONIC_HELD_LOCK");
#define IN_DIR(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_DIR(every_listed_command_explains_itself),
        IN_DIR(json_goes_to_standard_output_however_it_is_asked),
        IN_DIR(a_success_rate_has_an_interval_of_its_kind),
        IN_DIR(slips_get_one_sentence_and_64),
        IN_DIR(a_name_that_is_no_file_is_answered_with_the_file_that_was_meant),
        IN_DIR(a_run_where_a_file_is_wanted_is_answered_with_how_it_goes_on),
        IN_DIR(what_a_part_would_refuse_is_refused_before_it_is_stored),
        IN_DIR(config_prints_yaml_that_it_reads_again),
        IN_DIR(doctor_speaks_json),
        IN_DIR(the_ledger_is_shown_and_an_unbalanced_one_is_70),
        IN_DIR(labels_go_out_and_come_back),
        IN_DIR(a_bad_label_file_names_the_line),
        IN_DIR(a_run_directory_in_use_is_73_and_names_the_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
