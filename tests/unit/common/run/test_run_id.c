/* SPDX-License-Identifier: MIT */
/* test_run_id.c - which run a directory and its checkpoints are of. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/data/ledger.h"
#include "common/run/run_dir.h"
#include "common/run/run_id.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"

static void write_checkpoint(const uint8_t id[RUN_ID_BYTES], uint64_t version)
{
    struct checkpoint *c = checkpoint_create();
    checkpoint_add_bytes(c, "run_id", id, RUN_ID_BYTES);
    assert_ok(checkpoint_write_version(c, files_in("checkpoints"), version, NULL, &err));
    checkpoint_free(c);
}

static int setup(void **state)
{
    int rc = files_setup(state);
    assert_int_equal(mkdir(files_in("checkpoints"), 0700), 0);
    return rc;
}

static void an_id_is_made_once(void **state)
{
    uint8_t a[RUN_ID_BYTES], b[RUN_ID_BYTES];
    assert_err(run_id_read(*state, a, &err), ONIC_ENOTFOUND, "run_id does not exist");
    assert_ok(run_id_ensure(*state, a, &err));
    assert_ok(run_id_ensure(*state, b, &err));
    assert_memory_equal(a, b, RUN_ID_BYTES);
    assert_int_equal(unlink(files_in(RUN_ID_FILE)), 0);
    assert_ok(run_id_ensure(*state, b, &err));
    assert_memory_not_equal(a, b, RUN_ID_BYTES);
}

static void a_lost_id_is_that_of_the_newest_checkpoint(void **state)
{
    uint8_t id[RUN_ID_BYTES] = {1, 2, 3, 250}, got[RUN_ID_BYTES];
    write_checkpoint(id, 7);
    assert_ok(run_id_ensure(*state, got, &err));
    assert_memory_equal(got, id, RUN_ID_BYTES);
}

/* An id that was drawn while its checkpoint could not be read would shut the run out for good. */
static void no_id_is_drawn_beside_checkpoints_that_cannot_be_read(void **state)
{
    uint8_t id[RUN_ID_BYTES] = {1, 2, 3, 250}, got[RUN_ID_BYTES];
    const char *newest = "checkpoints/ckpt-000000000007.safetensors";
    write_checkpoint(id, 7);
    assert_int_equal(rename(files_in(newest), files_in("copy")), 0);
    files_write(files_in(newest), "damaged");
    assert_err(run_id_ensure(*state, got, &err), ONIC_EDAMAGED, "none of the 1 checkpoints in");
    assert_err(run_id_ensure(*state, got, &err), ONIC_EDAMAGED, "is that of the newest checkpoint");
    assert_int_equal(access(files_in(RUN_ID_FILE), F_OK), -1);
    assert_int_equal(rename(files_in("copy"), files_in(newest)), 0);
    assert_ok(run_id_ensure(*state, got, &err));
    assert_memory_equal(got, id, RUN_ID_BYTES);
    assert_int_equal(unlink(files_in(newest)), 0); /* or it begins afresh */
    assert_int_equal(unlink(files_in("checkpoints/LATEST")), 0);
    assert_int_equal(unlink(files_in(RUN_ID_FILE)), 0);
    assert_ok(run_id_ensure(*state, got, &err));
    assert_memory_not_equal(got, id, RUN_ID_BYTES);
}

/* As an onic left it that drew an id all the same: the refusal says the way back. */
static void a_drawn_id_that_is_removed_gives_way_to_that_of_the_checkpoint(void **state)
{
    uint8_t id[RUN_ID_BYTES] = {1, 2, 3, 250}, got[RUN_ID_BYTES];
    struct checkpoint_file *f = NULL;
    assert_ok(run_id_ensure(*state, got, &err));
    write_checkpoint(id, 7);
    assert_err(run_dir_newest(&f, *state, NULL, &err), ONIC_ECONFIG,
               "move it away or, if it is this run's, remove ");
    assert_int_equal(unlink(files_in(RUN_ID_FILE)), 0);
    assert_ok(run_id_ensure(*state, got, &err));
    assert_memory_equal(got, id, RUN_ID_BYTES);
    assert_ok(run_dir_newest(&f, *state, NULL, &err));
    checkpoint_close(f);
}

static void what_is_no_id_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "\n",
                                      "0123456789abcdef0123456789abcde\n",
                                      "0123456789abcdef0123456789abcdef",
                                      "0123456789abcdef0123456789abcdef0\n",
                                      "0123456789ABCDEF0123456789abcdef\n"};
    uint8_t id[RUN_ID_BYTES];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        files_write(files_in(RUN_ID_FILE), bad[i]);
        assert_err(run_id_ensure(*state, id, &err), ONIC_ECONFIG, "run_id holds no run id (32 hex");
    }
}

