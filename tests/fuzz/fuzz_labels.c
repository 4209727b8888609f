/* links: onic_read_files onic_reward_lib */
/* SPDX-License-Identifier: MIT */
/* fuzz_labels.c - lines of labels that are imported into an empty store. What was taken is counted.
 *
 * The store is made once, for that takes ten times as long as an import, and emptied after each
 * input that left something in it. */
#include "deploy/cli/labels_rows.h"
#include "reward_server/store/label_store_impl.h"
#include "tests/fuzz/fuzz.h"

static char path[64];

static void remove_store(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".lock"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
}

static struct label_store *make_store(void)
{
    struct label_store *s;
    struct onic_err err = {0};
    snprintf(path, sizeof path, "/dev/shm/onic-fuzz-%ld.sqlite", (long)getpid());
    atexit(remove_store);
    fuzz_need(label_store_open(&s, path, LABEL_STORE_IMPORT, &err), &err);
    for (int i = 0; i < LABEL_SQL_COUNT; i++) /* not by the first input that needs one */
        label_sql(s, (enum label_sql)i);
    return s;
}

static void look_and_empty(struct label_store *s, int added)
{
    struct label_counts n;
    struct onic_err err = {0};
    fuzz_need(label_store_counts(s, &n, &err), &err);
    if (n.answered != (uint64_t)added || n.answered != n.last_id || n.abstained || n.asked ||
        n.quarantined)
        abort();
    ONIC_ASSERT(sqlite3_exec(s->db,
                             "BEGIN; DELETE FROM labels; DELETE FROM identities;"
                             "UPDATE meta SET value = 0 WHERE name = 'last_id'; COMMIT",
                             NULL, NULL, NULL) == SQLITE_OK);
    fuzz_need(label_identities_load(s, &err), &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct label_store *store;
    struct onic_err err = {0};
    struct labels_lines lines = {0};
    if (size > FUZZ_INPUT_MAX)
        return 0;
    if (!store)
        store = make_store();
    int before = sqlite3_total_changes(store->db);
    int rc = labels_lines_open(&lines, fuzz_file(".jsonl", data, size), &err);
    if (!rc) {
        rc = labels_import_lines(store, &lines, &err);
        labels_lines_close(&lines);
    }
    fuzz_told(rc, &err);
    if (sqlite3_total_changes(store->db) != before)
        look_and_empty(store, lines.added);
    return 0;
}
