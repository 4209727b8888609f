/* SPDX-License-Identifier: MIT */
/* test_keys.c - folders of keys: what is made, what is refused, what is read again. */
#define _GNU_SOURCE
#include "common/wire/keys/keys.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/rng.h"
#include "tests/support/said.h"
#include "tests/support/wire_keys.h"

static char dir[256];

static int keys_setup(void **state)
{
    (void)state;
    temp_dir_create(dir);
    return 0;
}

static void keys_write(const char *folder, const char *name, const char *text, mode_t mode)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static unsigned mode_of(const char *folder, const char *name)
{
    struct stat st;
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void keys_fail(const char *folder, enum key_role self, const char *part)
{
    struct wire_keys *k;
    const struct wire_keys_wish wish = {.folder = folder, .self = self, .address = {"tcp://h:1"}};
    assert_err(wire_keys_open(&k, &wish, &err), ONIC_ECONFIG, part);
    assert_null(k);
}

static void a_folder_of_keys_lets_its_own_in(void **state)
{
    (void)state;
    char folder[300];
    umask(0);
    keys_make(folder, dir, "own", KEYS_ALL, "");
    umask(022);
    assert_int_equal(mode_of(folder, "."), 0700);
    for (int i = 0; i < KEY_ROLES; i++) {
        char name[40];
        snprintf(name, sizeof name, "%s.key", key_role_name((enum key_role)i));
        assert_int_equal(mode_of(folder, name), 0600);
        snprintf(name, sizeof name, "%s.allow", key_role_name((enum key_role)i));
        assert_int_equal(mode_of(folder, name) & 022, 0);
        struct wire_keys *k = keys_of(folder, (enum key_role)i);
        assert_int_equal(strlen(wire_keys_secret(k)), KEY_TEXT - 1);
        assert_string_not_equal(wire_keys_secret(k), wire_keys_public(k));
        for (int r = 0; r < KEY_ROLES; r++)
            assert_int_equal(wire_keys_allow(k, 1u << r, wire_keys_public(k)), r == i);
        assert_false(wire_keys_allow(k, KEYS_ALL, wire_keys_secret(k)));
        assert_false(wire_keys_allow(k, KEYS_ALL, ""));
        wire_keys_free(k);
    }
}

static void no_key_is_overwritten(void **state)
{
    (void)state;
    char folder[300], public[KEY_ROLES][KEY_TEXT];
    keys_make(folder, dir, "once", 1u << KEY_ACTOR, "");
    struct wire_keys *before = keys_of(folder, KEY_ACTOR);
    assert_err(key_make(folder, KEYS_ALL, "", public, &err), ONIC_ECANTCREATE,
               "no key is overwritten");
    struct wire_keys *after = keys_of(folder, KEY_ACTOR);
    assert_string_equal(wire_keys_secret(before), wire_keys_secret(after));
    wire_keys_free(before);
    wire_keys_free(after);
    keys_fail(folder, KEY_LEARNER, "holds no learner.key"); /* nor was another one made */
    assert_int_equal(chmod(folder, 0777), 0);
    assert_err(key_make(folder, 1u << KEY_LEARNER, "", public, &err), ONIC_ECANTCREATE,
               "others can write");
    char far[5000];
    memset(far, 'x', sizeof far - 1);
    far[sizeof far - 1] = '\0';
    assert_err(key_make(far, KEYS_ALL, "", public, &err), ONIC_ECONFIG,
               "the path of a folder of keys is too long");
    keys_fail(far, KEY_LEARNER, "security.keys: the path is too long");
    keys_write(dir, "file", "", 0644);
    char file[300];
    snprintf(file, sizeof file, "%s/file", dir);
    assert_err(key_make(file, KEYS_ALL, "", public, &err), ONIC_ECANTCREATE, "is no folder");
}

static void one_more_key_of_a_folder_is_let_in_by_it(void **state)
{
    (void)state;
    char all[300], more[300];
    keys_make(all, dir, "all", KEYS_ALL, "");
    keys_make(more, dir, "more", 1u << KEY_ACTOR, all);
    struct wire_keys *learner = keys_of(all, KEY_LEARNER), *actor = keys_of(more, KEY_ACTOR);
    char peer[KEY_TEXT];
    assert_true(wire_keys_allow(learner, 1u << KEY_ACTOR, wire_keys_public(actor)));
    assert_true(wire_keys_peer(actor, KEY_LEARNER, 0, peer));
    assert_string_equal(peer, wire_keys_public(learner));
    char one[KEY_TEXT], two[KEY_TEXT], again[KEY_TEXT]; /* tried in turn */
    assert_true(wire_keys_peer(learner, KEY_ACTOR, 0, one));
    assert_true(wire_keys_peer(learner, KEY_ACTOR, 1, two));
    assert_true(wire_keys_peer(learner, KEY_ACTOR, 2, again));
    assert_string_not_equal(one, two);
    assert_string_equal(one, again);
    wire_keys_free(learner);
    wire_keys_free(actor);
}

static void a_secret_that_others_know_is_refused(void **state)
{
    (void)state;
    char folder[300], path[400];
    keys_make(folder, dir, "open", KEYS_ALL, "");
    snprintf(path, sizeof path, "%s/actor.key", folder);
    static const mode_t modes[] = {0640, 0604, 0660, 0644};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        keys_fail(folder, KEY_ACTOR, "chmod 600");
    }
    assert_int_equal(chmod(path, 0600), 0);
    snprintf(path, sizeof path, "%s/learner.allow", folder);
    assert_int_equal(chmod(path, 0664), 0);
    keys_fail(folder, KEY_ACTOR,
              "learner.allow can be changed by others (mode 664), who could let anybody in: chmod");
    if (geteuid() != 0)
        return;
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(chown(path, 12345, 12345), 0);
    keys_fail(folder, KEY_ACTOR, "belongs to user 12345");
}

