/* SPDX-License-Identifier: MIT */
/* cmd_play.c - `onic play`: watch an agent in the terminal, with what it expects and what it is
 * paid for.
 *
 * One environment, one step per frame: picture, the action taken, both values, the reward by
 * source, and what pays it: the label of the caption, the score of a trained model, or what is
 * seen. On a terminal keys control the pace;
 * without one (a pipe, a log) every step is one line and one episode is played. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/envs/vec_env.h"
#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "deploy/launcher/commands.h"
#include "deploy/launcher/explain.h"
#include "deploy/launcher/run_load.h"
#include "deploy/launcher/terminal.h"
#include "learner/reward/mix.h"

enum { PLAY_ACTOR_ID = 65534, PLAY_DEFAULT_SEED = 2000003 };

struct play_args {
    char path[CONFIG_STR_MAX];
    bool greedy;
    int episodes; /* 0 = until stopped */
};

struct play {
    struct play_args args;
    struct loaded_run run;
    struct vec_env *envs;
    struct policy_actor *ws;
    struct reward_mix *mix;
    struct explain *explain;
    uint8_t *obs;
    float *state, *logits, value[POLICY_HEADS];
    struct rng rng;
    struct terminal term;
    double ext_sum, int_sum;
    int episode;
};

/* --- one step -------------------------------------------------------------------------------- */

static int choose(struct play *p)
{
    const uint8_t *row = p->obs;
    int actions = vec_env_spec(p->envs)->actions;
    policy_act(p->run.policy, p->ws, p->run.weights, &row, 1, p->state, p->logits, p->value);
    float u = rng_float(&p->rng), logp;
    int32_t action;
    policy_sample(p->logits, &u, 1, actions, &action, &logp);
    for (int a = 0; p->args.greedy && a < actions; a++)
        if (p->logits[a] > p->logits[action])
            action = a;
    return action;
}

/* The two rewards of this step as training would bind them now. */
static void bind_reward(struct play *p, const struct env_result *x, float *r_ext, float *r_int)
{
    const char *texts[2] = {"", x->caption};
    uint16_t lens[2] = {0, (uint16_t)x->caption_len};
    uint32_t index = x->caption_len ? 1 : 0;
    uint16_t count = vec_env_episode(p->envs, 0)->caption_count;
    const uint8_t *row = p->obs;
    struct reward_batch b = {.n = 1,
                             .obs_after = &row,
                             .caption = &index,
                             .episodic_count = &count,
                             .ncaptions = x->caption_len ? 2 : 1,
                             .caption_text = texts,
                             .caption_len = lens};
    float reward = (float)x->reward;
    reward_mix_bind(p->mix, &b, &reward, r_ext, r_int);
}

static void put_step(struct play *p, int action, const struct env_result *x, struct buf *out)
{
    const struct env_spec *spec = vec_env_spec(p->envs);
    const struct vec_episode *ep = vec_env_episode(p->envs, 0);
    float r_ext = 0, r_int = 0;
    const char *name = "reset";
    if (action >= 0) {
        bind_reward(p, x, &r_ext, &r_int);
        r_ext *= reward_mix_coef_ext(p->mix);
        r_int *= reward_mix_coef_int(p->mix);
        name = spec->action_names[action];
    }
    p->ext_sum += (double)r_ext;
    p->int_sum += (double)r_int;
    buf_printf(out, "episode %d  step %u  action %s  value ext %+.3f int %+.3f\n", p->episode,
               ep->steps, name, (double)p->value[POLICY_EXT], (double)p->value[POLICY_INT]);
    buf_printf(out, "reward ext %+.3f int %+.3f   episode ext %+.3f int %+.3f\n", (double)r_ext,
               (double)r_int, p->ext_sum, p->int_sum);
    if (x->caption_len) {
        buf_puts(out, "caption ");
        buf_json_string(out, x->caption, (size_t)x->caption_len);
        buf_printf(out, " (time %u in this episode)\n", ep->caption_count);
    } else {
        buf_puts(out, "caption (none)\n");
    }
    explain_caption(p->explain, p->mix, x->caption, (size_t)x->caption_len, out);
}

static void show(struct play *p, int action, const struct env_result *x)
{
    struct buf out, frame;
    buf_init(&out, 1 << 20);
    buf_init(&frame, 1 << 20);
    struct env *e = vec_env_at(p->envs, 0);
    e->family->render(e, &frame);
    put_step(p, action, x, &out);
    terminal_show(&p->term, &frame, &out);
    buf_release(&frame);
    buf_release(&out);
}

