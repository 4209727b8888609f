/* SPDX-License-Identifier: MIT */
/* message_net.c - see message_net.h.
 *
 * Most captions are far shorter than the 256 bytes the net is defined on, and all positions whose
 * window sees only padding have the same value. Each stage therefore stores the positions that
 * differ (live) and one position for the rest; layers treat positions past the stored ones as
 * copies of the last (conv1d.h). The results are those of the full net, and so are the gradients:
 * what the copies would have received is summed into the one stored. A caption of 30 bytes costs a
 * seventh of the full net.
 *
 * live positions of a stage: a convolution leaves as many live as there were (windows that start
 * later see only the tail), a pool one in `k`, rounded up; never more than the positions there are.
 */
#include "common/nn/message_net.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/nn/layers/conv1d/conv1d.h"
#include "common/nn/layers/dense/dense.h"
#include "common/nn/layers/embedding/embedding.h"
#include "common/nn/layers/maxpool1d/maxpool1d.h"

/* --- the net --------------------------------------------------------------------------------- */

static struct message_stage *message_net_append(struct message_net *net,
                                                enum message_stage_kind kind, int k, int out)
{
    struct message_stage *s = &net->stage[net->stages++];
    *s = (struct message_stage){.kind = kind, .k = k, .out = out};
    if (net->stages > 1) {
        s->in = s[-1].out;
        s->positions = s[-1].positions;
    }
    return s;
}

/* Weights and biases uniform within 1/sqrt(inputs). */
static void add_tensors(struct params *p, struct message_stage *s, const char *what, int index)
{
    char name[PARAM_NAME_MAX];
    int inputs = s->kind == STAGE_CONV ? s->k * s->in : s->in;
    float bound = 1.0f / sqrtf((float)inputs);
    snprintf(name, sizeof name, "message.%s%d.w", what, index);
    s->w = params_add(p, name, inputs, s->out, PARAM_UNIFORM, bound);
    snprintf(name, sizeof name, "message.%s%d.b", what, index);
    s->b = params_add(p, name, 1, s->out, PARAM_UNIFORM, bound);
}

static void add_embedding(struct message_net *net, struct params *p, int bytes, int size)
{
    struct message_stage *s = message_net_append(net, STAGE_EMBED, 1, size);
    net->bytes = s->positions = bytes;
    s->w = params_add(p, "message.embedding", 256, size, PARAM_EMBEDDING, 1.0f);
}

static void add_conv(struct message_net *net, struct params *p, int k, int channels)
{
    struct message_stage *s = message_net_append(net, STAGE_CONV, k, channels);
    s->positions -= k - 1;
    add_tensors(p, s, "conv", net->stages);
}

static void add_pool(struct message_net *net)
{
    struct message_stage *s =
        message_net_append(net, STAGE_POOL, 3, net->stage[net->stages - 1].out);
    s->positions /= 3;
}

static void add_flatten(struct message_net *net)
{
    struct message_stage *s = message_net_append(net, STAGE_FLATTEN, 1, 0);
    s->out = s->positions * s->in;
    s->positions = 1;
}

static void message_net_add_dense(struct message_net *net, struct params *p, int out)
{
    struct message_stage *s = message_net_append(net, STAGE_DENSE, 1, out);
    add_tensors(p, s, "dense", net->stages);
}

void message_net_create(struct message_net *net, enum message_net_size size, struct params *p)
{
    memset(net, 0, sizeof *net);
    bool small = size == MESSAGE_NET_LT_CNN_SMALL;
    int channels = small ? 32 : 64;
    add_embedding(net, p, small ? 128 : 256, small ? 16 : 32);
    for (int i = 0; i < 2; i++) {
        add_conv(net, p, 7, channels);
        add_pool(net);
    }
    for (int i = 0; i < (small ? 1 : 4); i++)
        add_conv(net, p, 3, channels);
    add_pool(net);
    add_flatten(net);
    message_net_add_dense(net, p, small ? 32 : 128);
    if (small)
        message_net_add_dense(net, p, 32);
}

int message_net_features(const struct message_net *net)
{
    return net->stage[net->stages - 1].out;
}

double message_net_macs(const struct message_net *net)
{
    double sum = 0;
    for (int i = 0; i < net->stages; i++) {
        const struct message_stage *s = &net->stage[i];
        if (s->kind == STAGE_CONV || s->kind == STAGE_DENSE)
            sum += (double)s->positions * s->k * s->in * s->out;
    }
    return sum;
}

/* --- workspace ------------------------------------------------------------------------------- */

