/* SPDX-License-Identifier: MIT */
/* test_replay_log.c - the file of a game goes with its actor, that of another run's actor does not.
 */
#include "actor/envs/nethack/replay_log.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/said.h"

static struct replay_log *open_log(void)
{
    struct replay_log *r;
    struct replay_head head = {.id = "nethack:Score", .capacity = 100};
    assert_ok(replay_log_open(&r, files_folder(), "0-1", &head, &err));
    return r;
}

static void the_file_of_a_game_goes_with_its_actor(void **state)
{
    (void)state;
    struct replay_log *r = open_log();
    assert_int_equal(access(files_in("replay-0-1.bin"), F_OK), 0);
    struct replay_log *second;
    struct replay_head head = {.capacity = 100};
    assert_err(replay_log_open(&second, files_folder(), "0-1", &head, &err), ONIC_ECANTCREATE,
               "replay-0-1.bin is in use by another actor; give each actor its own");
    replay_log_close(r);
    assert_int_equal(access(files_in("replay-0-1.bin"), F_OK), -1);
}

static void the_file_of_a_game_that_crashed_is_kept(void **state)
{
    static const uint64_t seeds[3] = {1, 2, 3};
    (void)state;
    struct replay_log *r = open_log();
    replay_log_episode(r, 7, 1, seeds);
    assert_int_equal(rename(files_in("replay-0-1.bin"), files_in("left")), 0);
    replay_log_close(r);
    assert_int_equal(rename(files_in("left"), files_in("replay-0-1.bin")), 0);
    said_begin(LOG_WARN);
    r = open_log();
    said_end();
    assert_non_null(strstr(said_text, "an earlier game ended in a crash; its seeds and actions are "
                                      "kept file="));
    assert_int_equal(access(files_in("crash-0-1-0.replay"), F_OK), 0);
    replay_log_close(r);
}

/* An actor that ends late, in a directory that a new run has taken meanwhile. */
static void the_file_of_a_new_run_in_its_place_stays(void **state)
{
    (void)state;
    struct replay_log *old = open_log();
    assert_int_equal(rename(files_in("replay-0-1.bin"), files_in("away")), 0);
    struct replay_log *new = open_log();
    replay_log_close(old);
    assert_int_equal(access(files_in("replay-0-1.bin"), F_OK), 0);
    replay_log_close(new);
    assert_int_equal(access(files_in("replay-0-1.bin"), F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_file_of_a_game_goes_with_its_actor, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(the_file_of_a_game_that_crashed_is_kept, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(the_file_of_a_new_run_in_its_place_stays, files_setup,
                                        files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