static int play_episode(struct play *p, struct onic_err *err)
{
    struct env_result x;
    int rc = vec_env_reset_one(p->envs, 0, p->obs, &x, err);
    memset(p->state, 0, (size_t)policy_state_size(p->run.policy) * sizeof(float));
    p->ext_sum = p->int_sum = 0;
    p->episode++;
    if (rc == ONIC_OK)
        show(p, -1, &x);
    while (rc == ONIC_OK && !p->term.quit) {
        terminal_pace(&p->term);
        if (p->term.quit)
            break;
        int32_t action = choose(p);
        rc = vec_env_step(p->envs, &action, p->obs, &x, err);
        if (rc == ONIC_OK)
            show(p, action, &x);
        if (x.terminated || x.truncated || x.failed)
            break;
    }
    return rc;
}

/* --- set-up ---------------------------------------------------------------------------------- */

static int open_play(struct play *p, struct config *given, struct onic_err *err)
{
    if (given->origin[CONFIG_I_env_obs] == CONFIG_DEFAULT) /* everything a picture needs */
        config_set(given, "env.obs", "all", CONFIG_CLI, "onic play", NULL);
    int rc = run_load(&p->run, p->args.path, given, NULL, err);
    if (rc)
        return rc;
    if (given->origin[CONFIG_I_run_seed] == CONFIG_DEFAULT)
        p->run.cfg.run_seed = PLAY_DEFAULT_SEED;
    rc = vec_env_create(&p->envs, &p->run.cfg, PLAY_ACTOR_ID, 1, err);
    if (rc)
        return rc;
    const struct env_spec *spec = vec_env_spec(p->envs);
    p->ws = policy_actor_create(p->run.policy, 1);
    p->obs = xaligned(spec->obs.obs_bytes);
    p->state = xaligned((size_t)policy_state_size(p->run.policy) * sizeof(float));
    p->logits = xaligned((size_t)spec->actions * sizeof(float));
    p->rng = rng_stream((uint64_t)p->run.cfg.run_seed, "play", 0, 0, 0);
    rc = reward_mix_create(&p->mix, &p->run.cfg, &spec->obs, err);
    const void *state;
    size_t len;
    if (rc == ONIC_OK && checkpoint_get_bytes(p->run.file, "reward", &state, &len, NULL) == ONIC_OK)
        rc = reward_mix_load(p->mix, state, len, err);
    if (rc == ONIC_OK)
        p->explain = explain_open(p->args.path, &p->run.cfg);
    return rc;
}

static void close_play(struct play *p)
{
    explain_close(p->explain);
    reward_mix_free(p->mix);
    policy_actor_free(p->ws);
    vec_env_free(p->envs);
    free(p->obs);
    free(p->state);
    free(p->logits);
    run_unload(&p->run);
}

static int on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct play *p = ctx;
    struct play_args *a = &p->args;
    name += strspn(name, "-");
    if (strncmp(name, "greedy", 6) == 0) {
        a->greedy = true;
        return ONIC_OK;
    }
    if (strncmp(name, "speed", 5) == 0)
        return config_flag_real(name, value, 0, 1e6, &p->term.speed, err);
    int64_t n = a->episodes;
    int rc = config_flag_int(name, value, 0, 1000000, &n, err);
    a->episodes = (int)n;
    return rc;
}

static int on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct play_args *a = &((struct play *)ctx)->args;
    if (a->path[0])
        return err_set(err, ONIC_ECONFIG, "two runs were given, '%s' and '%s': watch one at a time",
                       a->path, arg);
    snprintf(a->path, sizeof a->path, "%s", arg);
    return ONIC_OK;
}

int cmd_play(int argc, char **argv)
{
    struct onic_err err = {0};
    static struct config given;
    static struct play p = {.args = {.episodes = -1}, .term = {.speed = 6}};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic play",
        .rows = "run.seed env labels",
        .usage = "usage: onic play RUN|CHECKPOINT [--seed=S] [--speed=STEPS_PER_SECOND] "
                 "[--episodes=N] [--greedy]\n"
                 "Shows a trained agent in the terminal: picture, action, values, reward by "
                 "source, and what pays\n"
                 "a caption: its label, or the score of a trained model. Without a terminal every "
                 "step is one line.\n",
        .extra = (const char *const[]){"--greedy", "--speed=", "--episodes=", NULL},
        .on_extra = on_extra,
        .on_positional = on_positional,
        .ctx = &p,
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (rc == ONIC_ESTOPPED)
        return 0;
    if (rc == ONIC_OK && !p.args.path[0])
        rc = err_set(&err, ONIC_ECONFIG, "nothing to watch: give a run directory or a checkpoint");
    if (rc == ONIC_OK)
        rc = open_play(&p, &given, &err);
    if (rc == ONIC_OK) {
        terminal_open(&p.term);
        int episodes = p.args.episodes >= 0 ? p.args.episodes : p.term.tty ? 0 : 1;
        while (rc == ONIC_OK && !p.term.quit && (episodes == 0 || p.episode < episodes))
            rc = play_episode(&p, &err);
        terminal_close(&p.term);
    }
    close_play(&p);
    if (rc == ONIC_OK)
        return 0;
    fprintf(stderr, "onic play: %s\n", err.msg);
    return err_exit_code(rc);
}
