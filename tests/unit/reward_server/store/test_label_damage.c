/* SPDX-License-Identifier: MIT */
/* Bits of a store's files flip, one at a time: what is read afterwards is all of it, or what is
 * missing is said; and what a server keeps after that is as much as can be known. */
#define _GNU_SOURCE
#include "tests/onic_test.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "reward_server/store/label_store.h"
#include "reward_server/store/label_wal.h"
#include "tests/support/said.h"

enum { GROUPS = 40, GROUP = 8, LABELS = GROUPS * GROUP, PATHS = 400, FRAME = 24 + 4096 };

static const struct label_identity identity = {"rules", "patterns", "minigrid/KeyCorridor",
                                               "abc",   "noise=0",  1};

struct damage_case {
    char dir[256];
    char killed[PATHS]; /* a store whose labels are all in the write-ahead file */
    char closed[PATHS]; /* the same, closed */
    char at[PATHS];     /* the one that is damaged */
};

static void say_caption(char out[64], int i)
{
    snprintf(out, 64, "You see thing number %d.", i);
}

static void fill(struct label_store *s, int groups)
{
    for (int g = 0; g < groups; g++) {
        char caption[GROUP][64];
        struct label a[GROUP];
        for (int i = 0; i < GROUP; i++) {
            say_caption(caption[i], g * GROUP + i);
            a[i] = (struct label){.question = caption[i],
                                  .question_len = strlen(caption[i]),
                                  .state = LABEL_ANSWERED,
                                  .value = i % 2,
                                  .confidence = 0.75,
                                  .raw = "why"};
        }
        if (label_store_answer(s, a, GROUP, NULL) != ONIC_OK)
            abort();
    }
}

/* A process that is killed in the middle of its work leaves everything in the write-ahead file. */
static void fill_and_die(const char *path, int groups)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct label_store *s = NULL;
        if (label_store_open(&s, path, LABEL_STORE_SERVER, NULL) != ONIC_OK ||
            label_store_use(s, &identity, NULL) != ONIC_OK)
            _exit(1);
        fill(s, groups);
        label_store_put_note(s, "calibration", "0.25", NULL);
        kill(getpid(), SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void copy_part(const char *from, const char *to, const char *part)
{
    char name[2][PATHS + 16];
    static char data[8 << 20];
    snprintf(name[0], sizeof name[0], "%s%s", from, part);
    snprintf(name[1], sizeof name[1], "%s%s", to, part);
    unlink(name[1]);
    FILE *in = fopen(name[0], "rb");
    if (!in)
        return;
    FILE *out = fopen(name[1], "wb");
    assert_non_null(out);
    size_t n = fread(data, 1, sizeof data, in);
    assert_true(n < sizeof data);
    assert_int_equal(fwrite(data, 1, n, out), n);
    fclose(in);
    fclose(out);
}

static void copy(const char *from, const char *to)
{
    static const char *const parts[] = {"", "-wal", "-shm", "-wal.damaged"};
    for (int i = 0; i < 4; i++)
        copy_part(i < 2 ? from : "", to, parts[i]);
}

static off_t size_of(const char *path, const char *part)
{
    char name[PATHS + 16];
    struct stat st;
    snprintf(name, sizeof name, "%s%s", path, part);
    return stat(name, &st) == 0 ? st.st_size : -1;
}

static void change(const char *path, const char *part, off_t at, const void *with, size_t n)
{
    char name[PATHS + 16];
    snprintf(name, sizeof name, "%s%s", path, part);
    int fd = open(name, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, with, n, at), n);
    close(fd);
}

static void flip(const char *path, const char *part, off_t at, int bit)
{
    char name[PATHS + 16];
    uint8_t byte;
    snprintf(name, sizeof name, "%s%s", path, part);
    int fd = open(name, O_RDONLY);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    close(fd);
    byte ^= (uint8_t)(1u << bit);
    change(path, part, at, &byte, 1);
}

struct walk {
    int rows, wrong;
};

static int look_at_row(void *ctx, const struct label_row *row)
{
    struct walk *w = ctx;
    char want[64];
    int i = (int)row->label.id - 1;
    say_caption(want, i);
    bool same = i >= 0 && i < LABELS && row->label.question_len == strlen(want) &&
                memcmp(row->label.question, want, strlen(want)) == 0 &&
                row->label.state == LABEL_ANSWERED && row->label.value == i % 2 &&
                row->label.confidence == 0.75 && strcmp(row->label.raw, "why") == 0 &&
                strcmp(row->identity.annotator, "rules") == 0 &&
                strcmp(row->identity.goal, "minigrid/KeyCorridor") == 0;
    w->rows++;
    w->wrong += !same;
    return 0;
}

