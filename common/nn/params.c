/* SPDX-License-Identifier: MIT */
/* params.c - the parameter table and its initial values; see params.h.
 *
 * Each tensor starts at a multiple of 16 floats, so every row-major matrix can be read with aligned
 * 64-byte loads. The gaps are never written by initialisation or gradients and so stay 0 through
 * Adam.
 *
 * Orthogonal matrices come from Gram-Schmidt on normal vectors, done twice ("twice is enough": the
 * second pass removes what cancellation left in the first), in double. The result is the Q of a QR
 * factorisation with positive diagonal, that is, uniform over orthogonal frames (Saxe et al., arXiv
 * 1312.6120). */
#include "common/nn/params.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/xmalloc.h"

enum { ALIGN_FLOATS = 16 };

size_t params_add(struct params *p, const char *name, int rows, int cols, enum param_init init,
                  float scale)
{
    ONIC_ASSERT(p->count < PARAMS_MAX && rows > 0 && cols > 0);
    ONIC_ASSERT(strlen(name) < PARAM_NAME_MAX && !params_find(p, name));
    struct param *t = &p->param[p->count++];
    memset(t, 0, sizeof *t);
    snprintf(t->name, sizeof t->name, "%s", name);
    t->rows = rows;
    t->cols = cols;
    t->offset = p->floats;
    t->init = init;
    t->scale = scale;
    size_t n = (size_t)rows * (size_t)cols;
    p->floats += (n + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
    return t->offset;
}

const struct param *params_find(const struct params *p, const char *name)
{
    for (int i = 0; i < p->count; i++)
        if (strcmp(p->param[i].name, name) == 0)
            return &p->param[i];
    return NULL;
}

size_t params_count(const struct params *p)
{
    size_t n = 0;
    for (int i = 0; i < p->count; i++)
        n += (size_t)p->param[i].rows * (size_t)p->param[i].cols;
    return n;
}

/* v -= sum over the earlier vectors q of (v.q) q */
static void remove_projections(double *v, const double *q, int earlier, int len)
{
    for (int j = 0; j < earlier; j++) {
        const double *u = q + (size_t)j * (size_t)len;
        double dot = 0;
        for (int i = 0; i < len; i++)
            dot += v[i] * u[i];
        for (int i = 0; i < len; i++)
            v[i] -= dot * u[i];
    }
}

/* The shorter side holds the orthonormal vectors: rows of a wide matrix, columns of a tall one. */
static void fill_orthogonal(float *w, int rows, int cols, double gain, struct rng *r)
{
    bool wide = rows <= cols;
    int count = wide ? rows : cols, len = wide ? cols : rows;
    double *q = xcalloc((size_t)count * (size_t)len, sizeof *q);
    for (int k = 0; k < count; k++) {
        double *v = q + (size_t)k * (size_t)len, norm = 0;
        for (int i = 0; i < len; i++)
            v[i] = (double)rng_normal(r);
        remove_projections(v, q, k, len);
        remove_projections(v, q, k, len);
        for (int i = 0; i < len; i++)
            norm += v[i] * v[i];
        norm = sqrt(norm);
        for (int i = 0; i < len; i++)
            v[i] /= norm;
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++) {
            size_t at =
                wide ? (size_t)i * (size_t)len + (size_t)j : (size_t)j * (size_t)len + (size_t)i;
            w[(size_t)i * (size_t)cols + (size_t)j] = (float)(gain * q[at]);
        }
    free(q);
}

/* The stream of a tensor is named by the tensor, not by its place in the table. */
static uint64_t name_hash(const char *s)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (; *s; s++)
        h = (h ^ (uint8_t)*s) * 1099511628211u;
    return h;
}

void params_init(const struct params *p, float *block, uint64_t seed)
{
    memset(block, 0, p->floats * sizeof *block);
    for (int k = 0; k < p->count; k++) {
        const struct param *t = &p->param[k];
        float *w = block + t->offset;
        size_t n = (size_t)t->rows * (size_t)t->cols;
        struct rng r = rng_stream(seed, "params", name_hash(t->name), 0, 0);
        switch (t->init) {
        case PARAM_ZERO:
            break;
        case PARAM_ORTHOGONAL:
            fill_orthogonal(w, t->rows, t->cols, (double)t->scale, &r);
            break;
        case PARAM_UNIFORM:
            for (size_t i = 0; i < n; i++)
                w[i] = (2.0f * rng_float(&r) - 1.0f) * t->scale;
            break;
        case PARAM_NORMAL:
        case PARAM_EMBEDDING:
            for (size_t i = 0; i < n; i++)
                w[i] = rng_normal(&r) * t->scale;
            if (t->init == PARAM_EMBEDDING)
                memset(w, 0, (size_t)t->cols * sizeof *w);
            break;
        case PARAM_CONSTANT:
            for (size_t i = 0; i < n; i++)
                w[i] = t->scale;
            break;
        }
    }
}
