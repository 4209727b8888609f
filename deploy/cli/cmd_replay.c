/* SPDX-License-Identifier: MIT */
/* cmd_replay.c - `onic replay FILE|RUN`: plays a recorded episode again, exactly, and explains what
 * a step was paid for.
 *
 * Nothing is stored but seed, actions, captions and rewards; the pictures come from the environment
 * itself, which is stepped with the same actions and compared with the record at every step. A
 * difference means that another environment is at work than the one that was recorded (another
 * version of onic or of a wheel, a real clock), and is an error: an explanation of something else
 * would be worse than none. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actor/envs/env.h"
#include "common/base/xmalloc.h"
#include "common/config/overlay.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/explain.h"
#include "deploy/cli/picture.h"
#include "deploy/cli/replay_file.h"
#include "deploy/cli/replay_find.h"
#include "deploy/cli/replay_text.h"
#include "deploy/cli/screen.h"
#include "deploy/cli/terminal.h"

enum { DOCUMENT_MAX = 1 << 30, PICTURE_MAX = 1 << 20 };

struct replay_args {
    char path[CONFIG_STR_MAX];
    int explain; /* step, 0 = none */
    bool json;
};

struct player {
    struct replay_args args;
    bool newest; /* of a run directory */
    struct terminal term;
    struct replay replay;
    struct config cfg; /* as it is played: what the file may say, under the command line */
    struct replay_view view;
    struct explain *store;
    struct env *env;
    uint8_t *obs;
    struct buf document; /* --json: the steps */
};

/* --- playing --------------------------------------------------------------------------------- */

static bool replay_ended(const struct env_result *x)
{
    return x->terminated || x->truncated || x->failed;
}

static int differs(const struct player *p, int at, const char *what, struct onic_err *err)
{
    const char *clock = strcmp(p->env->family->family, "nethack") == 0 && p->cfg.env_clock == 0
                            ? "; it was played with the real clock (env.clock=0)"
                            : "";
    return err_set(err, ONIC_EINCOMPATIBLE,
                   "step %d of %s cannot be played again: %s is not what was recorded, so another "
                   "version of the environment is at work here%s",
                   at + 1, p->args.path, what, clock);
}

/* The environment must say what the record says. */
static int compare(const struct player *p, int at, const struct env_result *x, struct onic_err *err)
{
    const struct replay *r = &p->replay;
    const struct replay_step *s = &r->step[at];
    bool last = at == r->nsteps - 1;
    if (r->crash)
        return replay_ended(x) ? differs(p, at, "the end of the episode", err) : ONIC_OK;
    if ((size_t)x->caption_len != s->caption_len ||
        memcmp(x->caption, s->caption, s->caption_len) != 0)
        return differs(p, at, "the caption", err);
    if ((float)x->reward != (float)s->reward)
        return differs(p, at, "the reward", err);
    const char *end = x->terminated ? "terminated" : x->truncated ? "truncated" : "broken";
    if (replay_ended(x) != last || (last && strcmp(end, r->end) != 0))
        return differs(p, at, "the end of the episode", err);
    return ONIC_OK;
}

/* at: -1 before the first step. */
static void replay_show(struct player *p, int at)
{
    struct buf picture, text;
    buf_init(&picture, PICTURE_MAX);
    buf_init(&text, PICTURE_MAX);
    picture_draw(p->env, p->obs, &picture);
    if (at < 0)
        buf_printf(&text, "the start of %d steps\n", p->replay.nsteps);
    else
        replay_line(&p->view, at, &text);
    terminal_show(&p->term, &picture, &text);
    buf_release(&picture);
    buf_release(&text);
}

static void print_explanation(struct player *p, int at)
{
    struct buf text, shown;
    buf_init(&text, PICTURE_MAX);
    buf_init(&shown, 2 * PICTURE_MAX);
    picture_draw(p->env, p->obs, &text);
    buf_puts(&text, "\n");
    replay_explain_text(&p->view, at, &text);
    screen_lines(text.data, terminal_colour(), &shown);
    fputs(shown.data, stdout);
    buf_release(&text);
    buf_release(&shown);
}

/* Shows or collects a step that was played as recorded. */
static void replay_report(struct player *p, int at)
{
    p->view.ext_sum += p->replay.step[at].ext;
    p->view.int_sum += p->replay.step[at].intrinsic;
    if (p->args.explain && at + 1 != p->args.explain)
        return;
    if (p->args.json && p->args.explain) {
        replay_explain_json(&p->view, at, &p->document);
    } else if (p->args.json) {
        buf_puts(&p->document, at ? "," : "");
        replay_step_json(&p->view, at, &p->document);
        buf_puts(&p->document, "}");
    } else if (p->args.explain) {
        print_explanation(p, at);
    } else {
        replay_show(p, at);
    }
}

