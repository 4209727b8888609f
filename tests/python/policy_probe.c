/* SPDX-License-Identifier: MIT */
/* policy_probe.c - what the policy of C says, for tests of other programs that play it; probe.py
 * calls it.
 *
 *   policy_probe new FILE NET CORE ACTIONS OBS [KEY=VALUE ...]
 *       a checkpoint with random weights; ACTIONS, OBS as in env_describe.h, KEY an option of the
 *       configuration ("policy.layer_norm")
 *   policy_probe describe CHECKPOINT
 *       sizes and fields as JSON
 *   policy_probe act CHECKPOINT N <STEPS >OUTPUTS
 *       N environments side by side
 *
 * STEPS are, of each step, for each environment: the observation, a byte (1: an episode begins),
 * the action of the step before [parts] in 4 bytes each, its reward as float32. OUTPUTS are, of
 * each step: outputs of the policy head [N, A], values [N, 2], state behind the step [N, S], all
 * float32. The state begins with zeros, and again where an episode begins. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "common/checkpoint/checkpoint.h"
#include "common/config/config.h"
#include "common/policy/env_describe.h"
#include "common/run/policy_options.h"
#include "deploy/onnx/stored_open.h"

static int probe_fail(const struct onic_err *err)
{
    fprintf(stderr, "policy_probe: %s\n", err->msg);
    return err_exit_code(err->code);
}

/* --- new ------------------------------------------------------------------------------------- */

/* Initial weights hide faults: biases are 0, the policy head is nearly so, and the glyphs of
 * torchbeast drown its message in rounding. Normal numbers instead of orthogonal matrices: the
 * large ones would take seconds. */
static void probe_weights(const struct params *table, float *weights)
{
    struct params drawn = *table;
    struct rng r = rng_stream(1, "probe", 0, 0, 0);
    for (int i = 0; i < drawn.count; i++) {
        struct param *t = &drawn.param[i];
        if (t->init == PARAM_ORTHOGONAL || t->init == PARAM_ZERO || t->init == PARAM_CONSTANT) {
            t->init = PARAM_NORMAL;
            t->scale = t->rows > 1 ? 1.4f / sqrtf((float)t->rows) : 0.3f;
        }
        if (strcmp(t->name, "torchbeast.glyph") == 0)
            t->scale = 0.05f;
        if (strcmp(t->name, "obs_norm.scale") == 0 || strcmp(t->name, "norm.gain") == 0)
            t->init = PARAM_ZERO;
    }
    params_init(&drawn, weights, 7);
    for (int i = 0; i < drawn.count; i++) {
        const struct param *t = &drawn.param[i];
        for (int k = 0; t->init == PARAM_ZERO && k < t->cols; k++)
            weights[t->offset + (size_t)k] = expf(0.5f * rng_normal(&r));
    }
}

static int probe_save(const char *path, const struct config *cfg, const struct env_description *env,
                      const struct policy *policy, struct onic_err *err)
{
    const struct params *p = policy_params(policy);
    float *weights = xaligned(p->floats * sizeof *weights);
    struct checkpoint *c = checkpoint_create();
    struct buf text;
    probe_weights(p, weights);
    for (int i = 0; i < p->count; i++) {
        char name[CHECKPOINT_NAME_MAX];
        const struct param *t = &p->param[i];
        snprintf(name, sizeof name, "policy/%s", t->name);
        checkpoint_add_f32(c, name, t->rows, t->cols, weights + t->offset);
    }
    buf_init(&text, 1 << 20);
    env_describe_write(env, &text);
    checkpoint_add_bytes(c, "env", text.data, text.len);
    buf_reset(&text);
    policy_text(policy, &text);
    checkpoint_add_bytes(c, "net", text.data, text.len);
    buf_reset(&text);
    config_dump(cfg, &text);
    checkpoint_add_bytes(c, "config", text.data, text.len);
    checkpoint_add_meta_u64(c, "weights_version", 12);
    checkpoint_add_meta_u64(c, "env_steps", 3456);
    int rc = checkpoint_write(c, path, err);
    buf_release(&text);
    checkpoint_free(c);
    free(weights);
    return rc;
}

/* What an actor would say of an environment with these actions and this observation. */
static int probe_env(struct env_description *out, const char *net, const char *actions,
                     const char *obs, struct onic_err *err)
{
    struct buf text;
    buf_init(&text, ENV_DESCRIPTION_TEXT_MAX);
    buf_printf(&text,
               "id: probe:world\ndomain: probe\nobservation: %s\nactions: %s\nmax_steps: 0\n"
               "success: no\nstatistics: \ndefault_net: %s\ndefault_goal: none\n"
               "default_count: 1\nsnapshot_bytes: 0\n",
               obs, actions, net);
    int rc = env_describe_read(text.data, text.len, out, err);
    buf_release(&text);
    return rc;
}

