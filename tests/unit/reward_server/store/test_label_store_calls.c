/* SPDX-License-Identifier: MIT */
/* test_label_store_calls.c - whichever call of the file system fails, once or from then on: every
 * read, write, fsync, truncation, lock and opening that a server's day with its store makes, one
 * after the other. What the store said is kept is there, once; what it did not say is kept next
 * time; a disk that fails is not called damage. */
#define _GNU_SOURCE
#include <sqlite3.h>
#include <stdlib.h>

#include "reward_server/store/label_store_impl.h"
#include "tests/support/store_case.h"

enum { ANSWERS = 5, FULL_AT_THIRD = 3 };

/* --- a file system below SQLite whose call number fail_at fails ------------------------------- */

static int calls;
static int fail_at;   /* 0: none */
static bool lasting;  /* those after it fail as well */
static int struck_at; /* 0: none has failed yet */

static bool fails(void)
{
    calls++;
    if (!fail_at || calls < fail_at || (calls > fail_at && !lasting))
        return false;
    struck_at = fail_at;
    return true;
}

/* How SQLite's own files work (those with locks, and those beside them), and with the calls here in
 * the place of its. */
static struct kind {
    sqlite3_io_methods faulty; /* first: a file's pMethods points to it */
    const sqlite3_io_methods *real;
} kinds[4];
static sqlite3_vfs *below;

static const sqlite3_io_methods *real(const sqlite3_file *f)
{
    return ((const struct kind *)(const void *)f->pMethods)->real;
}

static int f_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at)
{
    return fails() ? SQLITE_IOERR_READ : real(f)->xRead(f, out, n, at);
}

static int f_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
    if (!fails())
        return real(f)->xWrite(f, data, n, at);
    if (fail_at % FULL_AT_THIRD == 0)
        return SQLITE_FULL;
    real(f)->xWrite(f, data, n / 2, at);
    return SQLITE_IOERR_WRITE;
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return fails() ? SQLITE_IOERR_TRUNCATE : real(f)->xTruncate(f, size);
}

/* Nothing is cut off here: what was written is there without a sync. */
static int f_sync(sqlite3_file *f, int flags)
{
    (void)f;
    (void)flags;
    return fails() ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int f_size(sqlite3_file *f, sqlite3_int64 *out)
{
    return fails() ? SQLITE_IOERR_FSTAT : real(f)->xFileSize(f, out);
}

static int f_lock(sqlite3_file *f, int level)
{
    return fails() ? SQLITE_IOERR_LOCK : real(f)->xLock(f, level);
}

static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return fails() ? SQLITE_IOERR_SHMMAP : real(f)->xShmMap(f, page, size, extend, out);
}

static const sqlite3_io_methods *with_faults(const sqlite3_io_methods *of)
{
    struct kind *k = kinds;
    while (k < kinds + 3 && k->real && k->real != of)
        k++;
    assert_true(!k->real || k->real == of);
    k->real = of;
    k->faulty = *of;
    k->faulty.xRead = f_read;
    k->faulty.xWrite = f_write;
    k->faulty.xTruncate = f_truncate;
    k->faulty.xSync = f_sync;
    k->faulty.xFileSize = f_size;
    k->faulty.xLock = f_lock;
    k->faulty.xShmMap = f_shm_map;
    return &k->faulty;
}

static int f_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    (void)vfs;
    if (fails())
        return SQLITE_CANTOPEN;
    int rc = below->xOpen(below, name, f, flags, out);
    if (rc == SQLITE_OK && f->pMethods)
        f->pMethods = with_faults(f->pMethods);
    return rc;
}

static int f_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    (void)vfs;
    return fails() ? SQLITE_IOERR_DELETE : below->xDelete(below, name, sync_folder);
}

static void put_file_system_below(void)
{
    static sqlite3_vfs faulty;
    below = sqlite3_vfs_find(NULL);
    faulty = *below;
    faulty.zName = "faulty";
    faulty.pNext = NULL;
    faulty.xOpen = f_open;
    faulty.xDelete = f_delete;
    assert_int_equal(sqlite3_vfs_register(&faulty, 1), SQLITE_OK);
}

/* --- a day ------------------------------------------------------------------------------------ */

static const char *const captions[ANSWERS] = {"a", "b", "c", "d", "e"};

struct day {
    bool kept[ANSWERS];
};

