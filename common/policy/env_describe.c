/* SPDX-License-Identifier: MIT */
/* env_describe.c - an environment's description as lines "key: value", and back.
 *
 * One table of keys drives both directions, so they cannot drift apart. The text comes from another
 * process: every number is range-checked and every name bounded before it is used. */
#include "common/policy/env_describe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum key { ID, DOMAIN, OBS, ACTIONS, MAX_STEPS, SUCCESS, STATS, NET, GOAL, COUNT, SNAPSHOT, KEYS };

static const char *const key_names[KEYS] = {
    "id",         "domain",      "observation",  "actions",       "max_steps",      "success",
    "statistics", "default_net", "default_goal", "default_count", "snapshot_bytes",
};

static void write_value(const struct env_description *d, enum key key, struct buf *out)
{
    switch (key) {
    case ID:
        buf_puts(out, d->id);
        break;
    case DOMAIN:
        buf_puts(out, d->domain);
        break;
    case OBS:
        obs_spec_text(&d->obs, out);
        break;
    case ACTIONS:
        action_space_text(&d->actions, out);
        break;
    case MAX_STEPS:
        buf_printf(out, "%d", d->max_steps);
        break;
    case SUCCESS:
        buf_puts(out, d->has_success ? "yes" : "no");
        break;
    case STATS:
        for (int i = 0; i < d->nstats; i++)
            buf_printf(out, "%s%s", i ? "," : "", d->stat_names[i]);
        break;
    case NET:
        buf_puts(out, d->default_net);
        break;
    case GOAL:
        buf_puts(out, d->default_goal);
        break;
    case COUNT:
        buf_printf(out, "%d", d->default_count);
        break;
    case SNAPSHOT:
        buf_printf(out, "%zu", d->snapshot_bytes);
        break;
    case KEYS:
        break;
    }
}

void env_describe_write(const struct env_description *d, struct buf *out)
{
    for (int k = 0; k < KEYS; k++) {
        buf_printf(out, "%s: ", key_names[k]);
        write_value(d, (enum key)k, out);
        buf_append(out, "\n", 1);
    }
}

/* --- reading --------------------------------------------------------------------------------- */

static bool env_describe_read_number(const char *text, long long lo, long long hi, long long *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *out >= lo && *out <= hi;
}

static bool read_int(const char *text, int lo, int *out)
{
    long long v;
    if (!env_describe_read_number(text, lo, 1000000000, &v))
        return false;
    *out = (int)v;
    return true;
}

static bool read_name(const char *text, char *out, size_t size)
{
    size_t n = strlen(text);
    if (n >= size)
        return false;
    memcpy(out, text, n + 1);
    return true;
}

static bool read_type(const char *name, enum obs_type *out)
{
    for (int t = OBS_U8; t <= OBS_F32; t++)
        if (strcmp(obs_type_name((enum obs_type)t), name) == 0) {
            *out = (enum obs_type)t;
            return true;
        }
    return false;
}

/* "image uint8[7,7,3]" */
static bool read_field(const char *text, struct obs_spec *spec)
{
    char name[OBS_NAME_MAX], type_name[16];
    int used = 0, shape[OBS_DIMS_MAX], ndim = 0;
    enum obs_type type;
    if (spec->nfields == OBS_FIELDS_MAX ||
        sscanf(text, " %23[^ ] %15[^[][%n", name, type_name, &used) != 2 || !used ||
        !read_type(type_name, &type) || obs_spec_find(spec, name))
        return false;
    const char *p = text + used;
    long long count = 1;
    for (;;) {
        char *end;
        long v = strtol(p, &end, 10);
        if (end == p || v < 1 || v > 1000000 || ndim == OBS_DIMS_MAX)
            return false;
        shape[ndim++] = (int)v;
        count *= v;
        p = end + 1;
        if (*end == ']')
            break;
        if (*end != ',')
            return false;
    }
    if (*p || count > (1 << 24))
        return false;
    obs_spec_add(spec, name, type, ndim, shape);
    return true;
}

