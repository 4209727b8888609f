/* SPDX-License-Identifier: MIT */
/* test_err_log.c - error sentences and log lines. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "tests/onic_test.h"

static void codes_have_names_and_exit_codes(void **state)
{
    (void)state;
    static const struct {
        int code, exit_code;
        const char *name;
    } want[] = {{ONIC_OK, 0, "OK"},
                {ONIC_ECONFIG, 64, "ECONFIG"},
                {ONIC_ENOTFOUND, 64, "ENOTFOUND"},
                {ONIC_EINTERNAL, 70, "EINTERNAL"},
                {ONIC_EINVAL, 70, "EINVAL"},
                {ONIC_ECANTCREATE, 73, "ECANTCREATE"},
                {ONIC_EIO, 74, "EIO"},
                {ONIC_EDAMAGED, 74, "EDAMAGED"},
                {ONIC_ETIMEDOUT, 75, "ETIMEDOUT"},
                {ONIC_EFENCED, 76, "EFENCED"},
                {ONIC_EAUTH, 77, "EAUTH"},
                {ONIC_EINCOMPATIBLE, 78, "EINCOMPATIBLE"},
                {ONIC_EPROTO, 78, "EPROTO"},
                {ONIC_ESTOPPED, 0, "ESTOPPED"},
                {-999, 70, "UNKNOWN"}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_string_equal(err_name(want[i].code), want[i].name);
        assert_int_equal(err_exit_code(want[i].code), want[i].exit_code);
    }
}

static void errors_are_set_wrapped_and_cut(void **state)
{
    (void)state;
    struct onic_err err = {0};
    assert_int_equal(err_set(&err, ONIC_EIO, "disk %d", 7), ONIC_EIO);
    assert_int_equal(err_wrap(&err, "saving %s", "x"), ONIC_EIO);
    assert_string_equal(err.msg, "saving x: disk 7");
    assert_int_equal(err_set(NULL, ONIC_EIO, "nobody listens"), ONIC_EIO);
    err_wrap(NULL, "nobody");
    char big[3000];
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    err_set(&err, ONIC_EIO, "%s", big);
    err_wrap(&err, "%s", big);
    assert_int_equal(strlen(err.msg), ONIC_ERR_MSG_MAX - 1);
}

static void a_failed_assertion_aborts_and_names_its_place(void **state)
{
    (void)state;
    int fds[2], status;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(fds[1], STDERR_FILENO);
        ONIC_ASSERT(1 + 1 == 3);
        _exit(0);
    }
    close(fds[1]);
    char text[512] = {0};
    assert_true(read(fds[0], text, sizeof text - 1) > 0);
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "test_err_log.c"));
    assert_non_null(strstr(text, "1 + 1 == 3"));
}

static char captured[4096];

static void capture(void *ctx, const char *line, size_t len)
{
    (void)ctx;
    assert_true(len < sizeof captured);
    memcpy(captured, line, len);
    captured[len] = '\0';
}

static void a_line_has_stamp_level_role_and_typed_values(void **state)
{
    (void)state;
    captured[0] = '\0';
    log_set_writer(capture, NULL);
    log_set_role("tester 3");
    const char *text = "a\nb\x1b[31m\"q\"";
    log_warn("odd thing", kv("n", 12), kv("big", (int64_t)1 << 40), kv("x", 0.5), kv("t", text));
    assert_int_equal(captured[4], '-');
    assert_int_equal(captured[10], 'T');
    assert_int_equal(captured[23], 'Z');
    assert_string_equal(captured + 24, " warn tester 3 odd thing n=12 big=1099511627776 x=0.5 "
                                       "t=\"a\\u000ab\\u001b[31m\\\"q\\\"\"\n");
    log_set_writer(NULL, NULL);
}

static void levels_above_the_limit_are_dropped(void **state)
{
    (void)state;
    log_set_writer(capture, NULL);
    captured[0] = '\0';
    log_debug("hidden");
    assert_string_equal(captured, "");
    log_set_level(LOG_DEBUG);
    log_debug("shown");
    assert_non_null(strstr(captured, " debug tester 3 shown\n"));
    log_set_level(LOG_ERROR);
    captured[0] = '\0';
    log_warn("hidden");
    assert_string_equal(captured, "");
    log_set_level(LOG_INFO);
    log_set_writer(NULL, NULL);
}

static int64_t fake_now;

static int64_t fake_clock(void)
{
    return fake_now;
}

static void repeated_events_are_limited(void **state)
{
    (void)state;
    clock_replace(fake_clock);
    int64_t last = 0;
    fake_now = 5000000000;
    assert_true(log_every_ms(&last, 100));
    assert_false(log_every_ms(&last, 100));
    fake_now += 99 * 1000000;
    assert_false(log_every_ms(&last, 100));
    fake_now += 1 * 1000000;
    assert_true(log_every_ms(&last, 100));
    clock_replace(NULL);
    assert_true(clock_ns() != fake_now);
    assert_true(clock_wall_s() > 1.6e9);
}

static char *text_of(const char *path)
{
    static char text[4096];
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = '\0';
    return text;
}

/* stderr and stdout go into `path`, as a supervisor does it. */
static void redirect(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
        _exit(2);
    close(fd);
}

