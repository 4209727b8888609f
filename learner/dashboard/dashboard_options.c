/* SPDX-License-Identifier: MIT */
/* dashboard_options.c - see dashboard_options.h. */
#include "learner/dashboard/dashboard_options.h"

#include <stdio.h>
#include <string.h>

#include "common/config/overlay.h"

static void put_flag(char out[DASHBOARD_TEXT_MAX + 16], const char *flag, const char *value)
{
    if (value[0])
        snprintf(out, DASHBOARD_TEXT_MAX + 16, "%s%s", flag, value);
}

void dashboard_options(struct dashboard_params *out, const struct config *cfg, const char *run_dir)
{
    const char *listen = cfg->dashboard_listen;
    *out = (struct dashboard_params){.allow_exposed =
                                         cfg->security_allow_insecure || cfg->security_keys[0],
                                     .frames = (uint64_t)cfg->run_frames,
                                     .stop_success = cfg->stop_success,
                                     .stop_wall_s = cfg->stop_wall_s};
    if (strcmp(listen, "auto") != 0 && strcmp(listen, "off") != 0)
        snprintf(out->listen, sizeof out->listen, "%s", listen);
    snprintf(out->hosts, sizeof out->hosts, "%s", cfg->dashboard_hosts);
    snprintf(out->run_dir, sizeof out->run_dir, "%s", run_dir);
    snprintf(out->env, sizeof out->env, "%s", cfg->env_id);
    snprintf(out->reward_model, sizeof out->reward_model, "%s", cfg->reward_model);
    snprintf(out->annotator, sizeof out->annotator, "%s", cfg->annotator_id);
    snprintf(out->goal, sizeof out->goal, "%s", cfg->annotator_goal);
    put_flag(out->plugin, "--env.plugin=", cfg->env_plugin);
    put_flag(out->nle, "--env.nle=", cfg->env_nle);
    if (config_is_place(CONFIG_I_env_options,
                        cfg->env_options)) /* a path, which no file of the run may give */
        put_flag(out->env_options, "--env.options=", cfg->env_options);
    put_flag(out->labels, "--labels.path=", cfg->labels_path);
}
