/* SPDX-License-Identifier: MIT */
/* learner_options.c - see learner_options.h. */
#include "learner/process/learner_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/config/overlay.h"
#include "common/wire/rollout/lag.h"
#include "learner/process/env_query.h"
#include "learner/process/label_options.h"

enum { ENV_FLAGS_MAX = 40, OPTIONS_TEXT_MAX = 1 << 15 };

void stop_options(struct stop_params *out, const struct config *cfg)
{
    *out = (struct stop_params){.frames = (uint64_t)cfg->run_frames,
                                .success = cfg->stop_success,
                                .wall_s = cfg->stop_wall_s};
}

void learner_options(struct learner_params *out, const struct config *cfg)
{
    *out = (struct learner_params){
        .deterministic = cfg->run_deterministic,
        .checkpoint_every_s = cfg->checkpoint_every_s,
        .checkpoint_every_updates = (uint64_t)cfg->checkpoint_every_updates,
        .milestone_every = (uint64_t)cfg->checkpoint_milestone_every,
        .checkpoint_failures_max = (int)cfg->checkpoint_fail_max,
        .roll_backs_max = (int)cfg->train_roll_backs,
        .publish_every_s = cfg->weights_min_interval_s,
        .publish_versions_max = wire_lag_slack((uint64_t)cfg->train_max_policy_lag),
    };
    stop_options(&out->stop, cfg);
    run_recording_params(&out->recording, cfg->record_on, cfg->record_max_mb);
    snprintf(out->reward_server, sizeof out->reward_server, "%s", cfg->reward_server);
}

int label_client_of_options(struct label_client **out, const struct config *cfg,
                            const char *address, struct wire_keys *keys, struct onic_err *err)
{
    struct label_options options;
    label_options(&options, cfg);
    struct label_client_params p = {.address = address,
                                    .keys = keys,
                                    .pairs_waiting = (int)cfg->reward_pairs_waiting,
                                    .label_drift = cfg->reward_label_drift,
                                    .actor_share = cfg->reward_actor_share,
                                    .options = &options};
    return label_client_create(out, &p, err);
}

/* --- the checkpoint -------------------------------------------------------------------------- */

static bool option_is_kept(int i)
{
    return config_is_portable(i) || i == CONFIG_I_env_plugin || i == CONFIG_I_env_nle;
}

static void cut_to_name(char path[CONFIG_STR_MAX])
{
    char *slash = strrchr(path, '/');
    if (slash)
        memmove(path, slash + 1, strlen(slash + 1) + 1);
}

void learner_options_kept(const struct config *cfg, struct buf *out)
{
    struct config *c = xmalloc(sizeof *c);
    *c = *cfg;
    cut_to_name(c->env_plugin);
    cut_to_name(c->env_nle);
    config_dump_some(c, option_is_kept, out);
    free(c);
}

/* --- the environment ------------------------------------------------------------------------- */

/* Every env.* option that decides what is played and may be handed on; of a plug-in the file's name
 * tells which one it was. */
static void put_env_options(const struct config *cfg, struct buf *out)
{
    bool first = true;
    buf_puts(out, ",\"options\":{");
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char key[64], value[CONFIG_STR_MAX];
        config_key(i, key);
        if (strncmp(key, "env.", 4) != 0 || !config_is_portable(i) || strcmp(key, "env.id") == 0 ||
            config_get(cfg, key, value, sizeof value) != ONIC_OK)
            continue;
        buf_printf(out, "%s\"%s\":", first ? "" : ",", key);
        buf_json_string(out, value, strlen(value));
        first = false;
    }
    buf_puts(out, "}");
    const char *slash = strrchr(cfg->env_plugin, '/');
    if (cfg->env_plugin[0])
        buf_json_key_text(out, "plugin", slash ? slash + 1 : cfg->env_plugin);
}

struct episode_log *episode_log_of_options(const struct config *cfg, const char *run_dir,
                                           const char *env_id, const struct action_dist *actions)
{
    if (cfg->replay_every_episodes == 0 || cfg->bench_captions_per_s > 0)
        return NULL;
    struct buf options;
    buf_init(&options, OPTIONS_TEXT_MAX);
    put_env_options(cfg, &options);
    struct episode_log *r = episode_log_create(
        &(struct episode_log_params){.run_dir = run_dir,
                                     .env_id = env_id,
                                     .options = options.data,
                                     .actions = actions,
                                     .run_seed = (uint64_t)cfg->run_seed,
                                     .every = (uint64_t)cfg->replay_every_episodes,
                                     .files = cfg->replay_keep,
                                     .bytes_max = (size_t)cfg->replay_max_mb << 20});
    buf_release(&options);
    return r;
}

/* What an environment is made of; the network says which fields are read, a deterministic run
 * whether it must be one that can be saved. */
static int env_flags(const struct config *cfg, char *flags[ENV_FLAGS_MAX])
{
    int n = 0;
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char key[64], value[CONFIG_STR_MAX], flag[CONFIG_STR_MAX + 80];
        config_key(i, key);
        bool of_env = strncmp(key, "env.", 4) == 0 || strncmp(key, "gym.", 4) == 0;
        if ((!of_env && strcmp(key, "policy.net") != 0 && strcmp(key, "run.deterministic") != 0) ||
            config_get(cfg, key, value, sizeof value) != ONIC_OK)
            continue;
        if (cfg->origin[i] == CONFIG_DEFAULT && strcmp(key, "env.id") != 0)
            continue;
        snprintf(flag, sizeof flag, "--%s=%s", key, value);
        ONIC_ASSERT(n < ENV_FLAGS_MAX);
        flags[n++] = xstrdup(flag);
    }
    return n;
}

int env_query_of_options(const struct config *cfg, struct env_description *out,
                         struct onic_err *err)
{
    char *flags[ENV_FLAGS_MAX];
    int n = env_flags(cfg, flags);
    int rc = env_query(cfg->env_id, flags, n, out, err);
    for (int i = 0; i < n; i++)
        free(flags[i]);
    return rc;
}
