/* SPDX-License-Identifier: MIT */
/* env_fields.c - which observation fields env.obs asks for.
 *
 * Apart from the registry so that a plug-in in a shared object can link it without linking every
 * environment. */
#include <stdio.h>
#include <string.h>

#include "actor/envs/env.h"

/* Is `word` an element of the comma-separated list (blanks around elements allowed)? */
static bool listed(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = list; *p;) {
        p += strspn(p, " ,");
        size_t n = strcspn(p, " ,");
        if (n == len && memcmp(p, word, len) == 0)
            return true;
        p += n;
    }
    return false;
}

bool env_wants_field(const char *env_obs, const char *field, const char *auto_fields)
{
    const char *list = env_obs;
    if (strcmp(list, "all") == 0)
        return true;
    if (strcmp(list, "auto") == 0 || list[0] == '\0')
        list = auto_fields;
    return listed(list, field);
}

int env_check_fields(const char *env_obs, const struct env_spec *spec, struct onic_err *err)
{
    if (spec->obs.nfields == 0)
        return err_set(err, ONIC_ECONFIG, "env.obs=%s selects no field of %s", env_obs, spec->id);
    if (strcmp(env_obs, "all") == 0 || strcmp(env_obs, "auto") == 0)
        return ONIC_OK;
    for (const char *p = env_obs + strspn(env_obs, " ,"); *p; p += strspn(p, " ,")) {
        char word[OBS_NAME_MAX];
        size_t n = strcspn(p, " ,");
        snprintf(word, sizeof word, "%.*s", (int)n, p);
        if (n >= sizeof word || !obs_spec_find(&spec->obs, word))
            return err_set(err, ONIC_ECONFIG, "env.obs: %s has no observation field '%.*s'",
                           spec->id, (int)n, p);
        p += n;
    }
    return ONIC_OK;
}
