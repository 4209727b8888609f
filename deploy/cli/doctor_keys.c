/* SPDX-License-Identifier: MIT */
/* doctor_keys.c - see doctor_keys.h. */
#define _GNU_SOURCE
#include "deploy/cli/doctor_keys.h"

#include <stdio.h>
#include <string.h>

#include "common/base/paths.h"
#include "common/wire/keys/key_file.h"

/* `bad` is worse than what was found so far. */
static void doctor_keys_say(struct finding *f, enum verdict bad, const char *text)
{
    if (bad > f->verdict)
        f->verdict = bad;
    buf_printf(&f->text, "%s%s", f->text.len ? "; " : "", text);
}

/* ONIC_ENOTFOUND: it is not there, which is no fault. */
static int check_secret(struct finding *f, const char *folder, const char *role,
                        char public[KEY_TEXT])
{
    char path[PATHS_MAX], secret[KEY_TEXT];
    struct onic_err err = {0};
    snprintf(path, sizeof path, "%s/%s.key", folder, role);
    int rc = key_secret_read(secret, public, path, &err);
    explicit_bzero(secret, sizeof secret);
    if (rc && rc != ONIC_ENOTFOUND)
        doctor_keys_say(f, VERDICT_FAIL, err.msg);
    return rc;
}

static void check_list(struct finding *f, const char *folder, const char *role, const char *public)
{
    char path[PATHS_MAX], text[200];
    struct onic_err err = {0};
    struct key_list l = {0};
    snprintf(path, sizeof path, "%s/%s.allow", folder, role);
    int rc = key_list_read(&l, path, &err);
    if (rc && rc != ONIC_ENOTFOUND)
        doctor_keys_say(f, VERDICT_FAIL, err.msg);
    else if (public && !key_list_has(&l, public)) {
        snprintf(text, sizeof text, "%s.key is not in %s.allow (%s)", role, role, public);
        doctor_keys_say(f, VERDICT_WARN, text);
    } else if (public || l.n) {
        snprintf(text, sizeof text, "%s: %s%d key%s let in", role, public ? "a secret, " : "", l.n,
                 l.n == 1 ? "" : "s");
        doctor_keys_say(f, VERDICT_OK, text);
    }
    key_list_free(&l);
}

void doctor_keys(const char *folder, struct finding *f)
{
    int secrets = 0;
    if (!folder[0]) {
        buf_puts(&f->text, "none (security.keys): without keys programs listen on this machine "
                           "only; `onic keygen DIR` makes some");
        return;
    }
    for (int i = 0; i < KEY_ROLES; i++) {
        const char *role = key_role_name((enum key_role)i);
        char public[KEY_TEXT];
        int rc = check_secret(f, folder, role, public);
        secrets += rc != ONIC_ENOTFOUND;
        check_list(f, folder, role, rc ? NULL : public);
    }
    if (!secrets)
        doctor_keys_say(
            f, VERDICT_FAIL,
            "there is no secret in that folder (ROLE.key); `onic keygen DIR` makes one");
}
