/* SPDX-License-Identifier: MIT */
/* test_key_file.c - whose key files are read: as a person keeps them, and as secrets are mounted.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "reward_server/http/http_policy.h"
#include "tests/onic_test.h"

static char dir[256], key_path[300];

static int setup(void **state)
{
    (void)state;
    temp_dir_create(dir);
    snprintf(key_path, sizeof key_path, "%s/key", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    umount2(dir, MNT_DETACH);
    umount2(dir, MNT_DETACH);
    temp_dir_remove(dir);
    return 0;
}

static void put_key(void)
{
    FILE *f = fopen(key_path, "we");
    assert_non_null(f);
    fputs("sesame\n", f);
    fclose(f);
}

static int read_key(struct onic_err *err)
{
    char key[HTTP_KEY_MAX];
    int rc = http_key_read(key, key_path, "llm.api_key_file", err);
    if (!rc)
        assert_string_equal(key, "sesame");
    return rc;
}

static void skip_unless(bool possible, const char *what)
{
    if (possible)
        return;
    print_message("not possible here: %s\n", what);
    skip();
}

/* For every mode there is: the group and others must have no right, or nobody more than reading. */
static void check_all_modes(bool secret_mount)
{
    for (mode_t mode = 0400; mode <= 0777; mode++) {
        struct onic_err err = {0};
        bool want = (mode & 0177) == 0 || (secret_mount && (mode & 0333) == 0);
        if (!(mode & 0400) && geteuid() != 0)
            continue; /* cannot be opened */
        assert_int_equal(chmod(key_path, mode), 0);
        int rc = read_key(&err);
        if ((!rc) != want || (rc && !strstr(err.msg, "chmod 600 it")))
            fail_msg("mode %03o: %d %s", (unsigned)mode, rc, err.msg);
    }
}

static bool on_memory(void)
{
    struct statfs fs;
    return statfs(dir, &fs) == 0 && fs.f_type == 0x01021994;
}

static void a_file_must_be_its_owners_alone(void **state)
{
    (void)state;
    skip_unless(!on_memory(), "the folder for temporary files is a tmpfs");
    put_key();
    check_all_modes(false);
    chmod(key_path, 0644);
    assert_err(read_key(&err), ONIC_ECONFIG,
               "can be read by every user of this machine (mode 644)");
    chmod(key_path, 0640);
    assert_err(read_key(&err), ONIC_ECONFIG, "can be read by its group (mode 640)");
    chmod(key_path, 0662);
    assert_err(read_key(&err), ONIC_ECONFIG, "can be changed by every user of this machine");
    chmod(key_path, 0444);
    assert_err(read_key(&err), ONIC_ECONFIG, "444 is fine on a tmpfs or a read-only mount only");
}

static void a_secret_on_a_tmpfs_may_be_read_by_all(void **state)
{
    (void)state;
    skip_unless(mount("none", dir, "tmpfs", 0, "size=64k") == 0, "a mount of its own");
    put_key();
    check_all_modes(true);
}

