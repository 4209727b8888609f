/* SPDX-License-Identifier: MIT */
/* recurrent_layers.h - LSTM, GRU and MinGRU as cases of test_layers.c, which includes this file
 * once. */

/* --- lstm: x [T,B,I], w_x, w_h, b, state0 (no gradient) -------------------------------------- */

static void lstm_setup(struct layer_case *c, int variant, struct rng *r)
{
    static const int sizes[4][4] = {{1, 1, 1, 1}, {1, 5, 3, 7}, {6, 1, 4, 5}, {5, 3, 9, 17}};
    memcpy(c->size, sizes[variant], sizeof sizes[0]); /* T, B, I, H */
    int T = c->size[0], B = c->size[1], I = c->size[2], H = c->size[3];
    for (int i = 0; i < T * B; i++)
        c->reset[i] = rng_below(r, 3) == 0;
    c->count[0] = T * B * I, c->count[1] = I * 4 * H, c->count[2] = H * 4 * H, c->count[3] = 4 * H;
    c->count[4] = B * 2 * H;
    c->adds[1] = c->adds[2] = c->adds[3] = true;
    c->no_grad[4] = true;
    c->outputs = T * B * H;
    c->memory = xaligned(lstm_cache_floats(T, B, H) * sizeof(float));
}

static void lstm_f(struct layer_case *c, float *y, float *const in[])
{
    struct lstm_cache cache;
    struct lstm_weights w = {in[1], in[2], in[3]};
    lstm_cache_set(&cache, c->memory, c->size[0], c->size[1], c->size[3]);
    lstm_forward(y, &cache, in[0], in[4], c->reset, &w, c->size[0], c->size[1], c->size[2],
                 c->size[3]);
}

static void lstm_b(struct layer_case *c, float *const d[], float *dy, const float *y,
                   float *const in[])
{
    (void)y;
    struct lstm_cache cache;
    struct lstm_weights w = {in[1], in[2], in[3]}, dw = {d[1], d[2], d[3]};
    lstm_cache_set(&cache, c->memory, c->size[0], c->size[1], c->size[3]);
    lstm_backward(d[0], &dw, dy, &cache, in[0], c->reset, &w, c->size[0], c->size[1], c->size[2],
                  c->size[3]);
}

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static void lstm_o(const struct layer_case *c, double *y, double *const in[])
{
    int T = c->size[0], B = c->size[1], I = c->size[2], H = c->size[3];
    double h[32], s[32], a[4 * 32];
    for (int b = 0; b < B; b++) {
        memcpy(h, in[4] + b * 2 * H, (size_t)H * sizeof *h);
        memcpy(s, in[4] + b * 2 * H + H, (size_t)H * sizeof *s);
        for (int t = 0; t < T; t++) {
            if (c->reset[t * B + b])
                memset(h, 0, sizeof h), memset(s, 0, sizeof s);
            for (int j = 0; j < 4 * H; j++) {
                a[j] = in[3][j] + (j >= H && j < 2 * H ? 1.0 : 0.0);
                for (int i = 0; i < I; i++)
                    a[j] += in[0][(t * B + b) * I + i] * in[1][i * 4 * H + j];
                for (int i = 0; i < H; i++)
                    a[j] += h[i] * in[2][i * 4 * H + j];
            }
            for (int j = 0; j < H; j++) {
                s[j] = logistic(a[H + j]) * s[j] + logistic(a[j]) * tanh(a[3 * H + j]);
                h[j] = logistic(a[2 * H + j]) * tanh(s[j]);
                y[(t * B + b) * H + j] = h[j];
            }
        }
    }
}

/* --- gru: x [T,B,I], w_x, w_h, b_x, b_h, state0 (no gradient) --------------------------------- */

static void gru_setup(struct layer_case *c, int variant, struct rng *r)
{
    static const int sizes[4][4] = {{1, 1, 1, 1}, {1, 5, 3, 7}, {6, 1, 4, 5}, {5, 3, 9, 17}};
    memcpy(c->size, sizes[variant], sizeof sizes[0]); /* T, B, I, H */
    int T = c->size[0], B = c->size[1], I = c->size[2], H = c->size[3];
    for (int i = 0; i < T * B; i++)
        c->reset[i] = rng_below(r, 3) == 0;
    c->count[0] = T * B * I, c->count[1] = I * 3 * H, c->count[2] = H * 3 * H;
    c->count[3] = c->count[4] = 3 * H, c->count[5] = B * H;
    c->adds[1] = c->adds[2] = c->adds[3] = c->adds[4] = true;
    c->no_grad[5] = true;
    c->outputs = T * B * H;
    c->memory = xaligned(gru_cache_floats(T, B, H) * sizeof(float));
}

static void gru_f(struct layer_case *c, float *y, float *const in[])
{
    struct gru_cache cache;
    struct gru_weights w = {in[1], in[2], in[3], in[4]};
    gru_cache_set(&cache, c->memory, c->size[0], c->size[1], c->size[3]);
    gru_forward(y, &cache, in[0], in[5], c->reset, &w, c->size[0], c->size[1], c->size[2],
                c->size[3]);
}