/* Not the text: it may be a secret that stands in the wrong place. */
static void what_is_no_key_is_named_by_file_and_line(void **state)
{
    (void)state;
    char folder[300], path[400];
    static const char *const bad[] = {"",
                                      "# nothing\n",
                                      "short\n",
                                      "0123456789012345678901234567890123456789x\n",
                                      "012345678901234567890123456789012345678 9\n",
                                      "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"};
    keys_make(folder, dir, "bad", KEYS_ALL, "");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        keys_write(folder, "observer.key", bad[i], 0600);
        keys_fail(folder, KEY_OBSERVER, "observer.key holds no secret key");
    }
    for (size_t i = 2; i < sizeof bad / sizeof *bad; i++) {
        char text[300];
        snprintf(text, sizeof text, "# a list\n\n%s", bad[i]);
        keys_write(folder, "actor.allow", text, 0644);
        keys_fail(folder, KEY_LEARNER, "actor.allow:3: a line begins with a public key");
    }
    keys_fail("/no/such/folder", KEY_LEARNER, "holds no learner.key");
    keys_write(folder, "actor.allow", "# nobody\n", 0644);
    snprintf(path, sizeof path, "%s/observer.key", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    keys_fail(folder, KEY_OBSERVER, "observer.key is a folder; name the file with the key");
}

