/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_KEYS_KEY_FILE_H
#define ONIC_COMMON_WIRE_KEYS_KEY_FILE_H

/* key_file.h - the files of a folder of keys: one secret, lists of public keys.
 *
 *   ROLE.key    lines that begin with #, and one with the secret (40 characters, Z85); mode 0600
 *   ROLE.allow  lines "KEY anything", "#..." and empty ones; nobody else may write it */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

enum key_role { KEY_ACTOR, KEY_LEARNER, KEY_REWARD_SERVER, KEY_OBSERVER, KEY_ROLES };
enum {
    KEY_TEXT = 41, /* Z85 and NUL */
    KEY_PLACE_MAX = 320,
    KEY_LIST_MAX = 100000
};

const char *key_role_name(enum key_role role);  /* of files: "reward-server" */
const char *key_role_words(enum key_role role); /* of sentences: "reward server" */
/* True when it is one. */
bool key_role_find(const char *name, enum key_role *out);

struct key_list {
    char (*key)[KEY_TEXT]; /* [n], sorted */
    int n;
};
void key_list_free(struct key_list *l);
/* Every key of both, in *out, which is a new list. */
void key_list_merge(struct key_list *out, const struct key_list *a, const struct key_list *b);
bool key_list_has(const struct key_list *l, const char *key);
/* Keys between commas. where: for sentences. ONIC_ECONFIG. */
int key_list_parse(struct key_list *out, const char *text, const char *where, struct onic_err *err);

/* ONIC_ENOTFOUND: there is no such file; ONIC_ECONFIG: file and line, and what is wrong. */
int key_list_read(struct key_list *out, const char *path, struct onic_err *err);
/* The secret and its public key. ONIC_ENOTFOUND, ONIC_ECONFIG. */
int key_secret_read(char secret[KEY_TEXT], char public[KEY_TEXT], const char *path,
                    struct onic_err *err);
/* From text that is not a file's. ONIC_ECONFIG, without the text. */
int key_secret_parse(char secret[KEY_TEXT], char public[KEY_TEXT], const char *text,
                     const char *where, struct onic_err *err);

#endif /* ONIC_COMMON_WIRE_KEYS_KEY_FILE_H */
