/* SPDX-License-Identifier: MIT */
/* cmd_play.c - `onic play`: watch an agent in the terminal, with what it expects and what it is
 * paid for.
 *
 * One environment, one step per frame: picture, the action that led to it, both values of what is
 * seen now, the reward by source, and what pays it: the label of the caption, the score of a
 * trained model, or what is seen. With --random there is no run, so no values and no reward but the
 * environment's. On a terminal keys control the pace; without one (a pipe, a log) every step is one
 * line and one episode is played. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actor/envs/open.h"
#include "actor/envs/vec_env.h"
#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/explain.h"
#include "deploy/cli/picture.h"
#include "deploy/cli/run_load.h"
#include "deploy/cli/terminal.h"
#include "learner/reward/mix.h"
#include "learner/reward/reward_options.h"

enum { PLAY_ACTOR_ID = 65534 };

struct play_args {
    char path[CONFIG_STR_MAX];
    bool greedy, random;
    int episodes; /* 0 = until stopped */
};

struct play {
    struct play_args args;
    struct config *given; /* the command line */
    struct loaded_run run;
    struct vec_env *envs;
    struct policy_actor *ws; /* this and the next two: NULL with --random */
    struct reward_mix *mix;
    struct explain *explain;
    uint8_t *obs;
    float *state, *outputs, value[POLICY_HEADS];
    bool acted;                                   /* an action led to what is seen now: */
    union action_cell action[BOUND_ACTION_PARTS]; /* in the environment's units */
    struct rng rng;
    struct terminal term;
    double ext_sum, int_sum;
    int episode;
};

/* --- one step -------------------------------------------------------------------------------- */

/* Values and preferences for what is seen now: shown with it, acted on afterwards. */
static void play_consider(struct play *p)
{
    const uint8_t *row = p->obs;
    if (!p->args.random)
        policy_act(p->run.policy, p->ws, p->run.weights, &row, 1, p->state, p->outputs, p->value);
}

