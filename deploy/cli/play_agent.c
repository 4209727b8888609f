/* SPDX-License-Identifier: MIT */
/* play_agent.c - see play_agent.h. */
#include "deploy/cli/play_agent.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "deploy/cli/picture.h"
#include "deploy/cli/play_keys.h"

/* --- one step -------------------------------------------------------------------------------- */

/* Values and preferences for what is seen now: shown with it, acted on afterwards. */
static void play_consider(struct play_agent *p)
{
    const uint8_t *row = p->obs;
    if (p->policy)
        policy_act(p->policy, p->ws, p->weights, &row, 1, p->state, p->outputs, p->value);
}

static void choose_by_policy(struct play_agent *p)
{
    const struct action_dist *dist = policy_actions(p->policy);
    const uint8_t *mask = vec_env_mask(p->envs);
    float u[2 * BOUND_ACTION_PARTS], logp;
    for (int i = 0; i < action_dist_uniforms(dist); i++)
        u[i] = rng_float(&p->rng);
    if (p->greedy)
        action_dist_mode(dist, p->outputs, mask, 1, p->action);
    else
        action_dist_sample(dist, p->outputs, mask, u, 1, p->action, &logp);
    action_dist_act(dist, p->action, 1);
}

/* False: the end was asked for. */
static bool play_choose(struct play_agent *p)
{
    if (p->human)
        return play_keys_action(p->term, vec_env_spec(p->envs), vec_env_mask(p->envs), p->action);
    terminal_pace(p->term);
    if (p->term->quit)
        return false;
    if (p->policy)
        choose_by_policy(p);
    else
        vec_env_random_action(p->envs, 0, &p->rng, p->action);
    return true;
}

/* The two rewards of this step as training would bind them now. */
static void bind_reward(struct play_agent *p, const struct env_result *x, float *r_ext,
                        float *r_int)
{
    const char *texts[2] = {"", x->caption};
    uint16_t lens[2] = {0, (uint16_t)x->caption_len};
    uint32_t index = x->caption_len ? 1 : 0;
    uint16_t count = vec_env_episode(p->envs, 0)->caption_count;
    const uint8_t *row = p->obs;
    const uint64_t environment = 0;
    struct reward_batch b = {.n = 1,
                             .C = 1,
                             .environment = &environment,
                             .obs_after = &row,
                             .caption = &index,
                             .episodic_count = &count,
                             .ncaptions = x->caption_len ? 2 : 1,
                             .caption_text = texts,
                             .caption_len = lens};
    float reward = (float)x->reward;
    reward_mix_bind(p->mix, &b, &reward, r_ext, r_int);
}

static void put_reward(struct play_agent *p, const struct env_result *x, struct buf *out)
{
    float r_ext = p->acted ? (float)x->reward : 0, r_int = 0;
    if (p->acted && p->mix) {
        bind_reward(p, x, &r_ext, &r_int);
        r_ext *= reward_mix_coef_ext(p->mix);
        r_int *= reward_mix_coef_int(p->mix);
    }
    p->ext_sum += (double)r_ext;
    p->int_sum += (double)r_int;
    if (p->acted)
        reward_ticks_add(&p->ticks, (double)r_ext, (double)r_int);
    if (p->mix)
        buf_printf(out, "reward ext %+.3f int %+.3f   episode ext %+.3f int %+.3f\n", (double)r_ext,
                   (double)r_int, p->ext_sum, p->int_sum);
    else
        buf_printf(out, "reward %+.3f   episode %+.3f\n", (double)r_ext, p->ext_sum);
}

/* How an episode ended, or what is expected of the rest of it. */
static void put_outlook(const struct play_agent *p, const struct env_result *x, struct buf *out)
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
    else if (!p->policy)
        buf_puts(out, p->human ? "by hand\n" : "at random\n");
    else
        buf_printf(out, "value ext %+.3f int %+.3f\n", (double)p->value[POLICY_EXT],
                   (double)p->value[POLICY_INT]);
}

static void put_step(struct play_agent *p, const struct env_result *x, struct buf *out)
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
    if (p->mix && p->explain)
        explain_caption(p->explain, p->mix, x->caption, (size_t)x->caption_len, out);
    if (p->sink || p->term->tty)
        reward_ticks_put(&p->ticks, out);
    if (p->human)
        play_keys_put(vec_env_spec(p->envs), out);
}

static bool play_ended(const struct env_result *x)
{
    return x->terminated || x->truncated || x->failed;
}

static int play_show(struct play_agent *p, const struct env_result *x, struct onic_err *err)
{
    const struct env *e = vec_env_at(p->envs, 0);
    struct buf out, frame;
    int rc = ONIC_OK;
    buf_init(&out, 1 << 20);
    buf_init(&frame, 1 << 20);
    put_step(p, x, &out);
    if (p->sink) {
        rc = p->sink->frame(p->sink, e, p->obs, out.data, play_ended(x), err);
    } else {
        picture_draw(e, p->obs, &frame);
        terminal_show(p->term, &frame, &out);
    }
    buf_release(&frame);
    buf_release(&out);
    return rc;
}

/* The last step is seen for a while, by a person until a key is pressed. */
static void play_rest(struct play_agent *p)
{
    bool more = p->episodes == 0 || p->episode < p->episodes;
    if (!p->human)
        terminal_linger(p->term);
    else if (terminal_key(p->term, more ? "the episode is over; any key begins the next, q leaves"
                                        : "the episode is over; any key leaves") == 'q')
        p->term->quit = true;
}

static int play_episode(struct play_agent *p, struct onic_err *err)
{
    struct env_result x;
    int rc = vec_env_reset_one(p->envs, 0, p->obs, &x, err);
    p->acted = false;
    if (p->policy)
        memset(p->state, 0, (size_t)policy_state_size(p->policy) * sizeof(float));
    p->ext_sum = p->int_sum = 0;
    p->ticks = (struct reward_ticks){.steps = 0};
    p->episode++;
    while (!rc) {
        play_consider(p);
        rc = play_show(p, &x, err);
        if (rc || p->term->quit || play_ended(&x) || !play_choose(p))
            break;
        p->acted = true;
        rc = vec_env_step(p->envs, p->action, p->obs, &x, err);
        if (!rc && p->policy)
            policy_remember(p->policy, p->state, p->action, (float)x.reward);
    }
    if (!rc && !p->term->quit)
        play_rest(p);
    return rc;
}

/* --- all of it ------------------------------------------------------------------------------- */

int play_agent_run(struct play_agent *p, struct onic_err *err)
{
    const struct env_spec *spec = vec_env_spec(p->envs);
    p->obs = xaligned(spec->obs.obs_bytes);
    p->rng = rng_stream(p->seed, "play", 0, 0, 0);
    if (p->policy) {
        p->ws = policy_actor_create(p->policy, 1);
        p->state = xaligned((size_t)policy_state_size(p->policy) * sizeof(float));
        p->outputs =
            xaligned((size_t)action_dist_outputs(policy_actions(p->policy)) * sizeof(float));
    }
    if (p->episodes < 0)
        p->episodes = p->term->tty ? 0 : 1;
    int rc = ONIC_OK;
    while (!rc && !p->term->quit && (p->episodes == 0 || p->episode < p->episodes))
        rc = play_episode(p, err);
    return rc;
}

void play_agent_free(struct play_agent *p)
{
    explain_close(p->explain);
    reward_mix_free(p->mix);
    policy_actor_free(p->ws);
    vec_env_free(p->envs);
    free(p->obs);
    free(p->state);
    free(p->outputs);
}
