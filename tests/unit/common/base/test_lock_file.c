/* SPDX-License-Identifier: MIT */
/* test_lock_file.c - a lock is had by one process alone, and somebody who only looks at it keeps
 * nobody out. */
#define _GNU_SOURCE
#include "common/base/lock_file.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/onic_test.h"

enum { LOOK_US = 200000, NO_END = 0 };

struct lock_scene {
    char dir[256], path[300];
};

static int setup(void **state)
{
    static struct lock_scene s;
    temp_dir_create(s.dir);
    snprintf(s.path, sizeof s.path, "%s/lock", s.dir);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    temp_dir_remove(((struct lock_scene *)*state)->dir);
    return 0;
}

/* A process that has the lock in that way for so long (NO_END: until it is killed). */
static pid_t holder(const char *path, int how, useconds_t us)
{
    int has[2];
    char told;
    assert_int_equal(pipe(has), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int fd = lock_file_open(path);
        if (flock(fd, how) != 0 || write(has[1], "x", 1) != 1)
            _exit(1);
        if (us == NO_END)
            pause();
        usleep(us);
        _exit(0);
    }
    close(has[1]);
    assert_int_equal(read(has[0], &told, 1), 1);
    close(has[0]);
    return pid;
}

static enum lock_file_got take(const char *path)
{
    int fd = lock_file_open(path);
    assert_true(fd >= 0);
    enum lock_file_got got = lock_file_take(fd);
    close(fd);
    return got;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void who_has_it_alone_keeps_it(void **state)
{
    struct lock_scene *s = *state;
    pid_t pid = holder(s->path, LOCK_EX, NO_END);
    assert_int_equal(take(s->path), LOCK_FILE_HELD);
    end(pid);
    assert_int_equal(take(s->path), LOCK_FILE_MINE);
}

static void who_only_looks_is_waited_for(void **state)
{
    struct lock_scene *s = *state;
    pid_t pid = holder(s->path, LOCK_SH, LOOK_US);
    assert_int_equal(take(s->path), LOCK_FILE_MINE);
    waitpid(pid, NULL, 0);
}

static void who_looks_for_ever_is_told_from_a_holder(void **state)
{
    struct lock_scene *s = *state;
    pid_t pid = holder(s->path, LOCK_SH, NO_END);
    assert_int_equal(take(s->path), LOCK_FILE_SHARED);
    end(pid);
}

/* Two who want it while a third looks at it: one of them has it then, at every try. */
static void two_who_come_together_do_not_keep_each_other_out(void **state)
{
    struct lock_scene *s = *state;
    for (int i = 0; i < 3; i++) {
        pid_t looks = holder(s->path, LOCK_SH, LOOK_US), wants[2];
        int status, mine = 0, held = 0;
        for (int k = 0; k < 2; k++) {
            wants[k] = fork();
            assert_true(wants[k] >= 0);
            if (wants[k] == 0) {
                int fd = lock_file_open(s->path);
                enum lock_file_got got = lock_file_take(fd);
                if (got == LOCK_FILE_MINE) /* until the other has been told */
                    usleep(3 * LOOK_US);
                _exit((int)got);
            }
        }
        for (int k = 0; k < 2; k++) {
            waitpid(wants[k], &status, 0);
            mine += WEXITSTATUS(status) == LOCK_FILE_MINE;
            held += WEXITSTATUS(status) == LOCK_FILE_HELD;
        }
        waitpid(looks, NULL, 0);
        assert_int_equal(mine, 1);
        assert_int_equal(held, 1);
    }
}

static void a_lock_is_readable_for_those_who_can_write_it(void **state)
{
    static const mode_t before[] = {0644, 0666, 0600, 0620}, after[] = {0600, 0666, 0600, 0660};
    struct lock_scene *s = *state;
    struct stat st;
    close(lock_file_open(s->path));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(chmod(s->path, before[i]), 0);
        close(lock_file_open(s->path));
        assert_int_equal(stat(s->path, &st), 0);
        assert_int_equal(st.st_mode & 0777, after[i]);
    }
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        SCENE(who_has_it_alone_keeps_it),
        SCENE(who_only_looks_is_waited_for),
        SCENE(who_looks_for_ever_is_told_from_a_holder),
        SCENE(two_who_come_together_do_not_keep_each_other_out),
        SCENE(a_lock_is_readable_for_those_who_can_write_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