/* What a reader gets of the damaged store; *said: whether it was told that something is wrong. */
static struct walk read_it(const char *path, bool *said)
{
    struct label_store *s = NULL;
    struct walk w = {0, 0};
    struct label_verdict v;
    int rc = label_store_open(&s, path, LABEL_STORE_READ, NULL);
    if (!rc)
        rc = label_store_each(s, 0, look_at_row, &w, NULL);
    if (!rc)
        rc = label_store_damage(s, NULL);
    *said = rc;
    if (s && label_store_verify(s, &v, NULL, NULL, NULL) == ONIC_OK)
        *said |= v.log_unfinished;
    label_store_close(s);
    return w;
}

static void whole_or_said(struct damage_case *c, const char *part, off_t at, int bit)
{
    bool said;
    struct walk w = read_it(c->at, &said);
    if (w.wrong)
        fail_msg("bit %d of byte %lld of labels%s: %d wrong labels are read", bit, (long long)at,
                 part, w.wrong);
    if (w.rows < LABELS && !said)
        fail_msg("bit %d of byte %lld of labels%s: %d of %d labels are read and nothing is said",
                 bit, (long long)at, part, w.rows, LABELS);
}

static int damage_setup(void **state)
{
    static struct damage_case c;
    log_set_level(LOG_ERROR); /* thousands of warnings that are meant */
    temp_dir_create(c.dir);
    snprintf(c.killed, sizeof c.killed, "%s/killed", c.dir);
    snprintf(c.closed, sizeof c.closed, "%s/closed", c.dir);
    snprintf(c.at, sizeof c.at, "%s/at", c.dir);
    fill_and_die(c.killed, GROUPS);
    copy(c.killed, c.closed);
    struct label_store *s = NULL;
    assert_ok(label_store_open(&s, c.closed, LABEL_STORE_SERVER, &err));
    label_store_close(s);
    assert_int_equal(size_of(c.closed, "-wal"), -1);
    assert_true(size_of(c.killed, "-wal") > GROUPS * FRAME);
    *state = &c;
    return 0;
}

static int damage_teardown(void **state)
{
    temp_dir_remove(((struct damage_case *)*state)->dir);
    return 0;
}

static void of_a_flipped_bit_in_the_write_ahead_file_nothing_is_lost_unsaid(void **state)
{
    struct damage_case *c = *state;
    off_t size = size_of(c->killed, "-wal");
    for (off_t at = 0; at < size; at += at < 64 ? 3 : 6007) {
        int bit = (int)(at % 8);
        copy(c->killed, c->at);
        flip(c->at, "-wal", at, bit);
        whole_or_said(c, "-wal", at, bit);
    }
}

static void of_a_flipped_bit_in_the_database_nothing_is_lost_unsaid(void **state)
{
    struct damage_case *c = *state;
    off_t size = size_of(c->closed, "");
    for (off_t at = 0; at < size; at += at < 100 ? 7 : 797) {
        int bit = (int)(at % 8);
        copy(c->closed, c->at);
        flip(c->at, "", at, bit);
        whole_or_said(c, "", at, bit);
    }
}

static struct label_counts opened_by_a_server(const char *path)
{
    struct label_store *s = NULL;
    struct label_counts n;
    assert_ok(label_store_open(&s, path, LABEL_STORE_SERVER, &err));
    assert_ok(label_store_use(s, &identity, &err));
    assert_ok(label_store_counts(s, &n, &err));
    label_store_close(s);
    return n;
}

/* One word of any page, whatever it was: all labels stay, and the damaged file is kept. */
static void a_damaged_word_costs_a_server_no_label(void **state)
{
    struct damage_case *c = *state;
    static const off_t place[] = {24 + 1600, 9, 17, 24 + 4092};
    for (size_t i = 0; i < sizeof place / sizeof *place; i++)
        for (int frame = 5; frame < 30; frame += 12) {
            off_t at = 32 + frame * (off_t)FRAME + place[i];
            copy(c->killed, c->at);
            flip(c->at, "-wal", at, 1);
            said_begin(LOG_WARN);
            struct label_counts n = opened_by_a_server(c->at);
            assert_said("the write-ahead file of the label store was damaged and is put right");
            said_end();
            assert_int_equal(n.answered, LABELS);
            assert_int_equal(n.last_id, LABELS);
            assert_int_equal(n.quarantined, 0);
            assert_int_equal(size_of(c->at, "-wal.damaged"), size_of(c->killed, "-wal"));
        }
}

