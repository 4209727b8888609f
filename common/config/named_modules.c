/* SPDX-License-Identifier: MIT */
/* named_modules.c - the Python module that a user writes in env.id.
 *
 * gym:MODULE:NAME on the command line, in the environment or in a file that is named there says
 * that MODULE may be imported on this machine. It is noted in gym.modules, which is not portable:
 * so the same env.id out of a checkpoint or from a learner imports nothing. */
#include <stdio.h>
#include <string.h>

#include "common/config/options.h"

static bool modules_have(const char *list, const char *name, size_t len)
{
    for (const char *p = list; *p;) {
        p += strspn(p, " ,");
        size_t n = strcspn(p, " ,");
        if (n == len && memcmp(p, name, n) == 0)
            return true;
        p += n;
    }
    return false;
}

int config_name_module(struct config *c, struct onic_err *err)
{
    const char *module = c->env_id + strlen("gym:"), *colon;
    if (strncmp(c->env_id, "gym:", strlen("gym:")) != 0 || !(colon = strchr(module, ':')) ||
        colon == module || modules_have(c->gym_modules, module, (size_t)(colon - module)))
        return ONIC_OK;
    char list[2 * CONFIG_STR_MAX], key[64];
    snprintf(list, sizeof list, "%s%s%.*s", c->gym_modules, c->gym_modules[0] ? "," : "",
             (int)(colon - module), module);
    option_key(CONFIG_I_gym_modules, key);
    return option_set(c, CONFIG_I_gym_modules, list, (enum config_origin)c->origin[CONFIG_I_env_id],
                      c->origin_which[CONFIG_I_env_id], key, err);
}
