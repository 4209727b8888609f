/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_WIRE_KEYS_H
#define ONIC_TESTS_SUPPORT_WIRE_KEYS_H

/* wire_keys.h - folders of keys for the tests of common/wire. Header only, as wire_pair.h. */

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/wire/keys/key_make.h"
#include "common/wire/keys/keys.h"
#include "tests/onic_test.h"

enum { KEYS_ALL = (1 << KEY_ROLES) - 1 };

/* DIR/NAME with keys of these roles; `of`: "" or the folder whose lists get them. */
static inline void keys_make(char folder[300], const char *dir, const char *name, unsigned roles,
                             const char *of)
{
    char public[KEY_ROLES][KEY_TEXT];
    snprintf(folder, 300, "%s/%s", dir, name);
    assert_ok(key_make(folder, roles, of, public, &err));
}

static inline struct wire_keys *keys_of(const char *folder, enum key_role self)
{
    struct wire_keys *k = NULL;
    const struct wire_keys_wish wish = {
        .folder = folder, .self = self, .address = {"tcp://127.0.0.1:1"}};
    assert_ok(wire_keys_open(&k, &wish, &err));
    assert_non_null(k);
    return k;
}

/* Replaces a list of a folder by one with these keys. */
static inline void keys_let_in(const char *folder, enum key_role role, const char *const *key,
                               int n)
{
    char path[400], beside[410];
    snprintf(path, sizeof path, "%s/%s.allow", folder, key_role_name(role));
    snprintf(beside, sizeof beside, "%s.new", path);
    FILE *f = fopen(beside, "w");
    assert_non_null(f);
    for (int i = 0; i < n; i++)
        fprintf(f, "%s of a test\n", key[i]);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(beside, 0644), 0);
    assert_int_equal(rename(beside, path), 0);
}

#endif /* ONIC_TESTS_SUPPORT_WIRE_KEYS_H */
