/* timeout: 300 */
/* SPDX-License-Identifier: MIT */
/* test_resume.c - what happens to a run whose next life does not fit, or is killed early (nothing),
 * and what is said of one that is done. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "tests/onic_test.h"
#include "tests/support/scene.h"

/* --- the files of a run ---------------------------------------------------------------------- */

static struct buf listing;

static int list_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    if (type == FTW_F && strcmp(path + ftw->base, "lock") != 0) /* says who has it, or had it */
        buf_printf(&listing, "%s %lld %lld.%09ld\n", path, (long long)st->st_size,
                   (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names, sizes and times of all files, sorted. The caller frees it. */
static char *files_of(const char *dir)
{
    char *line[500], *save, *sorted = calloc(1, 1 << 16);
    int n = 0;
    buf_init(&listing, 1 << 16);
    assert_int_equal(nftw(dir, list_one, 16, FTW_PHYS), 0);
    for (char *l = strtok_r(listing.data, "\n", &save); l && n < 500;
         l = strtok_r(NULL, "\n", &save))
        line[n++] = l;
    qsort(line, (size_t)n, sizeof *line, by_name);
    for (int i = 0; i < n; i++) {
        strcat(sorted, line[i]);
        strcat(sorted, "\n");
    }
    buf_release(&listing);
    return sorted;
}

static const char *text_of(const struct scene *s, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", s->run, name);
    return program_text(path);
}

/* Resumes with the plain command and drains. */
static void goes_on(struct scene *s)
{
    scene_train(s, "");
    scene_trains_on(s);
    scene_drain(&s->a);
}

/* Of a learner that nobody has joined yet. */
static double processor_time_of_earlier_lives(struct scene *s)
{
    char address[400];
    int lines = metrics_lines(s->run);
    snprintf(address, sizeof address, "--run-dir=run --metrics.every_s=0.2 --listen=ipc://%s/l",
             s->dir);
    program_start(&s->a, s->dir, "a", "onic-learner", address);
    for (int64_t end = clock_ms() + SCENE_LONG_MS; metrics_lines(s->run) <= lines;) {
        assert_true(clock_ms() < end);
        usleep(20000);
    }
    double spent = metrics_last(s->run, "perf/cpu_s_actors");
    scene_drain(&s->a);
    return spent;
}

/* The accounts of actors hold it, and so does the checkpoint as a sum. */
static void what_actors_have_spent_is_counted_once(void **state)
{
    struct scene *s = *state;
    scene_train(s, "");
    scene_await_metric(s, "perf/cpu_s_actors", 0.2);
    scene_drain(&s->a);
    double spent = metrics_last(s->run, "perf/cpu_s_actors");
    for (int life = 0; life < 2; life++)
        assert_close(processor_time_of_earlier_lives(s), spent, 0, 0.01);
}

/* --- refused before anything is written ------------------------------------------------------ */

/* By `onic train` itself: its parts are not started and no file of the run is touched. */
static void what_does_not_fit_a_run_leaves_no_trace_in_it(void **state)
{
    static const struct {
        const char *options, *part;
    } unfit[] = {
        {"--annotator.id=llm --llm.url=http://127.0.0.1:1/v1 --llm.model=m",
         "given by [rules patterns minigrid/KeyCorridor"},
        {"--annotator.id=command --command.run=cat", "now answers as [command cat "},
        {"--annotator.id=random --annotator.noise=0.2", "now answers as [random lots "},
        {"--annotator.noise=0.2", "noise=0.2"},
        {"--annotator.goal=DoorKey", "minigrid/DoorKey"},
        {"--reward.model=none", "trained with reward.model=hash"},
        {"--reward.model=classifier", "trained with reward.model=hash"},
        {"--env.id=minigrid:DoorKey-8x8", "trained with another environment"},
        {"--policy.hidden=32", "trained with another network"},
    };
    struct scene *s = *state;
    scene_train(s, "");
    scene_await_metric(s, "annot/labels_total", 0);
    scene_drain(&s->a);
    char *before = files_of(s->run);
    for (size_t i = 0; i < sizeof unfit / sizeof *unfit; i++) {
        char args[500];
        snprintf(args, sizeof args, "train --run-dir=run %s", unfit[i].options);
        scene_fails_within(s, "onic", args, 64, unfit[i].part, 6);
        assert_non_null(strstr(program_text(s->a.err), "another --run-dir"));
        assert_null(strstr(program_text(s->a.err), "measures it"));
        char *after = files_of(s->run);
        assert_string_equal(after, before);
        free(after);
    }
    free(before);
    goes_on(s);
}

/* Rounds are counted from a run's beginning: with others, learner and actors waited for each other
 * without end. */
static void a_deterministic_run_keeps_what_its_rounds_are_made_of(void **state)
{
    static const struct {
        const char *options, *part;
    } unfit[] = {
        {"--actors.count=2", "actors.count, which was 1 and is 2 now; give --actors.count=1"},
        {"--env.count=8", "env.count, which was 16 and is 8 now; give --env.count=16"},
        {"--train.rollout=16", "train.rollout, which was 32 and is 16 now"},
        {"--train.batch=8192", "train.batch, which was 4096 and is 8192 now"},
    };
    struct scene *s = *state;
    char args[500];
    const char usual[] = "train --run-dir=run --env.id=corridor --reward.model=none";
    snprintf(args, sizeof args, "%s --deterministic --actors.count=1 --frames=5000", usual);
    assert_int_equal(program_run(&s->a, s->dir, "a", "onic", args, SCENE_LONG_MS), 0);
    for (size_t i = 0; i < sizeof unfit / sizeof *unfit; i++) {
        snprintf(args, sizeof args, "%s --frames=20000 %s", usual, unfit[i].options);
        scene_fails_within(s, "onic", args, 64, unfit[i].part, 4);
    }
    snprintf(args, sizeof args,
             "--run-dir=run --listen=ipc://%s/l --env.id=corridor --reward.model=none "
             "--deterministic --actors.count=2",
             s->dir);
    scene_fails_within(s, "onic-learner", args, 64,
                       "a deterministic run keeps its actors.count, which was 1 and is 2 now; give "
                       "--actors.count=1 or another --run-dir",
                       6);
    snprintf(args, sizeof args, "%s --frames=20000 --env.count=16", usual);
    assert_int_equal(program_run(&s->a, s->dir, "a", "onic", args, SCENE_LONG_MS), 0);
    snprintf(args, sizeof args, "%s --frames=20000 --on-exists=overwrite --deterministic=false",
             usual);
    assert_int_equal(program_run(&s->a, s->dir, "a", "onic", args, SCENE_LONG_MS), 0);
    snprintf(args, sizeof args, "%s --frames=40000 --deterministic --actors.count=1", usual);
    scene_fails_within(s, "onic", args, 64,
                       "the run was not deterministic until now, so it cannot go on as one; leave "
                       "--deterministic out or give another --run-dir",
                       4);
}

/* --- refused by a part, after it began ------------------------------------------------------- */

static void start_other_labels(struct scene *s)
{
    char args[500];
    snprintf(
        args, sizeof args,
        "--listen=ipc://%s/r --run-dir=other --annotator.id=random --annotator.goal=KeyCorridor "
        "--annotator.domain=minigrid",
        s->dir);
    program_start(&s->b, s->dir, "b", "onic-reward-server", args);
}

/* The reward server is not ours and comes late: only then is it seen that its labels do not fit. */
static void a_life_that_is_refused_late_is_undone(void **state)
{
    struct scene *s = *state;
    char latest[100], args[600];
    scene_train(s, "");
    scene_await_metric(s, "annot/labels_total", 0);
    scene_drain(&s->a);
    snprintf(latest, sizeof latest, "%s", text_of(s, "checkpoints/LATEST"));
    assert_non_null(strstr(latest, "ckpt-"));
    double steps = metrics_last(s->run, "env_steps");
    snprintf(args, sizeof args,
             "train --run-dir=run --train.lr=0.125 --checkpoint.every_s=10000 "
             "--reward.server=ipc://%s/r",
             s->dir);
    program_start(&s->a, s->dir, "a", "onic", args);
    scene_await_metric(s, "env_steps", steps);
    start_other_labels(s);
    assert_int_equal(program_wait(&s->a, SCENE_LONG_MS), 78);
    assert_non_null(strstr(program_text(s->a.err), "now answers as [random lots"));
    assert_null(strstr(program_text(s->a.err), "measures it"));
    assert_string_equal(text_of(s, "checkpoints/LATEST"), latest);
    assert_null(strstr(text_of(s, "config.yaml"), "0.125"));
    assert_null(strstr(text_of(s, "config.yaml"), "ipc://"));
    assert_string_equal(text_of(s, "config.yaml.before"), "");
    goes_on(s);
    scene_ledger_is_balanced(s);
}

/* The same of a learner that was started by hand. */
static void a_learner_alone_undoes_its_refused_life_too(void **state)
{
    struct scene *s = *state;
    char args[500];
    scene_train(s, "");
    scene_drain(&s->a);
    snprintf(args, sizeof args, "--run-dir=run --listen=ipc://%s/l --policy.hidden=32", s->dir);
    scene_fails_within(s, "onic-learner", args, 64, "trained with another network", 6);
    assert_non_null(strstr(text_of(s, "config.yaml"), "hidden: 0"));
    goes_on(s);
}

/* --- killed early ---------------------------------------------------------------------------- */

static void the_options_of_a_life_that_was_killed_before_a_checkpoint_are_gone(void **state)
{
    struct scene *s = *state;
    scene_train(s, "");
    scene_drain(&s->a);
    double steps = metrics_last(s->run, "env_steps");
    program_start(&s->a, s->dir, "a", "onic",
                  "train --run-dir=run --train.lr=0.125 --checkpoint.every_s=10000");
    scene_await_metric(s, "env_steps", steps);
    program_kill(&s->a);
    assert_non_null(strstr(text_of(s, "config.yaml"), "0.125"));
    goes_on(s);
    assert_non_null(strstr(program_text(s->a.err), "killed before it trained"));
    assert_null(strstr(text_of(s, "config.yaml"), "0.125"));
}

/* --- the end, and how to go on --------------------------------------------------------------- */

/* The command between the backquotes before `then` in what the program said last, run by a shell
 * in the scene's folder as program b. */
static void start_suggested(struct scene *s, const char *then)
{
    char command[1000], line[1400];
    const char *text = program_text(s->a.err), *end = strstr(text, then);
    if (!end)
        fail_msg("nothing is suggested that %s: %s", then, text);
    const char *from = end;
    while (from > text && from[-1] != '`')
        from--;
    snprintf(command, sizeof command, "%.*s", (int)(end - from), from);
    s->b = (struct program){0};
    snprintf(s->b.err, sizeof s->b.err, "%s/b.err", s->dir);
    snprintf(line, sizeof line, "cd '%s' && exec %s 2>b.err >b.out", s->dir, command);
    s->b.pid = fork();
    if (s->b.pid == 0) {
        setpgid(0, 0);
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    assert_true(s->b.pid > 0);
}

#define ODD_NAME "it's;a-$run"

static void train_oddly(struct scene *s, const char *options)
{
    char args[600];
    snprintf(s->run, sizeof s->run, "%s/%s", s->dir, ODD_NAME);
    snprintf(args, sizeof args, "train --run-dir=%s --metrics.every_s=0.2 %s", ODD_NAME, options);
    int code = program_run(&s->a, s->dir, "a", "onic", args, SCENE_LONG_MS);
    if (code != 0)
        fail_msg("exit code %d: %s", code, program_text(s->a.err));
}

static void a_run_at_its_last_frame_says_so_and_the_suggested_command_goes_on(void **state)
{
    struct scene *s = *state;
    train_oddly(s, "--env.id=corridor --reward.model=none --actors.count=1 --frames=20000");
    double steps = metrics_last(s->run, "env_steps");
    int lines = metrics_lines(s->run);
    assert_true(steps >= 20000);
    train_oddly(s, "");
    assert_non_null(strstr(program_text(s->a.err), "has reached run.frames=20000 already"));
    assert_int_equal(metrics_lines(s->run), lines); /* nothing was started */
    start_suggested(s, "` goes on");
    int code = program_wait(&s->b, SCENE_LONG_MS);
    if (code != 0)
        fail_msg("exit code %d: %s", code, program_text(s->b.err));
    assert_true(metrics_last(s->run, "env_steps") >= 40000);
    assert_null(strstr(program_text(s->b.err), "already"));
    start_suggested(s, "` measures it");
    assert_int_equal(program_wait(&s->b, SCENE_LONG_MS), 0);
}

static void a_run_that_succeeds_says_so_and_the_suggested_command_goes_on(void **state)
{
    struct scene *s = *state;
    train_oddly(s, "--env.id=minigrid:Empty-5x5 --reward.model=none --actors.count=1 "
                   "--stop.success=0.5 --frames=100000000");
    double steps = metrics_last(s->run, "env_steps");
    int lines = metrics_lines(s->run);
    train_oddly(s, "");
    assert_non_null(strstr(program_text(s->a.err), "has reached stop.success=0.5 (0."));
    assert_non_null(strstr(program_text(s->a.err), " --stop.success=0` goes on"));
    assert_int_equal(metrics_lines(s->run), lines);
    start_suggested(s, "` goes on");
    scene_await_metric(s, "env_steps", 2 * steps);
    scene_drain(&s->b);
}

static void a_run_that_has_trained_nothing_is_not_to_be_evaluated(void **state)
{
    struct scene *s = *state;
    char args[300];
    /* a batch takes longer than anybody waits here, so no update is made */
    snprintf(args, sizeof args,
             "train --run-dir=run --env.id=corridor --reward.model=none --train.batch=%d", 1 << 20);
    program_start(&s->a, s->dir, "a", "onic", args);
    await_word(s->a.err, "listening", SCENE_LONG_MS);
    scene_drain(&s->a);
    assert_null(strstr(program_text(s->a.err), "measures it"));
    assert_non_null(strstr(program_text(s->a.err), "nothing has been trained yet"));
    /* nor is it tied to anything */
    int code = program_run(&s->a, s->dir, "a", "onic",
                           "train --run-dir=run --env.id=minigrid:Empty-5x5 --reward.model=counts "
                           "--train.batch=1024 --frames=2000",
                           SCENE_LONG_MS);
    if (code != 0)
        fail_msg("exit code %d: %s", code, program_text(s->a.err));
    assert_true(metrics_last(s->run, "env_steps") >= 2000);
}

int main(void)
{
#define IN_SCENE(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        IN_SCENE(what_actors_have_spent_is_counted_once),
        IN_SCENE(what_does_not_fit_a_run_leaves_no_trace_in_it),
        IN_SCENE(a_deterministic_run_keeps_what_its_rounds_are_made_of),
        IN_SCENE(a_life_that_is_refused_late_is_undone),
        IN_SCENE(a_learner_alone_undoes_its_refused_life_too),
        IN_SCENE(the_options_of_a_life_that_was_killed_before_a_checkpoint_are_gone),
        IN_SCENE(a_run_at_its_last_frame_says_so_and_the_suggested_command_goes_on),
        IN_SCENE(a_run_that_succeeds_says_so_and_the_suggested_command_goes_on),
        IN_SCENE(a_run_that_has_trained_nothing_is_not_to_be_evaluated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