static void write_around_a_rotation(const char *path, const char *moved)
{
    redirect(path);
    setenv("ONIC_STDERR", path, 1);
    log_follow_file();
    log_info("one");
    if (rename(path, moved) != 0)
        _exit(3);
    log_reopen();
    log_info("two");
    dprintf(STDOUT_FILENO, "stdout three\n");
    if (unlink(path) != 0)
        _exit(4);
    log_reopen();
    log_info("four");
    _exit(0);
}

static void a_log_that_is_rotated_away_goes_on_in_a_new_file(void **state)
{
    (void)state;
    char dir[256], path[300], moved[300];
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/x.log", dir);
    snprintf(moved, sizeof moved, "%s/x.log.1", dir);
    pid_t pid = fork();
    if (pid == 0)
        write_around_a_rotation(path, moved);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_non_null(strstr(text_of(moved), " one\n"));
    assert_null(strstr(text_of(moved), "two"));
    assert_null(strstr(text_of(moved), "three")); /* it was in the file that is deleted by now */
    assert_non_null(strstr(text_of(path), " four\n"));
    assert_null(strstr(text_of(path), "two"));
    temp_dir_remove(dir);
}

/* A run was removed, and another one was made in its place: what the old one still says is no line
 * of the new one's log. */
static void a_log_whose_folder_is_replaced_is_left_alone(void **state)
{
    (void)state;
    char dir[256], folder[280], away[280], path[300], moved[300];
    temp_dir_create(dir);
    snprintf(folder, sizeof folder, "%s/log", dir);
    snprintf(away, sizeof away, "%s/away", dir);
    snprintf(path, sizeof path, "%s/x.log", folder);
    snprintf(moved, sizeof moved, "%s/x.log", away);
    assert_int_equal(mkdir(folder, 0700), 0);
    pid_t pid = fork();
    if (pid == 0) {
        redirect(path);
        setenv("ONIC_STDERR", path, 1);
        log_follow_file();
        if (rename(folder, away) != 0 || mkdir(folder, 0700) != 0)
            _exit(3);
        log_reopen();
        log_info("last");
        _exit(access(path, F_OK) == 0 ? 4 : 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_non_null(strstr(text_of(moved), " last\n"));
    temp_dir_remove(dir);
}

/* The variable is inherited by programs whose stderr is something else. */
static void the_log_of_somebody_else_is_not_touched(void **state)
{
    (void)state;
    char dir[256], path[300], other[300];
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/x.log", dir);
    snprintf(other, sizeof other, "%s/y.log", dir);
    pid_t pid = fork();
    if (pid == 0) {
        redirect(other);
        setenv("ONIC_STDERR", path, 1);
        log_follow_file();
        log_reopen();
        log_info("mine");
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_non_null(strstr(text_of(other), " mine\n"));
    assert_int_not_equal(access(path, F_OK), 0);
    temp_dir_remove(dir);
}

static void lines_that_a_full_disk_did_not_take_are_counted(void **state)
{
    (void)state;
    char dir[256], path[300];
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/x.log", dir);
    pid_t pid = fork();
    if (pid == 0) {
        redirect("/dev/full");
        for (int i = 0; i < 3; i++)
            log_info("lost");
        redirect(path);
        log_info("kept");
        log_info("and again");
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    const char *said = strstr(text_of(path), "could not be written and are lost lines=3\n");
    assert_non_null(said);
    assert_null(strstr(said + 40, "are lost")); /* once */
    temp_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_that_is_rotated_away_goes_on_in_a_new_file),
        cmocka_unit_test(a_log_whose_folder_is_replaced_is_left_alone),
        cmocka_unit_test(the_log_of_somebody_else_is_not_touched),
        cmocka_unit_test(lines_that_a_full_disk_did_not_take_are_counted),
        cmocka_unit_test(codes_have_names_and_exit_codes),
        cmocka_unit_test(errors_are_set_wrapped_and_cut),
        cmocka_unit_test(a_failed_assertion_aborts_and_names_its_place),
        cmocka_unit_test(a_line_has_stamp_level_role_and_typed_values),
        cmocka_unit_test(levels_above_the_limit_are_dropped),
        cmocka_unit_test(repeated_events_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
