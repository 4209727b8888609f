/* SPDX-License-Identifier: MIT */
/* nethack.c - NetHack as an environment family: the vtable over game, rules and tasks.
 *
 * Seeds. Seed S and episode number e give the three seeds of a game (core, display, level layout)
 * as draws of the stream (S, "nethack", e); env_seed starts again at episode 0 and each reset
 * advances e. An environment that was never seeded takes S from (run.seed, index).
 *
 * The agent's observation is copied from the game's own buffers once per agent step: the library
 * rewrites its buffers several times per step and the terminal ones only partly, so they cannot lie
 * in the caller's slots.
 *
 * A deterministic run puts a game back by playing its actions again (played.h). Other runs keep
 * nothing for that, and an actor that is started again begins new games.
 *
 * Game over zeroes the status line; statistics therefore use the last one of the game proper, which
 * includes what happened in the fatal step before the hero died. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actor/envs/env.h"
#include "actor/envs/nethack/nethack_game.h"
#include "actor/envs/nethack/nethack_rules.h"
#include "actor/envs/nethack/nethack_tasks.h"
#include "actor/envs/nethack/nle_load.h"
#include "actor/envs/nethack/played.h"
#include "actor/envs/nethack/replay_log.h"
#include "common/base/rng.h"
#include "common/base/xmalloc.h"

#define AUTO_FIELDS "glyphs,blstats,message"
_Static_assert((int)CONFIG_MAX_env_actions == (int)NETHACK_ACTIONS_EXTENDED,
               "env.actions may be each of the two sets");

enum { DEFAULT_COUNT = 32, DEFAULT_STEPS = 5000, LEVELS_SEEN = 128, REPLAY_ACTIONS_MAX = 1 << 20 };

/* name; value from the running or just-ended episode. How it ended: died, left (quit, or climbed
 * out of the dungeon), ascended, truncated (step limit); none of them: success or a broken game. */
#define STATS(XX)                                                                                  \
    XX(score, n->status[NLE_BL_SCORE])                                                             \
    XX(depth, n->status[NLE_BL_DEPTH])                                                             \
    XX(max_depth, n->max_depth)                                                                    \
    XX(gold, n->status[NLE_BL_GOLD])                                                               \
    XX(xlevel, n->status[NLE_BL_XLEVEL])                                                           \
    XX(turns, n->status[NLE_BL_TURN])                                                              \
    XX(kills, n->kills)                                                                            \
    XX(scout, scout(n))                                                                            \
    XX(died, n->ended &&how_done(n) < NLE_HOW_QUIT)                                                \
    XX(left, n->ended && (how_done(n) == NLE_HOW_QUIT || how_done(n) == NLE_HOW_ESCAPED))          \
    XX(ascended, n->ended &&how_done(n) == NLE_HOW_ASCENDED)                                       \
    XX(truncated, n->truncated)

struct copy { /* one observation field */
    const void *from;
    size_t offset, bytes;
};

struct level { /* cells seen on one level */
    int16_t dungeon, dlevel;
    int cells;
};

struct nethack {
    struct env head;
    const struct nethack_task *task;
    enum nethack_staircase staircase;
    bool message_only; /* caption = the message, as ONI, not every page that was shown */
    struct nethack_game *game;
    struct replay_log *replay;
    struct played *played; /* of the running game; NULL: the run is not deterministic */
    int actions;
    int ncopies;
    struct copy copy[OBS_FIELDS_MAX];
    uint64_t seed, episode; /* of the next reset */
    uint64_t seeds[3];      /* of the running game */
    int steps;
    bool playing;   /* between reset and the end of the episode */
    bool ended;     /* by the game */
    bool truncated; /* by the step limit */
    bool succeeded; /* the goal has been reached in this episode */
    long before[NLE_BLSTATS];
    const long *status; /* [27] last status line of the game proper */
    long max_depth;
    int kills, nlevels;
    struct level level[LEVELS_SEEN];
};

static const char *const stat_names[] = {
#define XX(name, value) #name,
    STATS(XX)
#undef XX
};
_Static_assert(sizeof stat_names / sizeof stat_names[0] <= ENV_STATS_MAX, "too many statistics");

