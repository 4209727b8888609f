/* SPDX-License-Identifier: MIT */
/* evaluate.c - see evaluate.h. */
#include "deploy/cli/evaluate.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/rng.h"
#include "common/base/wilson.h"
#include "common/base/xmalloc.h"

enum { EVAL_ENVS_MAX = 64, EVAL_ROW_HEAD = 4 };

struct evaluation {
    const struct eval_params *p;
    struct vec_env *envs;
    const struct env_spec *spec;
    struct policy_actor *ws;
    int E, S, parts, done, row_len;
    const struct action_dist *dist; /* of the policy */
    int *left;                      /* [E] episodes still to play */
    uint8_t *obs[2];
    const uint8_t **rows;
    float *state, *outputs, *value, *u, *logp, *row;
    union action_cell *action; /* [E, parts] */
    struct env_result *result;
    struct rng rng;
    double *table;  /* [episodes, row_len] */
    uint64_t steps; /* taken in all environments */
};

int eval_envs(int episodes)
{
    return episodes < EVAL_ENVS_MAX ? episodes : EVAL_ENVS_MAX;
}

static int open_evaluation(struct evaluation *v, const struct eval_params *p, struct onic_err *err)
{
    v->p = p;
    v->envs = p->envs;
    v->spec = vec_env_spec(v->envs);
    v->E = vec_env_count(v->envs);
    v->parts = action_space_parts(&v->spec->actions);
    v->S = p->policy ? policy_state_size(p->policy) : 0;
    size_t E = (size_t)v->E;
    v->row_len = EVAL_ROW_HEAD + v->spec->nstats;
    v->left = xcalloc(E, sizeof *v->left);
    for (int i = 0; i < v->E; i++)
        v->left[i] = p->episodes / v->E + (i < p->episodes % v->E);
    for (int i = 0; i < 2; i++)
        v->obs[i] = xaligned(E * v->spec->obs.obs_bytes);
    v->rows = xcalloc(E, sizeof *v->rows);
    v->state = xaligned(E * (size_t)v->S * sizeof(float));
    v->value = xaligned(E * POLICY_HEADS * sizeof(float));
    v->logp = xcalloc(E, sizeof(float));
    v->row = xcalloc((size_t)v->row_len, sizeof(float));
    v->action = xcalloc(E * (size_t)v->parts, sizeof *v->action);
    v->result = xcalloc(E, sizeof *v->result);
    v->table = xcalloc((size_t)p->episodes * (size_t)v->row_len, sizeof(double));
    v->rng = rng_stream(p->seed, "eval", 0, 0, 0);
    if (p->policy) {
        v->dist = policy_actions(p->policy);
        v->ws = policy_actor_create(p->policy, v->E);
        v->outputs = xaligned(E * (size_t)action_dist_outputs(v->dist) * sizeof(float));
        v->u = xcalloc(E * (size_t)action_dist_uniforms(v->dist), sizeof(float));
    }
    return vec_env_reset_all(v->envs, v->obs[0], v->result, err);
}

static void close_evaluation(struct evaluation *v)
{
    policy_actor_free(v->ws);
    free(v->left);
    free(v->obs[0]);
    free(v->obs[1]);
    free(v->rows);
    free(v->state);
    free(v->outputs);
    free(v->value);
    free(v->u);
    free(v->logp);
    free(v->row);
    free(v->action);
    free(v->result);
    free(v->table);
}

static void evaluate_choose(struct evaluation *v)
{
    if (!v->p->policy) {
        for (int e = 0; e < v->E; e++)
            vec_env_random_action(v->envs, e, &v->rng, v->action + e * v->parts);
        return;
    }
    int draws = action_dist_uniforms(v->dist);
    for (int e = 0; e < v->E; e++) {
        v->rows[e] = v->obs[0] + (size_t)e * v->spec->obs.obs_bytes;
        for (int k = 0; k < draws; k++)
            v->u[e * draws + k] = rng_float(&v->rng);
    }
    policy_act(v->p->policy, v->ws, v->p->weights, v->rows, v->E, v->state, v->outputs, v->value);
    const uint8_t *mask = vec_env_mask(v->envs);
    if (v->p->greedy)
        action_dist_mode(v->dist, v->outputs, mask, v->E, v->action);
    else
        action_dist_sample(v->dist, v->outputs, mask, v->u, v->E, v->action, v->logp);
    action_dist_act(v->dist, v->action, v->E);
}

