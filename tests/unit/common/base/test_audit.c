/* SPDX-License-Identifier: MIT */
/* What is written of joins and refusals, and how much of it at most. */
#include "tests/onic_test.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/audit.h"
#include "common/base/log.h"
#include "tests/support/files.h"
#include "tests/support/program.h"
#include "tests/support/said.h"
#include "tests/support/skewed_clock.h"

struct place {
    char dir[256], path[300];
};

static int audit_setup(void **state)
{
    static struct place p;
    temp_dir_create(p.dir);
    snprintf(p.path, sizeof p.path, "%s/audit.log", p.dir);
    assert_ok(audit_open(p.path, &err));
    skewed_clock_set(0);
    *state = &p;
    return 0;
}

static int audit_teardown(void **state)
{
    audit_close();
    clock_replace(NULL);
    temp_dir_remove(((struct place *)*state)->dir);
    return 0;
}

static void refuse(const char *reason)
{
    audit_write(AUDIT_REFUSED, &(struct audit_who){.role = "actor", .actor = -1}, reason);
}

static int lines_with(const char *path, const char *word)
{
    int n = 0;
    for (const char *p = program_text(path); (p = strstr(p, word)) != NULL; p++)
        n++;
    return n;
}

static void assert_says(const char *path, const char *part)
{
    if (!strstr(program_text(path), part))
        fail_msg("'%s' is not in: %s", part, program_text(path));
}

static void a_file_that_cannot_be_is_told(void **state)
{
    struct place *p = *state;
    char link[320], want[400];
    assert_err(audit_open("/nowhere/audit.log", &err), ONIC_ECANTCREATE,
               "/nowhere/audit.log: cannot be opened: No such file or directory");
    snprintf(link, sizeof link, "%s.link", p->path);
    assert_int_equal(symlink(p->path, link), 0); /* of somebody who wants another file written */
    snprintf(want, sizeof want, "%s: cannot be opened: Too many levels of symbolic links", link);
    assert_err(audit_open(link, &err), ONIC_ECANTCREATE, want);
    refuse("still open");
    assert_says(p->path, "still open"); /* the one before is written on */
}

static void a_line_says_who_and_why(void **state)
{
    struct place *p = *state;
    log_set_role("learner");
    struct audit_who who = {.role = "actor",
                            .address = "10.0.0.7",
                            .key = "0123456789012345678901234567890123456789",
                            .actor = 3,
                            .host = "n7",
                            .pid = 811};
    audit_write(AUDIT_JOINED, &who, "it asked for a number");
    audit_write(AUDIT_CUT, &(struct audit_who){.actor = -1}, "it came and did not join");
    assert_says(p->path,
                "Z joined learner actor address=\"10.0.0.7\" "
                "key=\"0123456789012345678901234567890123456789\" actor=3 host=\"n7\" pid=811 "
                "reason=\"it asked for a number\" not_written_before=0\n");
    assert_says(p->path, "Z cut learner somebody address=\"\" key=\"\" actor=-1 host=\"\" pid=0 "
                         "reason=\"it came and did not join\" not_written_before=0\n");
}

static void a_folder_that_cannot_be_made_is_said(void **state)
{
    struct place *p = *state;
    char file[320];
    snprintf(file, sizeof file, "%s/file", p->dir);
    files_write(file, "");
    said_begin(LOG_WARN);
    audit_open_in(file, "learner");
    said_end();
    assert_said("who joins and who is refused is not written down why=");
    assert_said("/file/log cannot be made: Not a directory");
}

static void what_a_peer_says_stays_in_its_line(void **state)
{
    struct place *p = *state;
    struct audit_who who = {
        .role = "actor", .actor = 1, .host = "n\"7\n2026 joined learner \x1b[31m\xc2\x9b\xff"};
    audit_write(AUDIT_JOINED, &who, "x");
    const char *text = program_text(p->path);
    assert_int_equal(lines_with(p->path, "\n"), 1);
    assert_null(strchr(text, 0x1b));
    assert_null(strstr(text, "\xc2\x9b"));
    assert_null(strchr(text, 0xff));
    assert_says(p->path, "host=\"n\\\"7\\u000a2026 joined learner \\u001b[31m");
}

