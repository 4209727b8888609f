/* SPDX-License-Identifier: MIT */
/* test_surroundings.c - the real programs started as odd shells, containers and machines start
 * them: descriptors closed, signals ignored, nowhere to put sockets,
 * other hosts files. */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/scene.h"

#define TRAIN                                                                                      \
    "exec \"$ONIC_BUILD\"/onic train --env.id=corridor --actors.count=1 --annotator.id=rules "     \
    "--run-dir=run --metrics.every_s=0.1 "

enum { WAIT_MS = 60000 };

static const char *text_of(const struct scene *s, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    return program_text(path);
}

static int shell(struct scene *s, const char *line)
{
    program_start_shell(&s->a, s->dir, "shell", line);
    return program_wait(&s->a, WAIT_MS);
}

/* --- descriptors ----------------------------------------------------------------------------- */

static void closed_descriptors_put_no_log_line_into_a_file(void **state)
{
    struct scene *s = *state;
    static const char *const files[] = {"run/lock", "run/labels.sqlite.lock", "run/config.yaml",
                                        "run/epoch"};
    assert_int_equal(shell(s, TRAIN "--frames=20000 <&- >&- 2>&-"), 0);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (strstr(text_of(s, files[i]), " info ") ||
            strstr(text_of(s, files[i]), "onic train: ")) {
            print_error("%s: %s\n", files[i], text_of(s, files[i]));
            fail();
        }
    assert_memory_equal(text_of(s, "run/lock"), "onic train, process ", 20);
    assert_non_null(strstr(text_of(s, "run/log/learner.log"), " info learner "));
}

static bool reward_server_listens(void *ctx)
{
    struct scene *s = ctx;
    char path[400];
    snprintf(path, sizeof path, "%s/socket", s->dir);
    return access(path, F_OK) == 0 || process_gone(s->a.pid);
}

static void programs_that_run_alone_bear_closed_descriptors_too(void **state)
{
    struct scene *s = *state;
    assert_int_equal(shell(s, "exec \"$ONIC_BUILD\"/onic-actor --describe --env.id=corridor "
                              ">described <&- 2>&-"),
                     0);
    assert_non_null(strstr(text_of(s, "described"), "corridor"));
    assert_int_equal(shell(s, "exec \"$ONIC_BUILD\"/onic-learner --nonsense=1 <&- >&- 2>&-"), 64);
    program_start_shell(&s->a, s->dir, "shell",
                        "mkdir run; exec \"$ONIC_BUILD\"/onic-reward-server --listen=ipc://socket "
                        "--env.id=corridor --annotator.id=rules --run-dir=run <&- >&- 2>&-");
    assert_true(wait_until(reward_server_listens, s, WAIT_MS));
    kill(s->a.pid, SIGTERM);
    int code = program_wait(&s->a, WAIT_MS);
    assert_true(code == 0 || code == -SIGTERM); /* it may have bound, and not yet be waiting */
    assert_memory_equal(text_of(s, "run/labels.sqlite"), "SQLite format 3", 15);
    assert_null(strstr(text_of(s, "run/labels.sqlite.lock"), " info "));
}

/* --- options that all of them have ----------------------------------------------------------- */

static void log_level_holds_for_every_part(void **state)
{
    static const char *const logs[] = {"run/log/learner.log", "run/log/actor-0.log",
                                       "run/log/reward-server.log", "shell.err"};
    static const char *const levels[] = {"info", "error"};
    struct scene *s = *state;
    for (int quiet = 0; quiet < 2; quiet++) {
        char line[400];
        assert_int_equal(shell(s, "rm -rf run"), 0);
        snprintf(line, sizeof line, TRAIN "--log.level=%s", levels[quiet]);
        program_start_shell(&s->a, s->dir, "shell", line);
        scene_await_metric(s, "annot/labels_total", 0);
        scene_drain(&s->a);
        for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++)
            if ((strstr(text_of(s, logs[i]), " info ") == NULL) != quiet)
                fail_msg("%s with log.level=%s: %s", logs[i], levels[quiet], text_of(s, logs[i]));
    }
}