static void keep_episode(struct evaluation *v, int e)
{
    v->left[e]--;
    vec_env_episode_row(v->envs, e, v->row);
    double *row = v->table + (size_t)v->done++ * (size_t)v->row_len;
    for (int i = 0; i < v->row_len; i++)
        row[i] = (double)v->row[i];
    if (!v->p->csv)
        return;
    fprintf(v->p->csv, "%" PRIu64, vec_env_episode(v->envs, e)->seed);
    for (int i = 0; i < v->row_len; i++)
        if (i != 3)
            fprintf(v->p->csv, ",%.9g", row[i]);
    fputc('\n', v->p->csv);
}

static int step_all(struct evaluation *v, struct onic_err *err)
{
    evaluate_choose(v);
    for (int e = 0; e < v->E; e++)
        if (v->left[e] == 0) /* its share is done */
            v->action[e * v->parts].choice = ACTION_NONE;
        else
            v->steps++;
    int rc = vec_env_step(v->envs, v->action, v->obs[1], v->result, err);
    for (int e = 0; !rc && e < v->E; e++) {
        const struct env_result *x = &v->result[e];
        bool stepped = v->action[e * v->parts].choice != ACTION_NONE;
        if (v->p->policy && stepped)
            policy_remember(v->p->policy, v->state + (size_t)e * (size_t)v->S,
                            v->action + e * v->parts, (float)x->reward);
        if (v->p->caption && stepped && x->caption_len)
            v->p->caption(v->p->ctx, x->caption, (size_t)x->caption_len);
        if (!stepped || (!x->terminated && !x->truncated && !x->failed))
            continue;
        keep_episode(v, e);
        if (v->left[e] == 0)
            continue;
        rc = vec_env_reset_one(v->envs, e, v->obs[1] + (size_t)e * v->spec->obs.obs_bytes,
                               &v->result[e], err);
        memset(v->state + (size_t)e * (size_t)v->S, 0, (size_t)v->S * sizeof(float));
    }
    uint8_t *swap = v->obs[0];
    v->obs[0] = v->obs[1];
    v->obs[1] = swap;
    return rc;
}

struct eval_stat eval_summarise(const double *x, int n)
{
    struct eval_stat s = {.min = x[0], .max = x[0]};
    for (int i = 0; i < n; i++) {
        s.mean += x[i];
        s.min = x[i] < s.min ? x[i] : s.min;
        s.max = x[i] > s.max ? x[i] : s.max;
    }
    s.mean /= n;
    double ss = 0;
    for (int i = 0; i < n; i++)
        ss += (x[i] - s.mean) * (x[i] - s.mean);
    s.std = n > 1 ? sqrt(ss / (n - 1)) : 0.0;
    double half = 1.959964 * s.std / sqrt((double)n);
    s.ci95[0] = s.mean - half;
    s.ci95[1] = s.mean + half;
    return s;
}

static void evaluate_summarise(struct evaluation *v, struct eval_result *out)
{
    int n = v->done;
    double *column = xcalloc((size_t)n, sizeof *column);
    struct eval_stat *dest[EVAL_ROW_HEAD + ENV_STATS_MAX] = {&out->ret, &out->length, &out->success,
                                                             NULL};
    for (int i = 0; i < v->spec->nstats; i++) {
        dest[EVAL_ROW_HEAD + i] = &out->stats[i];
        snprintf(out->stat_names[i], sizeof out->stat_names[i], "%s", v->spec->stat_names[i]);
    }
    for (int c = 0; c < v->row_len; c++) {
        for (int i = 0; i < n; i++)
            column[i] = v->table[(size_t)i * (size_t)v->row_len + (size_t)c];
        if (dest[c])
            *dest[c] = eval_summarise(column, n);
    }
    if (v->spec->has_success)
        wilson_interval(out->success.mean, n, out->success.ci95);
    free(column);
    snprintf(out->env, sizeof out->env, "%s", v->spec->id);
    out->episodes = n;
    out->nstats = v->spec->nstats;
    out->has_success = v->spec->has_success;
}

static void evaluate_csv_head(const struct evaluation *v)
{
    fprintf(v->p->csv, "seed,return,length,success");
    for (int i = 0; i < v->spec->nstats; i++)
        fprintf(v->p->csv, ",%s", v->spec->stat_names[i]);
    fputc('\n', v->p->csv);
}

