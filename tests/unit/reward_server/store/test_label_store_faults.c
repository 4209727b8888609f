/* SPDX-License-Identifier: MIT */
/* test_label_store_faults.c - what can go wrong with a label store's file: damage is named and set
 * aside, a full disk stops only what is new, a file that was replaced takes nothing. */
#define _GNU_SOURCE
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reward_server/store/label_store_impl.h"
#include "tests/support/said.h"
#include "tests/support/store_case.h"

static void sql(const char *path, const char *text)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    assert_true(sqlite3_changes(db) > 0);
    sqlite3_close(db);
}

static int count_row(void *ctx, const struct label_row *row)
{
    (void)row;
    ++*(int *)ctx;
    return 0;
}

static void a_damaged_row_is_set_aside_and_counted_whatever_was_damaged(void **state)
{
    struct store_case *f = *state;
    const char *damage[] = {"UPDATE labels SET label = 0 WHERE id = 1",
                            "UPDATE labels SET caption = x'6262' WHERE id = 1",
                            "UPDATE labels SET raw = 'nothing' WHERE id = 1",
                            "UPDATE labels SET state = 3 WHERE id = 1",
                            "UPDATE labels SET identity = 77 WHERE id = 1",
                            "UPDATE labels SET row_check = row_check + 1 WHERE id = 1"};
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        char path[400];
        snprintf(path, sizeof path, "%s.%zu", f->path, i);
        struct label_store *s = open_server(path);
        struct label a[2] = {answer("aa", 1), answer("cc", 1)};
        assert_ok(label_store_answer(s, a, 2, &err));
        label_store_close(s);
        sql(path, damage[i]);

        assert_ok(label_store_open(&s, path, LABEL_STORE_READ, &err));
        int rows = 0;
        assert_ok(label_store_each(s, 0, count_row, &rows, &err));
        assert_int_equal(rows, 1);
        assert_int_equal(counts_of(s).quarantined, 1);
        label_store_close(s);

        s = open_server(path);
        struct label_row row;
        said_begin(LOG_ERROR);
        assert_int_equal(find(s, "aa", &row), LABEL_UNKNOWN);
        assert_int_equal(find(s, "cc", &row), LABEL_ANSWERED);
        assert_said("damaged row of the label store set aside key=");
        said_end();
        assert_int_equal(counts_of(s).quarantined, 1);
        struct label again = answer("aa", 1);
        assert_ok(label_store_answer(s, &again, 1, &err));
        assert_int_equal(again.id, 3); /* a number is never given twice */
        label_store_close(s);
    }
}

static void damaged_pages_and_foreign_files_are_refused_with_a_sentence(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path);
    for (int i = 0; i < 400; i++) {
        char caption[64];
        snprintf(caption, sizeof caption, "You see thing number %d.", i);
        struct label a = answer(caption, 1);
        assert_ok(label_store_answer(s, &a, 1, &err));
    }
    label_store_close(s);
    FILE *file = fopen(f->path, "r+b");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    for (long page = 4096 * 4; page < size; page += 4096) { /* page headers in the middle */
        fseek(file, page, SEEK_SET);
        fwrite("\xff\xff\xff\xff\xff\xff\xff\xff", 1, 8, file);
    }
    fclose(file);
    assert_err(label_store_open(&s, f->path, LABEL_STORE_SERVER, &err), ONIC_EDAMAGED, f->path);
    assert_null(s);
    char odd[600], want[700];
    snprintf(odd, sizeof odd, "%s it's", f->path);
    assert_int_equal(rename(f->path, odd), 0);
    snprintf(want, sizeof want, "`onic labels export '%s it'\\''s'`", f->path);
    assert_err(label_store_open(&s, odd, LABEL_STORE_SERVER, &err), ONIC_EDAMAGED, want);
    file = fopen(f->path, "wb");
    for (int i = 0; i < 1000; i++)
        fprintf(file, "this is not a database\n");
    fclose(file);
    assert_err(label_store_open(&s, f->path, LABEL_STORE_SERVER, &err), ONIC_EDAMAGED,
               " is a text file where the label store should be; restore the store from a copy, "
               "or move the file away to go on without its labels");
    assert_err(label_store_open(&s, f->path, LABEL_STORE_READ, &err), ONIC_ECONFIG,
               " is a text file, not a label store (labels.sqlite of a run)");
    assert_err(label_store_open(&s, "/nowhere/labels.sqlite", LABEL_STORE_READ, &err),
               ONIC_ENOTFOUND, "/nowhere/labels.sqlite");
    assert_err(label_store_open(&s, "/nowhere/labels.sqlite", LABEL_STORE_SERVER, &err),
               ONIC_ECANTCREATE, "/nowhere/labels.sqlite");
}

