/* SPDX-License-Identifier: MIT */
/* bench_open.c - see bench_open.h. */
#include "deploy/cli/bench_open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/envs/gym/gym_spawn.h"
#include "actor/envs/open.h"
#include "common/base/paths.h"
#include "common/base/shell.h"
#include "common/base/xmalloc.h"
#include "common/config/options.h"
#include "learner/train/trainer_options.h"
#include "reward_server/annotators/annotator.h"

char **bench_open_given(const struct config *cfg)
{
    char **given = xcalloc(CONFIG_COUNT + 1, sizeof *given);
    int n = 0;
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char value[CONFIG_STR_MAX], flag[CONFIG_STR_MAX + 80];
        if (cfg->origin[i] != CONFIG_FILE && cfg->origin[i] != CONFIG_CLI)
            continue;
        option_text(cfg, i, value);
        snprintf(flag, sizeof flag, "--%s.%s=%s", option_rows[i].section, option_rows[i].name,
                 value);
        given[n++] = xstrdup(flag);
    }
    return given;
}

void bench_open_free(char **given)
{
    for (int i = 0; given && given[i]; i++)
        free(given[i]);
    free(given);
}

/* One flag; those without a section (--frames) are limits of their own here. */
static int apply_flag(struct config *cfg, const char *flag, struct onic_err *err)
{
    char key[64];
    const char *value = strchr(flag, '=') + 1;
    snprintf(key, sizeof key, "%.*s", (int)(value - flag - 3), flag + 2);
    return strchr(key, '.') ? config_set(cfg, key, value, CONFIG_CLI, flag, err) : ONIC_OK;
}

/* As `onic train` resolves them; *out is the caller's, also on failure. */
static int bench_open_resolve(struct config **out, char *const *given, const char *const *flags,
                              struct onic_err *err)
{
    struct config *cfg = *out = xmalloc(sizeof *cfg);
    config_defaults(cfg);
    int rc = config_read_env(cfg, err);
    for (int i = 0; !rc && given[i]; i++)
        rc = apply_flag(cfg, given[i], err);
    for (int i = 0; !rc && flags && flags[i]; i++)
        rc = apply_flag(cfg, flags[i], err);
    return rc;
}

int bench_open_annotator(const char *id, char *const *given, struct onic_err *err)
{
    struct config *cfg;
    int rc = bench_open_resolve(&cfg, given, NULL, err);
    if (!rc)
        rc = annotator_find(id)->available(cfg, err);
    free(cfg);
    return rc;
}

int bench_open_training(struct vec_env **envs, int groups, struct trainer **trainer, int *rollout,
                        char *const *given, const char *const *flags, struct onic_err *err)
{
    struct config *cfg;
    struct env_description d;
    int rc = bench_open_resolve(&cfg, given, flags, err);
    for (int g = 0; !rc && g < groups; g++)
        rc = vec_env_open(&envs[g], cfg, g, 0, err);
    if (!rc) {
        vec_env_describe(envs[0], &d);
        rc = trainer_of_options(trainer, cfg, &d, err);
        *rollout = (int)cfg->train_rollout;
    }
    free(cfg);
    return rc;
}

int bench_open_nethack(struct nethack_pair *out, int games, uint64_t seed, char *const *given,
                       struct onic_err *err)
{
    const struct env_family *family;
    const char *name;
    struct config *cfg;
    int rc =
        bench_open_resolve(&cfg, given, (const char *const[]){"--env.id=nethack:Score", NULL}, err);
    if (!rc)
        rc = env_find(cfg->env_id, &family, &name, err);
    if (!rc && family->available && family->available(cfg, err) != ONIC_OK)
        rc = ONIC_ENOTFOUND;
    if (!rc) {
        cfg->run_seed = (int64_t)seed;
        snprintf(out->nle, sizeof out->nle, "%s", cfg->env_nle);
        out->bare = (struct bare_loop_params){.nle = out->nle,
                                              .clock = cfg->env_clock,
                                              .actions = (int)cfg->env_actions,
                                              .seed = seed,
                                              .games = games};
        rc = vec_env_open(&out->envs, cfg, 0, games, err);
    }
    free(cfg);
    return rc;
}

int bench_open_gym(struct gym_pair *out, const char *env, int count, int steps, char *const *given,
                   struct onic_err *err)
{
    char python[PATHS_MAX], package[PATHS_MAX], word[2][2 * PATHS_MAX], flag[CONFIG_STR_MAX];
    struct config *cfg;
    snprintf(flag, sizeof flag, "--env.id=gym:%s", env);
    int rc = bench_open_resolve(&cfg, given, (const char *const[]){flag, NULL}, err);
    if (!rc)
        rc = config_name_module(cfg, err);
    if (!rc)
        rc = gym_find_python(cfg->gym_python, python, sizeof python, err);
    if (!rc)
        rc = paths_share("python", package, sizeof package, err);
    if (!rc)
        rc = vec_env_open(&out->envs, cfg, 0, count, err);
    free(cfg);
    if (rc)
        return ONIC_ENOTFOUND;
    snprintf(out->alone, sizeof out->alone,
             "PYTHONPATH=%s OMP_NUM_THREADS=1 %s -c '" GYM_PROGRAM "' --alone %s %d %d",
             shell_word(package, word[0], sizeof word[0]),
             shell_word(python, word[1], sizeof word[1]), env, count, steps);
    return ONIC_OK;
}