int evaluate(const struct eval_params *p, const volatile int *stop, struct eval_result *out,
             struct onic_err *err)
{
    struct evaluation v = {0};
    memset(out, 0, sizeof *out);
    int64_t start = clock_ms(), shown = start;
    int rc = open_evaluation(&v, p, err);
    if (!rc && p->csv)
        evaluate_csv_head(&v);
    while (!rc && v.done < p->episodes) {
        if (stop && *stop) {
            rc =
                err_set(err, ONIC_ESTOPPED, "stopped after %d of %d episodes", v.done, p->episodes);
            break;
        }
        rc = step_all(&v, err);
        out->env_steps = v.steps;
        if (p->progress && clock_ms() - shown > 2000) {
            shown = clock_ms();
            log_say(LOG_INFO, "eval", "%d of %d episodes, %" PRIu64 " steps, %.0f s", v.done,
                    p->episodes, out->env_steps, (double)(shown - start) * 1e-3);
        }
    }
    if (!rc)
        evaluate_summarise(&v, out);
    out->wall_s = (double)(clock_ms() - start) * 1e-3;
    close_evaluation(&v);
    return rc;
}

static void put_stat(struct buf *out, const struct eval_stat *s)
{
    buf_puts(out, "{\"mean\":");
    buf_json_number(out, s->mean, 9);
    buf_puts(out, ",\"std\":");
    buf_json_number(out, s->std, 9);
    buf_puts(out, ",\"ci95\":[");
    buf_json_number(out, s->ci95[0], 9);
    buf_puts(out, ",");
    buf_json_number(out, s->ci95[1], 9);
    buf_puts(out, "],\"min\":");
    buf_json_number(out, s->min, 9);
    buf_puts(out, ",\"max\":");
    buf_json_number(out, s->max, 9);
    buf_puts(out, "}");
}

void eval_json(const struct eval_result *r, const char *policy, uint64_t seed,
               uint64_t weights_version, uint64_t trained_env_steps, struct buf *out)
{
    buf_puts(out, "{\"env\":");
    buf_json_string(out, r->env, strlen(r->env));
    buf_printf(out,
               ",\"policy\":\"%s\",\"episodes\":%d,\"seed\":%" PRIu64
               ",\"weights_version\":%" PRIu64 ",\"trained_env_steps\":%" PRIu64
               ",\"eval_env_steps\":%" PRIu64 ",\"return\":",
               policy, r->episodes, seed, weights_version, trained_env_steps, r->env_steps);
    put_stat(out, &r->ret);
    buf_puts(out, ",\"length\":");
    put_stat(out, &r->length);
    buf_puts(out, ",\"success_rate\":");
    if (r->has_success) {
        buf_puts(out, "{\"mean\":");
        buf_json_number(out, r->success.mean, 9);
        buf_puts(out, ",\"ci95\":[");
        buf_json_number(out, r->success.ci95[0], 9);
        buf_puts(out, ",");
        buf_json_number(out, r->success.ci95[1], 9);
        buf_puts(out, "]}");
    } else
        buf_puts(out, "null");
    buf_puts(out, ",\"stats\":{");
    for (int i = 0; i < r->nstats; i++) {
        buf_printf(out, "%s\"%s\":", i ? "," : "", r->stat_names[i]);
        put_stat(out, &r->stats[i]);
    }
    buf_puts(out, "}}\n");
}

static void success_row(struct buf *out, const struct eval_result *r)
{
    buf_printf(out, "  %-14s %10.4g    %.4g .. %.4g (%.0f of %d episodes)\n", "success",
               r->success.mean, r->success.ci95[0], r->success.ci95[1],
               r->success.mean * r->episodes, r->episodes);
}

static void text_row(struct buf *out, const char *name, const struct eval_stat *s)
{
    buf_printf(out, "  %-14s %10.4g +- %-9.3g (std %.4g, min %.4g, max %.4g)\n", name, s->mean,
               (s->ci95[1] - s->ci95[0]) / 2, s->std, s->min, s->max);
}

void eval_text(const struct eval_result *r, struct buf *out)
{
    buf_printf(out, "%s: %d episodes, %" PRIu64 " steps in %.1f s\n", r->env, r->episodes,
               r->env_steps, r->wall_s);
    if (r->has_success)
        success_row(out, r);
    text_row(out, "return", &r->ret);
    text_row(out, "length", &r->length);
    for (int i = 0; i < r->nstats; i++)
        text_row(out, r->stat_names[i], &r->stats[i]);
}
