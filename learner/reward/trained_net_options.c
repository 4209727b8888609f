/* SPDX-License-Identifier: MIT */
/* trained_net_options.c - see trained_net_options.h. */
#include "learner/reward/trained_net_options.h"

void trained_net_options(struct trained_net_params *out, const struct config *cfg)
{
    *out = (struct trained_net_params){
        .refresh = (uint64_t)cfg->reward_refresh,
        .seed = (uint64_t)cfg->run_seed,
        .lr = cfg->reward_lr,
        .schedule =
            {
                .dataset_size = cfg->reward_dataset_size,
                .steps_per_arrival = cfg->reward_steps_per_arrival,
                .steps_per_update = cfg->reward_steps_per_update,
                .steps_max = cfg->reward_steps_max,
                .share = cfg->reward_train_share,
                .deterministic = cfg->run_deterministic,
            },
    };
}
