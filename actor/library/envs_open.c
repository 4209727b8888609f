/* SPDX-License-Identifier: MIT */
/* envs_open.c - see envs_open.h. */
#include "actor/library/envs_open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

/* One line, without its end. */
static int library_option(struct config *cfg, char *line, struct onic_err *err)
{
    char *value = strchr(line, '=');
    if (!value || strncmp(line, "env.", 4) != 0)
        return err_set(err, ONIC_ECONFIG,
                       "'%.80s' is no option of an environment: give env.name=value, a line each",
                       line);
    *value++ = '\0';
    return config_set(cfg, line, value, CONFIG_CLI, line, err);
}

static int library_options(struct config *cfg, const char *options, struct onic_err *err)
{
    char *copy = xstrdup(options ? options : ""), *rest = copy, *line;
    int rc = ONIC_OK;
    while (!rc && (line = strtok_r(rest, "\n", &rest)))
        rc = library_option(cfg, line, err);
    free(copy);
    return rc;
}

int library_open_envs(struct env **out, int n, const char *id, const char *options,
                      struct onic_err *err)
{
    struct config *cfg = xmalloc(sizeof *cfg);
    config_defaults(cfg);
    snprintf(cfg->env_obs, sizeof cfg->env_obs, "all");
    /* NetHack asks for the time by a name that only a program can take over (frozen_time.h). */
    cfg->env_clock = 0;
    int rc = library_options(cfg, options, err), made = 0;
    while (!rc && made < n) {
        rc = env_create(&out[made], id, cfg, made, err);
        made += !rc;
    }
    while (rc && made > 0)
        env_free(out[--made]);
    free(cfg);
    return rc;
}
