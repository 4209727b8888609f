/* SPDX-License-Identifier: MIT */
/* test_checkpoint.c - round trips, damage of every kind, limits, and the choice among versions. */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/xmalloc.h"
#include "common/checkpoint/checkpoint.h"
#include "common/checkpoint/format.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"

static size_t slurp(const char *path, char **out)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    *out = xmalloc(n + 1);
    assert_int_equal(fread(*out, 1, n, f), n);
    fclose(f);
    return n;
}

static void spill(const char *path, const char *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static const float MATRIX[6] = {1.5f, -2.0f, 3.25f, 0.0f, -0.0f, 1e-30f};
static const float VECTOR[3] = {7.0f, 8.0f, 9.0f};

static struct checkpoint *small(void)
{
    struct checkpoint *c = checkpoint_create();
    checkpoint_add_bytes(c, "ledger", "odd",
                         3); /* bytes first: they must not disturb the floats' alignment */
    checkpoint_add_f32(c, "policy/core.w_h", 2, 3, MATRIX);
    checkpoint_add_bytes(c, "empty", NULL, 0);
    checkpoint_add_f32(c, "adam.m", 1, 3, VECTOR);
    checkpoint_add_meta_u64(c, "weights_version", UINT64_MAX);
    checkpoint_add_meta(c, "note", "a \"quoted\" \\ value");
    return c;
}

/* Folders and numbers for which there is no name. */
static void what_has_no_name_is_not_written(void **state)
{
    (void)state;
    struct checkpoint *c = small();
    char *deep = xmalloc(CHECKPOINT_PATH_MAX + 1);
    memset(deep, 'd', CHECKPOINT_PATH_MAX);
    deep[CHECKPOINT_PATH_MAX] = '\0';
    assert_err(checkpoint_write_version(c, deep, 7, NULL, &err), ONIC_ELIMIT,
               "version 7 or the path dddddd");
    assert_err(checkpoint_write_version(c, files_folder(), 1000000000000, NULL, &err), ONIC_ELIMIT,
               "version 1000000000000 or the path ");
    assert_err(checkpoint_write_version(c, files_folder(), 1000000000000, NULL, &err), ONIC_ELIMIT,
               " is too long for a checkpoint");
    assert_err(checkpoint_milestone(deep, 7, 7, &err), ONIC_ECANTCREATE,
               "the path of a milestone in dddd");
    free(deep);
    checkpoint_free(c);
}

static void what_is_written_is_read_back_bit_for_bit(void **state)
{
    (void)state;
    struct checkpoint *c = small();
    assert_ok(checkpoint_write(c, files_in("a"), &err));
    struct checkpoint_file *f;
    assert_ok(checkpoint_open(&f, files_in("a"), &err));
    float m[6], v[3];
    assert_ok(checkpoint_get_f32(f, "policy/core.w_h", 2, 3, m, &err));
    assert_ok(checkpoint_get_f32(f, "adam.m", 1, 3, v, &err));
    assert_memory_equal(m, MATRIX, sizeof m);
    assert_memory_equal(v, VECTOR, sizeof v);
    const void *bytes;
    size_t len;
    assert_ok(checkpoint_get_bytes(f, "ledger", &bytes, &len, &err));
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "odd", 3);
    assert_ok(checkpoint_get_bytes(f, "empty", &bytes, &len, &err));
    assert_int_equal(len, 0);
    uint64_t version;
    assert_ok(checkpoint_meta_u64(f, "weights_version", &version, &err));
    assert_true(version == UINT64_MAX);
    assert_string_equal(checkpoint_meta(f, "note"), "a \"quoted\" \\ value");
    assert_int_equal(checkpoint_count(f), 4);
    assert_int_equal((uintptr_t)checkpoint_find(f, "policy/core.w_h")->data % 64, 0);
    checkpoint_close(f);
    checkpoint_free(c);
}

