/* SPDX-License-Identifier: MIT */
/* encoders.c - the registry of encoders.def; see encoders/encoder.h. */
#include <string.h>

#include "common/policy/encoders/encoder.h"

#define ENCODER(id) extern const struct encoder_type encoder_##id;
#include "common/policy/encoders.def"
#undef ENCODER

static const struct encoder_type *const encoders[] = {
#define ENCODER(id) &encoder_##id,
#include "common/policy/encoders.def"
#undef ENCODER
};

enum { ENCODERS = sizeof encoders / sizeof encoders[0] };

const struct encoder_type *encoder_at(int i)
{
    return i >= 0 && i < ENCODERS ? encoders[i] : NULL;
}

const struct encoder_type *encoder_find(const char *id)
{
    for (int i = 0; i < ENCODERS; i++)
        if (strcmp(encoders[i]->id, id) == 0)
            return encoders[i];
    return NULL;
}

int encoder_unknown(const char *id, struct onic_err *err)
{
    struct buf names;
    buf_init(&names, 4096);
    for (int i = 0; i < ENCODERS; i++)
        buf_printf(&names, "%s%s", i ? ", " : "", encoders[i]->id);
    err_set(err, ONIC_ECONFIG, "policy.net is '%s', which is none of the networks: %s", id,
            names.data);
    buf_release(&names);
    return ONIC_ECONFIG;
}

/* The next name of a comma-separated list; its length, 0 at the end. */
static size_t next_name(const char **list, const char **name)
{
    *name = *list;
    size_t len = strcspn(*list, ",");
    *list += len;
    if (**list == ',')
        (*list)++;
    return len;
}

int encoder_reads(const struct encoder_type *e, const char *field)
{
    if (strcmp(e->fields, "*") == 0)
        return 1;
    const char *list = e->fields, *name;
    for (size_t len; (len = next_name(&list, &name)) > 0;) {
        int use = 2;
        if (*name == '?') {
            use = 1;
            name++;
            len--;
        }
        if (strlen(field) == len && strncmp(name, field, len) == 0)
            return use;
    }
    return 0;
}

int encoder_check(const struct encoder_type *e, const struct obs_spec *obs, struct onic_err *err)
{
    const char *list = strcmp(e->fields, "*") == 0 ? "" : e->fields, *name;
    for (size_t len; (len = next_name(&list, &name)) > 0;) {
        char field[OBS_NAME_MAX];
        if (*name == '?')
            continue;
        ONIC_ASSERT(len < sizeof field);
        memcpy(field, name, len);
        field[len] = '\0';
        if (!obs_spec_find(obs, field)) {
            struct buf have;
            buf_init(&have, 4096);
            obs_spec_text(obs, &have);
            err_set(err, ONIC_ECONFIG,
                    "the network %s reads the observation field '%s', which is not among the "
                    "environment's (%s); choose another policy.net or add the field to env.obs",
                    e->id, field, have.data);
            buf_release(&have);
            return ONIC_ECONFIG;
        }
    }
    return ONIC_OK;
}