/* A link to a disk that is not there, a name that SQLite does not take, a lock that stays. */
static void what_cannot_be_opened_is_told_with_the_reason(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = NULL;
    sqlite3 *other = NULL;
    char want[400], deep[800];
    assert_int_equal(symlink("/nowhere/labels.sqlite", f->path), 0);
    snprintf(want, sizeof want, "opening %s: No such file or directory", f->path);
    assert_err(label_store_open(&s, f->path, LABEL_STORE_SERVER, &err), ONIC_ECANTCREATE, want);
    if (geteuid() == 0 && lchown(f->path, 65534, 65534) == 0) { /* who else could do that */
        snprintf(want, sizeof want, "opening %s: another user made a link there", f->path);
        assert_err(label_store_open(&s, f->path, LABEL_STORE_SERVER, &err), ONIC_ECANTCREATE, want);
    }
    assert_int_equal(unlink(f->path), 0);

    static const int digits[] = {180, 180, 124}; /* 500 bytes and the folder */
    int n = snprintf(deep, sizeof deep, "%s", f->dir);
    for (int i = 0; i < 3; i++) {
        n += snprintf(deep + n, sizeof deep - (size_t)n, "/%0*d", digits[i], i);
        assert_int_equal(mkdir(deep, 0700), 0);
    }
    snprintf(deep + n, sizeof deep - (size_t)n, "/labels.sqlite");
    assert_err(
        label_store_open(&s, deep, LABEL_STORE_SERVER, &err), ONIC_ECANTCREATE,
        "labels.sqlite: its whole path is longer than 504 bytes, which SQLite does not take: "
        "choose a shorter labels.path");
    assert_int_equal(chdir(f->dir), 0);
    assert_err(label_store_open(&s, deep + strlen(f->dir) + 1, LABEL_STORE_SERVER, &err),
               ONIC_ECANTCREATE, "its whole path is longer than 504 bytes");
    assert_int_equal(chdir("/"), 0);

    label_store_close(open_server(f->path));
    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other,
                                  "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; "
                                  "BEGIN EXCLUSIVE",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    snprintf(want, sizeof want, "opening %s: another program has it locked", f->path);
    assert_err(label_store_open(&s, f->path, LABEL_STORE_SERVER, &err), ONIC_EAGAIN, want);
    sqlite3_close(other);
    assert_null(s);
}

/* SQLite opens them by name: a pipe kept every reader waiting, for ever. */
static void what_lies_in_the_place_of_its_own_files_is_named(void **state)
{
    struct store_case *f = *state;
    static const char *const beside[] = {"-wal", "-journal", "-shm"};
    label_store_close(open_server(f->path));
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
        for (int mode = LABEL_STORE_SERVER; mode <= LABEL_STORE_READ; mode++) {
            struct label_store *s = NULL;
            char name[400], sentence[100];
            snprintf(name, sizeof name, "%s%s", f->path, beside[i]);
            assert_int_equal(mkfifo(name, 0600), 0);
            snprintf(sentence, sizeof sentence,
                     "%s is a pipe, where the label store has a file of "
                     "its own; move it away",
                     beside[i]);
            alarm(60);
            assert_err(label_store_open(&s, f->path, (enum label_store_mode)mode, &err),
                       ONIC_ECONFIG, sentence);
            alarm(0);
            assert_int_equal(unlink(name), 0);
            assert_int_equal(symlink("/etc/passwd", name), 0);
            assert_err(label_store_open(&s, f->path, (enum label_store_mode)mode, &err),
                       ONIC_ECONFIG, " is a link, where the label store has a file of its own");
            assert_int_equal(unlink(name), 0);
            assert_ok(label_store_open(&s, f->path, (enum label_store_mode)mode, &err));
            label_store_close(s);
        }
}