/* With the right checksum: of a stranger, or of a learner that did not look. */
static void numbers_that_are_none_are_not_loaded(void **state)
{
    static const float strange[] = {NAN, INFINITY, -INFINITY};
    (void)state;
    for (int i = 0; i < 3; i++) {
        float v[3] = {1, strange[i], 3};
        struct checkpoint *c = checkpoint_create();
        struct checkpoint_file *f;
        checkpoint_add_f32(c, "policy/core.b", 1, 3, v);
        assert_ok(checkpoint_write(c, files_in("a"), &err));
        assert_ok(checkpoint_open(&f, files_in("a"), &err));
        assert_err(checkpoint_get_f32(f, "policy/core.b", 1, 3, v, &err), ONIC_EDAMAGED,
                   "is damaged: number 1 of policy/core.b is not finite");
        checkpoint_close(f);
        checkpoint_free(c);
    }
}

static void wrong_shape_or_missing_name_is_named(void **state)
{
    (void)state;
    struct checkpoint *c = small();
    assert_ok(checkpoint_write(c, files_in("a"), &err));
    struct checkpoint_file *f;
    assert_ok(checkpoint_open(&f, files_in("a"), &err));
    float m[6];
    const void *bytes;
    size_t len;
    uint64_t n;
    assert_err(
        checkpoint_get_f32(f, "policy/core.w_h", 3, 2, m, &err), ONIC_EDAMAGED,
        "holds policy/core.w_h as 2 x 3, this configuration needs 3 x 2: the network differs");
    assert_err(checkpoint_get_f32(f, "absent", 1, 1, m, &err), ONIC_EDAMAGED,
               "has no tensor of numbers named absent");
    assert_err(checkpoint_get_f32(f, "ledger", 1, 3, m, &err), ONIC_EDAMAGED,
               "has no tensor of numbers named ledger");
    assert_err(checkpoint_get_bytes(f, "adam.m", &bytes, &len, &err), ONIC_EDAMAGED,
               "has no section of bytes named adam.m");
    assert_err(checkpoint_meta_u64(f, "note", &n, &err), ONIC_EDAMAGED, "has no number named note");
    checkpoint_close(f);
    assert_err(checkpoint_open(&f, files_in("nowhere"), &err), ONIC_ENOTFOUND, "nowhere");
    char far[CHECKPOINT_PATH_MAX + 1];
    memset(far, 'x', sizeof far - 1);
    far[sizeof far - 1] = '\0';
    assert_err(checkpoint_open(&f, far, &err), ONIC_EIO, "x... is too long");
    checkpoint_free(c);
}

static void a_builder_that_is_reset_forgets_what_it_held(void **state)
{
    (void)state;
    struct checkpoint *c = small();
    assert_ok(checkpoint_write(c, files_in("a"), &err));
    checkpoint_reset(c);
    checkpoint_add_f32(c, "x", 1, 3, VECTOR);
    assert_ok(checkpoint_write(c, files_in("b"), &err));
    struct checkpoint_file *f;
    assert_ok(checkpoint_open(&f, files_in("b"), &err));
    assert_int_equal(checkpoint_count(f), 1);
    assert_null(checkpoint_meta(f, "note"));
    checkpoint_close(f);
    checkpoint_free(c);
}

static void every_truncation_is_detected(void **state)
{
    (void)state;
    struct checkpoint *c = small();
    assert_ok(checkpoint_write(c, files_in("a"), &err));
    char *data;
    size_t n = slurp(files_in("a"), &data);
    for (size_t keep = 0; keep < n; keep++) {
        struct checkpoint_file *f;
        spill(files_in("b"), data, keep);
        int rc = checkpoint_open(&f, files_in("b"), NULL);
        if (rc != ONIC_EDAMAGED)
            print_error("kept %zu of %zu bytes: %s\n", keep, n, err_name(rc));
        assert_int_equal(rc, ONIC_EDAMAGED);
    }
    struct checkpoint_file *f;
    data[n] = 0;
    spill(files_in("b"), data, n + 1); /* one byte too many is damage too */
    assert_err(checkpoint_open(&f, files_in("b"), &err), ONIC_EDAMAGED, "damaged");
    spill(files_in("b"), data, FORMAT_LENGTH_BYTES + 1);
    assert_err(checkpoint_open(&f, files_in("b"), &err), ONIC_EDAMAGED,
               "b is damaged: it is shorter than its header");
    spill(files_in("b"), data, FORMAT_LENGTH_BYTES - 1);
    assert_err(checkpoint_open(&f, files_in("b"), &err), ONIC_EDAMAGED,
               "next to nothing is left of it");
    spill(files_in("b"), data, 0);
    assert_err(checkpoint_open(&f, files_in("b"), &err), ONIC_EDAMAGED, "it is empty");
    memset(data, 0xd3, n); /* nothing that any format begins with */
    spill(files_in("b"), data, n);
    assert_err(checkpoint_open(&f, files_in("b"), &err), ONIC_EDAMAGED,
               "its first bytes are not those of a checkpoint");
    free(data);
    checkpoint_free(c);
}

