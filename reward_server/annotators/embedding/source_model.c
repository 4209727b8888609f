/* SPDX-License-Identifier: MIT */
/* source_model.c - vectors of the sentence model in this process; see engine.h. */
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "reward_server/annotators/embedding/engine.h"
#include "reward_server/annotators/embedding/source.h"

extern const struct source_vtable source_model;

struct model_source {
    struct source base;
    struct engine *engine;
};

static int model_available(const struct source_params *p, struct onic_err *err)
{
    return engine_available(p->model_dir, err);
}

static int model_open(struct source **out, const struct source_params *p, struct onic_err *err)
{
    struct model_source *m = xcalloc(1, sizeof *m);
    m->base.v = &source_model;
    int rc = engine_open(&m->engine, p->model_dir, err);
    if (rc)
        free(m);
    else
        *out = &m->base;
    return rc;
}

static void model_close(struct source *s)
{
    struct model_source *m = (struct model_source *)s;
    engine_close(m->engine);
    free(m);
}

static const char *model_name(const struct source *s)
{
    return engine_model(((const struct model_source *)s)->engine);
}

static const char *model_manner(const struct source *s)
{
    (void)s;
    return "query";
}

static int model_dim(struct source *s)
{
    return engine_dim(((struct model_source *)s)->engine);
}

static int model_embed(struct source *s, const char *const *text, int n, float *out)
{
    struct model_source *m = (struct model_source *)s;
    int dim = engine_dim(m->engine), rc = 0;
    for (int i = 0; i < n && !rc; i++)
        rc = engine_embed(m->engine, text[i], out + (size_t)i * (size_t)dim);
    return rc;
}

const struct source_vtable source_model = {
    .id = "model",
    .centred = true,
    .kept = true,
    .batch = 1, /* 20 ms each: the worker looks in between whether it should stop */
    .available = model_available,
    .open = model_open,
    .close = model_close,
    .model = model_name,
    .manner = model_manner,
    .dim = model_dim,
    .embed = model_embed,
};
