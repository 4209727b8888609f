/* SPDX-License-Identifier: MIT */
/* test_train.c - `onic train` with the real programs: to its end, drained by Ctrl-C, resumed, and
 * with a learner that is killed. Small numbers on corridor; the long form is labelled slow
 * elsewhere. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run/run_dir.h"
#include "tests/onic_test.h"

struct scene {
    char dir[256], run[300];
    pid_t pid;
};

static int setup(void **state)
{
    static struct scene s;
    memset(&s, 0, sizeof s);
    temp_dir_create(s.dir);
    snprintf(s.run, sizeof s.run, "%s/run", s.dir);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    if (s->pid) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    temp_dir_remove(s->dir);
    return 0;
}

/* env: flags of the environment, at most three. */
static void start_env(struct scene *s, const char *frames, const char *const env[3])
{
    char program[400], run_dir[320], run_frames[64], err_path[320];
    snprintf(program, sizeof program, "%s/onic", getenv("ONIC_BUILD"));
    snprintf(run_dir, sizeof run_dir, "--run-dir=%s", s->run);
    snprintf(run_frames, sizeof run_frames, "--frames=%s", frames);
    snprintf(err_path, sizeof err_path, "%s/err", s->dir);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid)
        return;
    setpgid(0, 0); /* a process group of its own, as a shell's job has */
    int fd = open(err_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    execl(program, "onic", "train", "--annotator.id=rules", "--checkpoint.every_s=0.3",
          "--actors.count=2", run_dir, run_frames, env[0], env[1], env[2], (char *)NULL);
    _exit(127);
}

static void start(struct scene *s, const char *frames)
{
    start_env(s, frames, (const char *const[3]){"--env.id=corridor", NULL, NULL});
}