/* --- signals --------------------------------------------------------------------------------- */

struct more {
    const struct scene *s;
    int lines;
};

static bool has_more_metrics(void *ctx)
{
    const struct more *m = ctx;
    return metrics_lines(m->s->run) >= m->lines || process_gone(m->s->a.pid);
}

static void wait_for_metrics(const struct scene *s, int more)
{
    struct more m = {.s = s, .lines = metrics_lines(s->run) + more};
    assert_true(wait_until(has_more_metrics, &m, WAIT_MS));
    assert_false(process_gone(s->a.pid));
}

/* To each process, as a shell that hangs up does. */
static void hang_up(const struct scene *s)
{
    pid_t children[8];
    int n = process_children(s->a.pid, children, 8);
    assert_true(n >= 2);
    kill(s->a.pid, SIGHUP);
    for (int i = 0; i < n; i++)
        kill(children[i], SIGHUP);
}

static void a_hangup_does_not_end_a_run_under_nohup(void **state)
{
    struct scene *s = *state;
    program_start_shell(&s->a, s->dir, "shell", "trap '' HUP; " TRAIN "--frames=1000000000");
    wait_for_metrics(s, 1);
    hang_up(s);
    wait_for_metrics(s, 2);
    assert_null(strstr(program_text(s->a.err), "draining"));
    kill(s->a.pid, SIGTERM);
    assert_int_equal(program_wait(&s->a, WAIT_MS), 0);
}

static void a_hangup_drains_a_run_otherwise(void **state)
{
    struct scene *s = *state;
    program_start_shell(&s->a, s->dir, "shell", TRAIN "--frames=1000000000");
    wait_for_metrics(s, 1);
    hang_up(s);
    assert_int_equal(program_wait(&s->a, WAIT_MS), 0);
    assert_non_null(strstr(program_text(s->a.err), "draining"));
}

/* It has a handler for SIGTERM, the last of the signals that drain. */
static bool is_ready_to_drain(void *ctx)
{
    const struct scene *s = ctx;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", (int)s->a.pid);
    const char *caught = strstr(program_text(path), "SigCgt:");
    return caught && (strtoull(caught + 7, NULL, 16) & (1ULL << (SIGTERM - 1)));
}

/* Each program alone; the actor waits for a learner. */
static void a_hangup_drains_each_program_alone_but_not_under_nohup(void **state)
{
    struct scene *s = *state;
    static const char *const programs[] = {
        "onic-learner --env.id=corridor --listen=ipc://l --reward.model=none --run-dir=run",
        ("onic-reward-server --env.id=corridor --listen=ipc://r --annotator.id=rules "
         "--run-dir=labels"),
        "onic-actor --learner=ipc://nobody",
    };
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        for (int nohup = 0; nohup <= 1; nohup++) {
            char line[300];
            snprintf(line, sizeof line, "mkdir -p labels; %s exec \"$ONIC_BUILD\"/%s",
                     nohup ? "trap '' HUP;" : "", programs[i]);
            program_start_shell(&s->a, s->dir, "shell", line);
            assert_true(wait_until(is_ready_to_drain, s, WAIT_MS));
            kill(s->a.pid, SIGHUP);
            if (nohup) { /* it would end of the first signal, and be killed by the second */
                assert_int_equal(program_wait(&s->a, 500), PROGRAM_STILL_RUNS);
                kill(s->a.pid, SIGTERM);
            }
            assert_int_equal(program_wait(&s->a, WAIT_MS), 0);
        }
}

