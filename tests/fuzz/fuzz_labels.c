/* links: onic_read_files onic_reward_lib */
/* SPDX-License-Identifier: MIT */
/* fuzz_labels.c - lines of labels that are imported into a store. What was taken is counted. */
#include "deploy/cli/labels_rows.h"
#include "reward_server/store/label_store.h"
#include "tests/fuzz/fuzz.h"

static char store[64];

static void remove_store(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".lock"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char path[80];
        snprintf(path, sizeof path, "%s%s", store, ends[i]);
        unlink(path);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct onic_err err = {0};
    if (size > FUZZ_INPUT_MAX)
        return 0;
    if (!store[0]) {
        snprintf(store, sizeof store, "/dev/shm/onic-fuzz-%ld.sqlite", (long)getpid());
        atexit(remove_store);
    }
    int rc = labels_import(store, fuzz_file(".jsonl", data, size), &err);
    fuzz_told(rc, &err);
    return 0;
}