static int start_episode(struct player *p, struct onic_err *err)
{
    struct env_result x;
    int rc = ONIC_OK;
    p->env->family->seed(p->env, p->replay.seed);
    for (uint64_t i = 0; !rc && i < p->replay.resets; i++)
        rc = p->env->family->reset(p->env, p->obs, &x, err);
    return rc;
}

static int replay_play(struct player *p, struct onic_err *err)
{
    int steps = p->args.explain ? p->args.explain : p->replay.nsteps;
    if (p->replay.crash)
        steps--; /* the last one ended the process that played it */
    int rc = start_episode(p, err);
    if (!rc && p->term.tty)
        replay_show(p, -1);
    for (int at = 0; !rc && at < steps; at++) {
        struct env_result x;
        terminal_pace(&p->term);
        if (p->term.quit)
            break;
        union action_cell action[BOUND_ACTION_PARTS];
        replay_action(&p->replay.step[at], &p->env->spec.actions, action);
        rc = env_step(p->env, action, p->obs, &x, err);
        if (!rc)
            rc = compare(p, at, &x, err);
        if (!rc)
            replay_report(p, at);
    }
    if (!rc)
        terminal_linger(&p->term);
    return rc;
}

/* --- set-up and result ----------------------------------------------------------------------- */

/* The run that the file lies in: RUN/replays/FILE. */
static void open_labels(struct player *p, const struct config *given)
{
    char run[CONFIG_STR_MAX];
    snprintf(run, sizeof run, "%s", p->args.path);
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(run, '/');
        if (slash)
            *slash = '\0';
        else
            snprintf(run, sizeof run, "%s", i == 0 ? "." : "..");
    }
    p->store = explain_open(run, given);
}

/* A file may come from anywhere, and loading a shared object runs it: what a record says of a
 * plug-in is only shown. */
static int make_env(struct player *p, const struct config *given, struct onic_err *err)
{
    const char *id = p->cfg.env_id, *name;
    const struct env_family *family;
    if (given->env_plugin[0] || env_find(id, &family, &name, err) == ONIC_OK)
        return env_create(&p->env, id, &p->cfg, 0, err);
    if (p->replay.plugin[0])
        return err_set(err, ONIC_ECONFIG,
                       "%s was played in %.64s of a plug-in, %s: give --env.plugin=PATH, since no "
                       "code is loaded that only a file names",
                       p->args.path, id, p->replay.plugin);
    return err_set(err, ONIC_ECONFIG,
                   "%s was played in '%.64s', which this onic does not have: if it is of a "
                   "plug-in, give --env.plugin=PATH",
                   p->args.path, id);
}

static int replay_check_actions(const struct player *p, struct onic_err *err)
{
    const struct action_space *space = &p->env->spec.actions;
    union action_cell action[BOUND_ACTION_PARTS];
    for (int at = 0; at < p->replay.nsteps; at++) {
        const struct replay_step *s = &p->replay.step[at];
        if (replay_action(s, space, action))
            continue;
        if (space->kind == ACTION_DISCRETE && s->parts == 1)
            return err_set(err, ONIC_ECONFIG, "%s: step %d takes action %.9g, %s has 0..%d",
                           p->args.path, at + 1, s->action[0], p->env->spec.id, space->n - 1);
        return err_set(err, ONIC_ECONFIG, "%s: step %d takes no action of %s", p->args.path, at + 1,
                       p->env->spec.id);
    }
    return ONIC_OK;
}

/* What the file says of the environment, as far as a file may, under the command line. */
static int choose_options(struct player *p, const struct config *given, struct onic_err *err)
{
    config_defaults(&p->cfg);
    int rc = config_take_portable(&p->cfg, &p->replay.said, given, p->args.path, err);
    if (!rc && !p->args.json && (p->args.explain || isatty(STDOUT_FILENO)))
        rc = config_set(&p->cfg, "env.obs", "all", CONFIG_FILE, "onic replay", err);
    return rc ? rc : config_overlay(&p->cfg, given, err);
}

static int open_player(struct player *p, const struct config *given, struct onic_err *err)
{
    int rc = replay_find(p->args.path, &p->newest, err);
    if (!rc)
        rc = replay_read(&p->replay, p->args.path, err);
    if (!rc && p->args.explain > p->replay.nsteps)
        rc = err_set(err, ONIC_ECONFIG, "--explain is %d, the episode has %d steps",
                     p->args.explain, p->replay.nsteps);
    if (!rc && p->args.explain && p->replay.crash)
        rc = err_set(err, ONIC_ECONFIG,
                     "%s holds the actions of a game that crashed and no rewards to explain",
                     p->args.path);
    if (!rc)
        rc = choose_options(p, given, err);
    if (!rc)
        rc = make_env(p, given, err);
    if (!rc)
        rc = replay_check_actions(p, err);
    if (rc)
        return rc;
    p->obs = xaligned(p->env->spec.obs.obs_bytes);
    open_labels(p, given);
    p->view = (struct replay_view){.replay = &p->replay, .spec = &p->env->spec, .store = p->store};
    /* An unknown one has no labels to show: view.type stays NULL. */
    reward_model_find(p->replay.reward_model, &p->view.type, NULL);
    return ONIC_OK;
}

