/* SPDX-License-Identifier: MIT */
/* cmd_keygen.c - `onic keygen DIR`: keys by which programs on several machines know each other. */
#include <stdio.h>
#include <string.h>

#include "common/base/shown.h"
#include "common/config/config.h"
#include "common/wire/keys/key_make.h"
#include "deploy/cli/commands.h"

enum { ALL_ROLES = (1 << KEY_ROLES) - 1 };

struct keygen_args {
    char folder[CONFIG_STR_MAX], of[CONFIG_STR_MAX];
    unsigned roles;
};

static int keygen_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct keygen_args *a = ctx;
    enum key_role role;
    if (strcmp(name, "of") == 0) {
        snprintf(a->of, sizeof a->of, "%s", value);
        return ONIC_OK;
    }
    if (!key_role_find(value, &role))
        return err_set(err, ONIC_ECONFIG,
                       "--role=%.60s: there are actor, learner, reward-server and observer", value);
    a->roles |= 1u << role;
    return ONIC_OK;
}

static int keygen_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct keygen_args *a = ctx;
    if (a->folder[0])
        return err_set(err, ONIC_ECONFIG, "one folder at a time: '%s' or '%s'", a->folder, arg);
    snprintf(a->folder, sizeof a->folder, "%s", arg);
    return ONIC_OK;
}

int cmd_keygen(int argc, char **argv)
{
    static struct config cfg;
    struct onic_err err = {0};
    struct keygen_args a = {0};
    char public[KEY_ROLES][KEY_TEXT];
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic keygen",
        .rows = "",
        .usage =
            "usage: onic keygen DIR [--role=actor|learner|reward-server|observer ...] [--of=KEYS]\n"
            "Makes a folder of keys for --security.keys=DIR: of each role (or of those named) a\n"
            "secret, ROLE.key (mode 0600), and a list of the public keys that are let in as that\n"
            "role, ROLE.allow. A host needs the secret of its program and the lists; lists that\n"
            "change are read again at once. --of=KEYS: one more key for another folder, whose\n"
            "lists get it and are copied here. No key is overwritten. Prints role, public key and\n"
            "the file of the secret.\n",
        .extra = (const char *const[]){"--role=", "--of=", NULL},
        .on_extra = keygen_on_extra,
        .on_positional = keygen_on_positional,
        .ctx = &a,
    };
    int rc = config_load(&cfg, argc, argv, &cli, &err);
    if (!rc && !a.folder[0])
        rc = err_set(&err, ONIC_ECONFIG, "name the folder, for example `onic keygen keys`");
    if (!a.roles)
        a.roles = ALL_ROLES;
    if (!rc)
        rc = key_make(a.folder, a.roles, a.of, public, &err);
    for (int i = 0; i < KEY_ROLES && !rc; i++)
        if (a.roles & 1u << i)
            shown_printf(stdout, "%-13s %s %s/%s.key\n", key_role_name((enum key_role)i), public[i],
                         a.folder, key_role_name((enum key_role)i));
    return command_result("keygen", rc, &err);
}