static void a_secret_on_a_read_only_mount_may_be_read_by_all(void **state)
{
    (void)state;
    put_key();
    for (int readable = 0; readable < 2; readable++) {
        assert_int_equal(chmod(key_path, readable ? 0444 : 0644), 0);
        skip_unless(mount(dir, dir, NULL, MS_BIND, NULL) == 0 &&
                        mount(NULL, dir, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0,
                    "a mount of its own");
        if (readable)
            assert_ok(read_key(&err));
        else
            assert_err(read_key(&err), ONIC_ECONFIG, "(mode 644): chmod 600 it");
        assert_int_equal(umount2(dir, MNT_DETACH), 0);
    }
}

static void another_users_file_is_refused_and_roots_is_not(void **state)
{
    (void)state;
    put_key();
    assert_int_equal(chmod(key_path, 0600), 0);
    skip_unless(geteuid() == 0 && chown(key_path, 65534, 65534) == 0, "a file of another user");
    assert_err(read_key(&err), ONIC_ECONFIG, "belongs to user 65534, who could change it");
    assert_int_equal(chown(key_path, 0, 65534), 0);
    assert_ok(read_key(&err));
}

static void what_is_no_key_is_said(void **state)
{
    (void)state;
    assert_err(read_key(&err), ONIC_ECONFIG, "cannot be read: No such file");
    assert_int_equal(mkdir(key_path, 0700), 0);
    assert_err(read_key(&err), ONIC_ECONFIG, "is a folder; name the file with the key");
    assert_int_equal(rmdir(key_path), 0);
    put_key();
    assert_int_equal(truncate(key_path, 0), 0);
    assert_int_equal(chmod(key_path, 0600), 0);
    assert_err(read_key(&err), ONIC_ECONFIG, "is empty");
}

/* A key of `len` bytes, then what follows it; the key that is read, or "". */
static const char *read_long(size_t len, const char *then, size_t then_len, struct onic_err *err)
{
    static char key[HTTP_KEY_MAX];
    FILE *f = fopen(key_path, "we");
    assert_non_null(f);
    for (size_t i = 0; i < len; i++)
        fputc('k', f);
    fwrite(then, 1, then_len, f);
    fclose(f);
    assert_int_equal(chmod(key_path, 0600), 0);
    return http_key_read(key, key_path, "embedding.api_key_file", err) == ONIC_OK ? key : "";
}

static void a_long_key_is_refused_not_cut(void **state)
{
    (void)state;
    struct onic_err err = {0};
    char blanks[1000];
    memset(blanks, '\n', sizeof blanks);
    assert_int_equal(strlen(read_long(1023, blanks, sizeof blanks, &err)), 1023);
    assert_string_equal(read_long(1024, "", 0, &err), "");
    assert_non_null(strstr(err.msg, "the key in embedding.api_key_file "));
    assert_non_null(strstr(err.msg, "is longer than 1023 bytes"));
    assert_string_equal(read_long(100000, "", 0, &err), "");
    assert_non_null(strstr(err.msg, "is larger than 4096 bytes: name the file with the key"));
    assert_string_equal(read_long(6, "\0more", 5, &err), ""); /* a byte 0 ends no key either */
    assert_non_null(strstr(err.msg, "control characters: it must be one word"));
}

static void a_long_variable_is_refused_not_cut(void **state)
{
    (void)state;
    char long_key[2000], key[HTTP_KEY_MAX];
    memset(long_key, 'k', sizeof long_key - 1);
    long_key[sizeof long_key - 1] = '\0';
    setenv("OPENAI_API_KEY", long_key, 1);
    assert_err(http_key_read(key, "", "llm.api_key_file", &err), ONIC_ECONFIG,
               "the key in OPENAI_API_KEY is longer than 1023 bytes");
    setenv("OPENAI_API_KEY", "sesame\n", 1);
    assert_ok(http_key_read(key, "", "llm.api_key_file", &err));
    assert_string_equal(key, "sesame");
    unsetenv("OPENAI_API_KEY");
}

/* --- where a key goes ------------------------------------------------------------------------- */

static int travels(const char *key, const char *url, const char *proxy, bool allow_plain,
                   struct onic_err *e)
{
    const struct http_way way = {
        .section = "llm", .url = url, .proxy = proxy, .allow_plain = allow_plain};
    return http_key_may_travel(key, &way, e);
}

static void a_key_travels_plainly_by_its_own_switch_alone(void **state)
{
    static const char *const safe[] = {"https://h/v1", "http://127.0.0.1:1/v1", "http://[::1]/v1",
                                       "http://localhost/v1"};
    (void)state;
    for (size_t i = 0; i < sizeof safe / sizeof *safe; i++)
        assert_ok(travels("k", safe[i], "", false, &err));
    assert_err(travels("k", "http://10.0.0.1/v1", "", false, &err), ONIC_ECONFIG,
               "or say --llm.allow_plain_key=true: then everybody on the way");
    assert_ok(travels("", "http://10.0.0.1/v1", "", false, &err));
    assert_ok(travels("k", "http://10.0.0.1/v1", "", true, &err));
}

/* An address of this machine is the proxy's own there. */
static void a_key_goes_plainly_through_no_proxy_of_others(void **state)
{
    static const char *const near[] = {"127.0.0.1:3128", "http://localhost:3128",
                                       "socks5h://[::1]:1", "http://127.0.0.1"};
    static const char *const far[] = {"http://proxy:3128",          "proxy:3128",
                                      "https://proxy:3128",         "socks5h://10.0.0.1:1",
                                      "127.0.0.1.example.org:3128", "http://127.0.0.1.example.org"};
    (void)state;
    for (size_t i = 0; i < sizeof near / sizeof *near; i++) {
        assert_ok(travels("k", "http://127.0.0.1:8000/v1", near[i], false, &err));
        assert_err(travels("k", "http://10.0.0.1/v1", near[i], false, &err), ONIC_ECONFIG,
                   "llm.url http://10.0.0.1/v1 would get the key");
    }
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        char wanted[160];
        snprintf(wanted, sizeof wanted,
                 "llm.proxy %s would get the key without encryption: use "
                 "https, leave out the proxy, unset",
                 far[i]);
        assert_err(travels("k", "http://127.0.0.1:8000/v1", far[i], false, &err), ONIC_ECONFIG,
                   wanted);
        assert_ok(travels("", "http://127.0.0.1:8000/v1", far[i], false, &err));
        assert_ok(travels("k", "http://127.0.0.1:8000/v1", far[i], true, &err));
        assert_ok(travels("k", "https://h/v1", far[i], false, &err)); /* a tunnel */
    }
}

static void a_process_with_a_key_cannot_be_looked_into(void **state)
{
    char key[HTTP_KEY_MAX];
    (void)state;
    assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
    unsetenv("OPENAI_API_KEY");
    assert_ok(http_key_read(key, "", "llm.api_key_file", &err));
    assert_int_equal(prctl(PR_GET_DUMPABLE), 1); /* it holds none */
    setenv("OPENAI_API_KEY", "sesame", 1);
    assert_ok(http_key_read(key, "", "llm.api_key_file", &err));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
    assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
#endif
    unsetenv("OPENAI_API_KEY");
    prctl(PR_SET_DUMPABLE, 1);
}

int main(void)
{
#define IN_DIR(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_travels_plainly_by_its_own_switch_alone),
        cmocka_unit_test(a_key_goes_plainly_through_no_proxy_of_others),
        cmocka_unit_test(a_process_with_a_key_cannot_be_looked_into),
        IN_DIR(a_file_must_be_its_owners_alone),
        IN_DIR(a_secret_on_a_tmpfs_may_be_read_by_all),
        IN_DIR(a_secret_on_a_read_only_mount_may_be_read_by_all),
        IN_DIR(another_users_file_is_refused_and_roots_is_not),
        IN_DIR(what_is_no_key_is_said),
        IN_DIR(a_long_key_is_refused_not_cut),
        IN_DIR(a_long_variable_is_refused_not_cut),
    };
    /* Mounts are this process's own and vanish with it. */
    if (unshare(CLONE_NEWNS) == 0)
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