static void limits_that_are_too_low_are_said_with_the_number_needed(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *line, *part;
    } cases[] = {
        {"ulimit -n 128; " TRAIN, "needs 192 open files, and the limit is 128; raise it"},
        {"ulimit -n 10; " TRAIN, "needs 192 open files, and the limit is 10; raise it"},
        {"ulimit -n 256; " TRAIN "--actors.count=100",
         "a run with 100 actors needs 297 open files, and the limit is 256"},
        {"ulimit -n 16; exec \"$ONIC_BUILD\"/onic-actor --learner=ipc://x",
         "an actor needs 40 open files, and the limit is 16"},
        {"ulimit -n 16; exec \"$ONIC_BUILD\"/onic-reward-server --env.id=corridor --listen=ipc://x "
         "--annotator.id=rules --run-dir=.",
         "a reward server needs 64 open files, and the limit is 16"},
        {"ulimit -n 20; exec \"$ONIC_BUILD\"/onic-learner --env.id=corridor --listen=ipc://x "
         "--reward.model=none --run-dir=other",
         "a learner needs 192 open files, and the limit is 20"},
        {"ulimit -s 64; " TRAIN, "onic: it needs 1024 kB of stack, and the limit is 64 kB"},
        {"ulimit -s 200; exec \"$ONIC_BUILD\"/onic-learner --version",
         "onic-learner: it needs 1024 kB of stack, and the limit is 200 kB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(shell(s, cases[i].line), 64);
        assert_non_null(strstr(program_text(s->a.err), cases[i].part));
    }
    assert_int_equal(shell(s, "ulimit -Sn 32; ulimit -Ss 128; " TRAIN "--frames=5000"),
                     0);    /* soft: raised */
#ifndef __SANITIZE_THREAD__ /* which writes before main() can ignore SIGXFSZ */
    assert_int_equal(shell(s, "ulimit -f 0; exec \"$ONIC_BUILD\"/onic-actor --learner=ipc://x "
                              "--orphan-timeout=1"),
                     75); /* its sentence is lost, for stderr is a file */
#endif
}

static bool has_written_its_limit(void *ctx)
{
    struct scene *s = ctx;
    return strchr(text_of(s, "limit"), '\n') || process_gone(s->a.pid);
}

static void a_users_program_gets_the_limit_of_before(void **state)
{
    struct scene *s = *state;
    program_start_shell(&s->a, s->dir, "shell",
                        "echo 'ulimit -Sn >limit; exec cat >/dev/null' >program; ulimit -Sn 123; "
                        "exec \"$ONIC_BUILD\"/onic train --env.id=corridor --actors.count=1 "
                        "--run-dir=run --annotator.id=command --command.run=\"sh $PWD/program\"");
    assert_true(wait_until(has_written_its_limit, s, WAIT_MS));
    assert_string_equal(text_of(s, "limit"), "123\n");
    program_kill(&s->a); /* a drain would wait for the program, which answers nothing */
}

/* --- folders --------------------------------------------------------------------------------- */

/* Folders for sockets in `place` below the scene's; -1: there is no such place. */
static int socket_folders(const struct scene *s, const char *place)
{
    char path[400];
    int n = 0;
    snprintf(path, sizeof path, "%s/%s", s->dir, place);
    DIR *d = opendir(path);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
        n += strncmp(e->d_name, "onic-sockets-", 13) == 0;
    if (!d)
        return -1;
    closedir(d);
    return n;
}

static void sockets_lie_in_the_run_directory_and_a_killed_runs_are_removed(void **state)
{
    struct scene *s = *state;
    program_start_shell(&s->a, s->dir, "shell", TRAIN "--frames=1000000000");
    wait_for_metrics(s, 1);
    assert_int_equal(socket_folders(s, "run"), 1);
    program_kill(&s->a);
    assert_int_equal(socket_folders(s, "run"), 1);
    program_start_shell(&s->a, s->dir, "shell", TRAIN "--frames=1000000000");
    wait_for_metrics(s, 1);
    assert_int_equal(socket_folders(s, "run"), 1);
    kill(s->a.pid, SIGTERM);
    assert_int_equal(program_wait(&s->a, WAIT_MS), 0);
    assert_int_equal(socket_folders(s, "run"), 0);
    assert_int_equal(socket_folders(s, "."), 0);
}

#define LONG_DIR                                                                                   \
    "a-run-directory-whose-name-alone-has-as-many-characters-as-the-path-of-a-socket-may-have-in-" \
    "all-so-it-cannot-lie-there"