/* Cuts *rest at the next separator; NULL at the end. */
static char *next_part(char **rest, char separator)
{
    char *part = *rest;
    if (!part)
        return NULL;
    char *at = strchr(part, separator);
    *rest = at ? at + 1 : NULL;
    if (at)
        *at = '\0';
    return part;
}

static bool read_obs(char *text, struct obs_spec *spec)
{
    char *rest = text, *part;
    while ((part = next_part(&rest, ';')))
        if (!read_field(part, spec))
            return false;
    return spec->nfields > 0;
}

static bool read_stats(char *text, struct env_description *d)
{
    char *rest = *text ? text : NULL, *part;
    while ((part = next_part(&rest, ',')))
        if (d->nstats == ENV_DESCRIPTION_STATS_MAX ||
            !read_name(part, d->stat_names[d->nstats++], ENV_DESCRIPTION_NAME_MAX))
            return false;
    return true;
}

static bool read_value(enum key key, char *value, struct env_description *d)
{
    long long v;
    switch (key) {
    case ID:
        return value[0] && read_name(value, d->id, sizeof d->id);
    case DOMAIN:
        return read_name(value, d->domain, sizeof d->domain);
    case OBS:
        return read_obs(value, &d->obs);
    case ACTIONS:
        return action_space_read(value, &d->actions);
    case MAX_STEPS:
        return read_int(value, 0, &d->max_steps);
    case SUCCESS:
        d->has_success = strcmp(value, "yes") == 0;
        return d->has_success || strcmp(value, "no") == 0;
    case STATS:
        return read_stats(value, d);
    case NET:
        return read_name(value, d->default_net, sizeof d->default_net);
    case GOAL:
        return read_name(value, d->default_goal, sizeof d->default_goal);
    case COUNT:
        return read_int(value, 1, &d->default_count);
    case SNAPSHOT:
        if (!env_describe_read_number(value, 0, 1 << 30, &v))
            return false;
        d->snapshot_bytes = (size_t)v;
        return true;
    case KEYS:
        break;
    }
    return false;
}

static int read_line(char *line, bool seen[KEYS], struct env_description *d, struct onic_err *err)
{
    char *colon = strstr(line, ": ");
    if (!colon)
        return err_set(err, ONIC_EPROTO,
                       "the environment's description has a line without a key: \"%.80s\"", line);
    *colon = '\0';
    for (int k = 0; k < KEYS; k++) {
        if (strcmp(line, key_names[k]) != 0)
            continue;
        char shown[96];
        snprintf(shown, sizeof shown, "%s", colon + 2);
        if (seen[k] || !read_value((enum key)k, colon + 2, d))
            return err_set(err, ONIC_EPROTO,
                           "the environment's description has a bad or second \"%s: %s\"", line,
                           shown);
        seen[k] = true;
        return ONIC_OK;
    }
    return err_set(
        err, ONIC_EPROTO,
        "the environment's description has an unknown key \"%.40s\"; learner and actor are of "
        "different versions",
        line);
}

int env_describe_read(const char *text, size_t len, struct env_description *out,
                      struct onic_err *err)
{
    bool seen[KEYS] = {false};
    memset(out, 0, sizeof *out);
    if (len > ENV_DESCRIPTION_TEXT_MAX || memchr(text, '\0', len))
        return err_set(err, ONIC_EPROTO,
                       "the environment's description is not text of at most %d bytes",
                       ENV_DESCRIPTION_TEXT_MAX);
    char *copy = malloc(len + 1);
    if (!copy)
        return err_set(err, ONIC_ELIMIT, "out of memory");
    memcpy(copy, text, len);
    copy[len] = '\0';
    int rc = ONIC_OK;
    char *rest = copy, *line;
    while (!rc && (line = next_part(&rest, '\n')))
        if (*line)
            rc = read_line(line, seen, out, err);
    for (int k = 0; !rc && k < KEYS; k++)
        if (!seen[k])
            rc = err_set(err, ONIC_EPROTO, "the environment's description lacks \"%s\"",
                         key_names[k]);
    free(copy);
    return rc;
}