static void one_server_at_a_time(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path), *second = NULL, *reader = NULL;
    assert_err(label_store_open(&second, f->path, LABEL_STORE_SERVER, &err), ONIC_ECANTCREATE,
               "labels.sqlite is in use by another reward server; stop it or choose another "
               "labels.path");
    struct label a = answer("a", 1);
    assert_ok(label_store_answer(s, &a, 1, &err));
    assert_ok(label_store_open(&reader, f->path, LABEL_STORE_READ, &err));
    assert_int_equal(counts_of(reader).answered, 1);
    label_store_close(reader);
    label_store_close(s);
    assert_ok(label_store_open(&second, f->path, LABEL_STORE_SERVER, &err));
    label_store_close(second);
}

static void a_full_disk_stops_writing_only_until_there_is_room(void **state)
{
    struct store_case *f = *state;
    struct rlimit old, tight;
    struct label_store *s = open_server(f->path);
    struct label kept = answer("kept", 1), lost = answer("lost", 1);
    struct label_row row;
    assert_ok(label_store_answer(s, &kept, 1, &err));
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    tight = old;
    tight.rlim_cur = 4096;
    setrlimit(RLIMIT_FSIZE, &tight);
    struct onic_err first = {0}, second = {0};
    int failed = label_store_answer(s, &lost, 1, &first);
    int again = label_store_answer(s, &lost, 1, &second), probe = label_store_probe(s, NULL);
    int known = find(s, "kept", &row);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(failed, ONIC_EIO);
    assert_non_null(strstr(first.msg, f->path));
    assert_int_equal(again, ONIC_EIO);
    assert_non_null(strstr(second.msg, "labels.sqlite failed before and was not repaired yet"));
    assert_int_equal(probe, ONIC_EIO);
    assert_int_equal(known, LABEL_ANSWERED);
    assert_ok(label_store_probe(s, &err));
    assert_int_equal(find(s, "lost", &row), LABEL_UNKNOWN);
    assert_ok(label_store_answer(s, &lost, 1, &err));
    assert_int_equal(find(s, "lost", &row), LABEL_ANSWERED);
    label_store_close(s);
}

/* The run directory was removed, or another run is there: neither a label without a name nor one in
 * somebody else's store. */
/* They are to be saved from there; the index that SQLite would make has no room. */
static void labels_of_a_full_disk_can_be_read(void **state)
{
    struct store_case *f = *state;
    struct rlimit old, none;
    struct label_store *s = open_server(f->path);
    struct label a[2] = {answer("aa", 1), answer("bb", 0)};
    struct onic_err why = {0};
    int rows = 0;
    assert_ok(label_store_answer(s, a, 2, &err));
    label_store_close(s);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    none = old;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_FSIZE, &none);
    int opened = label_store_open(&s, f->path, LABEL_STORE_READ, &why);
    int read = opened ? opened : label_store_each(s, 0, count_row, &rows, &why);
    label_store_close(opened ? NULL : s);
    setrlimit(RLIMIT_FSIZE, &old);
    if (opened || read)
        fail_msg("%s", why.msg);
    assert_int_equal(rows, 2);
}

static void a_store_that_was_moved_or_replaced_takes_nothing_more(void **state)
{
    struct store_case *f = *state;
    char moved[400];
    struct label_store *s = open_server(f->path);
    struct label a = answer("first", 1), q = question("second");
    assert_ok(label_store_answer(s, &a, 1, &err));
    snprintf(moved, sizeof moved, "%s.moved", f->path);
    assert_int_equal(rename(f->path, moved), 0);
    assert_err(label_store_ask(s, &q, 1, true, &err), ONIC_ECANTCREATE,
               "was removed, moved or replaced while it was in use");
    FILE *other = fopen(f->path, "w");
    assert_non_null(other);
    fputs("another run's", other);
    fclose(other);
    a = answer("second", 0);
    assert_err(label_store_answer(s, &a, 1, &err), ONIC_ECANTCREATE, "nothing more is kept there");
    assert_err(label_store_probe(s, &err), ONIC_ECANTCREATE, "nothing more is kept there");
    label_store_close(s);
    char text[32] = "";
    other = fopen(f->path, "r");
    assert_non_null(other);
    assert_non_null(fgets(text, sizeof text, other));
    fclose(other);
    assert_string_equal(text, "another run's");
    assert_int_equal(rename(moved, f->path), 0);
}