static void a_run_directory_with_a_long_path_takes_the_next_place(void **state)
{
    struct scene *s = *state;
    char log[400];
    assert_int_equal(
        shell(s, "mkdir t; XDG_RUNTIME_DIR=$PWD/missing TMPDIR=$PWD/t; export TMPDIR; " TRAIN
                 "--frames=5000 --run-dir=" LONG_DIR),
        0);
    snprintf(log, sizeof log, "ipc://%s/t/onic-sockets-", s->dir);
    assert_non_null(strstr(text_of(s, LONG_DIR "/log/learner.log"), log));
    assert_int_equal(socket_folders(s, "t"), 0);
}

/* Whose path is that of the sockets, and no value of an option. */
static void a_folder_with_an_odd_name_takes_the_next_place_for_sockets(void **state)
{
    struct scene *s = *state;
    assert_int_equal(
        shell(s, "mkdir t; TMPDIR=$PWD/t; export TMPDIR; unset XDG_RUNTIME_DIR; "
                 "odd=\"$(printf 'odd\\377\\nname')\"; mkdir \"$odd\"; cd \"$odd\"; " TRAIN
                 "--frames=5000"),
        0);
    assert_non_null(strstr(program_text(s->a.err), "the run is in run; "));
    assert_int_equal(socket_folders(s, "t"), 0);
}

struct words {
    const struct scene *s;
    const char *file, *word;
    int times;
};

static bool is_said_so_often(void *ctx)
{
    const struct words *w = ctx;
    int n = 0;
    for (const char *p = text_of(w->s, w->file); (p = strstr(p, w->word)) != NULL; p++)
        n++;
    return n >= w->times || process_gone(w->s->a.pid);
}

static void await_words(const struct scene *s, const char *file, const char *word, int times)
{
    struct words w = {s, file, word, times};
    assert_true(wait_until(is_said_so_often, &w, WAIT_MS));
    if (process_gone(s->a.pid))
        fail_msg("the run ended: %s", program_text(s->a.err));
}

/* As a cleaner of /tmp does it; then each part dies once and must find the others again. */
static void a_removed_folder_of_sockets_is_made_again(void **state)
{
    struct scene *s = *state;
    static const char *const parts[] = {"onic-actor", "onic-learner", "onic-reward-server"};
    snprintf(s->run, sizeof s->run, "%.80s/" LONG_DIR, s->dir);
    program_start_shell(&s->a, s->dir, "shell",
                        "mkdir t; XDG_RUNTIME_DIR= TMPDIR=$PWD/t; export TMPDIR; " TRAIN
                        "--frames=1000000000 --run-dir=" LONG_DIR);
    wait_for_metrics(s, 1);
    for (int i = 0; i < 3; i++) {
        char command[400];
        /* a socket may be made again while the folder it is in is being removed */
        snprintf(command, sizeof command,
                 "cd '%s'/t && until rm -rf onic-sockets-* 2>/dev/null; do :; done", s->dir);
        assert_int_equal(system(command), 0);
        await_words(s, "shell.err", "the folder of the run's sockets was removed", i + 1);
        await_words(s, LONG_DIR "/log/learner.log", "the file of a socket was removed", 2 * i + 2);
        pid_t part = process_child(s->a.pid, parts[i]);
        assert_true(part > 0);
        kill(part, SIGKILL);
        await_words(s, "shell.err", "a part of the run died and is started again", i + 1);
        scene_trains_on(s);
        scene_trains_on(s);
    }
    kill(s->a.pid, SIGTERM);
    assert_int_equal(program_wait(&s->a, WAIT_MS), 0);
    assert_int_equal(socket_folders(s, "t"), 0);
}

/* A mount namespace of its own in which only the scene's folder can be written to. */
#define READ_ONLY                                                                                  \
    "unset TMPDIR XDG_RUNTIME_DIR; unshare -rm sh -c 'mount --rbind /tmp /tmp && "                 \
    "mount -o remount,bind,ro /tmp && mount --bind \"$PWD\" \"$PWD\" && "                          \
    "mount -o remount,bind,rw \"$PWD\" && mount -t tmpfs -o ro none /dev/shm && "                  \
    "cd \"$PWD\" && ! touch /tmp/x 2>/dev/null && "

