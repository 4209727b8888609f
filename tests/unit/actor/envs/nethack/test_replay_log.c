/* SPDX-License-Identifier: MIT */
/* test_replay_log.c - the file of a game goes with its actor, that of another run's actor does not.
 */
#include "actor/envs/nethack/replay_log.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/files.h"

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
    replay_log_close(r);
    assert_int_equal(access(files_in("replay-0-1.bin"), F_OK), -1);
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
        cmocka_unit_test_setup_teardown(the_file_of_a_new_run_in_its_place_stays, files_setup,
                                        files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