static int probe_new(int n, char **arg, struct onic_err *err)
{
    static struct config cfg;
    struct env_description env;
    struct policy_config config;
    struct policy *policy = NULL;
    config_defaults(&cfg);
    int rc = config_set(&cfg, "policy.net", arg[1], CONFIG_CLI, "NET", err);
    if (!rc)
        rc = config_set(&cfg, "policy.core", arg[2], CONFIG_CLI, "CORE", err);
    for (int i = 5; !rc && i < n; i++) {
        char *value = strchr(arg[i], '=');
        ONIC_ASSERT(value);
        *value++ = '\0';
        rc = config_set(&cfg, arg[i], value, CONFIG_CLI, arg[i], err);
    }
    if (!rc)
        rc = probe_env(&env, arg[1], arg[3], arg[4], err);
    if (rc)
        return rc;
    policy_options(&config, &cfg, env.default_net, &env.actions, &env.obs);
    rc = policy_create(&policy, &config, err);
    if (!rc)
        rc = probe_save(arg[0], &cfg, &env, policy, err);
    policy_free(policy);
    return rc;
}

/* --- describe -------------------------------------------------------------------------------- */

static void probe_describe(const struct stored_policy *s)
{
    const struct obs_spec *obs = &policy_config(s->policy)->obs;
    const struct action_dist *d = policy_actions(s->policy);
    printf("{\"obs_bytes\": %zu, \"outputs\": %d, \"state\": %d, \"parts\": %d, \"fields\": [",
           obs->obs_bytes, action_dist_outputs(d), policy_state_size(s->policy),
           action_space_parts(&d->space));
    for (int i = 0; i < obs->nfields; i++) {
        const struct obs_field *f = &obs->field[i];
        printf("%s{\"name\": \"%s\", \"type\": \"%s\", \"offset\": %zu, \"shape\": [",
               i ? ", " : "", f->name, obs_type_name(f->type), f->offset);
        for (int k = 0; k < f->ndim; k++)
            printf("%s%d", k ? ", " : "", f->shape[k]);
        printf("]}");
    }
    printf("]}\n");
}

/* --- act ------------------------------------------------------------------------------------- */

static bool probe_read(void *to, size_t len)
{
    return fread(to, 1, len, stdin) == len;
}

/* One environment of one step; the state is made ready for policy_act. */
static bool probe_read_row(const struct policy *p, uint8_t *obs, float *state)
{
    union action_cell done[BOUND_ACTION_PARTS];
    size_t parts = (size_t)action_space_parts(&policy_actions(p)->space);
    uint8_t begins;
    float reward;
    if (!probe_read(obs, policy_config(p)->obs.obs_bytes) || !probe_read(&begins, 1) ||
        !probe_read(done, parts * sizeof *done) || !probe_read(&reward, sizeof reward))
        return false;
    policy_remember(p, state, done, reward);
    if (begins)
        memset(state, 0, (size_t)policy_state_size(p) * sizeof *state);
    return true;
}

static void probe_act(const struct stored_policy *s, int n)
{
    const struct policy *p = s->policy;
    size_t N = (size_t)n, S = (size_t)policy_state_size(p);
    size_t bytes = policy_config(p)->obs.obs_bytes;
    size_t A = (size_t)action_dist_outputs(policy_actions(p));
    struct policy_actor *actor = policy_actor_create(p, n);
    uint8_t *obs = xcalloc(N, bytes);
    const uint8_t **rows = xcalloc(N, sizeof *rows);
    float *state = xcalloc(N * S + 1, sizeof *state);
    float *logits = xcalloc(N * A, sizeof *logits);
    float *value = xcalloc(N * POLICY_HEADS, sizeof *value);
    for (size_t i = 0; i < N; i++)
        rows[i] = obs + i * bytes;
    for (bool more = true; more;) {
        for (size_t i = 0; more && i < N; i++)
            more = probe_read_row(p, obs + i * bytes, state + i * S);
        if (!more)
            break;
        policy_act(p, actor, s->weights, rows, n, state, logits, value);
        fwrite(logits, sizeof *logits, N * A, stdout);
        fwrite(value, sizeof *value, N * POLICY_HEADS, stdout);
        fwrite(state, sizeof *state, N * S, stdout);
    }
    policy_actor_free(actor);
    free(obs);
    free(rows);
    free(state);
    free(logits);
    free(value);
}

/* --------------------------------------------------------------------------------------------- */

static int probe_stored(int n, char **arg, struct onic_err *err)
{
    struct checkpoint_file *file = NULL;
    struct stored_policy s = {0};
    int rc = checkpoint_open(&file, arg[1], err);
    if (!rc)
        rc = stored_policy_open(&s, file, err);
    if (!rc && strcmp(arg[0], "describe") == 0)
        probe_describe(&s);
    else if (!rc && n > 2)
        probe_act(&s, (int)strtol(arg[2], NULL, 10));
    stored_policy_close(&s);
    checkpoint_close(file);
    return rc;
}

int main(int argc, char **argv)
{
    struct onic_err err = {0};
    bool new_one = argc > 6 && strcmp(argv[1], "new") == 0;
    if (argc < 3 || (!new_one && strcmp(argv[1], "new") == 0)) {
        fprintf(stderr, "usage: policy_probe new FILE NET CORE ACTIONS OBS [KEY=VALUE ...]\n"
                        "       policy_probe describe CHECKPOINT\n"
                        "       policy_probe act CHECKPOINT N <STEPS >OUTPUTS\n");
        return 64;
    }
    int rc = new_one ? probe_new(argc - 2, argv + 2, &err) : probe_stored(argc - 1, argv + 1, &err);
    return rc ? probe_fail(&err) : 0;
}