static bool can_make_tmp_read_only(struct scene *s)
{
    return shell(s, READ_ONLY "touch here'") == 0;
}

static void a_read_only_tmp_ends_nothing(void **state)
{
    struct scene *s = *state;
    if (!can_make_tmp_read_only(s)) {
        print_message("no mount namespace can be made here\n");
        skip();
    }
    assert_int_equal(shell(s, READ_ONLY TRAIN "--frames=5000'"), 0);
    assert_int_equal(shell(s, READ_ONLY TRAIN "--frames=5000 --listen=tcp://127.0.0.1:* "
                                              "--run-dir=" LONG_DIR "'"),
                     0);
    assert_int_equal(shell(s, READ_ONLY TRAIN "--frames=5000 --run-dir=" LONG_DIR "2'"), 73);
    assert_non_null(strstr(program_text(s->a.err), "/tmp: Read-only file system"));
    assert_non_null(strstr(program_text(s->a.err), "bytes may stand before"));
    assert_int_equal(shell(s, READ_ONLY "exec \"$ONIC_BUILD\"/onic eval run --episodes=2'"), 0);
    assert_int_equal(
        shell(s, READ_ONLY
              "exec \"$ONIC_BUILD\"/onic eval --random --env.id=nethack:Score --episodes=1 "
              "--env.max_steps=20 --env.nle=\"$ONIC_BUILD\"/tests/fake_libnethack/1.3'"),
        0);
}

/* --- names ----------------------------------------------------------------------------------- */

static void own_actors_reach_a_learner_wherever_it_listens(void **state)
{
    struct scene *s = *state;
    static const char *const listen[] = {"tcp://localhost:*", "tcp://127.0.0.1:*", "tcp://lo:*"};
    for (size_t i = 0; i < sizeof listen / sizeof *listen; i++) {
        char line[600];
        snprintf(line, sizeof line,
                 TRAIN "--on-exists=overwrite --frames=5000 --reward.model=none --listen=%s",
                 listen[i]);
        assert_int_equal(shell(s, line), 0);
    }
    assert_int_equal(shell(s, TRAIN "--run-dir=other --listen=tcp://no.such.name.invalid:5555"),
                     64);
    assert_non_null(strstr(program_text(s->a.err), "no.such.name.invalid does not resolve"));
}

static bool weights_have_a_free_port(void *ctx)
{
    struct scene *s = ctx;
    return process_child(s->a.pid, "--weights.listen=tcp://localhost:*") > 0;
}

/* The one behind the free port that was chosen for the learner may be taken. */
static void a_run_at_a_free_port_asks_for_a_second_free_one(void **state)
{
    struct scene *s = *state;
    program_start_shell(&s->a, s->dir, "shell",
                        TRAIN "--frames=1000000000 --reward.model=none --listen=tcp://localhost:*");
    assert_true(wait_until(weights_have_a_free_port, s, WAIT_MS));
    scene_await_metric(s, "updates", 1);
    scene_drain(&s->a);
}

/* A learner and an actor that is told `localhost`, where the hosts file says what that is. The port
 * is below those that the system gives to clients: a client may connect to itself there. */
static int meet(struct scene *s, const char *hosts, const char *listen)
{
    char line[1200];
    snprintf(line, sizeof line,
             "printf '%s' >hosts; export P=$((2000 + $$ %% 10000)); exec unshare -rm sh -c '"
             "mount --bind hosts /etc/hosts && "
             "{ \"$ONIC_BUILD\"/onic-actor --learner=tcp://localhost:$P 2>actor.err & "
             "exec \"$ONIC_BUILD\"/onic-learner --env.id=corridor --reward.model=none "
             "--frames=5000 --run-dir=run --on-exists=overwrite --listen=tcp://%s:$P; }'",
             hosts, listen);
    return shell(s, line);
}

