/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_BENCH_OPEN_H
#define ONIC_DEPLOY_CLI_BENCH_OPEN_H

/* bench_open.h - from the options of `onic bench` to what its rows measure: the options end here.
 * Rows know them as flags, as they hand them to `onic train`; what is measured in this process is
 * opened with the same flags. */

#include "actor/envs/nethack/bare_loop.h"
#include "actor/envs/vec_env.h"
#include "common/config/config.h"

struct trainer;

/* What was given in a file or on the command line, as flags, NULL-terminated; variables of the
 * environment are inherited. Each flag and the array are the caller's: bench_open_free. */
char **bench_open_given(const struct config *cfg);
void bench_open_free(char **given);

/* ONIC_OK when this annotator can work here. */
int bench_open_annotator(const char *id, char *const *given, struct onic_err *err);

/* Trainer and environments of `groups` actors, as `onic train` would have them with these flags
 * (NULL ends them; they win over given). *rollout: steps of a trajectory. On failure what was
 * opened is the caller's to free. */
int bench_open_training(struct vec_env **envs, int groups, struct trainer **trainer, int *rollout,
                        char *const *given, const char *const *flags, struct onic_err *err);

struct nethack_pair {
    struct vec_env *envs; /* owned */
    char nle[CONFIG_STR_MAX];
    struct bare_loop_params bare; /* the same games without the environment layer */
};
/* ONIC_ENOTFOUND: NetHack cannot be played here. */
int bench_open_nethack(struct nethack_pair *out, int games, uint64_t seed, char *const *given,
                       struct onic_err *err);

struct gym_pair {
    struct vec_env *envs; /* owned */
    char alone[3 * CONFIG_STR_MAX +
               8192]; /* shell command that prints what a step takes without us */
};
/* So many environments gym:<env>, and the same in a loop of Python's own; ONIC_ENOTFOUND: they
 * cannot be played here. */
int bench_open_gym(struct gym_pair *out, const char *env, int count, int steps, char *const *given,
                   struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_BENCH_OPEN_H */
