/* SPDX-License-Identifier: MIT */
/* gym_about.c - see gym_about.h. Fields and actions are read as those of any environment that
 * another process describes (common/policy/env_describe.h), with the same bounds. */
#include "actor/envs/gym/gym_about.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/policy/env_describe.h"

/* The value of the line "key=value"; "" when there is none, or it is too long. */
static void about_value(const char *text, const char *key, char *out, size_t size)
{
    char start[32];
    int n = snprintf(start, sizeof start, "\n%s=", key);
    const char *at = strstr(text, start);
    size_t len = at ? strcspn(at + n, "\n") : 0;
    if (len >= size)
        len = 0;
    if (len)
        memcpy(out, at + n, len);
    out[len] = '\0';
}

static bool about_yes(const char *text, const char *key)
{
    char value[8];
    about_value(text, key, value, sizeof value);
    return strcmp(value, "yes") == 0;
}

int gym_about_read(struct gym_about *out, const char *text, const char *id, struct onic_err *err)
{
    char obs[4096], actions[ACTION_TEXT_MAX + 1], limit[16];
    struct env_description d;
    struct onic_err why = {0};
    struct buf known;
    about_value(text, "obs", obs, sizeof obs);
    about_value(text, "actions", actions, sizeof actions);
    about_value(text, "max_steps", limit, sizeof limit);
    about_value(text, "names", out->names, sizeof out->names);
    out->captions = about_yes(text, "captions");
    out->success = about_yes(text, "success");
    buf_init(&known, ENV_DESCRIPTION_TEXT_MAX);
    buf_printf(&known,
               "id: gym\ndomain: gym\nobservation: %s\nactions: %s\nmax_steps: %s\nsuccess: no\n"
               "statistics: \ndefault_net: mlp\ndefault_goal: none\ndefault_count: 1\n"
               "snapshot_bytes: 0\n",
               obs, actions, limit);
    int rc = env_describe_read(known.data, known.len, &d, &why);
    buf_release(&known);
    if (rc)
        return err_set(err, ONIC_ECONFIG, "%s cannot be played: %s", id, why.msg);
    out->obs = d.obs;
    out->actions = d.actions;
    out->max_steps = d.max_steps;
    return ONIC_OK;
}
