/* SPDX-License-Identifier: MIT */
/* convolution_layers.h - conv2d, conv1d and maxpool1d as cases of test_layers.c, which includes
 * this file once. */

/* --- conv2d: x [M,H,W,C], w, b --------------------------------------------------------------- */

static struct conv2d conv2d_of(const struct layer_case *c)
{
    const int *s = c->size; /* H, C, KH, KW, N, stride, pad, M; W = H + 1 */
    return (struct conv2d){s[0], s[0] + 1, s[1], s[2], s[3], s[4], s[5], s[6], c->act};
}

static void conv2d_setup(struct layer_case *c, int variant, struct rng *r)
{
    static const int sizes[4][8] = {{1, 1, 1, 1, 1, 1, 0, 1},
                                    {5, 3, 3, 3, 4, 1, 1, 2},
                                    {7, 2, 3, 2, 5, 2, 0, 1},
                                    {4, 1, 3, 3, 2, 2, 2, 11}}; /* more frames than a slice */
    (void)r;
    memcpy(c->size, sizes[variant], sizeof sizes[0]);
    c->act = acts[variant];
    struct conv2d s = conv2d_of(c);
    int M = c->size[7];
    c->count[0] = M * s.H * s.W * s.C, c->count[1] = s.KH * s.KW * s.C * s.N, c->count[2] = s.N;
    c->adds[1] = c->adds[2] = true;
    c->outputs = M * conv2d_out_h(&s) * conv2d_out_w(&s) * s.N;
    c->memory = xaligned(conv2d_scratch_floats(&s) * sizeof(float));
}

static void conv2d_f(struct layer_case *c, float *y, float *const in[])
{
    struct conv2d s = conv2d_of(c);
    conv2d_forward(y, in[0], in[1], in[2], &s, c->size[7], c->memory);
}

static void conv2d_b(struct layer_case *c, float *const d[], float *dy, const float *y,
                     float *const in[])
{
    struct conv2d s = conv2d_of(c);
    conv2d_backward(d[0], d[1], d[2], dy, in[0], y, in[1], &s, c->size[7], c->memory);
}

static double conv2d_patch(const struct conv2d *s, double *const in[], int m, int oy, int ox, int n)
{
    double sum = in[2][n];
    for (int ky = 0; ky < s->KH; ky++)
        for (int kx = 0; kx < s->KW; kx++) {
            int iy = oy * s->stride - s->pad + ky, ix = ox * s->stride - s->pad + kx;
            if (iy < 0 || iy >= s->H || ix < 0 || ix >= s->W)
                continue;
            for (int ch = 0; ch < s->C; ch++)
                sum += in[0][((m * s->H + iy) * s->W + ix) * s->C + ch] *
                       in[1][((ky * s->KW + kx) * s->C + ch) * s->N + n];
        }
    return sum;
}

static void conv2d_o(const struct layer_case *c, double *y, double *const in[])
{
    struct conv2d s = conv2d_of(c);
    for (int m = 0; m < c->size[7]; m++)
        for (int oy = 0; oy < conv2d_out_h(&s); oy++)
            for (int ox = 0; ox < conv2d_out_w(&s); ox++)
                for (int n = 0; n < s.N; n++)
                    *y++ = act_double(conv2d_patch(&s, in, m, oy, ox, n), s.act);
}

/* --- conv1d and maxpool1d: sequences of different lengths, tails that repeat the last row ----- */

struct sequences {
    int M, k, C, N, in[8], out[8], total_in, total_out;
};

/* Variant 3 has sequences that end inside, at and far before the last window. */
static struct sequences sequences_of(const struct layer_case *c)
{
    struct sequences s = {.M = c->size[0], .k = c->size[1], .C = c->size[2], .N = c->size[3]};
    for (int m = 0; m < s.M; m++) {
        s.in[m] = 1 + (c->size[4] * (m + 1)) % 13;
        s.out[m] = 1 + (c->size[5] * (m + 2)) % 11;
        s.total_in += s.in[m];
        s.total_out += s.out[m];
    }
    return s;
}

