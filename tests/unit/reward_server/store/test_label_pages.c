/* SPDX-License-Identifier: MIT */
/* test_label_pages.c - what a damaged page of a label store costs, that nothing is run which the
 * schema of somebody's file says, and that many identities cost what they are, not what all of them
 * are to each other. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reward_server/store/label_store_impl.h"
#include "tests/support/store_case.h"

enum { PAGE = 4096, LABELS = 1500, PAGES_MAX = 400, ROWS_OF_A_PAGE = 60 };

/* --- damaged pages --------------------------------------------------------------------------- */

static void write_labels(const char *path)
{
    struct label_store *s = open_server(path);
    static struct label a[LABELS];
    static char caption[LABELS][64];
    for (int i = 0; i < LABELS; i++) {
        snprintf(caption[i], sizeof *caption, "You see thing number %d.", i);
        a[i] = answer(caption[i], i % 2);
    }
    assert_ok(label_store_answer(s, a, LABELS, &err));
    label_store_close(s);
}

/* As a bad sector leaves it; what was there. */
static void damage(const char *path, long page, const void *with, void *was)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    if (was)
        assert_int_equal(pread(fd, was, PAGE, page * PAGE), PAGE);
    assert_int_equal(pwrite(fd, with, PAGE, page * PAGE), PAGE);
    close(fd);
}

struct seen_rows {
    bool seen[LABELS + 1];
    int rows;
};

static int see_row(void *ctx, const struct label_row *row)
{
    struct seen_rows *r = ctx;
    assert_in_range(row->label.id, 1, LABELS);
    assert_false(r->seen[row->label.id]); /* none twice */
    r->seen[row->label.id] = true;
    r->rows++;
    return 0;
}

/* How many labels are read of a store; -1: it cannot be opened, with the sentence in *why. */
static int labels_read(const char *path, struct onic_err *why)
{
    struct label_store *s = NULL;
    struct seen_rows r = {.rows = 0};
    if (label_store_open(&s, path, LABEL_STORE_READ, why) != ONIC_OK)
        return -1;
    assert_ok(label_store_each(s, 0, see_row, &r, &err));
    int said = label_store_damage(s, why);
    assert_true(said == ONIC_EDAMAGED || (said == ONIC_OK && r.rows == LABELS));
    struct label_verdict v;
    assert_ok(label_store_verify(s, &v, NULL, NULL, &err));
    assert_int_equal(v.settled, r.rows);
    assert_int_equal(v.missing, LABELS - r.rows);
    assert_true(v.pages[0] || said == ONIC_OK);
    label_store_close(s);
    return r.rows;
}

/* But for the pages that lead to all others, the first of the file and of each table. */
static void a_damaged_page_costs_the_labels_on_it_alone(void **state)
{
    struct store_case *f = *state;
    char garbage[PAGE], was[PAGE];
    struct stat st;
    int costly = 0, unread = 0;
    memset(garbage, 0xa5, sizeof garbage);
    write_labels(f->path);
    assert_int_equal(stat(f->path, &st), 0);
    long pages = st.st_size / PAGE;
    assert_in_range(pages, 40, PAGES_MAX);
    for (long page = 1; page < pages; page++) {
        struct onic_err why = {0};
        damage(f->path, page, garbage, was);
        int rows = labels_read(f->path, &why);
        damage(f->path, page, was, NULL);
        if (rows >= LABELS - ROWS_OF_A_PAGE)
            continue;
        print_message("page %ld of %ld: %d labels: %s\n", page, pages, rows, why.msg);
        costly += rows >= 0;
        unread += rows < 0;
        if (rows < 0 && (!strstr(why.msg, ", and none of its labels can be exported; restore it") ||
                         strstr(why.msg, "labels export")))
            fail_msg("%s", why.msg);
    }
    assert_true(costly <= 1); /* where the table of labels begins */
    assert_true(unread <= 4);
}

/* --- a schema of somebody's ------------------------------------------------------------------ */

static void change_schema(const char *path, const char *text)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* It could as well be one that never ends. */
static void a_view_in_the_place_of_a_table_is_not_read(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path);
    label_store_close(s);
    change_schema(f->path, "CREATE TABLE other AS SELECT * FROM meta; DROP TABLE meta;"
                           "CREATE VIEW meta AS SELECT * FROM other");
    assert_err(label_store_open(&s, f->path, LABEL_STORE_READ, &err), ONIC_EIO,
               "access to view \"meta\" prohibited");
    assert_null(s);
}

static void a_trigger_of_a_store_is_not_run(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path);
    struct label a = answer("aa", 1), b = answer("bb", 1);
    assert_ok(label_store_answer(s, &a, 1, &err));
    label_store_close(s);
    change_schema(f->path, "CREATE TRIGGER gone AFTER INSERT ON labels BEGIN"
                           " DELETE FROM labels WHERE id = 1; END");
    s = open_server(f->path);
    assert_ok(label_store_answer(s, &b, 1, &err));
    assert_int_equal(counts_of(s).answered, 2);
    label_store_close(s);
}

