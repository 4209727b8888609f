/* SPDX-License-Identifier: MIT */
/* A store has one server; what another process does beside it leaves the server's files alone. */
#define _GNU_SOURCE
#include "tests/onic_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reward_server/store/label_store.h"

enum { COMMITS = 20, READERS = 4, OPENS = 100 };

static const struct label_identity identity = {"rules", "patterns", "minigrid/KeyCorridor",
                                               "abc",   "noise=0",  0};

/* A second process, made before the first one opens anything: SQLite's knowledge of its locks must
 * not be inherited. */
struct beside {
    pid_t pid;
    int go;
};

struct locks_case {
    char dir[256], path[300], log[310];
    struct beside beside;
};

static struct label answer(const char *caption)
{
    return (struct label){.question = caption,
                          .question_len = strlen(caption),
                          .state = LABEL_ANSWERED,
                          .value = 1,
                          .confidence = 0.75,
                          .raw = "why"};
}

/* Opens and closes the store as `onic labels import` does once it is told to; exits with 0, or the
 * error's number. */
static struct beside import_later(const char *path)
{
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    struct beside b = {.pid = fork(), .go = fd[1]};
    if (b.pid == 0) {
        struct label_store *s = NULL;
        char byte;
        close(fd[1]);
        if (read(fd[0], &byte, 1) != 1)
            _exit(99);
        int rc = label_store_open(&s, path, LABEL_STORE_IMPORT, NULL);
        label_store_close(s);
        _exit(rc < 0 ? -rc : rc);
    }
    close(fd[0]);
    return b;
}