static void every_flipped_bit_is_detected(void **state)
{
    (void)state;
    struct checkpoint *c = small();
    assert_ok(checkpoint_write(c, files_in("a"), &err));
    char *data;
    size_t n = slurp(files_in("a"), &data);
    for (size_t bit = 0; bit < n * 8; bit++) {
        struct checkpoint_file *f;
        data[bit / 8] = (char)(data[bit / 8] ^ (1 << bit % 8));
        spill(files_in("b"), data, n);
        int rc = checkpoint_open(&f, files_in("b"), NULL);
        if (rc != ONIC_EDAMAGED)
            print_error("bit %zu of %zu: %s\n", bit, n * 8, err_name(rc));
        assert_int_equal(rc, ONIC_EDAMAGED);
        data[bit / 8] = (char)(data[bit / 8] ^ (1 << bit % 8));
    }
    free(data);
    checkpoint_free(c);
}

static void versions(uint64_t from, uint64_t to)
{
    struct checkpoint *c = small();
    for (uint64_t v = from; v <= to; v++)
        assert_ok(checkpoint_write_version(c, files_folder(), v, NULL, &err));
    checkpoint_free(c);
}

static void the_newest_valid_version_is_chosen_and_skipped_ones_are_reported(void **state)
{
    (void)state;
    versions(8, 11);
    assert_int_equal(truncate(files_in("ckpt-000000000011.safetensors"), 100), 0);
    assert_int_equal(truncate(files_in("ckpt-000000000010.safetensors"), 0), 0);
    spill(files_in("ckpt-7.safetensors"), "x", 1); /* not one of our names */
    spill(files_in("best.safetensors"), "x", 1);
    struct checkpoint_file *f;
    struct buf report;
    buf_init(&report, 1 << 16);
    assert_ok(checkpoint_newest_valid(&f, files_folder(), &report, &err));
    assert_non_null(strstr(checkpoint_path(f), "ckpt-000000000009.safetensors"));
    assert_non_null(strstr(report.data, "ckpt-000000000011.safetensors: "));
    assert_non_null(strstr(report.data, "ckpt-000000000010.safetensors: "));
    assert_null(strstr(report.data, "000009"));
    checkpoint_close(f);
    buf_release(&report);
}

static void no_checkpoint_and_no_valid_checkpoint_are_different(void **state)
{
    (void)state;
    struct checkpoint_file *f;
    assert_err(checkpoint_newest_valid(&f, files_folder(), NULL, &err), ONIC_ENOTFOUND,
               "no checkpoint");
    assert_err(checkpoint_newest_valid(&f, files_in("absent"), NULL, &err), ONIC_ENOTFOUND,
               "absent");
    versions(3, 3);
    assert_int_equal(truncate(files_in("ckpt-000000000003.safetensors"), 9), 0);
    assert_err(checkpoint_newest_valid(&f, files_folder(), NULL, &err), ONIC_EDAMAGED,
               "none of the 1 checkpoints in ");
    assert_err(checkpoint_newest_valid(&f, files_folder(), NULL, &err), ONIC_EDAMAGED,
               " can be used (the newest: ");
    assert_err(checkpoint_newest_valid(&f, files_folder(), NULL, &err), ONIC_EDAMAGED,
               "; restore one from a copy");
}