/* A value that is computed takes no room in the file, and here a gigabyte of memory. */
static void a_row_beyond_all_bounds_is_not_made(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path);
    struct label a = answer("aa", 1);
    assert_ok(label_store_answer(s, &a, 1, &err));
    label_store_close(s);
    change_schema(f->path,
                  "CREATE TABLE l AS SELECT * FROM labels; DROP TABLE labels;"
                  "CREATE TABLE labels(key BLOB PRIMARY KEY, id INTEGER UNIQUE, identity INTEGER,"
                  " caption BLOB, state INTEGER, label REAL, confidence REAL,"
                  " raw TEXT AS (hex(zeroblob(30000000))), asked_at REAL, answered_at REAL,"
                  " delivered INTEGER, attempts INTEGER, row_check INTEGER);"
                  "INSERT INTO labels SELECT key, id, identity, caption, state, label, confidence,"
                  " asked_at, answered_at, delivered, attempts, row_check FROM l; DROP TABLE l");
    assert_err(label_store_open(&s, f->path, LABEL_STORE_READ, &err), ONIC_EIO,
               "string or blob too big");
    assert_null(s);
}

/* --- many identities ------------------------------------------------------------------------- */

static int count_event(unsigned kind, void *ctx, void *p, void *x)
{
    (void)kind, (void)p, (void)x;
    ++*(long *)ctx;
    return 0;
}

/* Each label of another annotator. */
static void import_identities(struct label_store *s, int from, int n)
{
    static struct label_row row[512];
    static char name[512][32];
    int added = 0;
    for (int i = 0; i < n; i++) {
        snprintf(name[i], sizeof *name, "annotator-%d", from + i);
        row[i] = (struct label_row){.label = answer("aa", 1), .identity = store_identity};
        row[i].identity.annotator = name[i];
    }
    assert_ok(label_store_import(s, row, n, &added, &err));
    assert_int_equal(added, n);
}

/* Statements that are run and rows that they give; time would be the machine's. */
static void an_identity_costs_the_same_however_many_there_are(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path);
    long events = 0, first = 0;
    sqlite3_trace_v2(s->db, SQLITE_TRACE_STMT | SQLITE_TRACE_ROW, count_event, &events);
    for (int i = 0; i < 6; i++) {
        events = 0;
        import_identities(s, 400 * i, 400);
        first = i ? first : events;
        print_message("%d identities: %ld statements and rows\n", 400 * (i + 1), events);
    }
    assert_true(events < 2 * first);
    assert_true(events < 400 * 40L);
    label_store_close(s);
}

/* A file of labels of thousands of annotators would leave no place for the run's own. */
static void imports_leave_room_for_those_of_the_run(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path);
    struct label_row row = {.label = answer("aa", 1), .identity = store_identity};
    struct label_identity own = store_identity;
    const int most = LABEL_IDENTITIES_MAX - LABEL_IDENTITIES_OWN;
    for (int n = 1; n < most; n += 500)
        import_identities(s, n, most - n < 500 ? most - n : 500);
    row.identity.annotator = "one more";
    assert_err(label_store_import(s, &row, 1, NULL, &err), ONIC_ELIMIT,
               "holds labels of 3840 annotators, models, goals or votes, the most that an import "
               "may bring it to");
    own.annotator = "llm";
    assert_ok(label_store_use(s, &own, &err));
    label_store_close(s);
}

/* What others have added meanwhile is not added once more. */
static void an_identity_of_another_process_is_seen(void **state)
{
    struct store_case *f = *state;
    struct label_store *s = open_server(f->path), *other = NULL;
    import_identities(s, 0, 3);
    assert_ok(label_store_open(&other, f->path, LABEL_STORE_IMPORT, &err));
    import_identities(other, 3, 3);
    label_store_close(other);
    struct label_identity id = store_identity;
    id.annotator = "annotator-4";
    assert_ok(label_store_use(s, &id, &err));
    struct label_row row;
    assert_int_equal(find(s, "aa", &row), LABEL_ANSWERED);
    label_store_close(s);
    assert_ok(label_store_open(&s, f->path, LABEL_STORE_READ, &err));
    assert_int_equal(s->nidentities, 7); /* with the server's own */
    label_store_close(s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_damaged_page_costs_the_labels_on_it_alone),
        TEST(a_view_in_the_place_of_a_table_is_not_read),
        TEST(a_trigger_of_a_store_is_not_run),
        TEST(a_row_beyond_all_bounds_is_not_made),
        TEST(an_identity_costs_the_same_however_many_there_are),
        TEST(imports_leave_room_for_those_of_the_run),
        TEST(an_identity_of_another_process_is_seen),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