static int import_now(struct beside *b)
{
    int status;
    assert_int_equal(write(b->go, "g", 1), 1);
    close(b->go);
    assert_int_equal(waitpid(b->pid, &status, 0), b->pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int locks_setup(void **state)
{
    struct locks_case *c = calloc(1, sizeof *c);
    temp_dir_create(c->dir);
    snprintf(c->path, sizeof c->path, "%s/labels.sqlite", c->dir);
    snprintf(c->log, sizeof c->log, "%s-wal", c->path);
    c->beside = import_later(c->path);
    *state = c;
    return 0;
}

static int locks_teardown(void **state)
{
    struct locks_case *c = *state;
    temp_dir_remove(c->dir);
    free(c);
    return 0;
}

static struct label_store *server_with_a_label(const char *path)
{
    struct label_store *s = NULL;
    struct label kept = answer("kept");
    assert_ok(label_store_open(&s, path, LABEL_STORE_SERVER, &err));
    assert_ok(label_store_use(s, &identity, &err));
    assert_ok(label_store_answer(s, &kept, 1, &err));
    return s;
}

/* Another process sees locks of this one. */
static bool is_locked(const char *path)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int fd = open(path, O_RDWR);
        _exit(fd >= 0 && fcntl(fd, F_GETLK, &all) == 0 && all.l_type != F_UNLCK ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The disk is full for a while: the server opens the store again. */
static void write_fails_for_a_while(struct label_store *s)
{
    struct label lost = answer("lost");
    struct rlimit old, tight;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    tight = old;
    tight.rlim_cur = 4096;
    setrlimit(RLIMIT_FSIZE, &tight);
    int failed = label_store_answer(s, &lost, 1, NULL), probe = label_store_probe(s, NULL);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(failed, ONIC_EIO);
    assert_int_equal(probe, ONIC_EIO);
}

static void a_store_that_is_opened_again_stays_locked(void **state)
{
    struct locks_case *c = *state;
    struct label_store *s = server_with_a_label(c->path);
    assert_true(is_locked(c->path));
    write_fails_for_a_while(s);
    assert_true(is_locked(c->path));
    assert_ok(label_store_probe(s, &err));
    assert_true(is_locked(c->path));
    assert_int_equal(import_now(&c->beside), 0);
    assert_int_equal(access(c->log, F_OK), 0); /* it was not the last to leave */
    struct label more = answer("more");
    assert_ok(label_store_answer(s, &more, 1, &err));
    label_store_close(s);
}

static void answer_often(struct label_store *s)
{
    for (int i = 0; i < COMMITS; i++) {
        char caption[32];
        snprintf(caption, sizeof caption, "caption %d", i);
        struct label a = answer(caption);
        if (label_store_answer(s, &a, 1, NULL) != ONIC_OK)
            abort();
    }
}

/* A bit of a frame in the middle of the write-ahead file; twice: as it was. */
static void flip_bit_of_log(const char *log)
{
    const off_t at = 32 + 9 * (24 + 4096) + 24 + 1600;
    uint8_t byte;
    int fd = open(log, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 2;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static bool is_kept_as_it_was(const struct locks_case *c)
{
    char kept[340];
    snprintf(kept, sizeof kept, "%s.damaged", c->log);
    return access(kept, F_OK) == 0;
}

static void the_damaged_log_of_a_running_server_is_left_alone(void **state)
{
    struct locks_case *c = *state;
    struct label_store *s = server_with_a_label(c->path), *import = NULL;
    answer_often(s);
    flip_bit_of_log(c->log);
    assert_int_equal(import_now(&c->beside), -ONIC_ECANTCREATE);
    assert_false(is_kept_as_it_was(c));
    assert_err(label_store_open(&import, c->path, LABEL_STORE_IMPORT, &err), ONIC_ECANTCREATE,
               "stop the reward server first");
    assert_null(import);
    flip_bit_of_log(c->log); /* nothing else has changed: all is well again */
    label_store_close(s);
    assert_int_equal(access(c->log, F_OK), -1);
    assert_ok(label_store_open(&s, c->path, LABEL_STORE_READ, &err));
    struct label_counts n;
    assert_ok(label_store_counts(s, &n, &err));
    assert_int_equal(n.answered, COMMITS + 1);
    assert_ok(label_store_damage(s, &err));
    label_store_close(s);
}

static void the_damaged_log_of_a_dead_server_is_put_right_under_its_lock(void **state)
{
    struct locks_case *c = *state;
    struct label_store *s = NULL, *server = NULL;
    struct label_counts n;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        answer_often(server_with_a_label(c->path));
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    flip_bit_of_log(c->log);
    assert_ok(label_store_open(&s, c->path, LABEL_STORE_IMPORT, &err));
    assert_true(is_kept_as_it_was(c));
    assert_ok(label_store_counts(s, &n, &err));
    assert_int_equal(n.answered, COMMITS + 1);
    assert_err(label_store_open(&server, c->path, LABEL_STORE_SERVER, &err), ONIC_ECANTCREATE,
               "in use");
    label_store_close(s);
    assert_ok(label_store_open(&server, c->path, LABEL_STORE_SERVER, &err));
    label_store_close(server);
    assert_int_equal(import_now(&c->beside), 0);
}

/* The last one that closes a store tidies its write-ahead file away, under a lock. */
static void readers_open_and_close_as_they_like(void **state)
{
    struct locks_case *c = *state;
    int status;
    pid_t reader[READERS];
    label_store_close(server_with_a_label(c->path));
    for (int i = 0; i < READERS; i++)
        if ((reader[i] = fork()) == 0)
            for (int n = 0;; n++) {
                struct label_store *s = NULL;
                if (n == OPENS)
                    _exit(0);
                if (label_store_open(&s, c->path, LABEL_STORE_READ, NULL) != ONIC_OK)
                    _exit(1);
                label_store_close(s);
            }
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(waitpid(reader[i], &status, 0), reader[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(import_now(&c->beside), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_store_that_is_opened_again_stays_locked, locks_setup,
                                        locks_teardown),
        cmocka_unit_test_setup_teardown(the_damaged_log_of_a_running_server_is_left_alone,
                                        locks_setup, locks_teardown),
        cmocka_unit_test_setup_teardown(
            the_damaged_log_of_a_dead_server_is_put_right_under_its_lock, locks_setup,
            locks_teardown),
        cmocka_unit_test_setup_teardown(readers_open_and_close_as_they_like, locks_setup,
                                        locks_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