/* LATEST is written after the file that it names. */
static void a_checkpoint_that_latest_names_is_missed(void **state)
{
    (void)state;
    struct checkpoint_file *f;
    struct buf report;
    buf_init(&report, 1 << 16);
    versions(0, 2);
    assert_ok(checkpoint_newest_valid(&f, files_folder(), &report, &err));
    checkpoint_close(f);
    assert_int_equal(report.len, 0);
    assert_int_equal(unlink(files_in("ckpt-000000000002.safetensors")), 0);
    assert_ok(checkpoint_newest_valid(&f, files_folder(), &report, &err));
    assert_non_null(strstr(checkpoint_path(f), "ckpt-000000000001.safetensors"));
    checkpoint_close(f);
    assert_string_equal(report.data, "ckpt-000000000002.safetensors: it is gone, though LATEST "
                                     "names it\n");
    assert_int_equal(unlink(files_in("ckpt-000000000001.safetensors")), 0);
    assert_int_equal(unlink(files_in("ckpt-000000000000.safetensors")), 0);
    assert_err(checkpoint_newest_valid(&f, files_folder(), NULL, &err), ONIC_EDAMAGED,
               "holds no checkpoint, though LATEST names ckpt-000000000002.safetensors: put it "
               "back");
    files_write(files_in("LATEST"), "ckpt-000000000000.safetensors\n"); /* nothing was trained */
    assert_err(checkpoint_newest_valid(&f, files_folder(), NULL, &err), ONIC_ENOTFOUND,
               "holds no checkpoint");
    buf_release(&report);
}

static void what_is_in_the_way_of_checkpoints_is_named(void **state)
{
    (void)state;
    struct checkpoint_file *f;
    spill(files_in("file"), "x", 1);
    assert_err(checkpoint_newest_valid(&f, files_in("file"), NULL, &err), ONIC_EIO,
               "/file is not a folder");
    versions(3, 3);
    assert_err(checkpoint_milestone(files_folder(), 4, 77, &err), ONIC_ECANTCREATE,
               "milestone-000000000077.safetensors cannot be kept: No such file");
    assert_int_equal(mkdir(files_in("milestone-000000000077.safetensors"), 0700), 0);
    assert_err(checkpoint_milestone(files_folder(), 3, 77, &err), ONIC_ECANTCREATE,
               "milestone-000000000077.safetensors cannot be replaced: ");
    const char *path = files_in("ckpt-000000000003.safetensors");
    assert_int_equal(truncate(path, (off_t)CHECKPOINT_FILE_MAX + 1), 0);
    assert_err(checkpoint_open(&f, path, &err), ONIC_ELIMIT,
               " has 8589934593 bytes, more than a checkpoint may have (8589934592)");
}

/* A file with a correct checksum but a header our writer would not produce: the checks behind the
 * checksum. */
static void forge_format(const char *path, const char *format, const char *rest_of_header,
                         const char *data, size_t data_bytes)
{
    size_t room = strlen(rest_of_header) + data_bytes + 256;
    char *file = xmalloc(room), *p = file + 8;
    int n = snprintf(p, room - 8 - data_bytes,
                     "{\"__metadata__\":{\"onic.xxh3\":\"%032d\",\"onic.format\":\"%s\"%s", 0,
                     format, rest_of_header);
    uint64_t length = (uint64_t)n;
    memcpy(file, &length, 8);
    memcpy(p + n, data, data_bytes);
    size_t total = 8 + (size_t)n + data_bytes;
    char digest[33];
    format_digest(file, total, digest); /* the digits are still zeros */
    memcpy(p + strlen("{\"__metadata__\":{\"onic.xxh3\":\""), digest, 32);
    spill(path, file, total);
    free(file);
}

static void forge(const char *path, const char *rest_of_header, const char *data, size_t data_bytes)
{
    forge_format(path, "1", rest_of_header, data, data_bytes);
}

