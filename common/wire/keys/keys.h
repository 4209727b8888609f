/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_KEYS_KEYS_H
#define ONIC_COMMON_WIRE_KEYS_KEYS_H

/* keys.h - a program's own CURVE key, and the public keys of those it lets in or connects to.
 *
 * A folder (security.keys) holds ROLE.key, the secret of who is that role, and ROLE.allow, the
 * public keys of everybody who may be it, one a line. A server lets in who is in the lists of the
 * roles that it serves; a client connects to a key of the list of the role that it looks for. So
 * nobody needs a file but its own secret and the lists. The same as variables, for containers:
 * ONIC_CURVE_SECRET, and ONIC_CURVE_ROLE with keys between commas, each in place of its file.
 *
 * A list that changes is read again; one that cannot be read then, or in part, leaves the last one
 * as it is. A key that is new is let in at once, one that is gone is shut out when the list has
 * been the same for half a second: it may be in the middle of being written. Keys are Z85 text, as
 * libzmq takes them. Every function may be called by any thread. */

#include <stdbool.h>

#include "common/base/err.h"
#include "common/wire/keys/key_file.h"

struct wire_keys;

/* In main, before anything else can read the environment but after blas_choose_kernels, which may
 * execute the program again: takes ONIC_CURVE_SECRET out of it (secrets.h). */
void wire_keys_take_variable(void);
/* Back again, for an exec of oneself. */
void wire_keys_put_variable(void);

/* What a program needs that listens at, or connects to, these addresses ("" = none). folder "": the
 * variables. *out is NULL when neither is there, or no address is tcp: no keys, but a folder that
 * is named must be there all the same. With keys this process holds a secret (secrets_hold).
 * ONIC_ECONFIG: no key of this role, a damaged file, one that others can read or change, a libzmq
 * without CURVE. */
struct wire_keys_wish {
    const char *folder;
    enum key_role self;
    const char *address[2];
};
int wire_keys_open(struct wire_keys **out, const struct wire_keys_wish *wish, struct onic_err *err);
void wire_keys_free(struct wire_keys *k);

const char *wire_keys_public(const struct wire_keys *k);
const char *wire_keys_secret(const struct wire_keys *k);
enum key_role wire_keys_role(const struct wire_keys *k);

/* Looks whether lists have changed. Keys that are gone are shut out by a look that comes half a
 * second after the first one without them. */
void wire_keys_refresh(struct wire_keys *k);
/* May who proved to have this key be one of these roles (1 << enum key_role)? As last read. */
bool wire_keys_allow(struct wire_keys *k, unsigned roles, const char *key);
/* A key of who may be that role, another one for another attempt; false: the list is empty. Reads
 * lists that have changed, and waits half a second where one has just become empty. */
bool wire_keys_peer(struct wire_keys *k, enum key_role role, unsigned attempt, char out[KEY_TEXT]);
/* Where that list is, for sentences. */
void wire_keys_place(const struct wire_keys *k, enum key_role role, char out[KEY_PLACE_MAX]);

#endif /* ONIC_COMMON_WIRE_KEYS_KEYS_H */
