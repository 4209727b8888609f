/* SPDX-License-Identifier: MIT */
/* bench_policy.c - time per frame of acting, forward and backward for the networks, one JSON object
 * per line.
 *
 * Usage: bench_policy [seconds per number, default 0.5 [networks that begin so]]. Every number is
 * the median (and best) of windows of a few milliseconds of CPU time on one thread. GF/s counts 2
 * operations per multiply-add of policy_macs, twice that for backward. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "common/nn/kernels.h"
#include "common/nn/optim/adam.h"
#include "common/policy/policy.h"

enum { WINDOWS_MAX = 4096, OBSERVATIONS = 512 };

struct bench {
    struct policy *p;
    float *params, *grads, *m, *v;
    uint8_t *obs;
    const uint8_t **rows;
    int T, N;
    struct policy_actor *actor;
    struct policy_trainer *trainer;
    float *state, *logits, *value;
    uint8_t *reset;
};

/* A view as a trained agent has it: a quarter walls, some unseen cells, a few things. */
static void fill_grid(const struct obs_field *f, uint8_t *obs, struct rng *r)
{
    for (int c = 0; c < 49; c++) {
        uint32_t k = rng_below(r, 16);
        uint8_t *cell = obs + f->offset + 3 * c;
        cell[0] = k < 5 ? 2 : k < 12 ? 1 : k < 15 ? 0 : (uint8_t)(4 + rng_below(r, 4));
        cell[1] = k < 5 ? 5 : k == 15 ? (uint8_t)rng_below(r, 6) : 0;
        cell[2] = k == 15 ? (uint8_t)rng_below(r, 3) : 0;
    }
}

/* 15 % of the map known: floor, walls, some objects and monsters. */
static void fill_nethack(const struct obs_spec *s, uint8_t *obs, struct rng *r)
{
    const struct obs_field *g = obs_spec_find(s, "glyphs"), *b = obs_spec_find(s, "blstats");
    const struct obs_field *chars = obs_spec_find(s, "chars"), *colors = obs_spec_find(s, "colors");
    int x0 = 10 + (int)rng_below(r, 40), y0 = 3 + (int)rng_below(r, 8);
    for (int i = 0; i < 21 * 79; i++) {
        int x = i % 79, y = i / 79, in = x >= x0 && x < x0 + 26 && y >= y0 && y < y0 + 9;
        int16_t v = (int16_t)(!in ? 2359 : rng_below(r, 20) ? 2378 : (int)rng_below(r, 2416));
        memcpy(obs + g->offset + 2 * i, &v, sizeof v);
        obs[chars->offset + (size_t)i] = v == 2359 ? ' ' : v == 2378 ? '.' : (uint8_t)(33 + v % 90);
        obs[colors->offset + (size_t)i] = (uint8_t)(v % 16);
    }
    for (int i = 0; i < 27; i++) {
        int64_t v = i == 0 ? x0 + 8 : i == 1 ? y0 + 4 : (int64_t)rng_below(r, 20);
        memcpy(obs + b->offset + 8 * i, &v, sizeof v);
    }
    static const char *const text[4] = {"", "", "You kill the newt!", "You see here a tin opener."};
    const char *message = text[rng_below(r, 4)];
    memcpy(obs + obs_spec_find(s, "message")->offset, message, strlen(message));
}

static struct policy_config config(const char *net)
{
    struct policy_config c = {.core = POLICY_CORE_LSTM, .actions = {.n = 28}};
    snprintf(c.net, sizeof c.net, "%.*s", (int)strcspn(net, "/"), net);
    if (strcmp(c.net, "pixels") == 0) {
        c.actions.n = 7;
        c.pixels_nature = strstr(net, "nature") != NULL;
        obs_spec_add(&c.obs, "pixels", OBS_U8, 3, (const int[]){56, 56, 3});
    } else if (strcmp(net, "grid-small") == 0) {
        c.actions.n = 7;
        obs_spec_add(&c.obs, "image", OBS_U8, 3, (const int[]){7, 7, 3});
        obs_spec_add(&c.obs, "direction", OBS_U8, 1, (const int[]){1});
    } else {
        obs_spec_add(&c.obs, "glyphs", OBS_I16, 2, (const int[]){21, 79});
        obs_spec_add(&c.obs, "blstats", OBS_I64, 1, (const int[]){27});
        obs_spec_add(&c.obs, "message", OBS_U8, 1, (const int[]){256});
        obs_spec_add(&c.obs, "chars", OBS_U8, 2, (const int[]){21, 79});
        obs_spec_add(&c.obs, "colors", OBS_U8, 2, (const int[]){21, 79});
    }
    return c;
}