/* Going on from an older file would silently cost what the other release has trained since. */
static void another_format_is_named_and_no_older_file_is_taken_instead(void **state)
{
    static const char *const formats[] = {"0", "2", "10", "9999999"};
    (void)state;
    struct checkpoint_file *f;
    versions(1, 1);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char want[80];
        snprintf(want, sizeof want, "is a checkpoint of format %s, this onic reads format 1: use",
                 formats[i]);
        forge_format(files_in("ckpt-000000000002.safetensors"), formats[i], "}}", "", 0);
        assert_err(checkpoint_newest_valid(&f, files_folder(), NULL, &err), ONIC_EINCOMPATIBLE,
                   want);
    }
    static const char *const nonsense[] = {"", "two", "1234567890", "2\\\"", "-1"};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        forge_format(files_in("a"), nonsense[i], "}}", "", 0);
        assert_err(checkpoint_open(&f, files_in("a"), &err), ONIC_EDAMAGED,
                   "does not start as that of an onic checkpoint of format 1");
    }
}

static void forged_headers_with_correct_checksums_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header, *data, *part;
    } cases[] = {
        {"}", "stray", "bytes behind its last section belong to nobody"},
        {"},\"a\":{\"dtype\":\"U8\",\"shape\":[9],\"data_offsets\":[0,9]}}", "four",
         "its sections overlap, leave holes or pass the end"},
        {"},\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}", "four",
         "its sections overlap, leave holes or pass the end"},
        {"},\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,4]}}", "four",
         "its sections overlap, leave holes or pass the end"},
        {"},\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,4]}}", "four",
         "a tensor has another type than F32 or U8"},
        {"},\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,4]}}", "four",
         "a tensor's shape is malformed"},
        {"},\"a\":{\"dtype\":\"U8\",\"shape\":[8589934592,8589934592],\"data_offsets\":[0,0]}}", "",
         "a tensor's shape is malformed"},
        {"},\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", "four",
         "the checksum of a tensor is missing or wrong"},
        {"},\"../a b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", "four",
         "a tensor's description is malformed"},
        {",\"n\":1}}", "", "a metadata value is not a string"},
        {"},\"a\":1,\"a\":2}", "", "its header is not JSON"},
        {"", "", "its header is not JSON"},
    };
    struct checkpoint_file *f;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        forge(files_in("f"), cases[i].header, cases[i].data, strlen(cases[i].data));
        /* the lone "}" closes the metadata only; give that case its outer brace */
        if (i == 0)
            forge(files_in("f"), "}}", cases[i].data, strlen(cases[i].data));
        print_message("case %zu\n", i);
        assert_err(checkpoint_open(&f, files_in("f"), &err), ONIC_EDAMAGED, cases[i].part);
    }
    forge(files_in("f"),
          ",\"onic.xxh3/a\":\"99aa06d3014798d86001c324468d497f\"},"
          "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
          "", 0); /* XXH3-128 of nothing, from the specification's test vectors */
    assert_ok(checkpoint_open(&f, files_in("f"), &err));
    checkpoint_close(f);
}

/* Numbers that do not begin where a float may. */
static void forged_numbers_that_are_not_aligned_are_refused(void **state)
{
    (void)state;
    char digest[FORMAT_DIGITS + 1], header[400];
    struct checkpoint_file *f;
    format_digest("1", 1, digest);
    snprintf(
        header, sizeof header,
        ",\"onic.xxh3/a\":\"%s\"},\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}",
        digest);
    forge(files_in("f"), header, "1four", 5);
    assert_err(checkpoint_open(&f, files_in("f"), &err), ONIC_EDAMAGED,
               "a tensor of numbers is not aligned");
}

