/* SPDX-License-Identifier: MIT */
/* cartpole.c - a pole on a cart that must not fall: Gymnasium's CartPole-v1, number for number.
 *
 * The arithmetic is in the order of the original (gymnasium 1.4.0, classic_control/cartpole.py,
 * Euler), in double, and the first state comes from NumPy's generator; tests/golden/classic.txt was
 * recorded from the package. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/envs/env.h"
#include "actor/envs/pcg64.h"
#include "common/base/xmalloc.h"

extern const struct env_family env_cartpole;

enum { CARTPOLE_ACTIONS = 2, CARTPOLE_STEPS = 500, PUSH_RIGHT = 1 };

static const double gravity = 9.8, mass_pole = 0.1, total_mass = 0.1 + 1.0, length = 0.5;
static const double pole_mass_length = 0.1 * 0.5, force_size = 10.0, tau = 0.02;
static const double x_limit = 2.4, angle_limit = 12 * 2 * 3.14159265358979323846 / 360;
static const char *const cartpole_names[] = {"", NULL};
static const char *const cartpole_action_names[CARTPOLE_ACTIONS] = {"left", "right"};
static const int cartpole_action_keys[CARTPOLE_ACTIONS] = {ENV_KEY_LEFT, ENV_KEY_RIGHT};

/* Everything that decides what follows; also the snapshot. */
struct cartpole_state {
    struct pcg64 rng;
    double x, x_dot, angle, angle_dot;
    int32_t steps, unused;
};

struct cartpole {
    struct env env;
    struct cartpole_state s;
};

static int cartpole_create(struct env **out, const struct env_family *family, const char *name,
                           const struct config *cfg, int index, struct onic_err *err)
{
    (void)index, (void)err, (void)name;
    struct cartpole *c = xcalloc(1, sizeof *c);
    struct env_spec *s = &c->env.spec;
    snprintf(s->id, sizeof s->id, "cartpole");
    /* position, velocity, angle, angular velocity of the end of the pole */
    obs_spec_add(&s->obs, "state", OBS_F32, 1, (const int[]){4});
    s->actions.n = CARTPOLE_ACTIONS;
    s->action_names = cartpole_action_names;
    s->action_keys = cartpole_action_keys;
    s->max_steps = cfg->env_max_steps ? (int)cfg->env_max_steps : CARTPOLE_STEPS;
    s->default_net = "mlp";
    s->default_goal = "none";
    s->default_count = 16;
    s->state_bytes = sizeof c->s;
    pcg64_seed(&c->s.rng, 0);
    c->env.family = family;
    *out = &c->env;
    return ONIC_OK;
}

static void cartpole_free(struct env *e)
{
    free(e); /* env is the first member */
}

static void cartpole_seed(struct env *e, uint64_t seed)
{
    pcg64_seed(&((struct cartpole *)e)->s.rng, seed);
}

static void cartpole_observe(const struct cartpole *c, uint8_t *obs)
{
    const float state[4] = {(float)c->s.x, (float)c->s.x_dot, (float)c->s.angle,
                            (float)c->s.angle_dot};
    memcpy(obs, state, sizeof state);
}

static int cartpole_reset(struct env *e, uint8_t *obs, struct env_result *out, struct onic_err *err)
{
    (void)err;
    struct cartpole *c = (struct cartpole *)e;
    double *const state[4] = {&c->s.x, &c->s.x_dot, &c->s.angle, &c->s.angle_dot};
    for (int i = 0; i < 4; i++)
        *state[i] = pcg64_uniform(&c->s.rng, -0.05, 0.05);
    c->s.steps = 0;
    memset(out, 0, sizeof *out);
    cartpole_observe(c, obs);
    return ONIC_OK;
}

static void cartpole_move(struct cartpole_state *s, double force)
{
    double cosine = cos(s->angle), sine = sin(s->angle);
    double temp = (force + pole_mass_length * (s->angle_dot * s->angle_dot) * sine) / total_mass;
    double angle_acc = (gravity * sine - cosine * temp) /
                       (length * (4.0 / 3.0 - mass_pole * (cosine * cosine) / total_mass));
    double x_acc = temp - pole_mass_length * angle_acc * cosine / total_mass;
    s->x = s->x + tau * s->x_dot;
    s->x_dot = s->x_dot + tau * x_acc;
    s->angle = s->angle + tau * s->angle_dot;
    s->angle_dot = s->angle_dot + tau * angle_acc;
}

static int cartpole_step(struct env *e, int action, uint8_t *obs, struct env_result *out,
                         struct onic_err *err)
{
    (void)err;
    struct cartpole *c = (struct cartpole *)e;
    cartpole_move(&c->s, action == PUSH_RIGHT ? force_size : -force_size);
    c->s.steps++;
    memset(out, 0, sizeof *out);
    out->reward = 1.0;
    out->terminated = fabs(c->s.x) > x_limit || fabs(c->s.angle) > angle_limit;
    out->truncated = c->s.steps >= c->env.spec.max_steps && !out->terminated;
    cartpole_observe(c, obs);
    return ONIC_OK;
}

static void cartpole_render(const struct env *e, struct buf *out)
{
    const struct cartpole_state *s = &((const struct cartpole *)e)->s;
    enum { WIDTH = 49 };
    int at = (int)lround((s->x / x_limit + 1) / 2 * (WIDTH - 1));
    int top = at + (int)lround(s->angle / angle_limit * 4);
    for (int line = 0; line < 2; line++) {
        for (int i = 0; i < WIDTH; i++) {
            char pole = s->angle > 0.02 ? '/' : s->angle < -0.02 ? '\\' : '|';
            char c = line == 0 ? (i == top ? pole : ' ') : (i == at ? '#' : '_');
            buf_append(out, &c, 1);
        }
        buf_puts(out, "\n");
    }
}

static void cartpole_save(const struct env *e, uint8_t *state)
{
    memcpy(state, &((const struct cartpole *)e)->s, sizeof(struct cartpole_state));
}

static int cartpole_load(struct env *e, const uint8_t *state, uint8_t *obs, struct onic_err *err)
{
    struct cartpole *c = (struct cartpole *)e;
    struct cartpole_state s;
    memcpy(&s, state, sizeof s);
    if (!isfinite(s.x + s.x_dot + s.angle + s.angle_dot) || s.steps < 0)
        return err_set(err, ONIC_EDAMAGED, "this is not a snapshot of %s", e->spec.id);
    c->s = s;
    cartpole_observe(c, obs);
    return ONIC_OK;
}

const struct env_family env_cartpole = {
    .family = "cartpole",
    .domain = "cartpole",
    .summary = "Gymnasium's CartPole-v1: balance a pole; two actions, numbers to see",
    .names = cartpole_names,
    .create = cartpole_create,
    .free = cartpole_free,
    .seed = cartpole_seed,
    .reset = cartpole_reset,
    .step = cartpole_step,
    .render = cartpole_render,
    .save = cartpole_save,
    .load = cartpole_load,
};
