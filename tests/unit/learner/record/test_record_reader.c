/* SPDX-License-Identifier: MIT */
/* Segments of a record as files that anybody may have written: cut, flipped, foreign, of a newer
 * onic, with records where they cannot be. */
#include "learner/record/record_reader.h"

#include <stdlib.h>

#include "tests/onic_test.h"
#include "tests/support/record_file.h"

enum { TENSORS = 3, UPDATES = 5 };

static struct onic_err why;
static char folder[256], path[RECORD_PATH_MAX];

static int group_setup(void **state)
{
    (void)state;
    temp_dir_create(folder);
    snprintf(path, sizeof path, "%s/1-000000000000" RECORD_SEGMENT, folder);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    temp_dir_remove(folder);
    return 0;
}

static void add_label(struct buf *b, double value, const char *question)
{
    char all[600];
    struct record_label l = {.id = 7,
                             .value = value,
                             .confidence = 1,
                             .question_len = (uint32_t)strlen(question),
                             .source = "rules"};
    memcpy(all, &l, sizeof l);
    memcpy(all + sizeof l, question, strlen(question));
    record_file_add(b, RECORD_LABEL, all, sizeof l + strlen(question));
}

static void add_head(struct buf *b)
{
    static const char options[] = "run:\n  seed: 1\n";
    char all[sizeof(struct record_head) + sizeof options];
    struct record_head h = record_file_head(TENSORS);
    h.config_len = sizeof options - 1;
    memcpy(all, &h, sizeof h);
    memcpy(all + sizeof h, options, h.config_len);
    record_file_add(b, RECORD_HEAD, all, sizeof h + h.config_len);
}

/* UPDATES updates of two trajectories each. */
static void make_segment(struct buf *b)
{
    buf_init(b, RECORD_FILE_MAX);
    add_head(b);
    for (uint64_t v = 1; v <= UPDATES; v++) {
        add_label(b, 1, "You pick up the yellow key.");
        record_file_add(b, RECORD_TRAJECTORY, "first frame", 11);
        record_file_add(b, RECORD_TRAJECTORY, "and a second", 12);
        record_file_update(b, 2, v, TENSORS);
    }
    record_file_end(b);
}

/* Reads all; what it ends with. updates: whole ones before that. */
static int read_all(int *updates, bool *cut)
{
    struct record_reader *r;
    struct record rec;
    *updates = 0;
    *cut = false;
    int rc = record_reader_open(&r, path, &why);
    if (rc)
        return rc;
    assert_string_equal(record_reader_config(r), "run:\n  seed: 1\n");
    while (!(rc = record_reader_next(r, &rec, &why))) {
        if (rec.kind == RECORD_UPDATE) {
            assert_int_equal(rec.update.is.version, ++*updates);
            assert_int_equal(rec.update.hash[2], 2);
        }
        free(rec.frame);
    }
    *cut = record_reader_is_cut(r);
    record_reader_close(r);
    return rc;
}

static void a_whole_segment_is_read(void **state)
{
    struct buf b;
    int updates;
    bool cut;
    (void)state;
    make_segment(&b);
    record_file_write(path, &b);
    assert_int_equal(read_all(&updates, &cut), ONIC_ENOTFOUND);
    assert_int_equal(updates, UPDATES);
    assert_false(cut);
    buf_release(&b);
}

static void a_file_without_a_byte_is_called_empty(void **state)
{
    char want[RECORD_PATH_MAX + 16];
    struct record_reader *r;
    (void)state;
    record_file_put(path, "", 0);
    snprintf(want, sizeof want, "%s is empty", path);
    assert_err(record_reader_open(&r, path, &err), ONIC_ENOTFOUND, want);
    assert_null(r);
}

/* As a killed writer leaves it: never damage, and never more than was written. */
static void a_segment_that_is_cut_ends_with_its_last_whole_update(void **state)
{
    struct buf b;
    size_t len;
    int before = 0;
    (void)state;
    make_segment(&b);
    for (size_t keep = 0; keep < b.len; keep += 5) {
        struct buf some = {.data = b.data, .len = keep, .cap = keep, .max = keep};
        int updates;
        bool cut;
        void *bytes = record_file_squeeze(&some, &len);
        record_file_put(path, bytes, len);
        free(bytes);
        int rc = read_all(&updates, &cut);
        assert_int_equal(rc, ONIC_ENOTFOUND);
        assert_true(updates >= before && updates <= UPDATES);
        assert_true(cut || updates == 0);
        if (keep < sizeof(struct record_head) && !strstr(why.msg, " ends before its head does"))
            fail_msg("%zu bytes: %s", keep, why.msg);
        before = updates;
    }
    assert_true(before >= UPDATES - 1);
    buf_release(&b);
}

/* Without the compression, whose own checks would hide those of the records. */
static void a_flipped_bit_is_found_wherever_it_is(void **state)
{
    struct buf b;
    (void)state;
    int by_checksum = 0;
    make_segment(&b);
    for (size_t i = 0; i < b.len; i += 3) {
        int updates;
        bool cut;
        b.data[i] ^= (char)(1 << i % 8);
        record_file_write(path, &b);
        b.data[i] ^= (char)(1 << i % 8);
        int rc = read_all(&updates, &cut);
        /* A length that became larger than what is left is a cut. */
        if (rc != ONIC_EDAMAGED && !(rc == ONIC_ENOTFOUND && (cut || updates == 0)))
            fail_msg("byte %zu: %d, %d updates", i, rc, updates);
        assert_true(rc != ONIC_EDAMAGED || strstr(why.msg, path));
        by_checksum += rc == ONIC_EDAMAGED &&
                       strstr(why.msg, "the checksum of a record is not that of its bytes");
    }
    assert_true(by_checksum > 100);
    buf_release(&b);
}