/* Tensors of no bytes, with their checksums, or strings. */
static void forge_many(int tensors, int strings)
{
    struct buf b, of;
    char digest[FORMAT_DIGITS + 1];
    buf_init(&b, CHECKPOINT_HEADER_MAX);
    buf_init(&of, CHECKPOINT_HEADER_MAX);
    format_digest("", 0, digest);
    for (int i = 0; i < strings; i++)
        buf_printf(&b, ",\"s%d\":\"\"", i);
    for (int i = 0; i < tensors; i++) {
        buf_printf(&b, ",\"onic.xxh3/t%d\":\"%s\"", i, digest);
        buf_printf(&of, ",\"t%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}", i);
    }
    buf_printf(&b, "}%.*s}", (int)of.len, of.data ? of.data : "");
    assert_false(b.overflow || of.overflow);
    char *text = xmalloc(b.len + 1);
    memcpy(text, b.data, b.len);
    text[b.len] = '\0';
    forge(files_in("f"), text, "", 0);
    free(text);
    buf_release(&b);
    buf_release(&of);
}

static void forged_files_of_too_many_parts_are_refused(void **state)
{
    (void)state;
    struct checkpoint_file *f;
    forge_many(CHECKPOINT_TENSORS_MAX, CHECKPOINT_META_MAX - 1); /* beside the format */
    assert_ok(checkpoint_open(&f, files_in("f"), &err));
    checkpoint_close(f);
    forge_many(CHECKPOINT_TENSORS_MAX + 1, 0);
    assert_err(checkpoint_open(&f, files_in("f"), &err), ONIC_EDAMAGED, "it has too many tensors");
    forge_many(0, CHECKPOINT_META_MAX);
    assert_err(checkpoint_open(&f, files_in("f"), &err), ONIC_EDAMAGED,
               "it has too many metadata strings");
}

static void too_many_tensors_are_an_error_and_not_a_torn_file(void **state)
{
    (void)state;
    struct checkpoint *c = checkpoint_create();
    for (int i = 0; i <= CHECKPOINT_TENSORS_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "t%d", i);
        checkpoint_add_bytes(c, name, "x", 1);
    }
    assert_err(checkpoint_write(c, files_in("a"), &err), ONIC_ELIMIT, "1024");
    assert_int_not_equal(access(files_in("a"), F_OK), 0);
    checkpoint_free(c);
}

/* Whole or not at all: what is cut off has right checksums, and nobody could resume from it. */
static void a_document_that_was_cut_off_is_not_written(void **state)
{
    (void)state;
    struct checkpoint *c = small();
    struct buf document;
    assert_ok(checkpoint_write(c, files_in("a"), &err));
    buf_init(&document, 8);
    for (int i = 0; i < 3; i++)
        buf_puts(&document, "abc");
    checkpoint_add_buf(c, "reward", &document);
    assert_err(checkpoint_write(c, files_in("a"), &err), ONIC_ELIMIT,
               "part 'reward' would be larger than the 8 bytes");
    struct checkpoint_file *f;
    assert_ok(checkpoint_open(&f, files_in("a"), &err)); /* the one before */
    assert_null(checkpoint_find(f, "reward"));
    checkpoint_close(f);
    buf_reset(&document);
    buf_puts(&document, "abcabcab");
    checkpoint_reset(c);
    checkpoint_add_buf(c, "reward", &document);
    assert_ok(checkpoint_write(c, files_in("a"), &err));
    buf_release(&document);
    checkpoint_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_has_no_name_is_not_written, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(what_is_written_is_read_back_bit_for_bit, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(numbers_that_are_none_are_not_loaded, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(wrong_shape_or_missing_name_is_named, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(a_builder_that_is_reset_forgets_what_it_held, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(every_truncation_is_detected, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(every_flipped_bit_is_detected, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(
            the_newest_valid_version_is_chosen_and_skipped_ones_are_reported, files_setup,
            files_teardown),
        cmocka_unit_test_setup_teardown(no_checkpoint_and_no_valid_checkpoint_are_different,
                                        files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(a_checkpoint_that_latest_names_is_missed, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(what_is_in_the_way_of_checkpoints_is_named, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(another_format_is_named_and_no_older_file_is_taken_instead,
                                        files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(forged_headers_with_correct_checksums_are_refused,
                                        files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(forged_numbers_that_are_not_aligned_are_refused,
                                        files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(forged_files_of_too_many_parts_are_refused, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(too_many_tensors_are_an_error_and_not_a_torn_file,
                                        files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(a_document_that_was_cut_off_is_not_written, files_setup,
                                        files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