static void a_list_that_is_no_file_or_too_long_is_refused(void **state)
{
    enum { LINE = KEY_TEXT, LINES = KEY_LIST_MAX + 1 };
    char folder[300], path[400], *text = malloc((size_t)LINE * LINES + 1);
    (void)state;
    keys_make(folder, dir, "crowded", KEYS_ALL, "");
    for (size_t i = 0; i < LINES; i++)
        memcpy(text + i * LINE, "0#2340#2340#2340#2340#2340#2340#2340#234\n", LINE);
    text[(size_t)LINE * LINES] = '\0';
    keys_write(folder, "actor.allow", text, 0644);
    free(text);
    keys_fail(folder, KEY_LEARNER, "actor.allow:100001: there are too many keys");
    snprintf(path, sizeof path, "%s/actor.allow", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    keys_fail(folder, KEY_LEARNER, "actor.allow is no file with keys");
}

static void a_list_has_comments_and_keys_with_a_hash_in_them(void **state)
{
    (void)state;
    struct key_list l;
    char folder[300];
    static const char key[] = "0#2340#2340#2340#2340#2340#2340#2340#234";
    keys_make(folder, dir, "hash", KEYS_ALL, "");
    keys_write(folder, "actor.allow",
               "# a comment\n#off\n\r\n  0#2340#2340#2340#2340#2340#2340#2340#234 x\r\n#", 0644);
    struct wire_keys *k = keys_of(folder, KEY_LEARNER);
    assert_true(wire_keys_allow(k, 1u << KEY_ACTOR, key));
    for (unsigned i = 0; i < 3; i++) { /* and no other */
        char only[KEY_TEXT];
        assert_true(wire_keys_peer(k, KEY_ACTOR, i, only));
        assert_string_equal(only, key);
    }
    wire_keys_free(k);
    assert_ok(key_list_parse(&l, "0#2340#2340#2340#2340#2340#2340#2340#234, ,", "X", &err));
    assert_true(key_list_has(&l, key));
    key_list_free(&l);
    assert_err(key_list_parse(&l, "x", "ONIC_CURVE_ACTOR", &err), ONIC_ECONFIG, "ONIC_CURVE_ACTOR");
}

static bool is_read_or_refused(int rc)
{
    return !rc || rc == ONIC_ECONFIG;
}

/* Files of any bytes: refused, or every key in them is one. */
static void any_bytes_are_keys_or_refused(void **state)
{
    (void)state;
    static const char words[][44] = {
        "0#2340#2340#2340#2340#2340#2340#2340#234", "#", ",", "\n", "\r\n", " ", "x",
        "0#2340#2340#2340#2340#2340#2340#2340#23~"};
    struct rng r = rng_stream(1, "keys", 0, 0, 0);
    char folder[300], path[400];
    int read = 0;
    keys_make(folder, dir, "any", KEYS_ALL, "");
    snprintf(path, sizeof path, "%s/actor.allow", folder);
    for (int i = 0; i < 2000; i++) {
        char text[600], secret[KEY_TEXT], public[KEY_TEXT];
        struct key_list l;
        size_t n = 0;
        while (n < 500 && rng_below(&r, 12)) {
            if (rng_below(&r, 4) == 0)
                text[n++] = (char)rng_below(&r, 256);
            else
                n += (size_t)snprintf(text + n, 64, "%s", words[rng_below(&r, 8)]);
        }
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, n, f), n);
        fclose(f);
        assert_true(is_read_or_refused(key_list_read(&l, path, NULL)));
        for (int k = 0; k < l.n; k++)
            assert_true(key_list_has(&l, l.key[k]));
        read += l.n > 0;
        key_list_free(&l);
        text[n] = '\0';
        assert_true(is_read_or_refused(key_list_parse(&l, text, "X", NULL)));
        key_list_free(&l);
        assert_true(is_read_or_refused(key_secret_parse(secret, public, text, "X", NULL)));
    }
    assert_true(read > 20);
}

struct keys_look {
    struct wire_keys *k;
    const char *key;
};

static bool key_is_shut_out(void *ctx)
{
    const struct keys_look *l = ctx;
    wire_keys_refresh(l->k);
    return !wire_keys_allow(l->k, 1u << KEY_ACTOR, l->key);
}