struct message_work {
    int n, cap;                    /* captions */
    int16_t *id;                   /* bytes of the captions, rows of stage 0 */
    int *rows[MESSAGE_STAGES_MAX]; /* [cap] stored positions of each caption */
    int *live;                     /* [cap] */
    size_t total[MESSAGE_STAGES_MAX], room[MESSAGE_STAGES_MAX]; /* floats of y */
    float *y[MESSAGE_STAGES_MAX];
    float *dy[2]; /* gradients of two neighbouring stages */
    size_t dy_room;
    float *scratch;
};

static size_t scratch_floats(const struct message_net *net)
{
    size_t scratch = 1;
    for (int i = 1; i < net->stages; i++) {
        const struct message_stage *s = &net->stage[i];
        struct conv1d spec = {s->k, s->in, s->out, ACT_RELU};
        if (s->kind == STAGE_CONV && conv1d_scratch_floats(&spec, s->positions) > scratch)
            scratch = conv1d_scratch_floats(&spec, s->positions);
    }
    return scratch;
}

struct message_work *message_work_create(const struct message_net *net)
{
    struct message_work *w = xcalloc(1, sizeof *w);
    w->scratch = xaligned(scratch_floats(net) * sizeof(float));
    return w;
}

struct message_work *message_work_place(const struct message_net *net, int n, void *memory,
                                        size_t *at)
{
    size_t captions = (size_t)n;
    struct message_work *head = memory_cut(memory, at, sizeof *head), w = {.cap = n};
    w.live = memory_cut(memory, at, captions * sizeof *w.live);
    w.id = memory_cut(memory, at, captions * (size_t)net->bytes * sizeof *w.id);
    for (int i = 0; i < net->stages; i++) {
        const struct message_stage *s = &net->stage[i];
        w.rows[i] = memory_cut(memory, at, captions * sizeof *w.rows[i]);
        w.room[i] = captions * (size_t)s->positions * (size_t)s->out;
        w.y[i] = memory_cut(memory, at, w.room[i] * sizeof(float));
        w.dy_room = w.room[i] > w.dy_room ? w.room[i] : w.dy_room;
    }
    for (int i = 0; i < 2; i++)
        w.dy[i] = memory_cut(memory, at, w.dy_room * sizeof(float));
    w.scratch = memory_cut(memory, at, scratch_floats(net) * sizeof(float));
    if (head)
        *head = w;
    return head;
}

void message_work_free(struct message_work *w)
{
    if (!w)
        return;
    for (int i = 0; i < MESSAGE_STAGES_MAX; i++) {
        free(w->rows[i]);
        free(w->y[i]);
    }
    free(w->id);
    free(w->live);
    free(w->dy[0]);
    free(w->dy[1]);
    free(w->scratch);
    free(w);
}

static void message_net_reserve_captions(const struct message_net *net, struct message_work *w,
                                         int n)
{
    w->n = n;
    if (n <= w->cap)
        return;
    w->cap = n;
    w->live = xrealloc(w->live, (size_t)n * sizeof *w->live);
    w->id = xrealloc(w->id, (size_t)n * (size_t)net->bytes * sizeof *w->id);
    for (int i = 0; i < net->stages; i++)
        w->rows[i] = xrealloc(w->rows[i], (size_t)n * sizeof *w->rows[i]);
}

/* How many positions each stage stores, from the lengths in live. */
static void plan(const struct message_net *net, struct message_work *w)
{
    size_t largest = 0;
    for (int i = 0; i < net->stages; i++) {
        const struct message_stage *s = &net->stage[i];
        size_t rows = 0;
        for (int m = 0; m < w->n; m++) {
            int live = s->kind == STAGE_POOL ? (w->live[m] + s->k - 1) / s->k : w->live[m];
            w->live[m] = live < s->positions ? live : s->positions;
            w->rows[i][m] = w->live[m] < s->positions ? w->live[m] + 1 : s->positions;
            rows += (size_t)w->rows[i][m];
        }
        w->total[i] = rows * (size_t)s->out;
        largest = w->total[i] > largest ? w->total[i] : largest;
        if (w->total[i] > w->room[i]) {
            w->room[i] = w->total[i] + w->total[i] / 4;
            free(w->y[i]);
            w->y[i] = xaligned(w->room[i] * sizeof(float));
        }
    }
    if (largest > w->dy_room) {
        w->dy_room = largest + largest / 4;
        for (int i = 0; i < 2; i++) {
            free(w->dy[i]);
            w->dy[i] = xaligned(w->dy_room * sizeof(float));
        }
    }
}