static void play_choose(struct play *p)
{
    if (p->args.random) {
        vec_env_random_action(p->envs, 0, &p->rng, p->action);
        return;
    }
    const struct action_dist *dist = policy_actions(p->run.policy);
    const uint8_t *mask = vec_env_mask(p->envs);
    float u[2 * BOUND_ACTION_PARTS], logp;
    for (int i = 0; i < action_dist_uniforms(dist); i++)
        u[i] = rng_float(&p->rng);
    if (p->args.greedy)
        action_dist_mode(dist, p->outputs, mask, 1, p->action);
    else
        action_dist_sample(dist, p->outputs, mask, u, 1, p->action, &logp);
    action_dist_act(dist, p->action, 1);
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

static void put_reward(struct play *p, const struct env_result *x, struct buf *out)
{
    float r_ext = p->acted ? (float)x->reward : 0, r_int = 0;
    if (p->acted && p->mix) {
        bind_reward(p, x, &r_ext, &r_int);
        r_ext *= reward_mix_coef_ext(p->mix);
        r_int *= reward_mix_coef_int(p->mix);
    }
    p->ext_sum += (double)r_ext;
    p->int_sum += (double)r_int;
    if (p->mix)
        buf_printf(out, "reward ext %+.3f int %+.3f   episode ext %+.3f int %+.3f\n", (double)r_ext,
                   (double)r_int, p->ext_sum, p->int_sum);
    else
        buf_printf(out, "reward %+.3f   episode %+.3f\n", (double)r_ext, p->ext_sum);
}

/* How an episode ended, or what is expected of the rest of it. */
static void put_outlook(const struct play *p, const struct env_result *x, struct buf *out)
{
    bool has_success = vec_env_spec(p->envs)->has_success;
    if (x->terminated || x->truncated || x->failed)
        buf_printf(out, "the end: %s%s\n",
                   x->terminated  ? "terminated"
                   : x->truncated ? "truncated"
                                  : "broken",
                   !has_success ? ""
                   : x->success ? ", success"
                                : ", no success");
    else if (p->args.random)
        buf_puts(out, "at random\n");
    else
        buf_printf(out, "value ext %+.3f int %+.3f\n", (double)p->value[POLICY_EXT],
                   (double)p->value[POLICY_INT]);
}

static void put_step(struct play *p, const struct env_result *x, struct buf *out)
{
    const struct vec_episode *ep = vec_env_episode(p->envs, 0);
    buf_printf(out, "episode %d  step %u  action ", p->episode, ep->steps);
    if (p->acted)
        env_action_text(vec_env_spec(p->envs), p->action, out);
    else
        buf_puts(out, "reset");
    buf_puts(out, "  ");
    put_outlook(p, x, out);
    put_reward(p, x, out);
    if (x->caption_len) {
        buf_puts(out, "caption ");
        buf_json_string(out, x->caption, (size_t)x->caption_len);
        buf_printf(out, " (time %u in this episode)\n", ep->caption_count);
    } else {
        buf_puts(out, "caption (none)\n");
    }
    if (p->mix)
        explain_caption(p->explain, p->mix, x->caption, (size_t)x->caption_len, out);
}

static void play_show(struct play *p, const struct env_result *x)
{
    struct buf out, frame;
    buf_init(&out, 1 << 20);
    buf_init(&frame, 1 << 20);
    picture_draw(vec_env_at(p->envs, 0), p->obs, &frame);
    put_step(p, x, &out);
    terminal_show(&p->term, &frame, &out);
    buf_release(&frame);
    buf_release(&out);
}

static int play_episode(struct play *p, struct onic_err *err)
{
    struct env_result x;
    int rc = vec_env_reset_one(p->envs, 0, p->obs, &x, err);
    p->acted = false;
    if (p->run.policy)
        memset(p->state, 0, (size_t)policy_state_size(p->run.policy) * sizeof(float));
    p->ext_sum = p->int_sum = 0;
    p->episode++;
    while (!rc) {
        play_consider(p);
        play_show(p, &x);
        if (p->term.quit || x.terminated || x.truncated || x.failed)
            break;
        terminal_pace(&p->term);
        if (p->term.quit)
            break;
        play_choose(p);
        p->acted = true;
        rc = vec_env_step(p->envs, p->action, p->obs, &x, err);
    }
    if (!rc)
        terminal_linger(&p->term);
    return rc;
}

/* --- set-up ---------------------------------------------------------------------------------- */

static int open_policy(struct play *p, const struct env_spec *spec, struct onic_err *err)
{
    p->ws = policy_actor_create(p->run.policy, 1);
    p->state = xaligned((size_t)policy_state_size(p->run.policy) * sizeof(float));
    p->outputs =
        xaligned((size_t)action_dist_outputs(policy_actions(p->run.policy)) * sizeof(float));
    const void *state = NULL;
    size_t len = 0;
    checkpoint_get_bytes(p->run.file, "reward", &state, &len, NULL); /* it may have none */
    int rc = reward_options_open_kept(&p->mix, &p->run.cfg, &spec->obs, state, len, err);
    if (!rc)
        p->explain = explain_open(p->args.path, &p->run.cfg);
    return rc;
}

static int open_play(struct play *p, struct config *given, struct onic_err *err)
{
    int rc = ONIC_OK;
    if (given->origin[CONFIG_I_env_obs] == CONFIG_DEFAULT) /* everything a picture needs */
        config_set(given, "env.obs", "all", CONFIG_CLI, "onic play", NULL);
    if (p->args.random)
        p->run.cfg = *given;
    else
        rc = loaded_run_open(&p->run, p->args.path, given, NULL, err);
    if (rc)
        return rc;
    p->run.cfg.run_seed = given->run_seed;
    rc = vec_env_open(&p->envs, &p->run.cfg, PLAY_ACTOR_ID, 1, err);
    if (rc)
        return rc;
    const struct env_spec *spec = vec_env_spec(p->envs);
    p->obs = xaligned(spec->obs.obs_bytes);
    p->rng = rng_stream((uint64_t)p->run.cfg.run_seed, "play", 0, 0, 0);
    return p->args.random ? ONIC_OK : open_policy(p, spec, err);
}

static void close_play(struct play *p)
{
    explain_close(p->explain);
    reward_mix_free(p->mix);
    policy_actor_free(p->ws);
    vec_env_free(p->envs);
    free(p->obs);
    free(p->state);
    free(p->outputs);
    loaded_run_close(&p->run);
}

static int play_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct play *p = ctx;
    struct play_args *a = &p->args;
    name += strspn(name, "-");
    if (strncmp(name, "greedy", 6) == 0) {
        a->greedy = true;
        return ONIC_OK;
    }
    if (strncmp(name, "random", 6) == 0) {
        a->random = true;
        return ONIC_OK;
    }
    if (strncmp(name, "speed", 5) == 0)
        return config_flag_real(name, value, 0, 1e6, &p->term.speed, err);
    int64_t n = a->episodes;
    int rc = config_flag_int(name, value, 0, 1000000, &n, err);
    a->episodes = (int)n;
    return rc;
}