static struct bench create(const char *net, int T, int N, int act_n)
{
    struct bench b = {.T = T, .N = N};
    struct policy_config c = config(net);
    struct onic_err err = {0};
    if (policy_create(&b.p, &c, &err) != ONIC_OK) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    size_t floats = policy_params(b.p)->floats, rows = (size_t)T * (size_t)N;
    size_t most = rows > (size_t)act_n ? rows : (size_t)act_n;
    float **block[] = {&b.params, &b.grads, &b.m, &b.v};
    for (int i = 0; i < 4; i++)
        *block[i] = xaligned(floats * sizeof(float));
    params_init(policy_params(b.p), b.params, 1);
    struct rng r = rng_stream(1, "bench", 0, 0, 0);
    b.obs = xcalloc(OBSERVATIONS, c.obs.obs_bytes);
    b.rows = xcalloc(most, sizeof *b.rows);
    for (size_t i = 0; i < OBSERVATIONS; i++) {
        uint8_t *obs = b.obs + i * c.obs.obs_bytes;
        if (strcmp(net, "grid-small") == 0)
            fill_grid(&c.obs.field[0], obs, &r);
        else if (strcmp(c.net, "pixels") == 0)
            for (size_t k = 0; k < c.obs.obs_bytes; k++)
                obs[k] = (uint8_t)rng_below(&r, 256);
        else
            fill_nethack(&c.obs, obs, &r);
    }
    for (size_t i = 0; i < most; i++)
        b.rows[i] = b.obs + i % OBSERVATIONS * c.obs.obs_bytes;
    b.actor = policy_actor_create(b.p, act_n);
    b.trainer = policy_trainer_create(b.p, T, N);
    b.state = xcalloc(most * (size_t)policy_state_size(b.p), sizeof(float));
    b.logits = xcalloc(most * (size_t)c.actions.n, sizeof(float));
    b.value = xcalloc(most * 2, sizeof(float));
    b.reset = xcalloc(most, 1);
    for (size_t i = 0; i < most; i++)
        b.reset[i] = rng_below(&r, 50) == 0;
    return b;
}

static void release(struct bench *b)
{
    policy_actor_free(b->actor);
    policy_trainer_free(b->trainer);
    void *all[] = {b->params, b->grads, b->m,      b->v,     b->obs,
                   b->rows,   b->state, b->logits, b->value, b->reset};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
    policy_free(b->p);
}

enum what { ACT, FORWARD, FORWARD_BACKWARD, ADAM };

static void once(struct bench *b, enum what what, int n)
{
    if (what == ACT) {
        policy_act(b->p, b->actor, b->params, b->rows, n, b->state, b->logits, b->value);
        return;
    }
    if (what == ADAM) {
        const struct adam a = {0.9, 0.999, 1e-6};
        adam_step(&a, b->params, b->m, b->v, b->grads, policy_params(b->p)->floats, 1.0, 0.0, 1);
        return;
    }
    memset(b->state, 0, (size_t)b->N * (size_t)policy_state_size(b->p) * sizeof(float));
    policy_forward(b->p, b->trainer, b->params, b->rows, NULL, b->state, b->reset, b->T, b->N,
                   b->logits, b->value);
    if (what == FORWARD_BACKWARD)
        policy_backward(b->p, b->trainer, b->params, b->logits, b->value, b->grads);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(struct bench *b, const char *net, enum what what, int n, double seconds)
{
    static const char *const names[] = {"act", "forward", "forward+backward", "adam"};
    static double us[WINDOWS_MAX];
    int windows = 0, frames = what == ACT ? n : what == ADAM ? 1 : b->T * b->N;
    int calls = frames >= 64 * 8 ? 1 : 512 / frames;
    if (what == ADAM)
        calls = 1;
    for (int i = 0; i < 3; i++)
        once(b, what, n);
    int64_t end = clock_ns() + (int64_t)(seconds * 1e9);
    while (windows < WINDOWS_MAX && (windows < 10 || clock_ns() < end)) {
        int64_t start = clock_cpu_ns();
        for (int i = 0; i < calls; i++)
            once(b, what, n);
        us[windows++] = (double)(clock_cpu_ns() - start) * 1e-3 / ((double)calls * frames);
    }
    qsort(us, (size_t)windows, sizeof us[0], ascending);
    double passes = what == FORWARD_BACKWARD ? 3 : what == ADAM ? 0 : 1;
    double gf = passes * 2 * policy_macs(b->p) * 1e-3 / us[windows / 2];
    printf(
        "{\"bench\":\"policy_%s\",\"net\":\"%s\",\"T\":%d,\"N\":%d,\"unit\":\"us\",\"median\":%.3f,"
        "\"min\":%.3f,\"gflops\":%.1f,\"windows\":%d,\"kernels\":\"%s\",\"blas\":\"%s\"}\n",
        names[what], net, what == ACT ? 1 : b->T, n, us[windows / 2], us[0], gf, windows,
        kernels()->path, blas_core());
    fflush(stdout);
}

int main(int argc, char **argv)
{
    blas_choose_kernels(argv);
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.5;
    const char *only = argc > 2 ? argv[2] : "";
    static const char *const nets[] = {"grid-small", "nethack-compact", "oni-default",
                                       "torchbeast", "pixels",          "pixels/nature"};
    for (size_t k = 0; k < sizeof nets / sizeof nets[0]; k++) {
        if (strncmp(nets[k], only, strlen(only)) != 0)
            continue;
        static const int slices[] = {4, 8, 16, 32, 64};
        struct bench b = create(nets[k], 33, 64, 64);
        printf("{\"bench\":\"policy_size\",\"net\":\"%s\",\"parameters\":%zu,\"macs\":%.0f,"
               "\"slice\":%d}\n",
               nets[k], params_count(policy_params(b.p)), policy_macs(b.p), policy_slice(b.p, 33));
        measure(&b, nets[k], ACT, 16, seconds);
        measure(&b, nets[k], ACT, 64, seconds);
        for (size_t i = 0; i < sizeof slices / sizeof slices[0]; i++) {
            b.N = slices[i];
            measure(&b, nets[k], FORWARD, b.N, seconds);
            measure(&b, nets[k], FORWARD_BACKWARD, b.N, seconds);
        }
        measure(&b, nets[k], ADAM, 1, seconds);
        release(&b);
    }
    return 0;
}