static void gru_b(struct layer_case *c, float *const d[], float *dy, const float *y,
                  float *const in[])
{
    (void)y;
    struct gru_cache cache;
    struct gru_weights w = {in[1], in[2], in[3], in[4]}, dw = {d[1], d[2], d[3], d[4]};
    gru_cache_set(&cache, c->memory, c->size[0], c->size[1], c->size[3]);
    gru_backward(d[0], &dw, dy, &cache, in[0], c->reset, &w, c->size[0], c->size[1], c->size[2],
                 c->size[3]);
}

/* a, u [3H] of one row */
static void gru_products(const struct layer_case *c, double *const in[], int row, const double *h,
                         double *a, double *u)
{
    int I = c->size[2], H = c->size[3];
    for (int j = 0; j < 3 * H; j++) {
        a[j] = in[3][j];
        u[j] = in[4][j];
        for (int i = 0; i < I; i++)
            a[j] += in[0][row * I + i] * in[1][i * 3 * H + j];
        for (int i = 0; i < H; i++)
            u[j] += h[i] * in[2][i * 3 * H + j];
    }
}

static void gru_o(const struct layer_case *c, double *y, double *const in[])
{
    int T = c->size[0], B = c->size[1], H = c->size[3];
    double h[32], a[3 * 32], u[3 * 32];
    for (int b = 0; b < B; b++) {
        memcpy(h, in[5] + b * H, (size_t)H * sizeof *h);
        for (int t = 0; t < T; t++) {
            if (c->reset[t * B + b])
                memset(h, 0, sizeof h);
            gru_products(c, in, t * B + b, h, a, u);
            for (int j = 0; j < H; j++) {
                double z = logistic(a[H + j] + u[H + j]);
                double n = tanh(a[2 * H + j] + logistic(a[j] + u[j]) * u[2 * H + j]);
                h[j] = (1 - z) * n + z * h[j];
                y[(t * B + b) * H + j] = h[j];
            }
        }
    }
}

/* --- mingru: x [T,B,I], w, b, state0 (no gradient) -------------------------------------------- */

static void mingru_setup(struct layer_case *c, int variant, struct rng *r)
{
    static const int sizes[4][4] = {{1, 1, 1, 1}, {1, 5, 3, 7}, {6, 1, 4, 5}, {5, 3, 9, 17}};
    memcpy(c->size, sizes[variant], sizeof sizes[0]); /* T, B, I, H */
    int T = c->size[0], B = c->size[1], I = c->size[2], H = c->size[3];
    for (int i = 0; i < T * B; i++)
        c->reset[i] = rng_below(r, 3) == 0;
    c->count[0] = T * B * I, c->count[1] = I * 2 * H, c->count[2] = 2 * H, c->count[3] = B * H;
    c->adds[1] = c->adds[2] = true;
    c->no_grad[3] = true;
    c->outputs = T * B * H;
    c->memory = xaligned(mingru_cache_floats(T, B, H) * sizeof(float));
}

static void mingru_f(struct layer_case *c, float *y, float *const in[])
{
    struct mingru_cache cache;
    struct mingru_weights w = {in[1], in[2]};
    mingru_cache_set(&cache, c->memory, c->size[0], c->size[1], c->size[3]);
    mingru_forward(y, &cache, in[0], in[3], c->reset, &w, c->size[0], c->size[1], c->size[2],
                   c->size[3]);
}

static void mingru_b(struct layer_case *c, float *const d[], float *dy, const float *y,
                     float *const in[])
{
    (void)y;
    struct mingru_cache cache;
    struct mingru_weights w = {in[1], in[2]}, dw = {d[1], d[2]};
    mingru_cache_set(&cache, c->memory, c->size[0], c->size[1], c->size[3]);
    mingru_backward(d[0], &dw, dy, &cache, in[0], c->reset, &w, c->size[0], c->size[1], c->size[2],
                    c->size[3]);
}

static void mingru_o(const struct layer_case *c, double *y, double *const in[])
{
    int T = c->size[0], B = c->size[1], I = c->size[2], H = c->size[3];
    double h[32], a[2 * 32];
    for (int b = 0; b < B; b++) {
        memcpy(h, in[3] + b * H, (size_t)H * sizeof *h);
        for (int t = 0; t < T; t++) {
            if (c->reset[t * B + b])
                memset(h, 0, sizeof h);
            for (int j = 0; j < 2 * H; j++) {
                a[j] = in[2][j];
                for (int i = 0; i < I; i++)
                    a[j] += in[0][(t * B + b) * I + i] * in[1][i * 2 * H + j];
            }
            for (int j = 0; j < H; j++) {
                double z = logistic(a[j]);
                double candidate = a[H + j] >= 0 ? a[H + j] + 0.5 : logistic(a[H + j]);
                h[j] = (1 - z) * h[j] + z * candidate;
                y[(t * B + b) * H + j] = h[j];
            }
        }
    }
}
