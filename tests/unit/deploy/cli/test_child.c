/* SPDX-License-Identifier: MIT */
/* test_child.c - what a child says is shown once: its last sentence by whoever tells of its end. */
#include "deploy/cli/child.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/onic_test.h"

struct shown {
    char dir[256], text[2000];
    struct child child;
    struct panel *panel;
    int fd;
};

static void begin(struct shown *s, const struct child_spec *spec)
{
    struct onic_err err = {0};
    sigset_t none;
    char path[300];
    sigemptyset(&none);
    temp_dir_create(s->dir);
    snprintf(path, sizeof path, "%s/log", s->dir);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/shown", s->dir);
    s->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    s->panel = panel_create(PANEL_OFF, s->fd);
    s->child = (struct child){.spec = spec, .log_fd = -1};
    struct child_start how = {.run_dir = s->dir, .lock_fd = -1, .panel_fd = -1, .pulse_fd = -1};
    how.mask = &none;
    assert_int_equal(child_start(&s->child, &how, &err), ONIC_OK);
}

static bool has_ended(void *arg)
{
    struct shown *s = arg;
    int status;
    child_follow(&s->child, s->panel, false, false);
    return child_reap(&s->child, &status);
}

static const char *text_until_the_end(struct shown *s)
{
    assert_true(wait_until(has_ended, s, 30000));
    child_follow(&s->child, s->panel, true, true);
    ssize_t n = pread(s->fd, s->text, sizeof s->text - 1, 0);
    s->text[n > 0 ? n : 0] = '\0';
    child_close(&s->child);
    panel_free(s->panel);
    close(s->fd);
    temp_dir_remove(s->dir);
    return s->text;
}

/* A learner that runs a line of shell, followed to its end; what was shown of it. */
static const char *shown_of(struct shown *s, const char *line)
{
    static char sh[] = "/bin/sh", c[] = "-c";
    static char text[300];
    static char *argv[] = {sh, c, text, NULL};
    static const struct child_spec spec = {"learner", CHILD_LEARNER, argv};
    snprintf(text, sizeof text, "%s", line);
    begin(s, &spec);
    return text_until_the_end(s);
}

static void a_slow_end_does_not_say_the_sentence_twice(void **state)
{
    struct shown s = {0};
    (void)state;
    assert_string_equal(
        shown_of(&s, "echo first; echo 'onic-learner: no such net' >&2; sleep 1; exit 64"),
        "first\n");
    assert_string_equal(s.child.last_words, "onic-learner: no such net");
}

static void what_a_logger_says_is_shown_while_it_lives(void **state)
{
    static const char *const warning = "2026-11-28T23:16:04.507Z warn learner slow\n";
    struct shown s = {0};
    char line[200];
    (void)state;
    snprintf(line, sizeof line, "printf '%%s' '%.60s'; sleep 1; echo gone; exit 64", warning);
    assert_string_equal(shown_of(&s, line), warning);
}

/* A new run has taken the directory's place before the last sentence was read. */
static void the_log_of_a_new_run_in_its_place_is_not_read(void **state)
{
    struct shown s = {0};
    (void)state;
    assert_string_equal(shown_of(&s, "d=${ONIC_STDERR%/*}; echo first; mv $d $d.away; mkdir $d; "
                                     "echo 'of another' >$ONIC_STDERR; echo 'it is gone'; exit 73"),
                        "first\n");
    assert_string_equal(s.child.last_words, "it is gone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_end_does_not_say_the_sentence_twice),
        cmocka_unit_test(what_a_logger_says_is_shown_while_it_lives),
        cmocka_unit_test(the_log_of_a_new_run_in_its_place_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
