/* SPDX-License-Identifier: MIT */
/* pendulum.c - swing a pendulum up and keep it there: Gymnasium's Pendulum-v1, number for number.
 *
 * The world for actions that are numbers. The arithmetic is in the order of the original
 * (gymnasium 1.4.0, classic_control/pendulum.py): double, but what is computed of the action alone
 * stays single, as NumPy has it. tests/golden/classic.txt was recorded from the package. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/envs/env.h"
#include "actor/envs/pcg64.h"
#include "common/base/xmalloc.h"

extern const struct env_family env_pendulum;

enum { PENDULUM_STEPS = 200 };

static const double pi = 3.14159265358979323846, speed_limit = 8.0, dt = 0.05;
static const char *const pendulum_names[] = {"", NULL};
static const char *const pendulum_action_names[1] = {"torque"};

/* Everything that decides what follows; also the snapshot. */
struct pendulum_state {
    struct pcg64 rng;
    double angle, speed; /* angle 0: upright */
    int32_t steps, unused;
};

struct pendulum {
    struct env env;
    struct pendulum_state s;
};

static int pendulum_create(struct env **out, const struct env_family *family, const char *name,
                           const struct config *cfg, int index, struct onic_err *err)
{
    (void)index, (void)err, (void)name;
    struct pendulum *p = xcalloc(1, sizeof *p);
    struct env_spec *s = &p->env.spec;
    snprintf(s->id, sizeof s->id, "pendulum");
    /* cosine and sine of the angle, angular speed */
    obs_spec_add(&s->obs, "state", OBS_F32, 1, (const int[]){3});
    s->actions =
        (struct action_space){.kind = ACTION_CONTINUOUS, .n = 1, .low = {-2.0f}, .high = {2.0f}};
    s->action_names = pendulum_action_names;
    s->max_steps = cfg->env_max_steps ? (int)cfg->env_max_steps : PENDULUM_STEPS;
    s->default_net = "mlp";
    s->default_goal = "none";
    s->default_count = 16;
    s->state_bytes = sizeof p->s;
    pcg64_seed(&p->s.rng, 0);
    p->env.family = family;
    *out = &p->env;
    return ONIC_OK;
}

static void pendulum_free(struct env *e)
{
    free(e); /* env is the first member */
}

static void pendulum_seed(struct env *e, uint64_t seed)
{
    pcg64_seed(&((struct pendulum *)e)->s.rng, seed);
}

static void pendulum_observe(const struct pendulum *p, uint8_t *obs)
{
    const float state[3] = {(float)cos(p->s.angle), (float)sin(p->s.angle), (float)p->s.speed};
    memset(obs, 0, p->env.spec.obs.obs_bytes); /* the padding too */
    memcpy(obs, state, sizeof state);
}

static int pendulum_reset(struct env *e, uint8_t *obs, struct env_result *out, struct onic_err *err)
{
    (void)err;
    struct pendulum *p = (struct pendulum *)e;
    p->s.angle = pcg64_uniform(&p->s.rng, -pi, pi);
    p->s.speed = pcg64_uniform(&p->s.rng, -1.0, 1.0);
    p->s.steps = 0;
    memset(out, 0, sizeof *out);
    pendulum_observe(p, obs);
    return ONIC_OK;
}

/* ((angle + pi) % 2 pi) - pi with Python's %, which is never negative. */
static double normal_angle(double angle)
{
    double turned = fmod(angle + pi, 2 * pi);
    return (turned < 0 ? turned + 2 * pi : turned) - pi;
}

static int pendulum_step(struct env *e, const union action_cell *action, uint8_t *obs,
                         struct env_result *out, struct onic_err *err)
{
    (void)err;
    struct pendulum *p = (struct pendulum *)e;
    struct pendulum_state *s = &p->s;
    float torque = action[0].number;
    double angle = normal_angle(s->angle);
    double cost =
        angle * angle + 0.1 * (s->speed * s->speed) + (double)(0.001f * (torque * torque));
    double speed = s->speed + (15.0 * sin(s->angle) + (double)(3.0f * torque)) * dt;
    s->speed = fmin(fmax(speed, -speed_limit), speed_limit);
    s->angle = s->angle + s->speed * dt;
    s->steps++;
    memset(out, 0, sizeof *out);
    out->reward = -cost;
    out->truncated = s->steps >= p->env.spec.max_steps;
    pendulum_observe(p, obs);
    return ONIC_OK;
}

static void pendulum_render(const struct env *e, struct buf *out)
{
    const struct pendulum_state *s = &((const struct pendulum *)e)->s;
    enum { R = 4 };
    int x = (int)lround(-2 * R * sin(s->angle)), y = (int)lround(R * cos(s->angle));
    for (int row = R; row >= -R; row--) {
        for (int column = -2 * R; column <= 2 * R; column++) {
            char c = row == y && column == x ? '@' : row == 0 && column == 0 ? '+' : ' ';
            buf_append(out, &c, 1);
        }
        buf_puts(out, "\n");
    }
}

static void pendulum_save(const struct env *e, uint8_t *state)
{
    memcpy(state, &((const struct pendulum *)e)->s, sizeof(struct pendulum_state));
}

static int pendulum_load(struct env *e, const uint8_t *state, uint8_t *obs, struct onic_err *err)
{
    struct pendulum *p = (struct pendulum *)e;
    struct pendulum_state s;
    memcpy(&s, state, sizeof s);
    if (!isfinite(s.angle) || !(fabs(s.speed) <= speed_limit) || s.steps < 0)
        return err_set(err, ONIC_EDAMAGED, "this is not a snapshot of %s", e->spec.id);
    p->s = s;
    pendulum_observe(p, obs);
    return ONIC_OK;
}

const struct env_family env_pendulum = {
    .family = "pendulum",
    .domain = "pendulum",
    .summary = "Gymnasium's Pendulum-v1: swing up and balance; the action is a number",
    .names = pendulum_names,
    .create = pendulum_create,
    .free = pendulum_free,
    .seed = pendulum_seed,
    .reset = pendulum_reset,
    .step_many = pendulum_step,
    .render = pendulum_render,
    .save = pendulum_save,
    .load = pendulum_load,
};