static void a_list_that_changes_is_read_again_and_a_broken_one_is_not(void **state)
{
    (void)state;
    char folder[300], one[300], path[400];
    keys_make(folder, dir, "lists", KEYS_ALL, "");
    keys_make(one, dir, "one", 1u << KEY_ACTOR, "");
    struct wire_keys *k = keys_of(folder, KEY_LEARNER), *actor = keys_of(one, KEY_ACTOR);
    const char *key = wire_keys_public(actor);
    assert_false(wire_keys_allow(k, 1u << KEY_ACTOR, key));
    keys_let_in(folder, KEY_ACTOR, &key, 1);
    wire_keys_refresh(k);
    assert_true(wire_keys_allow(k, 1u << KEY_ACTOR, key));
    keys_write(folder, "actor.allow", "half a li", 0644);
    said_begin(LOG_WARN);
    wire_keys_refresh(k);
    said_end();
    assert_said("a list of keys cannot be used, the last one stays why=");
    assert_said("/lists/actor.allow:1: ");
    assert_true(wire_keys_allow(k, 1u << KEY_ACTOR, key));
    snprintf(path, sizeof path, "%s/actor.allow", folder);
    assert_int_equal(unlink(path), 0);
    wire_keys_refresh(k);
    assert_true(wire_keys_allow(k, 1u << KEY_ACTOR, key));
    keys_write(folder, "actor.allow", "# nobody\n", 0666);
    wire_keys_refresh(k);
    assert_true(wire_keys_allow(k, 1u << KEY_ACTOR, key)); /* who wrote that? */
    assert_int_equal(chmod(path, 0644), 0);
    struct keys_look look = {k, key};
    assert_true(wait_until(key_is_shut_out, &look, 10000));
    wire_keys_free(k);
    wire_keys_free(actor);
}

/* Between two looks no time passes. */
static int64_t the_same_moment(void)
{
    return 5000000000;
}

/* cp and editors empty a file before they write it; each of its beginnings is a list as well. */
static void a_list_that_is_written_in_place_shuts_nobody_out(void **state)
{
    (void)state;
    enum { ACTORS = 4, LISTED = 3 };
    char folder[300], path[400];
    struct wire_keys *actor[ACTORS];
    const char *key[ACTORS];
    keys_make(folder, dir, "in-place", 1u << KEY_LEARNER, "");
    for (int i = 0; i < ACTORS; i++) {
        char one[300], name[40];
        snprintf(name, sizeof name, "in-place-%d", i);
        keys_make(one, dir, name, 1u << KEY_ACTOR, "");
        actor[i] = keys_of(one, KEY_ACTOR);
        key[i] = wire_keys_public(actor[i]);
    }
    keys_let_in(folder, KEY_ACTOR, key, LISTED);
    struct wire_keys *k = keys_of(folder, KEY_LEARNER);
    snprintf(path, sizeof path, "%s/actor.allow", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    clock_replace(the_same_moment);
    for (int lines = 0; lines <= LISTED; lines++) {
        wire_keys_refresh(k);
        wire_keys_refresh(k); /* looked at again before the next line */
        for (int i = 0; i < LISTED; i++)
            assert_true(wire_keys_allow(k, 1u << KEY_ACTOR, key[i]));
        if (lines < LISTED)
            fprintf(f, "%s\n", key[lines]);
        assert_int_equal(fflush(f), 0);
    }
    fclose(f);
    clock_replace(NULL);
    keys_let_in(folder, KEY_ACTOR, key + 2, 2); /* two leave, one is new: that one is let in now */
    wire_keys_refresh(k);
    assert_true(wire_keys_allow(k, 1u << KEY_ACTOR, key[3]));
    for (int i = 0; i < 2; i++) {
        struct keys_look look = {k, key[i]};
        assert_true(wait_until(key_is_shut_out, &look, 10000));
    }
    for (int i = 2; i < ACTORS; i++)
        assert_true(wire_keys_allow(k, 1u << KEY_ACTOR, key[i]));
    wire_keys_free(k);
    for (int i = 0; i < ACTORS; i++)
        wire_keys_free(actor[i]);
}

static void a_client_connects_to_no_key_that_is_gone(void **state)
{
    (void)state;
    char folder[300], one[300], other[300], peer[KEY_TEXT];
    keys_make(folder, dir, "client", 1u << KEY_ACTOR, "");
    keys_make(one, dir, "client-one", 1u << KEY_LEARNER, "");
    keys_make(other, dir, "client-other", 1u << KEY_LEARNER, "");
    struct wire_keys *gone = keys_of(one, KEY_LEARNER), *stays = keys_of(other, KEY_LEARNER);
    const char *key[] = {wire_keys_public(gone), wire_keys_public(stays)};
    keys_let_in(folder, KEY_LEARNER, key, 2);
    struct wire_keys *k = keys_of(folder, KEY_ACTOR);
    keys_let_in(folder, KEY_LEARNER, key + 1, 1);
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        assert_true(wire_keys_peer(k, KEY_LEARNER, attempt, peer));
        assert_string_equal(peer, key[1]);
    }
    keys_let_in(folder, KEY_LEARNER, key, 0);
    assert_false(wire_keys_peer(k, KEY_LEARNER, 0, peer));
    wire_keys_free(k);
    wire_keys_free(gone);
    wire_keys_free(stays);
}