static int play_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct play_args *a = &((struct play *)ctx)->args;
    if (a->path[0])
        return err_set(err, ONIC_ECONFIG, "two runs were given, '%s' and '%s': watch one at a time",
                       a->path, arg);
    snprintf(a->path, sizeof a->path, "%s", arg);
    return ONIC_OK;
}

/* With --random, what stands on the command line by itself are YAML files. */
static int on_random_file(void *ctx, const char *arg, struct onic_err *err)
{
    struct stat st;
    const char *end = strrchr(arg, '.');
    bool run = stat(arg, &st) == 0 && S_ISDIR(st.st_mode);
    if (run || (end && strcmp(end, ".safetensors") == 0))
        return err_set(err, ONIC_ECONFIG,
                       "--random plays without a run: leave out '%s', or --random to watch it",
                       arg);
    return config_read_file(((struct play *)ctx)->given, arg, err);
}

static bool asks_for_random(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--random") == 0)
            return true;
    return false;
}

static int check_args(const struct play_args *a, struct onic_err *err)
{
    if (a->random && a->greedy)
        return err_set(err, ONIC_ECONFIG,
                       "--random has no policy that could be greedy: leave out one of the two");
    if (!a->random && !a->path[0])
        return err_set(err, ONIC_ECONFIG,
                       "nothing to watch: give a run directory or a checkpoint, or --random "
                       "--env.id=ENV");
    return ONIC_OK;
}

int cmd_play(int argc, char **argv)
{
    struct onic_err err = {0};
    static struct config given;
    static struct play p = {.given = &given, .args = {.episodes = -1}, .term = {.speed = 6}};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic play",
        .rows = "run.seed env labels",
        .defaults = "run.seed=2000003",
        .usage = "usage: onic play RUN|CHECKPOINT [--seed=S] [--speed=STEPS_PER_SECOND] "
                 "[--episodes=N] [--greedy]\n"
                 "       onic play --random --env.id=ENV|CONFIG.yaml [--seed=S] [--speed=X] "
                 "[--episodes=N]\n"
                 "Shows a trained agent in the terminal: picture, action, values, reward by "
                 "source, and what pays\n"
                 "a caption: its label, or the score of a trained model; or, without a run, what "
                 "random actions do.\n"
                 "Without a terminal every step is one line.\n",
        .extra = (const char *const[]){"--random", "--greedy", "--speed=", "--episodes=", NULL},
        .on_extra = play_on_extra,
        .on_positional = asks_for_random(argc, argv) ? on_random_file : play_on_positional,
        .ctx = &p,
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (rc == ONIC_ESTOPPED)
        return 0;
    if (!rc)
        rc = check_args(&p.args, &err);
    if (!rc)
        rc = open_play(&p, &given, &err);
    if (!rc) {
        terminal_open(&p.term);
        int episodes = p.args.episodes >= 0 ? p.args.episodes : p.term.tty ? 0 : 1;
        while (!rc && !p.term.quit && (episodes == 0 || p.episode < episodes))
            rc = play_episode(&p, &err);
        terminal_close(&p.term);
    }
    close_play(&p);
    if (!rc)
        return 0;
    fprintf(stderr, "onic play: %s\n", err.msg);
    return err_exit_code(rc);
}