static void an_id_of_another_length_is_refused(void **state)
{
    uint8_t id[RUN_ID_BYTES];
    struct checkpoint *c = checkpoint_create();
    checkpoint_add_bytes(c, "run_id", "short", 5);
    assert_ok(checkpoint_write_version(c, files_in("checkpoints"), 7, NULL, &err));
    checkpoint_free(c);
    assert_err(run_id_ensure(*state, id, &err), ONIC_EDAMAGED,
               "ckpt-000000000007.safetensors: the run id has 5 bytes");
}

/* The newer one of somebody else is neither gone on with nor passed over. */
static void a_checkpoint_of_another_run_is_refused_by_name(void **state)
{
    uint8_t mine[RUN_ID_BYTES], other[RUN_ID_BYTES] = {0xab, 0xcd, 0xef, 0x01};
    struct checkpoint_file *f = NULL;
    assert_ok(run_id_ensure(*state, mine, &err));
    write_checkpoint(mine, 5);
    assert_ok(run_dir_newest(&f, *state, NULL, &err));
    checkpoint_close(f);
    write_checkpoint(other, 6);
    assert_err(run_dir_newest(&f, *state, NULL, &err), ONIC_ECONFIG,
               "checkpoints/ckpt-000000000006.safetensors, is of another run (abcdef01, ");
    assert_null(f);
    assert_int_equal(unlink(files_in("checkpoints/ckpt-000000000006.safetensors")), 0);
    assert_ok(run_dir_newest(&f, *state, NULL, &err));
    checkpoint_close(f);
}

/* `cp` of an older one, or of the best one, to the highest number. */
static void a_checkpoint_of_another_update_than_its_name_is_refused(void **state)
{
    uint8_t mine[RUN_ID_BYTES];
    struct checkpoint_file *f = NULL;
    assert_ok(run_id_ensure(*state, mine, &err));
    struct checkpoint *c = checkpoint_create();
    checkpoint_add_bytes(c, "run_id", mine, RUN_ID_BYTES);
    checkpoint_add_meta_u64(c, "weights_version", 7);
    assert_ok(checkpoint_write_version(c, files_in("checkpoints"), 7, NULL, &err));
    assert_ok(run_dir_newest(&f, *state, NULL, &err));
    checkpoint_close(f);
    assert_ok(checkpoint_write_version(c, files_in("checkpoints"), 99, NULL, &err));
    checkpoint_free(c);
    assert_err(run_dir_newest(&f, *state, NULL, &err), ONIC_ECONFIG,
               "checkpoints/ckpt-000000000099.safetensors, holds update 7, not 99 as it is called: "
               "it was renamed or copied; move it away, or ");
    assert_null(f);
}

static void write_ledger(uint64_t consumed)
{
    struct ledger l = {{.produced = consumed, .consumed = consumed}, {0}};
    struct buf text;
    buf_init(&text, 1 << 16);
    ledger_json(&l, &text);
    files_write(files_in("ledger.json"), text.data);
    buf_release(&text);
}

/* Else the run would begin again at its first update, and be done one day as if nothing were. */
static void a_run_that_was_trained_misses_its_checkpoints(void **state)
{
    uint8_t id[RUN_ID_BYTES];
    struct checkpoint_file *f = NULL;
    write_ledger(0);
    assert_err(run_dir_newest(&f, *state, NULL, &err), ONIC_ENOTFOUND, "holds no checkpoint");
    write_ledger(41);
    assert_err(run_dir_newest(&f, *state, NULL, &err), ONIC_EDAMAGED,
               "/checkpoints holds no checkpoint, though 41 trajectories were trained on "
               "(ledger.json): put the newest one back");
    assert_int_equal(rmdir(files_in("checkpoints")), 0);
    assert_err(run_dir_newest(&f, *state, NULL, &err), ONIC_EDAMAGED,
               "holds no checkpoint, though");
    assert_err(run_id_ensure(*state, id, &err), ONIC_EDAMAGED, "holds no checkpoint, though");
}

int main(void)
{
#define IN_DIR(name) cmocka_unit_test_setup_teardown(name, setup, files_teardown)
    const struct CMUnitTest tests[] = {
        IN_DIR(an_id_is_made_once),
        IN_DIR(a_lost_id_is_that_of_the_newest_checkpoint),
        IN_DIR(no_id_is_drawn_beside_checkpoints_that_cannot_be_read),
        IN_DIR(a_drawn_id_that_is_removed_gives_way_to_that_of_the_checkpoint),
        IN_DIR(what_is_no_id_is_refused),
        IN_DIR(an_id_of_another_length_is_refused),
        IN_DIR(a_checkpoint_of_another_run_is_refused_by_name),
        IN_DIR(a_checkpoint_of_another_update_than_its_name_is_refused),
        IN_DIR(a_run_that_was_trained_misses_its_checkpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