/* A block that zstd refuses, anywhere behind the head: as it is in a payload, where a reader that
 * loses the error takes the rest for cut. */
static void a_block_that_cannot_be_decompressed_is_damage(void **state)
{
    static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0, 0x58}, reserved[] = {6, 0, 0};
    struct buf b, f;
    (void)state;
    make_segment(&b);
    buf_init(&f, RECORD_FILE_MAX);
    for (size_t keep = b.len / 2; keep < b.len / 2 + 200; keep++) {
        int updates;
        bool cut;
        uint8_t raw[] = {(uint8_t)(keep << 3), (uint8_t)(keep >> 5), (uint8_t)(keep >> 13)};
        buf_reset(&f);
        buf_append(&f, frame, sizeof frame);
        buf_append(&f, raw, sizeof raw);
        buf_append(&f, b.data, keep);
        buf_append(&f, reserved, sizeof reserved);
        record_file_put(path, f.data, f.len);
        if (read_all(&updates, &cut) != ONIC_EDAMAGED)
            fail_msg("%zu bytes before it: %s", keep, why.msg);
    }
    buf_release(&f);
    buf_release(&b);
}

static void refused(const struct buf *b, int code, const char *part)
{
    int updates;
    bool cut;
    record_file_write(path, b);
    int rc = read_all(&updates, &cut);
    if (rc != code || !strstr(why.msg, part))
        fail_msg("%d: %s", rc, why.msg);
}

static void what_is_no_record_or_of_a_newer_onic_is_refused(void **state)
{
    struct buf b;
    int updates;
    bool cut;
    (void)state;
    record_file_put(path, "{\"a\":1}\n", 8);
    assert_int_equal(read_all(&updates, &cut), ONIC_ECONFIG);
    assert_non_null(strstr(why.msg, "is no record of a run"));
    buf_init(&b, RECORD_FILE_MAX);
    record_file_add(&b, RECORD_LABEL, "twelve bytes", 12);
    refused(&b, ONIC_ECONFIG, "is no record of a run");
    struct record_head h = record_file_head(TENSORS);
    h.format = RECORD_FORMAT + 1;
    buf_reset(&b);
    record_file_add(&b, RECORD_HEAD, &h, sizeof h);
    refused(&b, ONIC_EINCOMPATIBLE, "is of format 2, which a newer onic wrote");
    h = record_file_head(TENSORS);
    h.threads = 0;
    buf_reset(&b);
    record_file_add(&b, RECORD_HEAD, &h, sizeof h);
    refused(&b, ONIC_EDAMAGED, "its head makes no sense");
    buf_release(&b);
}

static void records_stand_where_a_run_could_have_put_them(void **state)
{
    static const struct record_batch two = {.trajectories = 2}, none = {0};
    static const struct record_turn turn = {.idle = 1};
    static const struct record_update update = {.version = 1, .tensors = TENSORS};
    struct buf b;
    (void)state;
    buf_init(&b, RECORD_FILE_MAX);
#define CASE(kind, payload, len, part)                                                             \
    do {                                                                                           \
        record_file_add(&b, kind, payload, len);                                                   \
        refused(&b, ONIC_EDAMAGED, part);                                                          \
        buf_reset(&b);                                                                             \
        add_head(&b);                                                                              \
    } while (0)
    add_head(&b);
    CASE(RECORD_HEAD, "", 0, "a second head");
    CASE(77, "", 0, "a record of a kind that no run has");
    CASE(77, "x", 1, "a kind or length that no run has");
    CASE(RECORD_BATCH, &two, sizeof two, "not of the trajectories before it");
    CASE(RECORD_BATCH, &none, sizeof none, "not of the trajectories before it");
    CASE(RECORD_TURN, &turn, sizeof turn, "training of the reward model where there is none");
    CASE(RECORD_UPDATE, &update, sizeof update, "an update without a batch");
    CASE(RECORD_DRAWN, "x", 1, "a kind or length that no run has");
    record_file_add(&b, RECORD_TRAJECTORY, "f", 1);
    record_file_update(&b, 1, 1, TENSORS + 1);
    CASE(RECORD_DRAWN, "", 0, "an update makes no sense");
    add_label(&b, 1, "");
    CASE(RECORD_DRAWN, "", 0, "a label makes no sense");
#undef CASE
    buf_release(&b);
}

static void names_are_numbers_alone(void **state)
{
    uint32_t epoch;
    uint64_t version;
    (void)state;
    assert_true(record_name_read("3-000000000128", 14, &epoch, &version));
    assert_int_equal(epoch, 3);
    assert_int_equal(version, 128);
    static const char *const bad[] = {"",     "-",    "3-",   "-3",    "0-1",
                                      "3-1x", "3--1", "+3-1", "1e3-1", "4294967299-1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (record_name_read(bad[i], strlen(bad[i]), &epoch, &version))
            fail_msg("'%s' was taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_segment_is_read),
        cmocka_unit_test(a_file_without_a_byte_is_called_empty),
        cmocka_unit_test(a_segment_that_is_cut_ends_with_its_last_whole_update),
        cmocka_unit_test(a_flipped_bit_is_found_wherever_it_is),
        cmocka_unit_test(a_block_that_cannot_be_decompressed_is_damage),
        cmocka_unit_test(what_is_no_record_or_of_a_newer_onic_is_refused),
        cmocka_unit_test(records_stand_where_a_run_could_have_put_them),
        cmocka_unit_test(names_are_numbers_alone),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