static void a_damaged_header_costs_no_label(void **state)
{
    struct damage_case *c = *state;
    for (off_t at = 0; at < 32; at += 3) {
        copy(c->killed, c->at);
        flip(c->at, "-wal", at, (int)at % 8);
        assert_int_equal(opened_by_a_server(c->at).answered, LABELS);
    }
}

/* Page 2 becomes page 0, which there is none. */
static void a_page_number_that_no_page_has_is_put_right(void **state)
{
    struct damage_case *c = *state;
    copy(c->killed, c->at);
    flip(c->at, "-wal", 32 + 17 * (off_t)FRAME + 3, 1);
    assert_int_equal(opened_by_a_server(c->at).answered, LABELS);
}

static void assert_same_file(const char *a, const char *b)
{
    static char text[2][8 << 20];
    size_t n[2];
    const char *const name[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        FILE *f = fopen(name[i], "rb");
        assert_non_null(f);
        n[i] = fread(text[i], 1, sizeof text[i], f);
        fclose(f);
    }
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(text[0], text[1], n[0]);
}

/* Page 1 becomes page 3: nothing tells that it was another, but that nothing fits any more. */
static void what_cannot_be_put_right_is_refused_and_left_as_it_was(void **state)
{
    struct damage_case *c = *state;
    struct label_store *s = NULL;
    char before[PATHS + 16], after[PATHS + 16];
    bool said;
    copy(c->killed, c->at);
    flip(c->at, "-wal", 32 + 29 * (off_t)FRAME + 3, 1);
    snprintf(before, sizeof before, "%s/before-wal", c->dir);
    snprintf(after, sizeof after, "%s-wal", c->at);
    copy_part(c->at, before, "-wal");
    snprintf(before, sizeof before, "%s/before-wal-wal", c->dir);
    assert_err(label_store_open(&s, c->at, LABEL_STORE_SERVER, &err), ONIC_EDAMAGED,
               "its write-ahead file is damaged at byte 119512");
    assert_null(s);
    assert_err(label_store_open(&s, c->at, LABEL_STORE_IMPORT, &err), ONIC_EDAMAGED, "onic labels");
    assert_same_file(before, after);
    read_it(c->at, &said);
    assert_true(said);
}

/* A word in each frame from one on: more than are put right. */
static void damage_from(const char *path, off_t frame)
{
    off_t frames = (size_of(path, "-wal") - 32) / FRAME;
    assert_true(frames - frame > 256);
    for (; frame < frames; frame++)
        flip(path, "-wal", 32 + frame * FRAME + 24 + 1600, 1);
}

static void damage_all_over_is_refused_as_too_much(void **state)
{
    struct damage_case *c = *state;
    struct label_store *s = NULL;
    struct walk w = {0, 0};
    char often[PATHS];
    snprintf(often, sizeof often, "%s/often", c->dir);
    fill_and_die(often, 3 * GROUPS);
    copy(often, c->at);
    damage_from(c->at, 60);
    assert_err(label_store_open(&s, c->at, LABEL_STORE_SERVER, &err), ONIC_EDAMAGED,
               "commits after it (too much is damaged); export what is readable with `onic labels "
               "export ");
    assert_ok(label_store_open(&s, c->at, LABEL_STORE_READ, &err));
    assert_ok(label_store_each(s, 0, look_at_row, &w, &err));
    assert_true(w.rows > 0 && w.wrong == 0);
    assert_err(label_store_damage(s, &err), ONIC_EDAMAGED,
               "what follows byte 247232 of its write-ahead file cannot be read");
    label_store_close(s);
    copy(often, c->at);
    damage_from(c->at, 0);
    assert_err(label_store_open(&s, c->at, LABEL_STORE_READ, &err), ONIC_EDAMAGED,
               ": its write-ahead file is damaged at byte 32 and all over; restore both files");
    assert_null(s);
}

/* More than a word: the page stays as it is, and where a later commit wrote it again, nothing is
 * lost. */
