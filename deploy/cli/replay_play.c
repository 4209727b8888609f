/* SPDX-License-Identifier: MIT */
/* replay_play.c - see replay_play.h. */
#include "deploy/cli/replay_play.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/shown.h"
#include "deploy/cli/picture.h"
#include "deploy/cli/screen.h"

enum { DOCUMENT_MAX = 1 << 30, PICTURE_MAX = 1 << 20 };

static bool replay_ended(const struct env_result *x)
{
    return x->terminated || x->truncated || x->failed;
}

static int differs(const struct replay_player *p, int at, const char *what, struct onic_err *err)
{
    const char *clock = p->real_clock ? "; it was played with the real clock (env.clock=0)" : "";
    return err_set(err, ONIC_EINCOMPATIBLE,
                   "step %d of %s cannot be played again: %s is not what was recorded, so another "
                   "version of the environment is at work here%s",
                   at + 1, p->path, what, clock);
}

/* The environment must say what the record says. */
static int compare(const struct replay_player *p, int at, const struct env_result *x,
                   struct onic_err *err)
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
static int replay_show(struct replay_player *p, int at, struct onic_err *err)
{
    struct buf picture, text;
    int rc = ONIC_OK;
    buf_init(&picture, PICTURE_MAX);
    buf_init(&text, PICTURE_MAX);
    if (at < 0)
        buf_printf(&text, "the start of %d steps\n", p->replay.nsteps);
    else
        replay_line(&p->view, at, &text);
    if ((p->sink || p->term->tty) && !p->replay.crash)
        reward_ticks_put(&p->ticks, &text);
    if (p->sink) {
        rc = p->sink->frame(p->sink, p->env, p->obs, text.data, at == p->replay.nsteps - 1, err);
    } else {
        picture_draw(p->env, p->obs, &picture);
        terminal_show(p->term, &picture, &text);
    }
    buf_release(&picture);
    buf_release(&text);
    return rc;
}

static void print_explanation(struct replay_player *p, int at)
{
    struct buf picture, text, shown;
    buf_init(&picture, PICTURE_MAX);
    buf_init(&text, PICTURE_MAX);
    buf_init(&shown, 2 * PICTURE_MAX);
    picture_draw(p->env, p->obs, &picture);
    buf_puts(&picture, "\n");
    screen_lines(picture.data, terminal_colour(), &shown);
    replay_explain_text(&p->view, at, &text);
    screen_lines(text.data, false, &shown);
    fputs(shown.data, stdout);
    buf_release(&picture);
    buf_release(&text);
    buf_release(&shown);
}

/* Shows or collects a step that was played as recorded. */
static int replay_report(struct replay_player *p, int at, struct onic_err *err)
{
    const struct replay_step *s = &p->replay.step[at];
    p->view.ext_sum += s->ext;
    p->view.int_sum += s->intrinsic;
    reward_ticks_add(&p->ticks, s->ext, s->intrinsic);
    if (p->explain && at + 1 != p->explain)
        return ONIC_OK;
    if (p->json && p->explain) {
        replay_explain_json(&p->view, at, &p->document);
    } else if (p->json) {
        buf_puts(&p->document, at ? "," : "");
        replay_step_json(&p->view, at, &p->document);
        if (p->frames)
            replay_frames_next(&p->pictures, p->env, p->obs, &p->document);
        buf_puts(&p->document, "}");
    } else if (p->explain) {
        print_explanation(p, at);
    } else {
        return replay_show(p, at, err);
    }
    return ONIC_OK;
}

static int start_episode(struct replay_player *p, struct onic_err *err)
{
    struct env_result x;
    int rc = ONIC_OK;
    p->env->family->seed(p->env, p->replay.seed);
    for (uint64_t i = 0; !rc && i < p->replay.resets; i++)
        rc = p->env->family->reset(p->env, p->obs, &x, err);
    return rc;
}

static int play_steps(struct replay_player *p, struct onic_err *err)
{
    int steps = p->explain ? p->explain : p->replay.nsteps;
    if (p->replay.crash)
        steps--; /* the last one ended the process that played it */
    int rc = start_episode(p, err);
    if (!rc && p->frames)
        replay_frames_start(&p->pictures, p->env, p->obs, &p->start);
    if (!rc && (p->sink || p->term->tty))
        rc = replay_show(p, -1, err);
    for (int at = 0; !rc && at < steps; at++) {
        struct env_result x;
        terminal_pace(p->term);
        if (p->term->quit)
            break;
        union action_cell action[BOUND_ACTION_PARTS];
        replay_action(&p->replay.step[at], &p->env->spec.actions, action);
        rc = env_step(p->env, action, p->obs, &x, err);
        if (!rc)
            rc = compare(p, at, &x, err);
        if (!rc)
            rc = replay_report(p, at, err);
    }
    if (!rc)
        terminal_linger(p->term);
    return rc;
}

/* --- the result ------------------------------------------------------------------------------ */

static void put_document(const struct replay_player *p)
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
    fputs(head.data, stdout); /* JSON, larger than a text that is shown may be */
    fputs(p->start.data, stdout);
    fputs(",\"step\":[", stdout);
    fwrite(p->document.data, 1, p->document.len, stdout);
    puts("]}");
    buf_release(&head);
}

static void say_last_action(const struct replay_player *p)
{
    union action_cell action[BOUND_ACTION_PARTS];
    struct buf name;
    buf_init(&name, PICTURE_MAX);
    replay_action(&p->replay.step[p->replay.nsteps - 1], &p->env->spec.actions, action);
    env_action_text(&p->env->spec, action, &name);
    shown_printf(stdout, "the next action, %s, ended the process\n", name.data);
    buf_release(&name);
}

void replay_say_result(const struct replay_player *p)
{
    if (p->json && p->explain)
        fputs(p->document.data, stdout);
    else if (p->json)
        put_document(p);
    else if (p->replay.crash && !p->term->quit)
        say_last_action(p);
    else if (!p->explain && !p->term->quit)
        shown_printf(stdout, "%s%s%s after %d steps, as recorded\n", p->newest ? p->path : "",
                     p->newest ? ": " : "", p->replay.end, p->replay.nsteps);
}

int replay_play(struct replay_player *p, struct onic_err *err)
{
    p->view = (struct replay_view){.replay = &p->replay, .spec = &p->env->spec, .store = p->store};
    /* An unknown one has no labels to show: view.type stays NULL. */
    reward_model_find(p->replay.reward_model, &p->view.type, NULL);
    buf_init(&p->document, DOCUMENT_MAX);
    buf_init(&p->start, PICTURE_MAX);
    replay_frames_init(&p->pictures);
    return play_steps(p, err);
}

void replay_close(struct replay_player *p)
{
    env_free(p->env);
    free(p->obs);
    explain_close(p->store);
    replay_release(&p->replay);
    buf_release(&p->document);
    buf_release(&p->start);
    replay_frames_release(&p->pictures);
}
