/* SPDX-License-Identifier: MIT */
/* test_nethack_library.c - which libraries of the game are taken, of every generation, and that a
 * crash of one leaves what explains it and nothing else. */
#include "tests/onic_test.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor/envs/nethack/replay_log.h"
#include "common/base/rng.h"
#include "tests/support/nethack_play.h"

static void only_known_action_sets_are_accepted(void **state)
{
    (void)state;
    struct config c = base_config(25);
    struct env *e;
    assert_err(env_create(&e, "nethack:Score", &c, 0, &err), ONIC_ECONFIG, "must be 23 or 28");
}

static void a_missing_wheel_is_a_configuration_error(void **state)
{
    (void)state;
    struct config c = base_config(28);
    struct env *e;
    strcpy(c.env_nle, "/nonexistent");
    assert_err(env_create(&e, "nethack:Score", &c, 0, &err), ONIC_ECONFIG, "/nonexistent");
}

static void other_generations_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *generation, *says;
    } rows[] = {{"0.8", "recognised as NLE 0.8 or older"},
                {"3.7", "monster table"},
                {"none", "not NLE's library"}};
    struct config c = base_config(28);
    struct env *e;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fake_path(c.env_nle, rows[i].generation);
        assert_err(env_create(&e, "nethack:Score", &c, 0, &err), ONIC_EINCOMPATIBLE, rows[i].says);
    }
    assert_int_equal(err_exit_code(ONIC_EINCOMPATIBLE), 78);
}

static void older_generations_play_too(void **state)
{
    (void)state;
    static const char *const generations[] = {"1.2", "1.1"};
    for (int i = 0; i < 2; i++) {
        struct config c = base_config(28);
        fake_path(c.env_nle, generations[i]);
        struct play p = open_play("nethack:Score", &c, 1), q = open_play("nethack:Score", &c, 1);
        for (int t = 0; t < 50; t++) { /* seeded: the same game twice */
            act(&p, 1 + t % 8);
            act(&q, 1 + t % 8);
            assert_memory_equal(p.obs, q.obs, p.e->spec.obs.obs_bytes);
        }
        act(&p, RUN_N);
        assert_close(p.r.reward, 10, 0, 0);
        act(&p, RUN_S);
        assert_true(p.r.terminated);
        assert_ok(p.e->family->reset(p.e, p.obs, &p.r, &err));
        close_play(&p);
        close_play(&q);
    }
}

static void only_the_seeds_that_a_generation_knows_are_reported(void **state)
{
    (void)state;
    static const struct {
        const char *generation;
        int seeds;
    } rows[] = {{"1.3", 3}, {"1.2", 3}, {"1.1", 2}};
    for (int i = 0; i < 3; i++) {
        struct config c = base_config(28);
        uint64_t seeds[3] = {0};
        fake_path(c.env_nle, rows[i].generation);
        struct play p = open_play("nethack:Score", &c, 1);
        assert_int_equal(p.e->family->seeds(p.e, seeds), rows[i].seeds);
        assert_true(seeds[1] != 0 && (seeds[2] != 0) == (rows[i].seeds == 3));
        close_play(&p);
    }
}

static int folders_left(void)
{
    int count = 0;
    DIR *dir = opendir(access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
    for (struct dirent *e; (e = readdir(dir));)
        count += strncmp(e->d_name, "onic-nethack-", 13) == 0;
    closedir(dir);
    return count;
}

/* Plays RUN_W, which crashes the fake, in a child; the files it leaves are the subject. */
static void crash_in_child(const struct config *c)
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        setenv("FAKE_NETHACK", "crash", 1);
        struct play p = {0};
        struct onic_err err;
        uint8_t obs[8192];
        if (env_create(&p.e, "nethack:Score", c, 3, &err) != ONIC_OK)
            _exit(1);
        p.e->family->seed(p.e, 42);
        if (p.e->family->reset(p.e, obs, &p.r, &err) != ONIC_OK)
            _exit(2);
        p.e->family->step(p.e, E, obs, &p.r, &err);
        p.e->family->step(p.e, SEARCH, obs, &p.r, &err);
        p.e->family->step(p.e, RUN_W, obs, &p.r, &err);
        _exit(3); /* not reached */
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    assert_int_equal(WTERMSIG(how), SIGSEGV);
}

static void a_crash_leaves_its_seed_and_actions_and_no_folder(void **state)
{
    (void)state;
    char dir[256], path[512];
    temp_dir_create(dir);
    struct config c = base_config(23);
    snprintf(c.actors_state_dir, sizeof c.actors_state_dir, "%s", dir);
    crash_in_child(&c);
    struct env *e;
    assert_ok(env_create(&e, "nethack:Score", &c, 3, &err));
    snprintf(path, sizeof path, "%s/crash-3-0.replay", dir);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    struct replay_head head;
    uint8_t actions[3];
    assert_int_equal(fread(&head, sizeof head, 1, f), 1);
    assert_int_equal(fread(actions, 1, 3, f), 3);
    fclose(f);
    assert_string_equal(head.id, "nethack:Score");
    assert_true(head.seed == 42 && head.episode == 0 && head.count == 3 && head.actions == 23);
    struct rng r = rng_stream(42, "nethack", 0, 0, 0);
    assert_true(head.seeds[0] == rng_u64(&r) >> 1);
    assert_true(actions[0] == E && actions[1] == SEARCH && actions[2] == RUN_W);
    struct env *second;
    assert_err(env_create(&second, "nethack:Score", &c, 3, &err), ONIC_ECANTCREATE, "in use");
    env_free(e);
    snprintf(path, sizeof path, "%s/replay-3.bin", dir);
    assert_int_not_equal(access(path, F_OK), 0);
    temp_dir_remove(dir);
}

static void the_folder_of_a_crashed_game_is_removed_by_the_next(void **state)
{
    (void)state;
    struct config c = base_config(23);
    struct play p = open_play("nethack:Score", &c, 1); /* clears what earlier crashes left */
    int before = folders_left();
    crash_in_child(&c);
    assert_true(folders_left() >=
                before); /* the child's folder may already be swept by another test program */
    struct play q = open_play("nethack:Score", &c, 1);
    close_play(&q);
    close_play(&p);
    assert_true(folders_left() < before + 1);
}

static void many_games_leave_nothing_behind(void **state)
{
    (void)state;
    struct config c = base_config(23);
    struct play p = open_play("nethack:Score", &c, 1);
    char fd_before[64], fd_after[64];
    for (int k = 0; k < 30; k++) {
        act(&p, DOWN);
        act(&p, RUN_S);
        assert_true(p.r.terminated);
        assert_ok(p.e->family->reset(p.e, p.obs, &p.r, &err));
        int fd = dup(0); /* the lowest free number shows a leaked one */
        snprintf(k == 0 ? fd_before : fd_after, sizeof fd_before, "%d", fd);
        close(fd);
    }
    assert_string_equal(fd_before, fd_after);
    close_play(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_known_action_sets_are_accepted),
        cmocka_unit_test(a_missing_wheel_is_a_configuration_error),
        cmocka_unit_test(other_generations_are_refused_by_name),
        cmocka_unit_test(older_generations_play_too),
        cmocka_unit_test(only_the_seeds_that_a_generation_knows_are_reported),
        cmocka_unit_test(a_crash_leaves_its_seed_and_actions_and_no_folder),
        cmocka_unit_test(the_folder_of_a_crashed_game_is_removed_by_the_next),
        cmocka_unit_test(many_games_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