static int nethack_available(const struct config *cfg, struct onic_err *err)
{
    struct nle_files files;
    return nle_files_find(&files, cfg->env_nle, err);
}

/* What the environment is made of, besides its task; texts are borrowed while it is made. */
struct nethack_options {
    const char *obs, *nle;
    const char *replay_dir; /* where the last episode's actions are written; "": nowhere */
    int64_t clock;          /* seconds since 1970 that the game sees */
    int max_steps, actor_id /* below 0: none */;
    uint64_t run_seed;
    bool deterministic;
};

static void nethack_options(struct nethack_options *out, const struct config *cfg)
{
    const char *replays =
        cfg->actors_replay_dir[0] ? cfg->actors_replay_dir : cfg->actors_state_dir;
    *out = (struct nethack_options){
        .obs = cfg->env_obs,
        .nle = cfg->env_nle,
        .replay_dir = replays,
        .clock = cfg->env_clock,
        .max_steps = cfg->env_max_steps > 0 ? (int)cfg->env_max_steps : DEFAULT_STEPS,
        .actor_id = (int)cfg->actors_id,
        .run_seed = (uint64_t)cfg->run_seed,
        .deterministic = cfg->run_deterministic,
    };
}

/* Fills spec.obs from env.obs; returns the set of wanted fields. */
static uint32_t choose_fields(struct nethack *n, const char *env_obs)
{
    uint32_t want = 0;
    int shape[OBS_DIMS_MAX];
#define XX(name, type, ndim, a, b)                                                                 \
    if (env_wants_field(env_obs, #name, AUTO_FIELDS)) {                                            \
        shape[0] = a, shape[1] = b;                                                                \
        want |= 1u << NETHACK_FIELD_##name;                                                        \
        obs_spec_add(&n->head.spec.obs, #name, type, ndim, shape);                                 \
    }
    NETHACK_FIELDS(XX)
#undef XX
    return want;
}

static void plan_copies(struct nethack *n, uint32_t want)
{
    for (int f = 0; f < NETHACK_FIELD_COUNT; f++)
        if (want & 1u << f) {
            const struct obs_field *field = &n->head.spec.obs.field[n->ncopies];
            n->copy[n->ncopies++] = (struct copy){
                nethack_game_field(n->game, (enum nethack_field)f), field->offset, field->bytes};
        }
}

static void nethack_fill_spec(struct nethack *n, int max_steps)
{
    struct env_spec *s = &n->head.spec;
    snprintf(s->id, sizeof s->id, "nethack:%s", n->task->name);
    s->actions.n = n->actions;
    s->action_names = nethack_action_names;
    s->action_keys = nethack_action_keys;
    s->max_steps = max_steps;
    s->has_success = n->task->reached != NULL;
    s->nstats = (int)(sizeof stat_names / sizeof stat_names[0]);
    s->stat_names = stat_names;
    s->default_net = "nethack-compact";
    s->default_goal = n->task->goal;
    s->default_count = DEFAULT_COUNT;
    s->recycle = true;
}

static void nethack_free(struct env *e)
{
    struct nethack *n = (struct nethack *)e;
    if (!n)
        return;
    nethack_game_free(n->game);
    replay_log_close(n->replay);
    played_free(n->played);
    free(n);
}

static int open_replay(struct nethack *n, const struct nethack_options *o, int index,
                       struct onic_err *err)
{
    struct replay_head head = {.clock = o->clock, .actions = (uint32_t)n->actions};
    snprintf(head.id, sizeof head.id, "%s", n->head.spec.id);
    head.capacity = (uint64_t)n->head.spec.max_steps;
    if (head.capacity > REPLAY_ACTIONS_MAX)
        head.capacity = REPLAY_ACTIONS_MAX;
    /* actors of one run share a folder: "<actor>-<environment>", without an actor
     * "<environment>" */
    char who[48];
    if (o->actor_id >= 0)
        snprintf(who, sizeof who, "%d-%d", o->actor_id, index);
    else
        snprintf(who, sizeof who, "%d", index);
    return replay_log_open(&n->replay, o->replay_dir, who, &head, err);
}

/* Seed and actions must decide a game, and be short enough to go with every trajectory. */
static int keep_played(struct nethack *n, const struct nethack_options *o, struct onic_err *err)
{
    if (o->clock == 0)
        return err_set(err, ONIC_ECONFIG,
                       "a deterministic run of NetHack needs a frozen clock: give env.clock "
                       "another value than 0");
    if (o->max_steps > PLAYED_STEPS_MAX)
        return err_set(err, ONIC_ECONFIG,
                       "env.max_steps is %d, and a deterministic run of NetHack keeps all actions "
                       "of an episode: at most %d",
                       o->max_steps, PLAYED_STEPS_MAX);
    n->played = played_create(n->actions, (uint32_t)o->max_steps);
    n->head.spec.state_bytes = played_bytes((uint32_t)o->max_steps);
    return ONIC_OK;
}

extern const struct env_family env_nethack;

static int nethack_create(struct env **out, const struct env_family *family, const char *name,
                          const struct config *cfg, int index, struct onic_err *err)
{
    if (cfg->env_actions != NETHACK_ACTIONS_BASE && cfg->env_actions != NETHACK_ACTIONS_EXTENDED)
        return err_set(err, ONIC_ECONFIG, "env.actions is %lld, must be %d or %d for NetHack",
                       (long long)cfg->env_actions, NETHACK_ACTIONS_BASE, NETHACK_ACTIONS_EXTENDED);
    struct nethack_options o;
    nethack_options(&o, cfg);
    setenv("TZ", "UTC", 1); /* the game reads the hour from localtime */
    tzset();
    struct nethack *n = xcalloc(1, sizeof *n);
    n->head.family = family;
    n->task = nethack_task_find(name);
    ONIC_ASSERT(n->task);
    n->staircase =
        cfg->env_staircase == CONFIG_env_staircase_depth ? NETHACK_BY_DEPTH : NETHACK_BY_MESSAGE;
    n->message_only = cfg->compat_oni;
    n->actions = (int)cfg->env_actions;
    struct rng r = rng_stream(o.run_seed, "nethack unseeded", (uint64_t)index, 0, 0);
    n->seed = rng_u64(&r);
    nethack_fill_spec(n, o.max_steps);
    uint32_t want = choose_fields(n, o.obs);
    struct nethack_settings settings = {
        .nle = o.nle, .options = n->task->options, .clock = o.clock, .want = want};
    int rc = o.deterministic ? keep_played(n, &o, err) : ONIC_OK;
    if (!rc)
        rc = nethack_game_create(&n->game, &settings, err);
    if (!rc)
        rc = open_replay(n, &o, index, err);
    if (rc) {
        nethack_free(&n->head);
        return rc;
    }
    plan_copies(n, want);
    n->status = nethack_game_status(n->game);
    *out = &n->head;
    return ONIC_OK;
}

static void nethack_seed(struct env *e, uint64_t seed)
{
    struct nethack *n = (struct nethack *)e;
    n->seed = seed;
    n->episode = 0;
}

static const long *status_line(const struct nethack *n)
{
    return nethack_game_obs(n->game)->blstats;
}

/* Cells of the map that are not blank stone, per level visited: the last count of each. */
static void note_level(struct nethack *n)
{
    const int16_t *glyphs = nethack_game_obs(n->game)->glyphs;
    int16_t dungeon = (int16_t)n->status[NLE_BL_DUNGEON],
            dlevel = (int16_t)n->status[NLE_BL_DLEVEL];
    int cells = 0, i = 0;
    for (int c = 0; c < NLE_CELLS; c++)
        cells += glyphs[c] != NLE_GLYPH_STONE;
    while (i < n->nlevels && (n->level[i].dungeon != dungeon || n->level[i].dlevel != dlevel))
        i++;
    if (i == LEVELS_SEEN)
        return;
    n->nlevels = i == n->nlevels ? i + 1 : n->nlevels;
    n->level[i] = (struct level){dungeon, dlevel, cells};
}

static long scout(const struct nethack *n)
{
    long sum = 0;
    for (int i = 0; i < n->nlevels; i++)
        sum += n->level[i].cells;
    return sum;
}

static int how_done(const struct nethack *n)
{
    return nethack_game_obs(n->game)->how_done;
}

/* After each reset and step, before the task judges it. */
static void note_progress(struct nethack *n)
{
    if (n->status[NLE_BL_DEPTH] > n->max_depth)
        n->max_depth = n->status[NLE_BL_DEPTH];
    if (nethack_game_obs(n->game)->in_normal_game) /* else there is no map any more */
        note_level(n);
    n->kills += nethack_game_pages(n->game)->kills;
}

/* Observation and caption of a reset or step. */
static void nethack_report(struct nethack *n, uint8_t *obs, struct env_result *out)
{
    const struct nethack_pages *pages = nethack_game_pages(n->game);
    for (int i = 0; i < n->ncopies; i++)
        memcpy(obs + n->copy[i].offset, n->copy[i].from, n->copy[i].bytes);
    if (!n->message_only) {
        memcpy(out->caption, pages->text, (size_t)pages->len + 1);
        out->caption_len = pages->len;
        return;
    }
    const char *message = (const char *)nethack_game_obs(n->game)->message;
    out->caption_len = (int)strnlen(message, ENV_CAPTION_MAX);
    memcpy(out->caption, message, (size_t)out->caption_len);
    out->caption[out->caption_len] = '\0';
}

static int nethack_reset(struct env *e, uint8_t *obs, struct env_result *out, struct onic_err *err)
{
    struct nethack *n = (struct nethack *)e;
    uint64_t episode = n->episode++;
    struct rng r = rng_stream(n->seed, "nethack", episode, 0, 0);
    for (int i = 0; i < 3; i++)
        n->seeds[i] = rng_u64(&r) >> 1; /* 63 bits: JSON readers and NLE's own draws are signed */
    n->steps = n->kills = n->nlevels = 0;
    n->max_depth = 0;
    n->ended = n->truncated = n->succeeded = false;
    replay_log_episode(n->replay, n->seed, episode, n->seeds);
    played_episode(n->played, n->seed, episode);
    int rc = nethack_game_start(n->game, n->seeds, episode == 0, err);
    if (rc)
        return rc;
    n->playing = true;
    memset(out, 0, offsetof(struct env_result, caption));
    note_progress(n);
    nethack_report(n, obs, out);
    return ONIC_OK;
}

/* Reward and end of the step just made. The goal counts once per episode; a continual task goes on
 * after it, and its last step says whether it was reached. */
static void nethack_judge(struct nethack *n, bool sane, struct env_result *out)
{
    struct nethack_view view = {n->game, n->before, status_line(n), n->max_depth};
    out->reward = n->task->reward(&view);
    bool now = !n->ended && !n->succeeded && nethack_task_reached(n->task, n->staircase, &view);
    if (now) {
        n->succeeded = true;
        out->reward += n->task->success_reward;
    }
    out->terminated = n->ended || (now && !n->task->continual);
    out->failed = !sane;
    out->fault = NULL;
    out->truncated = !out->terminated && sane && n->steps >= n->head.spec.max_steps;
    n->truncated = out->truncated;
    n->playing = !(out->terminated || out->truncated || out->failed);
    out->success = n->succeeded && !n->playing;
}

static int nethack_step(struct env *e, int action, uint8_t *obs, struct env_result *out,
                        struct onic_err *err)
{
    struct nethack *n = (struct nethack *)e;
    if (action < 0 || action >= n->actions)
        return err_set(err, ONIC_EINVAL, "action %d is outside 0..%d of %s", action, n->actions - 1,
                       n->head.spec.id);
    if (!n->playing)
        return err_set(err, ONIC_EINVAL,
                       "%s was stepped after the end of an episode; reset it first",
                       n->head.spec.id);
    memset(out, 0, offsetof(struct env_result, caption));
    memcpy(n->before, status_line(n), sizeof n->before);
    replay_log_action(n->replay, action);
    played_action(n->played, action);
    bool sane = nethack_rules_step(n->game, n->actions, action);
    n->steps++;
    n->ended = nethack_game_done(n->game);
    note_progress(n);
    nethack_judge(n, sane, out);
    if (!n->playing)
        replay_log_end(n->replay);
    nethack_report(n, obs, out);
    return ONIC_OK;
}

static void nethack_save(const struct env *e, uint8_t *state)
{
    played_save(((const struct nethack *)e)->played, state);
}

static int nethack_load(struct env *e, const uint8_t *state, uint8_t *obs, struct onic_err *err)
{
    struct nethack *n = (struct nethack *)e;
    struct env_result result;
    struct played *then = played_load(n->played, state);
    if (!then)
        return err_set(err, ONIC_EDAMAGED, "this is not a snapshot of %s", n->head.spec.id);
    n->seed = then->head.seed;
    n->episode = then->head.episode;
    int rc = nethack_reset(e, obs, &result, err);
    for (uint32_t i = 0; !rc && i < then->head.count; i++) {
        if (!n->playing)
            rc = err_set(err, ONIC_EDAMAGED,
                         "a game of %s ended after %u of %u actions when it was played again: "
                         "another version of NetHack, or of its options?",
                         n->head.spec.id, i, then->head.count);
        else
            rc = nethack_step(e, then->action[i], obs, &result, err);
    }
    played_free(then);
    return rc;
}

static void nethack_stats(const struct env *e, float *out)
{
    const struct nethack *n = (const struct nethack *)e;
    int i = 0;
#define XX(name, value) out[i++] = (float)(value);
    STATS(XX)
#undef XX
}

static int nethack_seeds(const struct env *e, uint64_t seeds[3])
{
    const struct nethack *n = (const struct nethack *)e;
    int count = nethack_game_seeds(n->game);
    memcpy(seeds, n->seeds, (size_t)count * sizeof seeds[0]);
    return count;
}

/* The terminal with its colours; the cursor is shown reversed. */
static void render_terminal(const struct nle_obs *o, struct buf *out)
{
    int last = -1;
    for (int i = 0; i < NLE_TTY_CELLS; i++) {
        int row = i / NLE_TTY_COLS, col = i % NLE_TTY_COLS;
        bool cursor = o->tty_cursor && o->tty_cursor[0] == row && o->tty_cursor[1] == col;
        int look = (o->tty_colors[i] & 31) | (cursor ? 32 : 0);
        if (look != last)
            buf_printf(out, "\x1b[0;%s%s%dm", look & 8 ? "1;" : "", look & 48 ? "7;" : "",
                       30 + (look & 7));
        last = look;
        uint8_t c = o->tty_chars[i];
        buf_printf(out, "%c", c >= 32 && c < 127 ? c : c == 0 ? ' ' : '?');
        if (col == NLE_TTY_COLS - 1) {
            buf_puts(out, "\x1b[0m\n");
            last = -1;
        }
    }
}

static void nethack_render(const struct env *e, struct buf *out)
{
    const struct nethack *n = (const struct nethack *)e;
    const struct nle_obs *o = nethack_game_obs(n->game);
    if (o->tty_chars && o->tty_colors) {
        render_terminal(o, out);
        return;
    }
    const long *b = n->status;
    buf_printf(out, "%s\n", nethack_game_pages(n->game)->text);
    buf_printf(out, "Dlvl:%ld $:%ld HP:%ld(%ld) Xp:%ld T:%ld S:%ld\n", b[NLE_BL_DEPTH],
               b[NLE_BL_GOLD], b[NLE_BL_HP], b[NLE_BL_HPMAX], b[NLE_BL_XLEVEL], b[NLE_BL_TURN],
               b[NLE_BL_SCORE]);
    buf_puts(out, "(the map is drawn when env.obs has tty_chars and tty_colors, for example "
                  "--env.obs=all)\n");
}

const struct env_family env_nethack = {
    .family = "nethack",
    .domain = "nethack",
    .summary =
        "NetHack through the library of the nle wheel: score, gold, staircase and Oracle tasks",
    .names = nethack_task_names,
    .available = nethack_available,
    .create = nethack_create,
    .free = nethack_free,
    .seed = nethack_seed,
    .reset = nethack_reset,
    .step = nethack_step,
    .stats = nethack_stats,
    .render = nethack_render,
    .seeds = nethack_seeds,
    .save = nethack_save,
    .load = nethack_load,
};