static void close_player(struct player *p)
{
    env_free(p->env);
    free(p->obs);
    explain_close(p->store);
    replay_release(&p->replay);
    buf_release(&p->document);
}

static void put_document(const struct player *p)
{
    struct buf head;
    buf_init(&head, PICTURE_MAX);
    buf_puts(&head, "{\"env\":");
    buf_json_string(&head, p->env->spec.id, strlen(p->env->spec.id));
    buf_printf(&head, ",\"seed\":\"%" PRIu64 "\",\"exact\":true,\"steps\":%d", p->replay.seed,
               p->replay.nsteps);
    buf_json_key_text(&head, "end", p->replay.crash ? "crash" : p->replay.end);
    buf_json_key_number(&head, "return", p->replay.ret);
    buf_json_key_number(&head, "paid_ext", p->view.ext_sum);
    buf_json_key_number(&head, "paid_int", p->view.int_sum);
    buf_json_key_text(&head, "reward_model", p->replay.reward_model);
    printf("%s,\"step\":[%s]}\n", head.data, p->document.data);
    buf_release(&head);
}

static void say_last_action(const struct player *p)
{
    union action_cell action[BOUND_ACTION_PARTS];
    struct buf name;
    buf_init(&name, PICTURE_MAX);
    replay_action(&p->replay.step[p->replay.nsteps - 1], &p->env->spec.actions, action);
    env_action_text(&p->env->spec, action, &name);
    printf("the next action, %s, ended the process\n", name.data);
    buf_release(&name);
}

static void say_result(const struct player *p)
{
    if (p->args.json && p->args.explain)
        fputs(p->document.data, stdout);
    else if (p->args.json)
        put_document(p);
    else if (p->replay.crash && !p->term.quit)
        say_last_action(p);
    else if (!p->args.explain && !p->term.quit)
        printf("%s%s%s after %d steps, as recorded\n", p->newest ? p->args.path : "",
               p->newest ? ": " : "", p->replay.end, p->replay.nsteps);
}

static int replay_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct player *p = ctx;
    name += strspn(name, "-");
    if (strncmp(name, "json", 4) == 0) {
        p->args.json = true;
        return ONIC_OK;
    }
    if (strncmp(name, "speed", 5) == 0)
        return config_flag_real(name, value, 0, 1e6, &p->term.speed, err);
    int64_t step = p->args.explain;
    int rc = config_flag_int(name, value, 1, 1000000000, &step, err);
    p->args.explain = (int)step;
    return rc;
}

static int replay_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct player *p = ctx;
    if (p->args.path[0])
        return err_set(err, ONIC_ECONFIG, "one episode at a time: '%s' or '%s'", p->args.path, arg);
    snprintf(p->args.path, sizeof p->args.path, "%s", arg);
    return ONIC_OK;
}

int cmd_replay(int argc, char **argv)
{
    struct onic_err err = {0};
    static struct config given;
    static struct player p = {.term = {.speed = 6}};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic replay",
        .rows = "env.nle env.plugin labels",
        .usage = "usage: onic replay FILE|RUN [--explain=STEP] [--speed=STEPS_PER_SECOND] "
                 "[--json]\n"
                 "Plays an episode of RUN/replays/ again, of a run directory the newest one. "
                 "--explain says what a step was paid for: "
                 "caption, label (or the\n"
                 "score of a trained model and the newest pair), annotator, goal, raw answer, "
                 "occurrence and resulting reward.\n",
        .extra = (const char *const[]){"--json=-", "--explain=", "--speed=", NULL},
        .on_extra = replay_on_extra,
        .on_positional = replay_on_positional,
        .ctx = &p,
    };
    buf_init(&p.document, DOCUMENT_MAX);
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (!rc && !p.args.path[0])
        rc = err_set(&err, ONIC_ECONFIG,
                     "nothing to play: give a file of RUN/replays/, or RUN for the newest");
    if (!rc)
        rc = open_player(&p, &given, &err);
    if (!rc) {
        if (!p.args.json && !p.args.explain)
            terminal_open(&p.term);
        rc = replay_play(&p, &err);
        terminal_close(&p.term);
    }
    if (!rc)
        say_result(&p);
    close_player(&p);
    return command_result("replay", rc, &err);
}
