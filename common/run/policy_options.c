/* SPDX-License-Identifier: MIT */
/* policy_options.c - see policy_options.h. */
#include "common/run/policy_options.h"

#include <stdio.h>
#include <string.h>

void policy_options(struct policy_config *out, const struct config *cfg, const char *default_net,
                    const struct action_space *actions, const struct obs_spec *obs)
{
    static const enum policy_core cores[] = {
        [CONFIG_policy_core_lstm] = POLICY_CORE_LSTM,
        [CONFIG_policy_core_gru] = POLICY_CORE_GRU,
        [CONFIG_policy_core_none] = POLICY_CORE_NONE,
        [CONFIG_policy_core_mingru] = POLICY_CORE_MINGRU,
    };
    *out = (struct policy_config){
        .hidden = (int)cfg->policy_hidden,
        .core_size = (int)cfg->policy_core_size,
        .actions = *actions,
        .squash = cfg->policy_squash,
        .state_deviation = cfg->policy_deviation == CONFIG_policy_deviation_state,
        .pixels_nature = cfg->policy_pixels_layers == CONFIG_policy_pixels_layers_nature,
        .pixels_channels = (int)cfg->policy_pixels_channels,
        .layer_norm = cfg->policy_layer_norm,
        .obs_norm = cfg->policy_obs_norm,
        .last_action = cfg->policy_last_action,
        .last_reward = cfg->policy_last_reward,
        .compat_oni = cfg->compat_oni,
        .obs = *obs};
    snprintf(out->parts, sizeof out->parts, "%.63s", cfg->policy_parts);
    bool automatic = strcmp(cfg->policy_net, "auto") == 0;
    snprintf(out->net, sizeof out->net, "%.31s", automatic ? default_net : cfg->policy_net);
    out->core = cores[cfg->policy_core];
}
