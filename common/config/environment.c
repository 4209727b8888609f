/* SPDX-License-Identifier: MIT */
/* environment.c - variables ONIC_SECTION_NAME, and what else the surroundings call ONIC_...
 *
 * A container gets variables that nobody wrote: Kubernetes makes some for each Service of the
 * namespace, Docker for each link. A Service onic-reward-server is ONIC_REWARD_SERVER_SERVICE_HOST,
 * ..._SERVICE_PORT[_<port name>], ..._PORT (tcp://host:port) and ..._PORT_<n>_TCP[_ADDR|...]; a
 * link adds ..._NAME (/this/alias) and ..._ENV_<variable of the other container>. They are told by
 * these shapes and passed over, whatever the Service is called; every other name that begins like
 * an option must be one. No option may have a name of such a shape (tests/unit/common/config). */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/config/options.h"

enum { NAME_MAX_BYTES = 80 };

/* --- names that orchestrators make ------------------------------------------------------- */

static const char *const protocols[] = {"TCP", "UDP", "SCTP"};
enum { PROTOCOLS = sizeof protocols / sizeof protocols[0] };

/* tcp://10.0.0.1:5555 */
static bool is_port_url(const char *value)
{
    for (int i = 0; i < PROTOCOLS; i++) {
        size_t n = strlen(protocols[i]);
        if (strncasecmp(value, protocols[i], n) == 0 && strncmp(value + n, "://", 3) == 0)
            return true;
    }
    return false;
}

/* 5555_TCP, and 5555_TCP_<anything> */
static bool is_port_and_protocol(const char *s)
{
    size_t digits = strspn(s, "0123456789");
    if (digits == 0 || s[digits] != '_')
        return false;
    for (int i = 0; i < PROTOCOLS; i++) {
        size_t n = strlen(protocols[i]);
        const char *end = s + digits + 1 + n;
        if (strncmp(s + digits + 1, protocols[i], n) == 0 && (*end == '\0' || *end == '_'))
            return true;
    }
    return false;
}

/* /this-container/alias */
static bool is_link_path(const char *value)
{
    return value[0] == '/' && value[1] && strchr(value + 1, '/') != NULL;
}

/* The first `n` bytes of a name are the alias of a Docker link. */
static bool is_linked(const char *name, size_t n)
{
    char variable[NAME_MAX_BYTES + 8];
    snprintf(variable, sizeof variable, "%.*s_NAME", (int)n, name);
    const char *value = getenv(variable);
    return value && is_link_path(value);
}

bool option_env_is_injected(const char *name, const char *value)
{
    if (strstr(name, "_SERVICE_PORT_"))
        return true;
    for (const char *p = strchr(name, '_'); p; p = strchr(p + 1, '_')) {
        if (strcmp(p, "_SERVICE_HOST") == 0 || strcmp(p, "_SERVICE_PORT") == 0)
            return true;
        if (strcmp(p, "_PORT") == 0 && is_port_url(value))
            return true;
        if (strncmp(p, "_PORT_", 6) == 0 && is_port_and_protocol(p + 6))
            return true;
        if (strcmp(p, "_NAME") == 0 && is_link_path(value))
            return true;
        if (strncmp(p, "_ENV_", 5) == 0 && is_linked(name, (size_t)(p - name)))
            return true;
    }
    return false;
}

/* --- options ----------------------------------------------------------------------------- */

static int find_by_env(const char *name)
{
    char known[64];
    for (int i = 0; i < CONFIG_COUNT; i++) {
        option_env(i, known);
        if (strcmp(known, name) == 0)
            return i;
    }
    return -1;
}

/* ONIC_PLUGIN_SIZE is a plug-in's; ONIC_TRAIN_LRR begins like an option and is a slip; ONIC_CACHE
 * and the like are not options. */
static int not_an_option(struct config *c, const char *name, const char *value,
                         struct onic_err *err)
{
    char key[NAME_MAX_BYTES];
    snprintf(key, sizeof key, "%s", name + strlen("ONIC_"));
    for (char *p = key; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    char *underscore = strchr(key, '_');
    if (!underscore || !underscore[1])
        return ONIC_OK;
    *underscore = '\0';
    if (!option_is_section(key))
        return ONIC_OK;
    *underscore = '.';
    return config_set(c, key, option_is_of_plugin(key) ? value : "", CONFIG_ENV, name, err);
}

int config_read_env(struct config *c, struct onic_err *err)
{
    int rc = ONIC_OK;
    for (char **e = environ; e && *e && !rc; e++) {
        size_t n = strcspn(*e, "=");
        char name[NAME_MAX_BYTES];
        if (strncmp(*e, "ONIC_", 5) != 0 || n >= sizeof name || (*e)[n] != '=')
            continue;
        memcpy(name, *e, n);
        name[n] = '\0';
        const char *value = *e + n + 1;
        int index = find_by_env(name);
        if (index >= 0)
            rc = option_set(c, index, value, CONFIG_ENV, 0, name, err);
        else if (!option_env_is_injected(name, value))
            rc = not_an_option(c, name, value, err);
    }
    return rc;
}