/* The same as SQLite tells it: the file may not grow. */
static void a_full_disk_is_called_so_and_what_is_known_stays_known(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path);
    struct label kept = answer("kept", 1);
    struct label_row row;
    struct onic_err why = {0};
    char caption[400];
    int rc = ONIC_OK;
    assert_ok(label_store_answer(s, &kept, 1, &err));
    assert_int_equal(sqlite3_exec(s->db, "PRAGMA max_page_count = 1", NULL, NULL, NULL), SQLITE_OK);
    memset(caption, 'x', sizeof caption);
    for (int i = 0; !rc && i < 1000; i++) { /* as many as the pages that are there hold */
        snprintf(caption + 380, 20, "%d", i);
        struct label a = answer(caption, 1);
        rc = label_store_answer(s, &a, 1, &why);
    }
    assert_int_equal(rc, ONIC_EIO);
    assert_non_null(strstr(why.msg, "labels.sqlite: the disk is full"));
    assert_int_equal(find(s, "kept", &row), LABEL_ANSWERED);
    sqlite3_exec(s->db, "PRAGMA max_page_count = 1000000", NULL, NULL, NULL);
    struct label a = answer(caption, 1);
    assert_ok(label_store_answer(s, &a, 1, &err));
    label_store_close(s);
}

static void another_program_that_holds_it_is_waited_for_and_then_said(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path);
    struct label a = answer("a", 1);
    sqlite3 *other = NULL;
    assert_ok(label_store_answer(s, &a, 1, &err));
    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_busy_timeout(s->db, 50);
    a = answer("b", 1);
    assert_err(label_store_answer(s, &a, 1, &err), ONIC_EAGAIN,
               "labels.sqlite: another program has it locked");
    sqlite3_close(other);
    assert_ok(label_store_answer(s, &a, 1, &err)); /* nothing has to be repaired */
    label_store_close(s);
}

static void make_database(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void what_is_no_label_store_is_told_to_a_reader(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = NULL;
    assert_err(label_store_open(&s, f->path, LABEL_STORE_READ, &err), ONIC_ENOTFOUND,
               "there is no label store at ");
    make_database(f->path, "");
    FILE *empty = fopen(f->path, "w");
    assert_non_null(empty);
    fclose(empty);
    assert_err(label_store_open(&s, f->path, LABEL_STORE_READ, &err), ONIC_ENOTFOUND,
               "labels.sqlite is empty: there is no label store yet");
    make_database(f->path, "CREATE TABLE songs (name)");
    assert_err(label_store_open(&s, f->path, LABEL_STORE_READ, &err), ONIC_ECONFIG,
               "labels.sqlite is an SQLite database, but no label store of onic");
}

static void what_is_no_caption_is_not_imported(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path);
    struct label_row row = {.label = answer("", 1), .identity = store_identity};
    int added = 0;
    assert_err(label_store_import(s, &row, 1, &added, &err), ONIC_ECONFIG,
               "a caption has 1 to 256 bytes, none of them 0");
    row.label = question("a caption");
    assert_err(label_store_import(s, &row, 1, &added, &err), ONIC_ECONFIG,
               "a row without an answer cannot be imported");
    assert_int_equal(added, 0);
    label_store_close(s);
}

/* Both as nobody would take them: 1e300 is no number any more where it crosses the wire. */
static int assert_goal(void *ctx, const struct label_row *row)
{
    assert_string_equal(row->identity.goal, store_identity.goal);
    ++*(int *)ctx;
    return 0;
}

/* The version of a goal is in the keys of its labels, its name is not: a line that names another
 * one renamed the goal of every label that was there. */
