/* SPDX-License-Identifier: MIT */
/* test_sock_folder.c - a folder of sockets that a cleaner removed: who is about to listen in it
 * waits until it was made again. */
#include "common/wire/frame/sock_folder.h"

#include <poll.h>
#include <pthread.h>
#include <zmq.h>

#include "common/wire/frame/sock.h"
#include "tests/onic_test.h"

static void *make_it_again(void *folder)
{
    poll(NULL, 0, 300); /* in which it cannot be bound in */
    return scratch_keep(folder) ? folder : NULL;
}

static void who_listens_in_it_waits_until_it_was_made_again(void **state)
{
    char dir[256], address[PATHS_MAX + 20], bound[SOCK_ADDRESS_MAX];
    struct scratch folder = {0};
    struct sock_options o = {.option = "--listen", .hwm = 1, .max_msg_bytes = 100};
    void *context = zmq_ctx_new(), *socket, *made;
    pthread_t keeper;
    (void)state;
    temp_dir_create(dir);
    assert_ok(sock_folder_create(&folder, dir, &err));
    temp_dir_remove(folder.path);
    snprintf(address, sizeof address, "ipc://%s/learner", folder.path);
    assert_int_equal(pthread_create(&keeper, NULL, make_it_again, &folder), 0);
    assert_ok(sock_bind(&socket, context, address, &o, bound, &err));
    pthread_join(keeper, &made);
    assert_non_null(made);
    sock_close(socket, 0);
    sock_context_end(context);
    scratch_remove(&folder);
    temp_dir_remove(dir);
}

static void only_folders_of_sockets_are_waited_for(void **state)
{
    static const char *const theirs[] = {"ipc:///tmp/onic-sockets-a1B2c3/reward",
                                         "ipc://run/onic-sockets-a1B2c3/learner.weights",
                                         "ipc://onic-sockets-a1B2c3/learner"};
    static const char *const others[] = {
        "ipc:///tmp/onic-sockets-a1B2c3", "ipc:///tmp/onic-sockets-a1B2c3/deeper/learner",
        "ipc:///nowhere/learner",         "ipc://learner",
        "tcp://onic-sockets-a:5555",      "ipc://@onic-sockets-a",
        "inproc://onic-sockets-a/b",      "ipc:///my-onic-sockets-/learner"};
    (void)state;
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++)
        assert_true(sock_folder_holds(theirs[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(sock_folder_holds(others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_listens_in_it_waits_until_it_was_made_again),
        cmocka_unit_test(only_folders_of_sockets_are_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
