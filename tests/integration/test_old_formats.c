/* SPDX-License-Identifier: MIT */
/* test_old_formats.c - files that an earlier onic wrote are used, those of a later one are refused
 * by name. tests/golden/formats keeps one checkpoint and one segment of a record of each format: a
 * new one is added when the format changes, the old ones stay. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/checkpoint/checkpoint.h"
#include "common/wire/frame/crc32c.h"
#include "learner/record/record_reader.h"
#include "tests/support/scene.h"
#include "tests/support/wire_pair.h"

enum { WAIT_MS = 60000, BLOB_MAX = 1 << 16, DIGEST_AT = 38, DIGITS = 32 };

static const char *golden(void)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/tests/golden/formats/checkpoint-1.safetensors",
             getenv("ONIC_SOURCE"));
    return path;
}

static void a_checkpoint_of_format_1_is_played(void **state)
{
    struct scene *s = *state;
    char args[900];
    snprintf(args, sizeof args, "eval %s --episodes=20 --seed=1 --json=-", golden());
    assert_int_equal(program_run(&s->a, s->dir, "eval", "onic", args, WAIT_MS), 0);
    const char *out = program_text(s->a.out);
    assert_non_null(strstr(out, "\"weights_version\":15,"));
    assert_non_null(strstr(out, "\"episodes\":20,"));
}

static size_t ledger_of_golden(uint8_t out[BLOB_MAX])
{
    struct checkpoint_file *f;
    const void *blob;
    size_t len;
    assert_ok(checkpoint_open(&f, golden(), &err));
    assert_ok(checkpoint_get_bytes(f, "ledger", &blob, &len, &err));
    assert_true(len <= BLOB_MAX);
    memcpy(out, blob, len);
    checkpoint_close(f);
    return len;
}

static void a_ledger_of_format_1_is_read_and_one_of_format_2_refused(void **state)
{
    static uint8_t blob[BLOB_MAX];
    (void)state;
    size_t len = ledger_of_golden(blob);
    struct pair_place place = pair_place_open();
    struct wire_learner *l = pair_learner_at(&place, 2);
    assert_ok(wire_learner_load(l, blob, len, &err));
    struct ledger led = pair_ledger(l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.consumed, 120);
    blob[4] = 2;
    uint64_t crc = crc32c(0, blob, len - 8);
    for (int i = 0; i < 8; i++)
        blob[len - 8 + (size_t)i] = (uint8_t)(crc >> (8 * i));
    assert_err(wire_learner_load(l, blob, len, &err), ONIC_EINCOMPATIBLE,
               "has format 2, this build reads 1");
    wire_learner_free(l);
    temp_dir_remove(place.dir);
}

/* The golden file as a later onic would write it: another number, and the checksum is right. */
static void write_format_2(const char *path)
{
    FILE *f = fopen(golden(), "rb");
    assert_non_null(f);
    static char data[1 << 20];
    size_t n = fread(data, 1, sizeof data, f);
    fclose(f);
    char *format = memmem(data, 200, "\"onic.format\":\"1\"", 17), digits[DIGITS + 1];
    assert_non_null(format);
    format[15] = '2';
    char *at = memmem(data, 200, "\"onic.xxh3\":\"", 13);
    assert_non_null(at);
    at += 13;
    memset(at, '0', DIGITS);
    XXH128_hash_t h = XXH3_128bits(data, n);
    snprintf(digits, sizeof digits, "%016llx%016llx", (unsigned long long)h.high64,
             (unsigned long long)h.low64);
    memcpy(at, digits, DIGITS);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void a_checkpoint_of_format_2_is_refused_by_name(void **state)
{
    struct scene *s = *state;
    char path[500];
    snprintf(path, sizeof path, "%s/later.safetensors", s->dir);
    write_format_2(path);
    assert_int_equal(
        program_run(&s->a, s->dir, "eval", "onic", "eval later.safetensors --episodes=1", WAIT_MS),
        78);
    assert_non_null(strstr(program_text(s->a.err), "later.safetensors is a checkpoint of format 2, "
                                                   "this onic reads format 1: use the onic that "
                                                   "wrote it"));
    assert_int_equal(program_run(&s->a, s->dir, "export", "onic",
                                 "export later.safetensors --onnx=later.onnx", WAIT_MS),
                     78);
    assert_non_null(
        strstr(program_text(s->a.err), "later.safetensors is a checkpoint of format 2"));
}

/* No other id is made up meanwhile: with it the run would be shut out when the right onic comes. */
static void a_lost_run_id_waits_for_its_checkpoint(struct scene *s, const char *later)
{
    char id[500], moved[500], args[400];
    snprintf(id, sizeof id, "%s/run/run_id", s->dir);
    snprintf(moved, sizeof moved, "%s/run_id", s->dir);
    assert_int_equal(rename(id, moved), 0);
    snprintf(args, sizeof args, "--run-dir=run --frames=40000 --listen=ipc://%s/l", s->dir);
    assert_int_equal(program_run(&s->a, s->dir, "alone", "onic-learner", args, WAIT_MS), 78);
    assert_non_null(strstr(program_text(s->a.err), "is a checkpoint of format 2"));
    assert_int_equal(access(id, F_OK), -1);
    assert_int_equal(unlink(later), 0);
    assert_int_equal(
        program_run(&s->a, s->dir, "on", "onic", "train --run-dir=run --frames=40000", WAIT_MS), 0);
    char *was = strdup(program_text(moved));
    assert_non_null(was);
    assert_string_equal(program_text(id), was);
    free(was);
}

/* Resuming from the older file beside it would lose what the later onic trained. */
static void a_run_of_a_later_onic_is_not_resumed_from_an_older_file(void **state)
{
    struct scene *s = *state;
    char path[500];
    static const char train[] = "train --env.id=corridor --actors.count=1 --annotator.id=rules "
                                "--run-dir=run --frames=20000 --policy.hidden=8";
    assert_int_equal(program_run(&s->a, s->dir, "train", "onic", train, WAIT_MS), 0);
    snprintf(path, sizeof path, "%s/run/checkpoints/ckpt-000000999999.safetensors", s->dir);
    write_format_2(path);
    assert_int_equal(
        program_run(&s->a, s->dir, "again", "onic", "train --run-dir=run --frames=40000", WAIT_MS),
        78);
    assert_non_null(strstr(program_text(s->a.err), "is a checkpoint of format 2"));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    a_lost_run_id_waits_for_its_checkpoint(s, path);
}

/* `onic train --record` of the corridor: ten updates from the first weights on. */
static void a_record_of_format_1_is_read(void **state)
{
    char path[600];
    struct record_reader *r;
    struct record rec;
    struct onic_err why = {0};
    int kinds[RECORD_END + 1] = {0}, rc;
    (void)state;
    snprintf(path, sizeof path, "%s/tests/golden/formats/record-1.rec.zst", getenv("ONIC_SOURCE"));
    assert_ok(record_reader_open(&r, path, &err));
    assert_int_equal(record_reader_head(r)->format, 1);
    assert_int_equal(record_reader_head(r)->threads, 2);
    assert_non_null(strstr(record_reader_config(r), "corridor"));
    while (!(rc = record_reader_next(r, &rec, &why))) {
        kinds[rec.kind]++;
        free(rec.frame);
    }
    assert_int_equal(rc, ONIC_ENOTFOUND);
    assert_false(record_reader_is_cut(r));
    record_reader_close(r);
    assert_int_equal(kinds[RECORD_TRAJECTORY], 20);
    assert_int_equal(kinds[RECORD_LABEL], 5);
    assert_int_equal(kinds[RECORD_BATCH], 10);
    assert_int_equal(kinds[RECORD_TURN], 10);
    assert_int_equal(kinds[RECORD_UPDATE], 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_checkpoint_of_format_1_is_played, scene_setup,
                                        scene_teardown),
        cmocka_unit_test(a_ledger_of_format_1_is_read_and_one_of_format_2_refused),
        cmocka_unit_test(a_record_of_format_1_is_read),
        cmocka_unit_test_setup_teardown(a_checkpoint_of_format_2_is_refused_by_name, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_run_of_a_later_onic_is_not_resumed_from_an_older_file,
                                        scene_setup, scene_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