static void variables_take_the_place_of_files(void **state)
{
    (void)state;
    char folder[300], peer[KEY_TEXT];
    struct wire_keys *k;
    struct wire_keys_wish wish = {.folder = "", .self = KEY_ACTOR, .address = {"tcp://h:1"}};
    assert_ok(wire_keys_open(&k, &wish, &err));
    assert_null(k); /* no keys at all */
    keys_make(folder, dir, "variables", KEYS_ALL, "");
    struct wire_keys *files = keys_of(folder, KEY_ACTOR), *learner = keys_of(folder, KEY_LEARNER);
    setenv("ONIC_CURVE_SECRET", wire_keys_secret(files), 1);
    setenv("ONIC_CURVE_LEARNER", wire_keys_public(learner), 1);
    assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
    wire_keys_take_variable();
    assert_null(getenv("ONIC_CURVE_SECRET"));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
    assert_int_equal(prctl(PR_GET_DUMPABLE), 0); /* before it is known whether it is used */
#endif
    assert_ok(wire_keys_open(&k, &wish, &err));
    assert_string_equal(wire_keys_public(k), wire_keys_public(files));
    assert_true(wire_keys_peer(k, KEY_LEARNER, 5, peer));
    assert_string_equal(peer, wire_keys_public(learner));
    assert_false(wire_keys_peer(k, KEY_REWARD_SERVER, 0, peer));
    wire_keys_free(k);
    wire_keys_put_variable();
    assert_string_equal(getenv("ONIC_CURVE_SECRET"), wire_keys_secret(files));
    wish.address[0] = "ipc:///x"; /* needs none */
    assert_ok(wire_keys_open(&k, &wish, &err));
    assert_null(k);
    wish.folder = "/nowhere"; /* but who names a folder should hear that there is none */
    assert_err(wire_keys_open(&k, &wish, &err), ONIC_ECONFIG,
               "security.keys: /nowhere cannot be read: No such file or directory");
    wish.folder = folder;
    assert_ok(wire_keys_open(&k, &wish, &err));
    assert_null(k);
    setenv("ONIC_CURVE_SECRET", "nonsense", 1);
    wire_keys_take_variable();
    keys_fail("", KEY_ACTOR, "ONIC_CURVE_SECRET holds no secret key");
    setenv("ONIC_CURVE_SECRET", wire_keys_secret(files), 1);
    setenv("ONIC_CURVE_LEARNER", "nonsense", 1);
    wire_keys_take_variable();
    keys_fail("", KEY_ACTOR,
              "ONIC_CURVE_LEARNER: public keys of 40 characters (Z85) stand there, between commas");
    wire_keys_take_variable();
    unsetenv("ONIC_CURVE_LEARNER");
    wire_keys_free(files);
    wire_keys_free(learner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_of_keys_lets_its_own_in),
        cmocka_unit_test(no_key_is_overwritten),
        cmocka_unit_test(one_more_key_of_a_folder_is_let_in_by_it),
        cmocka_unit_test(a_secret_that_others_know_is_refused),
        cmocka_unit_test(what_is_no_key_is_named_by_file_and_line),
        cmocka_unit_test(a_list_that_is_no_file_or_too_long_is_refused),
        cmocka_unit_test(a_list_has_comments_and_keys_with_a_hash_in_them),
        cmocka_unit_test(any_bytes_are_keys_or_refused),
        cmocka_unit_test(a_list_that_changes_is_read_again_and_a_broken_one_is_not),
        cmocka_unit_test(a_list_that_is_written_in_place_shuts_nobody_out),
        cmocka_unit_test(a_client_connects_to_no_key_that_is_gone),
        cmocka_unit_test(variables_take_the_place_of_files),
    };
    return cmocka_run_group_tests(tests, keys_setup, NULL);
}
