/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_KEYS_KEY_MAKE_H
#define ONIC_COMMON_WIRE_KEYS_KEY_MAKE_H

/* key_make.h - new keys, of `onic keygen`. */

#include "common/wire/keys/key_file.h"

/* Makes the folder, where there is none, and in it a key of each of these roles (1 << enum
 * key_role): the secret in ROLE.key (mode 0600), the public one in a line of ROLE.allow and in
 * `public` [KEY_ROLES]. of: another folder whose lists get the line and are copied here, "" = none.
 * Nothing is overwritten. ONIC_ECANTCREATE, ONIC_ECONFIG. */
int key_make(const char *folder, unsigned roles, const char *of, char (*public)[KEY_TEXT],
             struct onic_err *err);

#endif /* ONIC_COMMON_WIRE_KEYS_KEY_MAKE_H */
