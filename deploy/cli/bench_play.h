/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_BENCH_PLAY_H
#define ONIC_DEPLOY_CLI_BENCH_PLAY_H

/* bench_play.h - random play in the n environments of a vector, which have just been made. */

#include <stdint.h>

#include "actor/envs/vec_env.h"

/* So many steps of each, begun anew where they end; the first resets are not counted. *ns: what the
 * clock went on meanwhile. */
int bench_play(struct vec_env *v, int n, uint64_t seed, int steps, int64_t (*clock)(void),
               int64_t *ns, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_BENCH_PLAY_H */