static void a_damaged_sector_of_a_page_that_was_written_again_costs_nothing(void **state)
{
    struct damage_case *c = *state;
    char garbage[512];
    memset(garbage, 0xa5, sizeof garbage);
    copy(c->killed, c->at);
    struct label_wal w;
    assert_ok(label_wal_check(c->at, &w, &err));
    assert_int_equal(w.damaged, 0);
    change(c->at, "-wal", 32 + 12 * (off_t)FRAME + 24 + 1024, garbage, sizeof garbage);
    assert_ok(label_wal_check(c->at, &w, &err));
    assert_int_equal(w.damaged, 1);
    assert_int_equal(w.exact, 0);
    assert_true(w.commits > GROUPS / 2);
    assert_int_equal(w.at, 32 + 12 * (off_t)FRAME);
    assert_int_equal(opened_by_a_server(c->at).answered, LABELS);
}

/* What a server was writing when it was killed is no damage; what it wrote before is kept. */
static void an_unfinished_write_is_dropped_and_not_called_damage(void **state)
{
    struct damage_case *c = *state;
    off_t size = size_of(c->killed, "-wal");
    struct label_wal w;
    char name[PATHS + 8];
    copy(c->killed, c->at);
    snprintf(name, sizeof name, "%s-wal", c->at);
    assert_int_equal(truncate(name, size - 1000), 0);
    assert_ok(label_wal_check(c->at, &w, &err));
    assert_int_equal(w.damaged, 0);
    struct label_counts n = opened_by_a_server(c->at);
    assert_true(n.answered >= LABELS - GROUP);
    assert_int_equal(size_of(c->at, "-wal.damaged"), -1);
    copy(c->killed, c->at); /* of its length, and not whole: it may have been the last write */
    for (int i = 0; i < 40; i++)
        flip(c->at, "-wal", size - 100 - 50 * i, i % 8);
    said_begin(LOG_WARN);
    assert_true(opened_by_a_server(c->at).answered >= LABELS - GROUP);
    assert_said("the last labels of the store's write-ahead file are not whole");
    said_end();
    assert_ok(label_wal_check("/nowhere/labels", &w, &err));
    assert_int_equal(w.damaged, 0);
}

static void change_by_sql(const char *path, const char *text)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    assert_true(sqlite3_changes(db) > 0);
    sqlite3_close(db);
}

/* Else the next answers would get numbers that others have, and replace them. */
static void a_counter_that_fell_behind_costs_no_label(void **state)
{
    struct damage_case *c = *state;
    struct label_store *s = NULL;
    copy(c->closed, c->at);
    change_by_sql(c->at, "UPDATE meta SET value = value - 64 WHERE name = 'last_id'");
    said_begin(LOG_WARN);
    assert_ok(label_store_open(&s, c->at, LABEL_STORE_SERVER, &err));
    assert_said("the counter of the label store was damaged and is put right");
    said_end();
    assert_ok(label_store_use(s, &identity, &err));
    struct label a = {.question = "new", .question_len = 3, .state = LABEL_ANSWERED, .raw = ""};
    assert_ok(label_store_answer(s, &a, 1, &err));
    assert_int_equal(a.id, LABELS + 1);
    struct label_counts n;
    assert_ok(label_store_counts(s, &n, &err));
    assert_int_equal(n.answered, LABELS + 1);
    label_store_close(s);
}

/* One letter of the identity, and none of its labels would be found: all would be asked again. */
static void labels_of_a_damaged_identity_are_found(void **state)
{
    struct damage_case *c = *state;
    static const char *const damage[] = {"annotator = 'rulez'", "goal = 'minigrid/KeyCorridos'",
                                         "vote = 3", "row_check = row_check + 1"};
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        char text[200];
        bool said;
        copy(c->closed, c->at);
        snprintf(text, sizeof text, "UPDATE identities SET %s", damage[i]);
        change_by_sql(c->at, text);
        read_it(c->at, &said);
        assert_true(said);
        struct label_store *s = NULL;
        struct label_row row;
        assert_ok(label_store_open(&s, c->at, LABEL_STORE_SERVER, &err));
        said_begin(LOG_WARN);
        assert_ok(label_store_use(s, &identity, &err));
        assert_said("the identity of labels was damaged in the label store and is put right");
        said_end();
        assert_int_equal(label_store_find(s, "You see thing number 7.", 23, &row, NULL),
                         LABEL_ANSWERED);
        assert_string_equal(row.identity.goal, "minigrid/KeyCorridor");
        label_store_close(s);
        struct walk w = read_it(c->at, &said);
        assert_int_equal(w.rows, LABELS);
        assert_false(said);
    }
}