/* --- forward --------------------------------------------------------------------------------- */

static int read_captions(const struct message_net *net, const char *const *caption,
                         const uint16_t *len, struct message_work *w)
{
    int total = 0;
    for (int m = 0; m < w->n; m++)
        w->live[m] = len[m] < net->bytes ? len[m] : net->bytes;
    plan(net, w);
    for (int m = 0; m < w->n; m++)
        for (int i = 0; i < w->rows[0][m]; i++)
            w->id[total++] = i < len[m] ? (int16_t)(unsigned char)caption[m][i] : 0;
    return total;
}

/* y [n, positions*C]: the positions of a caption side by side, repeated ones written out. */
static void flatten(const struct message_stage *s, float *y, const float *x, int n, const int *rows)
{
    size_t C = (size_t)s->in;
    int positions = s->out / s->in;
    for (int m = 0; m < n; m++) {
        for (int p = 0; p < positions; p++, y += C)
            memcpy(y, x + (size_t)(p < rows[m] ? p : rows[m] - 1) * C, C * sizeof *y);
        x += (size_t)rows[m] * C;
    }
}

static void flatten_backward(const struct message_stage *s, float *dx, const float *dy, int n,
                             const int *rows)
{
    size_t C = (size_t)s->in;
    int positions = s->out / s->in;
    for (int m = 0; m < n; m++) {
        memset(dx, 0, (size_t)rows[m] * C * sizeof *dx);
        for (int p = 0; p < positions; p++, dy += C)
            kernels()->axpy(dx + (size_t)(p < rows[m] ? p : rows[m] - 1) * C, dy, 1.0f, C);
        dx += (size_t)rows[m] * C;
    }
}

const float *message_net_forward(const struct message_net *net, const float *weights,
                                 const char *const *caption, const uint16_t *len, int n,
                                 struct message_work *w)
{
    message_net_reserve_captions(net, w, n);
    int total = read_captions(net, caption, len, w);
    embedding_forward(w->y[0], w->id, weights + net->stage[0].w, 1, total, net->stage[0].out);
    for (int i = 1; i < net->stages; i++) {
        const struct message_stage *s = &net->stage[i];
        const float *x = w->y[i - 1];
        float *y = w->y[i];
        struct conv1d conv = {s->k, s->in, s->out, ACT_RELU};
        if (s->kind == STAGE_CONV)
            conv1d_forward(y, x, weights + s->w, weights + s->b, &conv, n, w->rows[i - 1],
                           w->rows[i], w->scratch);
        else if (s->kind == STAGE_POOL)
            maxpool1d_forward(y, x, s->k, s->in, n, w->rows[i - 1], w->rows[i]);
        else if (s->kind == STAGE_FLATTEN)
            flatten(s, y, x, n, w->rows[i - 1]);
        else
            dense_forward(y, s->out, x, s->in, weights + s->w, weights + s->b, n, s->in, s->out,
                          ACT_RELU);
    }
    return w->y[net->stages - 1];
}

/* --- backward -------------------------------------------------------------------------------- */

void message_net_backward(const struct message_net *net, const float *weights, float *grads,
                          float *dout, struct message_work *w)
{
    float *dy = dout;
    for (int i = net->stages - 1; i > 0; i--) {
        const struct message_stage *s = &net->stage[i];
        const float *x = w->y[i - 1], *y = w->y[i];
        float *dx = w->dy[i % 2];
        struct conv1d conv = {s->k, s->in, s->out, ACT_RELU};
        if (s->kind == STAGE_CONV)
            conv1d_backward(dx, grads + s->w, grads + s->b, dy, x, y, weights + s->w, &conv, w->n,
                            w->rows[i - 1], w->rows[i], w->scratch);
        else if (s->kind == STAGE_POOL)
            maxpool1d_backward(dx, dy, x, y, s->k, s->in, w->n, w->rows[i - 1], w->rows[i]);
        else if (s->kind == STAGE_FLATTEN)
            flatten_backward(s, dx, dy, w->n, w->rows[i - 1]);
        else
            dense_backward(dx, s->in, grads + s->w, grads + s->b, dy, s->out, x, s->in, y, s->out,
                           weights + s->w, w->n, s->in, s->out, ACT_RELU);
        dy = dx;
    }
    const struct message_stage *s = &net->stage[0];
    int total = (int)(w->total[0] / (size_t)s->out);
    embedding_backward(grads + s->w, dy, w->id, 1, total, s->out);
    memset(grads + s->w, 0, (size_t)s->out * sizeof *grads); /* the padding stays zero */
}
