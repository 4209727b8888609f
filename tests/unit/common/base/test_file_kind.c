/* SPDX-License-Identifier: MIT */
/* test_file_kind.c - files are named by what they hold, and errors by what the user can change. */
#define _GNU_SOURCE
#include "common/base/file_kind.h"
#include "common/base/plain_file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/onic_test.h"

static int setup(void **state)
{
    static char dir[256];
    temp_dir_create(dir);
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    temp_dir_remove(*state);
    return 0;
}

static const char *put(const char *dir, const char *name, const char *bytes, size_t n)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
    return path;
}

static void a_kind_is_told_by_bytes_and_name(void **state)
{
#define BYTES(text) text, sizeof(text) - 1
    static const struct {
        const char *name, *bytes;
        size_t n;
        const char *kind; /* NULL: unknown */
    } files[] = {
        {"a.yaml", BYTES("run: {seed: 1}\n"), "a YAML file"},
        {"a.YML", BYTES("run: {seed: 1}\n"), "a YAML file"},
        {"a.txt", BYTES("M\xc3\xbcnze\n"), "a text file"},
        {"a.json", BYTES("\n {\"a\":1}\n"), "JSON text"},
        {"a.jsonl", BYTES("[1]\n"), "JSON text"},
        {"a", BYTES(""), "an empty file"},
        {"a.db", BYTES("SQLite format 3\0etc"), "an SQLite database"},
        {"a.yaml", BYTES("SQLite format 3\0etc"), "an SQLite database"},
        {"a.st", BYTES("\x20\0\0\0\0\0\0\0{\"__metadata__\":{}}"), "a safetensors file"},
        {"a.gz", BYTES("\x1f\x8b\x08 etc"), "a compressed file"},
        {"a.zip", BYTES("PK\3\4 etc"), "a ZIP archive"},
        {"a.so",
         BYTES("\x7f"
               "ELF etc"),
         "a program"},
        {"events.out.tfevents.1.h.1", BYTES("\x18\0\0\0\0\0\0\0"), "a TensorBoard event file"},
        {"a.yaml", BYTES("a\0b"), NULL},
        {"a.bin", BYTES("\xff\xfe\xfd\xfc"), NULL},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *path = put(*state, files[i].name, files[i].bytes, files[i].n);
        const char *kind = file_kind(path);
        if (!files[i].kind)
            assert_null(kind);
        else if (!kind || strcmp(kind, files[i].kind) != 0)
            fail_msg("%s: %s, want %s", files[i].name, kind ? kind : "unknown", files[i].kind);
        unlink(path);
    }
}

/* Only the head is looked at: a character that its end cuts in two is still text. */
static void long_text_is_text(void **state)
{
    static char text[6000];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'a', sizeof text);
        for (size_t i = shift; i + 4 < sizeof text; i += 4)
            memcpy(text + i, "\xf0\x9f\x98\x80", 4);
        assert_string_equal(file_kind(put(*state, "long", text, sizeof text)), "a text file");
    }
}

static void folders_and_others_are_named(void **state)
{
    char path[400];
    assert_string_equal(file_kind(*state), "a folder");
    put(*state, "version.txt", "1", 1);
    snprintf(path, sizeof path, "%s/checkpoints", (char *)*state);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_string_equal(file_kind(*state), "a run directory");
    snprintf(path, sizeof path, "%s/pipe", (char *)*state);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_string_equal(file_kind(path), "a pipe"); /* and nobody waits for a writer */
    assert_string_equal(file_kind("/dev/null"), "a device");
    assert_null(file_kind("/nonexistent"));
    assert_err(file_want_folder(path, "a run directory", &err), ONIC_ECONFIG,
               "/pipe is a pipe, not a run directory");
    assert_err(file_want_folder("/nonexistent", "x", &err), ONIC_ENOTFOUND, "does not exist");
    assert_ok(file_want_folder(*state, "x", &err));
}

static void what_damage_may_have_done_is_not_refused(void **state)
{
    assert_ok(file_kind_refuse(put(*state, "a", "", 0), "a checkpoint", &err));
    assert_ok(file_kind_refuse(put(*state, "a", "\0\0\0\0", 4), "a checkpoint", &err));
    assert_err(file_kind_refuse(put(*state, "a", "text", 4), "a checkpoint", &err), ONIC_ECONFIG,
               "/a is a text file, not a checkpoint");
}

static void a_refusal_to_read_is_told_by_its_reason(void **state)
{
    const char *path = put(*state, "a", "text", 4);
    assert_err(file_unreadable("/x", ENOENT, &err), ONIC_ENOTFOUND, "/x does not exist");
    assert_err(file_unreadable("/x/y", EACCES, &err), ONIC_EAUTH,
               "/x/y cannot be read: Permission denied for user ");
    assert_err(file_unreadable(path, EMFILE, &err), ONIC_EAGAIN, "cannot be opened now: Too many");
    assert_err(file_unreadable(path, EIO, &err), ONIC_EIO, "cannot be read: Input/output error");
    assert_err(file_unreadable("/x", ELOOP, &err), ONIC_ECONFIG,
               "/x is a link that leads back to itself, not a file");
    assert_err(file_unreadable("/x", PLAIN_FILE_FOREIGN, &err), ONIC_EAUTH,
               "/x is not read: another user made a link there");
    assert_err(file_unreadable("/xxx", ENAMETOOLONG, &err), ONIC_ECONFIG,
               "the path /xxx... is too long for the system");
    assert_err(file_unreadable("/dev/null", EINVAL, &err), ONIC_ECONFIG,
               "/dev/null is a device, not a regular file");
    if (geteuid() == 0 && chown(path, 65534, 65534) == 0)
        assert_err(file_unreadable(path, EACCES, &err), ONIC_EAUTH, "; it belongs to user 65534");
}

int main(void)
{
#define IN_DIR(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_DIR(a_kind_is_told_by_bytes_and_name),
        IN_DIR(long_text_is_text),
        IN_DIR(folders_and_others_are_named),
        IN_DIR(what_damage_may_have_done_is_not_refused),
        IN_DIR(a_refusal_to_read_is_told_by_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