static void a_damaged_note_is_not_used(void **state)
{
    struct damage_case *c = *state;
    struct label_store *s = NULL;
    char text[16];
    copy(c->closed, c->at);
    change_by_sql(c->at, "UPDATE notes SET value = '0.35'");
    assert_ok(label_store_open(&s, c->at, LABEL_STORE_SERVER, &err));
    assert_ok(label_store_use(s, &identity, &err));
    said_begin(LOG_WARN);
    assert_false(label_store_note(s, "calibration", text, sizeof text));
    assert_said("a damaged note of the label store is not used note=\"calibration\"");
    said_end();
    assert_ok(label_store_put_note(s, "calibration", "0.25", &err));
    assert_true(label_store_note(s, "calibration", text, sizeof text));
    label_store_close(s);
}

/* As stores were before identities and notes had checks. */
static void a_store_without_those_checks_is_read_and_gets_them(void **state)
{
    struct damage_case *c = *state;
    struct label_store *s = NULL;
    struct label_counts n;
    char text[16];
    bool said;
    copy(c->closed, c->at);
    change_by_sql(c->at, "ALTER TABLE identities DROP COLUMN row_check;"
                         "ALTER TABLE notes DROP COLUMN row_check;"
                         "DELETE FROM meta WHERE name = 'store'");
    struct walk w = read_it(c->at, &said);
    assert_int_equal(w.rows, LABELS);
    assert_false(said);
    assert_ok(label_store_open(&s, c->at, LABEL_STORE_SERVER, &err));
    assert_ok(label_store_use(s, &identity, &err));
    assert_true(label_store_note(s, "calibration", text, sizeof text));
    assert_ok(label_store_counts(s, &n, &err));
    assert_int_equal(n.answered, LABELS);
    assert_true(n.store > 0);
    label_store_close(s);
}

static void verifying_counts_what_is_damaged_and_what_is_missing(void **state)
{
    struct damage_case *c = *state;
    struct label_store *s = NULL;
    struct label_verdict v;
    copy(c->closed, c->at);
    change_by_sql(c->at, "UPDATE labels SET label = 1 - label WHERE id IN (3, 4);"
                         "DELETE FROM labels WHERE id > 300");
    assert_ok(label_store_open(&s, c->at, LABEL_STORE_READ, &err));
    assert_ok(label_store_verify(s, &v, NULL, NULL, &err));
    assert_int_equal(v.settled, 298);
    assert_int_equal(v.damaged, 2);
    assert_int_equal(v.missing, LABELS - 300);
    label_store_close(s);
    assert_ok(label_store_open(&s, c->closed, LABEL_STORE_READ, &err));
    assert_ok(label_store_verify(s, &v, NULL, NULL, &err));
    assert_int_equal(v.settled, LABELS);
    assert_int_equal(v.damaged + v.missing + v.set_aside, 0);
    assert_int_equal(v.counter_behind + v.identities + v.notes + v.log_frames, 0);
    assert_string_equal(v.pages, "");
    label_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_flipped_bit_in_the_write_ahead_file_nothing_is_lost_unsaid),
        cmocka_unit_test(of_a_flipped_bit_in_the_database_nothing_is_lost_unsaid),
        cmocka_unit_test(a_damaged_word_costs_a_server_no_label),
        cmocka_unit_test(a_damaged_header_costs_no_label),
        cmocka_unit_test(a_page_number_that_no_page_has_is_put_right),
        cmocka_unit_test(what_cannot_be_put_right_is_refused_and_left_as_it_was),
        cmocka_unit_test(damage_all_over_is_refused_as_too_much),
        cmocka_unit_test(a_damaged_sector_of_a_page_that_was_written_again_costs_nothing),
        cmocka_unit_test(an_unfinished_write_is_dropped_and_not_called_damage),
        cmocka_unit_test(a_counter_that_fell_behind_costs_no_label),
        cmocka_unit_test(labels_of_a_damaged_identity_are_found),
        cmocka_unit_test(a_damaged_note_is_not_used),
        cmocka_unit_test(a_store_without_those_checks_is_read_and_gets_them),
        cmocka_unit_test(verifying_counts_what_is_damaged_and_what_is_missing),
    };
    return cmocka_run_group_tests(tests, damage_setup, damage_teardown);
}