static int finish(struct scene *s)
{
    int status;
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    s->pid = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        char command[400];
        snprintf(command, sizeof command, "cat '%s/err' >&2", s->dir);
        if (system(command) != 0)
            print_error("no log\n");
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The last line of metrics.jsonl that is whole; NULL when there is none. The caller decrefs. */
static json_t *last_line(struct scene *s)
{
    static char text[1 << 20];
    if (run_dir_read(s->run, "metrics.jsonl", text, sizeof text, NULL) != ONIC_OK)
        return NULL;
    char *end = strrchr(text, '\n');
    if (!end)
        return NULL;
    *end = '\0';
    char *line = strrchr(text, '\n');
    return json_loads(line ? line + 1 : text, 0, NULL);
}

static double last_steps(struct scene *s)
{
    json_t *o = last_line(s);
    double steps = json_number_value(json_object_get(o, "env_steps"));
    json_decref(o);
    return steps;
}

static bool trains(void *ctx)
{
    return last_steps(ctx) > 0;
}

static void assert_balanced(struct scene *s)
{
    struct ledger l;
    assert_ok(run_dir_ledger(s->run, &l, &err));
    assert_true(ledger_balanced(&l));
    assert_int_equal(l.trajectories.in_flight, 0);
    assert_int_equal(l.trajectories.consumed_twice, 0);
    assert_true(l.trajectories.consumed > 0);
}

static void assert_ended(struct scene *s)
{
    json_t *o = last_line(s);
    assert_string_equal(json_string_value(json_object_get(o, "event")), "end");
    assert_int_equal(json_integer_value(json_object_get(o, "exit")), 0);
    json_decref(o);
}

/* Files checkpoints/<name>-NUMBER.safetensors with a number of at least `least`. */
static int checkpoints(struct scene *s, const char *name, unsigned long long least)
{
    char path[320];
    int n = 0;
    snprintf(path, sizeof path, "%s/checkpoints", s->run);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        n += strncmp(e->d_name, name, strlen(name)) == 0 &&
             strtoull(e->d_name + strlen(name) + 1, NULL, 10) >= least;
    closedir(d);
    return n;
}

static void a_run_reaches_its_frames_and_the_ledger_balances(void **state)
{
    struct scene *s = *state;
    start_env(s, "60000",
              (const char *const[3]){"--env.id=corridor", "--checkpoint.keep=1",
                                     "--checkpoint.milestone_every=20000"});
    assert_int_equal(finish(s), 0);
    assert_int_equal(checkpoints(s, "ckpt", 0), 1);
    assert_in_range(checkpoints(s, "milestone", 20000), 1, 3);
    assert_int_equal(checkpoints(s, "milestone", 0), checkpoints(s, "milestone", 20000));
    assert_true(last_steps(s) >= 60000);
    assert_ended(s);
    assert_balanced(s);
}

static void ctrl_c_drains_and_the_run_can_be_resumed(void **state)
{
    struct scene *s = *state;
    start(s, "1e12");
    assert_true(wait_until(trains, s, 60000));
    kill(-s->pid, SIGINT); /* as a terminal does: the whole process group */
    assert_int_equal(finish(s), 0);
    assert_ended(s);
    assert_balanced(s);
    double steps = last_steps(s);
    char more[32];
    snprintf(more, sizeof more, "%.0f", steps + 30000);
    start(s, more);
    assert_int_equal(finish(s), 0);
    assert_true(last_steps(s) >= steps + 30000);
    assert_balanced(s);
}

/* The child of s->pid whose program is `name`; 0 when there is none. */
static pid_t child_named(struct scene *s, const char *name)
{
    DIR *d = opendir("/proc");
    pid_t found = 0;
    for (struct dirent *e = readdir(d); e && !found; e = readdir(d)) {
        char path[300], comm[64];
        int pid, parent;
        snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
        FILE *f = fopen(path, "r");
        if (f && fscanf(f, "%d (%63[^)]) %*c %d", &pid, comm, &parent) == 3 && parent == s->pid &&
            strcmp(comm, name) == 0)
            found = pid;
        if (f)
            fclose(f);
    }
    closedir(d);
    return found;
}

static bool learner_back(void *ctx)
{
    struct scene *s = ctx;
    static char text[1 << 16];
    return run_dir_read(s->dir, "err", text, sizeof text, NULL) == ONIC_OK &&
           strstr(text, "learner resumed") != NULL;
}

static void a_killed_learner_comes_back_and_nothing_is_unaccounted(void **state)
{
    struct scene *s = *state;
    start(s, "1e12");
    assert_true(wait_until(trains, s, 60000));
    pid_t learner = child_named(s, "onic-learner");
    assert_true(learner > 0);
    kill(learner, SIGKILL);
    assert_true(wait_until(learner_back, s, 60000));
    kill(s->pid, SIGTERM);
    assert_int_equal(finish(s), 0);
    assert_ended(s);
    assert_balanced(s);
}

/* Two actors share the run's folder for crash replays. */
static void two_actors_play_nethack(void **state)
{
    struct scene *s = *state;
    char nle[400];
    snprintf(nle, sizeof nle, "--env.nle=%s/tests/fake_libnethack/1.3", getenv("ONIC_BUILD"));
    start_env(s, "8000", (const char *const[3]){"--env.id=nethack:Score", nle, "--env.count=4"});
    assert_int_equal(finish(s), 0);
    struct ledger ledger;
    assert_ok(run_dir_ledger(s->run, &ledger, &err));
    assert_true(ledger_balanced(&ledger));
    assert_true(ledger.steps.consumed >= 8000);
}

int main(void)
{
    unsetenv("ONIC_HELD_LOCK");
#define IN_DIR(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_DIR(a_run_reaches_its_frames_and_the_ledger_balances),
        IN_DIR(ctrl_c_drains_and_the_run_can_be_resumed),
        IN_DIR(a_killed_learner_comes_back_and_nothing_is_unaccounted),
        IN_DIR(two_actors_play_nethack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
