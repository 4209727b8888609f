/* SPDX-License-Identifier: MIT */
/* overlay.c - see overlay.h. Values travel as text, which config_set reads back exactly. */
#include "common/config/overlay.h"

#include <stdio.h>
#include <string.h>

#include "common/config/options.h"

void config_key(int i, char out[64])
{
    option_key(i, out);
}

int config_next(int i)
{
    return option_next(i);
}

bool config_names_code(const char *key)
{
    return strcmp(key, "env.plugin") == 0 || strcmp(key, "env.nle") == 0 ||
           strcmp(key, "command.run") == 0;
}

int config_overlay(struct config *onto, const struct config *from, struct onic_err *err)
{
    for (int i = 0; i < CONFIG_COUNT; i++) {
        if (from->origin[i] == CONFIG_DEFAULT || from->origin[i] == CONFIG_AUTO)
            continue;
        char key[64], value[CONFIG_STR_MAX];
        option_key(i, key);
        option_text(from, i, value);
        int file = 0; /* the same file may have another number there */
        if (from->origin[i] == CONFIG_FILE)
            file = option_remember_file(onto, from->origin_file[from->origin_which[i]]);
        int rc = option_set(onto, i, value, (enum config_origin)from->origin[i], file, key, err);
        if (rc)
            return rc;
    }
    return ONIC_OK;
}

int config_adopt(struct config *mine, const struct config *peer, struct onic_err *err)
{
    char differs[ONIC_ERR_MSG_MAX - 128] = ""; /* a longer list is cut: one sentence must hold it */
    size_t used = 0;
    for (int i = 0; i < CONFIG_COUNT; i++) {
        if (peer->origin[i] != CONFIG_PEER)
            continue;
        char key[64], want[CONFIG_STR_MAX], have[CONFIG_STR_MAX];
        option_key(i, key);
        option_text(peer, i, want);
        option_text(mine, i, have);
        if (mine->origin[i] != CONFIG_DEFAULT && strcmp(want, have) != 0) {
            if (used < sizeof differs)
                used += (size_t)snprintf(
                    differs + used, sizeof differs - used,
                    "%s: this actor was given %.200s, the learner has %.200s; ", key, have, want);
            continue;
        }
        int rc = config_set(mine, key, want, CONFIG_PEER, "the learner's configuration", err);
        if (rc)
            return rc;
    }
    if (used)
        return err_set(err, ONIC_EINCOMPATIBLE,
                       "%sleave this to the learner or start the learner with the same", differs);
    return ONIC_OK;
}