static void a_name_is_reached_whatever_families_it_stands_for(void **state)
{
    struct scene *s = *state;
    static const char v6[] = "::1 localhost\n", both[] = "::1 localhost\n127.0.0.1 localhost\n",
                      v4_first[] = "127.0.0.1 localhost\n::1 localhost\n";
    if (shell(s, "touch h; unshare -rm mount --bind h /etc/hosts") != 0 ||
        shell(s, "grep -q . /proc/net/if_inet6") != 0) {
        print_message("no mount namespace can be made here, or there is no IPv6\n");
        skip();
    }
    assert_int_equal(meet(s, v6, "localhost"), 0);
    assert_int_equal(meet(s, both, "127.0.0.1"), 0);
    assert_int_equal(meet(s, v4_first, "[::1]"), 0);
}

static bool actor_complains(void *ctx)
{
    struct scene *s = ctx;
    return strstr(text_of(s, "actor.err"), "no weights come from") || process_gone(s->a.pid);
}

/* The second address of the learner is a name that leads the actor elsewhere, then no longer. */
static void weights_that_cannot_be_reached_are_named_and_tried_again(void **state)
{
    struct scene *s = *state;
    if (shell(s, "echo 127.0.0.1 localhost >h; unshare -rm mount --bind h /etc/hosts") != 0) {
        print_message("no mount namespace can be made here\n");
        skip();
    }
    program_start_shell(
        &s->a, s->dir, "shell",
        "export P=$((2000 + $$ % 10000)); echo 127.0.0.9 localhost >h; unshare -rm sh -c '"
        "mount --bind h /etc/hosts; exec \"$ONIC_BUILD\"/onic-actor --learner=tcp://127.0.0.1:$P "
        "2>actor.err' & "
        "exec \"$ONIC_BUILD\"/onic-learner --env.id=corridor --reward.model=none --frames=5000 "
        "--run-dir=run --listen=tcp://127.0.0.1:$P --weights.listen=tcp://localhost:$((P + 1))");
    assert_true(wait_until(actor_complains, s, WAIT_MS));
    assert_non_null(strstr(text_of(s, "actor.err"), "no weights come from tcp://localhost:"));
    assert_non_null(strstr(text_of(s, "actor.err"), "though the learner at tcp://127.0.0.1:"));
    assert_non_null(strstr(text_of(s, "actor.err"), "--weights.listen=tcp://HOST:PORT"));
    assert_null(strstr(text_of(s, "actor.err"), "info actor-0 playing"));
    char path[300];
    snprintf(path, sizeof path, "%s/h", s->dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("127.0.0.1 localhost\n", f);
    fclose(f);
    assert_int_equal(program_wait(&s->a, WAIT_MS), 0);
}

int main(void)
{
    signal(SIGHUP, SIG_DFL); /* the tests themselves may run under nohup */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(closed_descriptors_put_no_log_line_into_a_file, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(programs_that_run_alone_bear_closed_descriptors_too,
                                        scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(log_level_holds_for_every_part, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(limits_that_are_too_low_are_said_with_the_number_needed,
                                        scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(a_users_program_gets_the_limit_of_before, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_hangup_does_not_end_a_run_under_nohup, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_hangup_drains_a_run_otherwise, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_hangup_drains_each_program_alone_but_not_under_nohup,
                                        scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(
            sockets_lie_in_the_run_directory_and_a_killed_runs_are_removed, scene_setup,
            scene_teardown),
        cmocka_unit_test_setup_teardown(a_run_directory_with_a_long_path_takes_the_next_place,
                                        scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(a_folder_with_an_odd_name_takes_the_next_place_for_sockets,
                                        scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(a_removed_folder_of_sockets_is_made_again, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_read_only_tmp_ends_nothing, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(own_actors_reach_a_learner_wherever_it_listens, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_run_at_a_free_port_asks_for_a_second_free_one,
                                        scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(a_name_is_reached_whatever_families_it_stands_for,
                                        scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(weights_that_cannot_be_reached_are_named_and_tried_again,
                                        scene_setup, scene_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