/* However long it is, and wherever it is cut. */
static void what_a_peer_says_at_length_ends_with_its_line(void **state)
{
    struct place *p = *state;
    static const char says[] = {'\x01', '\\', '\xe9', 'x'};
    char text[5000];
    int n = 0;
    for (size_t i = 0; i < sizeof says; i++)
        for (int k = 0; k < 8; k++, n++) {
            snprintf(text, sizeof text, "%.*s%0*d", k, "........", 4900 - k, 0);
            memset(text + k, says[i], 4900 - (size_t)k);
            bool host = k % 2;
            audit_write(AUDIT_JOINED,
                        &(struct audit_who){.role = "actor", .actor = 1, .host = host ? text : ""},
                        host ? "it asked for a number" : text);
        }
    assert_int_equal(lines_with(p->path, "Z joined learner actor "), n);
    assert_int_equal(lines_with(p->path, "\n"), n);
    assert_null(strstr(program_text(p->path), "\\\"\n"));
}

/* Sixty in a row, then one a second; the others are counted. */
static void a_flood_of_refusals_is_counted(void **state)
{
    struct place *p = *state;
    for (int i = 0; i < 100000; i++)
        refuse("no");
    assert_in_range(lines_with(p->path, " refused "), 60, 70);
    int before = lines_with(p->path, " refused ");
    audit_write(AUDIT_JOINED, &(struct audit_who){.role = "actor", .actor = 7}, "x");
    assert_int_equal(lines_with(p->path, " joined "), 1); /* and hides nobody */
    skewed_clock_advance(10LL * 1000000000);
    char want[64];
    snprintf(want, sizeof want, "not_written_before=%d\n", 100000 - before);
    refuse("the next");
    assert_says(p->path, want);
    for (int i = 0; i < 100; i++)
        refuse("no");
    int written = lines_with(p->path, " refused ");
    assert_in_range(written - before, 10, 12);
    audit_close();
    snprintf(want, sizeof want, "end learner of not_written_before=%d\n", 101 - (written - before));
    assert_says(p->path, want);
}

static void a_file_that_is_rotated_away_is_begun_anew(void **state)
{
    struct place *p = *state;
    char away[310];
    snprintf(away, sizeof away, "%s.away", p->path);
    refuse("before");
    assert_int_equal(rename(p->path, away), 0);
    skewed_clock_advance(2LL * 1000000000);
    refuse("after");
    assert_says(away, "before");
    assert_says(p->path, "after");
}

static void a_large_file_becomes_the_one_before(void **state)
{
    struct place *p = *state;
    struct stat st;
    char before[310];
    snprintf(before, sizeof before, "%s.1", p->path);
    files_write(before, "older still");
    refuse("first");
    assert_int_equal(truncate(p->path, AUDIT_BYTES), 0);
    skewed_clock_advance(2LL * 1000000000);
    refuse("second");
    assert_int_equal(stat(before, &st), 0);
    assert_int_equal(st.st_size, AUDIT_BYTES);
    assert_int_equal(stat(p->path, &st), 0);
    assert_true(st.st_size < 4096);
    assert_says(p->path, "second");
}

static void refuse_where_there_is_no_room(const char *why)
{
    struct rlimit before, none;
    signal(SIGXFSZ, SIG_IGN); /* as process_start does */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    refuse(why);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

static void no_file_and_a_full_disk_are_no_trouble(void **state)
{
    struct place *p = *state;
    char inside[310];
    audit_close();
    refuse("nobody hears");
    snprintf(inside, sizeof inside, "%s/no/audit.log", p->dir);
    assert_err(audit_open(inside, &err), ONIC_ECANTCREATE, "cannot be opened");
    assert_int_equal(unlink(p->path), 0);
    assert_int_equal(mkfifo(p->path, 0600), 0); /* not waited for */
    assert_err(audit_open(p->path, &err), ONIC_ECANTCREATE, "it is no regular file");
    assert_int_equal(unlink(p->path), 0);
    assert_ok(audit_open(p->path, &err));
    refuse_where_there_is_no_room("lost");
    audit_open_in(p->dir, "learner");
    refuse("kept");
    snprintf(inside, sizeof inside, "%s/log/audit-learner.log", p->dir);
    assert_says(inside, "kept");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, audit_setup, audit_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_file_that_cannot_be_is_told),
        TEST(a_line_says_who_and_why),
        TEST(a_folder_that_cannot_be_made_is_said),
        TEST(what_a_peer_says_stays_in_its_line),
        TEST(what_a_peer_says_at_length_ends_with_its_line),
        TEST(a_flood_of_refusals_is_counted),
        TEST(a_file_that_is_rotated_away_is_begun_anew),
        TEST(a_large_file_becomes_the_one_before),
        TEST(no_file_and_a_full_disk_are_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
