/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_EVALUATE_H
#define ONIC_DEPLOY_CLI_EVALUATE_H

/* evaluate.h - plays episodes with a policy, or uniformly at random, and summarises them.
 *
 * Every environment plays a fixed share of the episodes, so that short episodes are not
 * over-represented (taking the first N that finish would be biased). Episode seeds come from
 * streams that training never uses. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "actor/envs/vec_env.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/policy/policy.h"

struct eval_stat {
    /* std: n - 1; ci95: of the mean, normal approximation; of success: wilson.h */
    double mean, std, ci95[2], min, max;
};

/* An actor number that training does not give, so that its episodes have other seeds. */
enum { EVAL_ACTOR_ID = BOUND_ACTORS - 1 };
/* How many environments play so many episodes. */
int eval_envs(int episodes);

struct eval_params {
    struct vec_env *envs;        /* borrowed; eval_envs(episodes) of them */
    uint64_t seed;               /* of the actions */
    const struct policy *policy; /* NULL = uniform random */
    const float *weights;
    bool greedy;
    int episodes;
    FILE *csv;     /* one row per episode, or NULL */
    bool progress; /* a line on stderr every few seconds */
    /* of every step that has one; or NULL */
    void (*caption)(void *ctx, const char *text, size_t len);
    void *ctx;
};

struct eval_result {
    char env[ENV_ID_MAX];
    int episodes, nstats;
    bool has_success;
    char stat_names[ENV_STATS_MAX][32];
    struct eval_stat ret, length, success, stats[ENV_STATS_MAX];
    uint64_t env_steps;
    double wall_s;
};

/* Runs the evaluation; *stop (may be NULL) ends it early with ONIC_ESTOPPED. */
int evaluate(const struct eval_params *p, const volatile int *stop, struct eval_result *out,
             struct onic_err *err);

/* Summary of n numbers (n >= 1). */
struct eval_stat eval_summarise(const double *x, int n);

enum { EVAL_JSON_MAX = 1 << 24 }; /* an eval.json that is larger is none */
/* The document of interface.md section 7. policy: "greedy", "sampled" or "random". */
void eval_json(const struct eval_result *r, const char *policy, uint64_t seed,
               uint64_t weights_version, uint64_t trained_env_steps, struct buf *out);
void eval_text(const struct eval_result *r, struct buf *out); /* a few lines for people */

#endif /* ONIC_DEPLOY_CLI_EVALUATE_H */