static void conv1d_setup(struct layer_case *c, int variant, struct rng *r)
{
    static const int sizes[4][6] = {
        {1, 1, 1, 1, 0, 0}, {2, 3, 2, 4, 7, 4}, {3, 7, 5, 3, 5, 3}, {8, 4, 3, 6, 6, 10}};
    (void)r;
    memcpy(c->size, sizes[variant], sizeof sizes[0]);
    struct sequences s = sequences_of(c);
    struct conv1d spec = {s.k, s.C, s.N, ACT_NONE};
    c->act = acts[variant];
    c->count[0] = s.total_in * s.C, c->count[1] = s.k * s.C * s.N, c->count[2] = s.N;
    c->adds[1] = c->adds[2] = true;
    c->outputs = s.total_out * s.N;
    c->memory = xaligned(conv1d_scratch_floats(&spec, 11) * sizeof(float));
}

static void conv1d_f(struct layer_case *c, float *y, float *const in[])
{
    struct sequences s = sequences_of(c);
    struct conv1d spec = {s.k, s.C, s.N, c->act};
    conv1d_forward(y, in[0], in[1], in[2], &spec, s.M, s.in, s.out, c->memory);
}

static void conv1d_b(struct layer_case *c, float *const d[], float *dy, const float *y,
                     float *const in[])
{
    struct sequences s = sequences_of(c);
    struct conv1d spec = {s.k, s.C, s.N, c->act};
    conv1d_backward(d[0], d[1], d[2], dy, in[0], y, in[1], &spec, s.M, s.in, s.out, c->memory);
}

/* Value of a channel at a position that may lie past the stored rows. */
static double at_position(const double *x, int rows, int position, int C, int channel)
{
    int row = position < rows ? position : rows - 1;
    return x[row * C + channel];
}

static void conv1d_o(const struct layer_case *c, double *y, double *const in[])
{
    struct sequences s = sequences_of(c);
    const double *x = in[0];
    for (int m = 0; m < s.M; x += s.in[m] * s.C, m++)
        for (int p = 0; p < s.out[m]; p++)
            for (int n = 0; n < s.N; n++) {
                double sum = in[2][n];
                for (int t = 0; t < s.k; t++)
                    for (int ch = 0; ch < s.C; ch++)
                        sum += at_position(x, s.in[m], p + t, s.C, ch) *
                               in[1][(t * s.C + ch) * s.N + n];
                *y++ = act_double(sum, c->act);
            }
}

static void maxpool1d_setup(struct layer_case *c, int variant, struct rng *r)
{
    static const int sizes[4][6] = {
        {1, 1, 1, 0, 0, 0}, {2, 3, 2, 0, 7, 4}, {3, 2, 5, 0, 5, 3}, {8, 3, 17, 0, 6, 10}};
    (void)r;
    memcpy(c->size, sizes[variant], sizeof sizes[0]);
    struct sequences s = sequences_of(c);
    c->count[0] = s.total_in * s.C;
    c->outputs = s.total_out * s.C;
}

static void maxpool1d_f(struct layer_case *c, float *y, float *const in[])
{
    struct sequences s = sequences_of(c);
    maxpool1d_forward(y, in[0], s.k, s.C, s.M, s.in, s.out);
}

static void maxpool1d_b(struct layer_case *c, float *const d[], float *dy, const float *y,
                        float *const in[])
{
    struct sequences s = sequences_of(c);
    maxpool1d_backward(d[0], dy, in[0], y, s.k, s.C, s.M, s.in, s.out);
}

static void maxpool1d_o(const struct layer_case *c, double *y, double *const in[])
{
    struct sequences s = sequences_of(c);
    const double *x = in[0];
    for (int m = 0; m < s.M; x += s.in[m] * s.C, m++)
        for (int q = 0; q < s.out[m]; q++)
            for (int ch = 0; ch < s.C; ch++, y++) {
                *y = at_position(x, s.in[m], q * s.k, s.C, ch);
                for (int t = 1; t < s.k; t++)
                    *y = fmax(*y, at_position(x, s.in[m], q * s.k + t, s.C, ch));
            }
}
