/* SPDX-License-Identifier: MIT */
/* names.c - inputs and outputs by their names; see net.h. What a field is called comes from the
 * user's environment, a key of a dict most often, and may be what the model calls one of its own.
 * ONNX wants each name once, and identifiers. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "deploy/onnx/net.h"

static bool names_own(const char *name)
{
    static const char *const own[] = {
        "start",  "h",    "c",       "last_action", "last_reward", "h_out",     "c_out",
        "logits", "mean", "log_std", "value",       "value_ext",   "value_int",
    };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(own[i], name) == 0)
            return true;
    return false;
}

/* Of the model itself, of a field that has its name, or of another field as it is observed. */
static bool names_taken(const struct onnx_net *n, const struct obs_spec *obs, int field,
                        const char *name)
{
    bool taken = names_own(name);
    for (int i = 0; i < field; i++)
        taken |= strcmp(n->field_name[i], name) == 0;
    for (int i = field + 1; i < obs->nfields; i++)
        taken |= strcmp(obs->field[i].name, name) == 0;
    return taken;
}

void net_name_fields(struct onnx_net *n)
{
    const struct obs_spec *obs = &policy_config(n->policy)->obs;
    for (int i = 0; i < obs->nfields; i++) {
        char *name = n->field_name[i];
        snprintf(name, NET_FIELD_NAME_MAX, "%s", obs->field[i].name);
        for (char *p = name; *p; p++)
            if (!isalnum((unsigned char)*p))
                *p = '_';
        while (names_taken(n, obs, i, name)) {
            size_t len = strlen(name);
            ONIC_ASSERT(len + sizeof "obs_" <= NET_FIELD_NAME_MAX);
            memmove(name + strlen("obs_"), name, len + 1);
            memcpy(name, "obs_", strlen("obs_"));
        }
    }
}

const char *net_field_name(const struct onnx_net *n, const struct obs_field *f)
{
    return n->field_name[f - policy_config(n->policy)->obs.field];
}

const char *net_input(const struct onnx_net *n, const char *name, enum onnx_type type, int ndim,
                      const int64_t *dims, const char *doc)
{
    ONIC_ASSERT(names_own(name));
    return onnx_input(n->g, name, type, ndim, dims, doc);
}

void net_output(const struct onnx_net *n, const char *name, const char *value, int ndim,
                const int64_t *dims, const char *doc)
{
    ONIC_ASSERT(names_own(name));
    onnx_output(n->g, name, value, ONNX_FLOAT, ndim, dims, doc);
}