/* Of a fault there is a sentence, and it blames no file. */
static bool went_well(int rc, const struct onic_err *why)
{
    if (!rc)
        return true;
    if (!struck_at || !why->msg[0] || rc == ONIC_EDAMAGED || strstr(why->msg, "damage"))
        fail_msg("call %d: code %d: %s", struck_at, rc, why->msg);
    return false;
}

static void answer_some(struct label_store *s, struct day *d, int from, int n)
{
    struct onic_err why = {0};
    struct label a[ANSWERS];
    for (int i = 0; i < n; i++)
        a[i] = answer(captions[from + i], (from + i) % 2);
    bool kept = went_well(label_store_answer(s, a, n, &why), &why);
    for (int i = 0; i < n; i++)
        d->kept[from + i] = kept || d->kept[from + i];
}

static void work(struct label_store *s, struct day *d)
{
    struct onic_err why = {0};
    struct label asked[3] = {question("a"), question("b"), question("c")};
    struct label unasked = question("taken back");
    if (!went_well(label_store_use(s, &store_identity, &why), &why))
        return;
    went_well(label_store_ask(s, asked, 3, true, &why), &why);
    answer_some(s, d, 0, 1);
    label_store_delivered(s, 1);
    answer_some(s, d, 1, 2);
    went_well(label_store_put_note(s, "calibration", "0.5", &why), &why);
    went_well(label_store_ask(s, &unasked, 1, true, &why), &why);
    went_well(label_store_forget(s, &unasked, 1, &why), &why);
    answer_some(s, d, 3, 1);
}

static void all_are_there_once(struct label_store *s)
{
    struct label_row row;
    struct label_counts c = counts_of(s);
    for (int i = 0; i < ANSWERS; i++) {
        if (find(s, captions[i], &row) != LABEL_ANSWERED || row.label.value != i % 2)
            fail_msg("call %d: the answer to '%s' is not there", struck_at, captions[i]);
    }
    if (c.answered != ANSWERS || c.asked_twice || c.quarantined)
        fail_msg("call %d: %d answers, %d asked twice, %d set aside", struck_at, (int)c.answered,
                 (int)c.asked_twice, (int)c.quarantined);
}

/* The disk works again, as after label_store_probe and in the next life. */
static void answer_the_rest(struct label_store *s, struct day *d)
{
    struct label_row row;
    assert_ok(label_store_probe(s, &err));
    assert_ok(label_store_use(s, &store_identity, &err));
    for (int i = 0; i < ANSWERS; i++) {
        bool there = find(s, captions[i], &row) == LABEL_ANSWERED;
        if (d->kept[i] != there)
            fail_msg("call %d: '%s' was %s and is %s", struck_at, captions[i],
                     d->kept[i] ? "kept" : "refused", there ? "there" : "not there");
        if (!there)
            answer_some(s, d, i, 1);
    }
    all_are_there_once(s);
}

/* False: the day has fewer calls. */
static bool a_day_with_a_fault_at(const char *path, int n)
{
    struct label_store *s = NULL;
    struct onic_err why = {0};
    struct day d = {{0}};
    calls = 0;
    fail_at = n;
    struck_at = 0;
    if (went_well(label_store_open(&s, path, LABEL_STORE_SERVER, &why), &why)) {
        work(s, &d);
        if (struck_at) { /* else closing it may still meet the fault */
            fail_at = 0;
            answer_the_rest(s, &d);
        }
        label_store_close(s);
    }
    if (!struck_at)
        return false;
    fail_at = 0;
    s = open_server(path);
    answer_the_rest(s, &d);
    label_store_close(s);
    assert_ok(label_store_open(&s, path, LABEL_STORE_READ, &err));
    assert_int_equal(counts_of(s).answered, ANSWERS);
    label_store_close(s);
    return true;
}

static void whichever_call_fails(const char *folder, bool and_all_after_it)
{
    char path[400];
    int n = 1;
    lasting = and_all_after_it;
    do
        snprintf(path, sizeof path, "%s.%d%d", folder, lasting, n);
    while (a_day_with_a_fault_at(path, n++));
    print_message("%d calls failed, one in each life\n", n - 2);
    assert_true(n > 50);
}

static void what_was_kept_is_there_once_whichever_call_fails(void **state)
{
    struct store_case *f = *state;
    put_file_system_below();
    whichever_call_fails(f->path, false);
}

static void nothing_is_lost_whenever_the_disk_goes_away(void **state)
{
    struct store_case *f = *state;
    whichever_call_fails(f->path, true);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(what_was_kept_is_there_once_whichever_call_fails),
        CASE(nothing_is_lost_whenever_the_disk_goes_away),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