static void an_imported_label_renames_no_other(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path);
    struct label a = answer("aa", 1);
    struct label_row row = {.label = answer("bb", 0), .identity = store_identity};
    char word[] = "was damaged";
    int added = 0, rows = 0;
    assert_ok(label_store_answer(s, &a, 1, &err));
    label_store_close(s);
    assert_ok(label_store_open(&s, f->path, LABEL_STORE_IMPORT, &err));
    row.identity.goal = "../of/a/stranger";
    said_begin(LOG_WARN);
    assert_ok(label_store_import(s, &row, 1, &added, &err));
    assert_false(log_said(word));
    said_end();
    assert_int_equal(added, 1);
    label_store_close(s);
    assert_ok(label_store_open(&s, f->path, LABEL_STORE_READ, &err));
    assert_ok(label_store_each(s, 0, assert_goal, &rows, &err));
    assert_int_equal(rows, 2);
    label_store_close(s);
}

static void labels_that_cannot_be_are_not_imported(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path);
    struct label_row row = {.label = answer("aa", 0.5), .identity = store_identity};
    assert_err(label_store_import(s, &row, 1, NULL, &err), ONIC_ECONFIG, "label must be 0 or 1");
    row.label = answer("aa", 1);
    row.label.confidence = 1e300;
    assert_err(label_store_import(s, &row, 1, NULL, &err), ONIC_ECONFIG,
               "confidence must be from 0 to 1");
    assert_int_equal(counts_of(s).answered, 0);
    label_store_close(s);
}

/* A row as another program may have written it: whole, its check right. */
static void put_row(struct label_store *s, struct label l)
{
    struct label_row row = {.label = l, .identity = store_identity, .attempts = 1};
    row.key = label_key_make(&s->current_view, l.question, l.question_len);
    row.label.id = 1;
    assert_ok(label_begin(s, &err));
    assert_ok(label_meta_add(s, "last_id", 1, NULL, &err));
    assert_ok(label_row_put(s, &row, s->current->number, &err));
    assert_ok(label_end(s, ONIC_OK, &err));
}

static void a_whole_row_that_no_label_can_be_is_set_aside(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path);
    struct label sure = answer("aa", 1);
    struct label_row row;
    int rows = 0;
    sure.confidence = 95;
    put_row(s, sure);
    label_store_close(s);

    assert_ok(label_store_open(&s, f->path, LABEL_STORE_READ, &err));
    assert_ok(label_store_each(s, 0, count_row, &rows, &err));
    assert_int_equal(rows, 0);
    label_store_close(s);

    s = open_server(f->path);
    said_begin(LOG_ERROR);
    assert_int_equal(find(s, "aa", &row), LABEL_UNKNOWN);
    assert_said("why=\"confidence must be from 0 to 1\"");
    said_end();
    struct label again = answer("aa", 1);
    assert_ok(label_store_answer(s, &again, 1, &err));
    assert_int_equal(again.id, 2);
    assert_int_equal(find(s, "aa", &row), LABEL_ANSWERED);
    label_store_close(s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_damaged_row_is_set_aside_and_counted_whatever_was_damaged),
        TEST(damaged_pages_and_foreign_files_are_refused_with_a_sentence),
        TEST(what_is_no_label_store_is_told_to_a_reader),
        TEST(what_is_no_caption_is_not_imported),
        TEST(an_imported_label_renames_no_other),
        TEST(labels_that_cannot_be_are_not_imported),
        TEST(a_whole_row_that_no_label_can_be_is_set_aside),
        TEST(what_cannot_be_opened_is_told_with_the_reason),
        TEST(what_lies_in_the_place_of_its_own_files_is_named),
        TEST(one_server_at_a_time),
        TEST(a_full_disk_stops_writing_only_until_there_is_room),
        TEST(labels_of_a_full_disk_can_be_read),
        TEST(a_store_that_was_moved_or_replaced_takes_nothing_more),
        TEST(a_full_disk_is_called_so_and_what_is_known_stays_known),
        TEST(another_program_that_holds_it_is_waited_for_and_then_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
