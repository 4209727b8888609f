/* SPDX-License-Identifier: MIT */
/* run_trust.c - see run_trust.h. */
#include "common/run/run_trust.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file_owner.h"
#include "common/config/overlay.h"

static bool is_writable_by_others(const char *path, char why[64])
{
    struct stat st;
    why[0] = '\0';
    if (stat(path, &st) != 0) /* whoever reads it will say so */
        return false;
    if (file_owner_is_another(&st))
        snprintf(why, 64, "belongs to another user (%u)", (unsigned)st.st_uid);
    else if (st.st_mode & (S_IWGRP | S_IWOTH))
        snprintf(why, 64, "can be written by others (mode %03o)", (unsigned)st.st_mode & 0777);
    return why[0] != '\0';
}

/* What a resumed run does not take from its configuration anyway. */
static bool is_decided_anew(int i)
{
    return i == CONFIG_I_run_dir || i == CONFIG_I_run_on_exists;
}

/* The options that only this file gives and a file must not give. */
static void list_unportable(const struct config *stored, const struct config *given,
                            struct buf *out)
{
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char key[64];
        bool decided = given->origin[i] != CONFIG_DEFAULT && given->origin[i] != CONFIG_AUTO;
        if (stored->origin[i] == CONFIG_DEFAULT || decided || config_is_portable(i) ||
            is_decided_anew(i))
            continue;
        config_key(i, key);
        buf_printf(out, "%s--%s", out->len ? ", " : "", key);
    }
}

int run_dir_trust(const char *dir, const struct config *stored, const struct config *given,
                  struct onic_err *err)
{
    char file[CONFIG_STR_MAX + 32], why[64];
    const char *what = dir;
    snprintf(file, sizeof file, "%s/config.yaml", dir);
    if (!is_writable_by_others(dir, why)) {
        what = file;
        if (!is_writable_by_others(file, why))
            return ONIC_OK;
    }
    struct buf options;
    buf_init(&options, CONFIG_COUNT * 64);
    list_unportable(stored, given, &options);
    int rc = options.len ? err_set(err, ONIC_EAUTH,
                                   "%s %s, so its config.yaml does not decide what runs here: give "
                                   "%.500s again, or make it yours alone (chmod go-w)",
                                   what, why, options.data)
                         : ONIC_OK;
    buf_release(&options);
    return rc;
}
