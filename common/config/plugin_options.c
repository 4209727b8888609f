/* SPDX-License-Identifier: MIT */
/* plugin_options.c - the section `plugin`: options that only a plug-in knows.
 *
 * --plugin.size=8, `plugin: {size: 8}` and ONIC_PLUGIN_SIZE=8 are three ways to write one pair of
 * env.options, "size=8;slippery=true". So they are kept, shown, sent to actors and recorded like
 * any other option, and no part of onic has to know what they are called. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/config/options.h"

static bool is_pair_key(const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)key[i]) && !strchr("_-.", key[i]))
            return false;
    return n >= 1 && n <= 40;
}

/* Appends the pairs of `list` but the one of `key`. */
static void copy_others(char out[CONFIG_STR_MAX], const char *list, const char *key)
{
    size_t n = strlen(key), used = 0;
    out[0] = '\0';
    for (const char *p = list; *p;) {
        size_t len = strcspn(p, ";");
        if (len && !(len > n && strncmp(p, key, n) == 0 && p[n] == '='))
            used += (size_t)snprintf(out + used, CONFIG_STR_MAX - used, "%s%.*s", used ? ";" : "",
                                     (int)len, p);
        p += len + (p[len] == ';');
    }
}

bool option_is_of_plugin(const char *key)
{
    return strncmp(key, "plugin.", strlen("plugin.")) == 0;
}

int option_set_of_plugin(struct config *c, const char *key, const char *value,
                         enum config_origin origin, int file, const char *where,
                         struct onic_err *err)
{
    char list[CONFIG_STR_MAX];
    const char *name = key + strlen("plugin.");
    if (!is_pair_key(name))
        return err_set(err, ONIC_ECONFIG,
                       "%s: the name of a plug-in's option is 1 to 40 letters, digits, _, - or .",
                       where);
    if (strchr(value, ';'))
        return err_set(err, ONIC_ECONFIG, "%s: the value of a plug-in's option has no ';'", where);
    copy_others(list, c->env_options, name);
    size_t used = strlen(list);
    int n = snprintf(list + used, sizeof list - used, "%s%s=%s", used ? ";" : "", name, value);
    if (n < 0 || used + (size_t)n >= sizeof list)
        return err_set(err, ONIC_ECONFIG,
                       "%s: the plug-in's options together are longer than %d bytes", where,
                       CONFIG_STR_MAX - 1);
    return option_set(c, CONFIG_I_env_options, list, origin, file, where, err);
}
