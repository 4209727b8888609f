/* SPDX-License-Identifier: MIT */
/* picture_fields.c - see picture_fields.h. */
#include "common/policy/encoders/pixels/picture_fields.h"

#include <stdio.h>

enum { SIDE_MIN = 16, SIDE_MAX = 256, CHANNELS_MAX = 64 };

static void field_text(const struct obs_field *f, char *out, size_t bytes)
{
    struct buf text;
    struct obs_spec one = {.nfields = 1, .field = {*f}};
    buf_init(&text, 4096);
    obs_spec_text(&one, &text);
    snprintf(out, bytes, "%s", text.data);
    buf_release(&text);
}

static int bad_field(const struct obs_field *f, const char *what, struct onic_err *err)
{
    char text[160];
    field_text(f, text, sizeof text);
    return err_set(err, ONIC_ECONFIG,
                   "the network pixels reads pictures %s, and the environment has %s; name other "
                   "fields in env.obs, or take another policy.net",
                   what, text);
}

static int add_plane(struct picture_fields *e, const struct obs_spec *obs, int place,
                     struct onic_err *err)
{
    const struct obs_field *f = &obs->field[place];
    struct obs_picture p = obs_picture_of(f);
    if (f->type != OBS_U8)
        return bad_field(f, "of uint8", err);
    if (p.H < SIDE_MIN || p.W < SIDE_MIN || p.H > SIDE_MAX || p.W > SIDE_MAX)
        return bad_field(f, "of 16 to 256 pixels a side", err);
    if (e->count && (e->H != p.H || e->W != p.W))
        return bad_field(f, "of one height and width", err);
    e->H = p.H;
    e->W = p.W;
    e->C += p.C;
    e->field[e->count] = place;
    e->plane[e->count++] = p;
    return ONIC_OK;
}

int picture_fields_find(struct picture_fields *e, const struct obs_spec *obs, struct onic_err *err)
{
    int rc = ONIC_OK, ndim = 2;
    for (int i = 0; i < obs->nfields; i++)
        ndim = obs->field[i].ndim == 3 ? 3 : ndim;
    for (int i = 0; !rc && i < obs->nfields; i++) {
        const struct obs_field *f = &obs->field[i];
        if (f->ndim == 3 || (ndim == 2 && f->ndim == 2 && f->type == OBS_U8))
            rc = add_plane(e, obs, i, err);
        else
            plain_fields_add(&e->plain, f);
    }
    if (rc || (e->C && e->C <= CHANNELS_MAX))
        return rc;
    struct buf text;
    buf_init(&text, 4096);
    obs_spec_text(obs, &text);
    err_set(err, ONIC_ECONFIG,
            "the network pixels needs a picture, uint8[height,width,channels], of at most %d "
            "channels, and the environment has %s; name other fields in env.obs, or take "
            "policy.net=mlp",
            CHANNELS_MAX, text.data);
    buf_release(&text);
    return ONIC_ECONFIG;
}
