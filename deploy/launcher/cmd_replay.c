/* SPDX-License-Identifier: MIT */
/* cmd_replay.c - `onic replay FILE`: plays a recorded episode again, exactly, and explains what a
 * step was paid for.
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
#include "common/run/run_dir.h"
#include "deploy/launcher/commands.h"
#include "deploy/launcher/explain.h"
#include "deploy/launcher/replay_file.h"
#include "deploy/launcher/terminal.h"

enum { DOCUMENT_MAX = 1 << 30, PICTURE_MAX = 1 << 20 };

struct replay_args {
    char path[CONFIG_STR_MAX];
    int explain; /* step, 0 = none */
    bool json;
};

struct player {
    struct replay_args args;
    struct terminal term;
    struct replay replay;
    struct config labels; /* where the label store is */
    struct explain *store;
    const struct reward_model_type *type; /* of the recorded run; NULL = this onic has no such */
    struct env *env;
    uint8_t *obs;
    double ext_sum, int_sum;
    struct buf document; /* --json: the steps */
};

/* --- one step as text and JSON --------------------------------------------------------------- */

static const char *action_name(const struct player *p, int action)
{
    return p->env->spec.action_names[action];
}

static const struct explain_label *label_of(const struct player *p, const struct replay_step *s,
                                            int *count)
{
    *count = 0;
    return s->caption_len && p->type && p->type->traits.caption_only
               ? explain_find(p->store, p->type, s->caption, s->caption_len,
                              p->replay.prompt_version, count)
               : NULL;
}

static void put_caption(const struct replay_step *s, struct buf *out)
{
    buf_json_string(out, s->caption, s->caption_len);
}

/* In one line, what the caption's pay goes by. */
static void put_reason(const struct player *p, const struct replay_step *s, struct buf *out)
{
    int count;
    const struct explain_label *l = label_of(p, s, &count);
    bool decided = p->type && explain_basis(p->type) == EXPLAIN_MODEL && isfinite(s->score);
    if (decided)
        buf_printf(out, "score %.4g by %s%s\n", s->score, p->type->name,
                   s->labelled == 0 && p->type->traits.wants_labels ? ", not labelled" : "");
    else if (l && !l->abstained && l->kind != QUESTION_PAIR)
        buf_printf(out, "label %g by %s, id %" PRIu64 "\n", l->label, l->annotator, l->id);
}

static void put_line(const struct player *p, int at, struct buf *out)
{
    const struct replay_step *s = &p->replay.step[at];
    buf_printf(out, "step %d of %d  action %s", at + 1, p->replay.nsteps,
               action_name(p, s->action));
    if (p->replay.crash) {
        buf_puts(out, "\n");
        return;
    }
    buf_printf(out, "\npaid ext %+.4g int %+.4g   episode ext %+.4g int %+.4g\n", s->ext,
               s->intrinsic, p->ext_sum, p->int_sum);
    if (!s->caption_len) {
        buf_puts(out, "caption (none)\n");
        return;
    }
    buf_puts(out, "caption ");
    put_caption(s, out);
    buf_printf(out, " (time %d in this episode)\n", s->n);
    put_reason(p, s, out);
}

static void put_step_json(const struct player *p, int at, struct buf *out)
{
    const struct replay_step *s = &p->replay.step[at];
    buf_printf(out, "{\"t\":%d,\"action\":%d", at + 1, s->action);
    buf_json_key_text(out, "action_name", action_name(p, s->action));
    buf_json_key_number(out, "reward", s->reward);
    buf_json_key_number(out, "ext", s->ext);
    buf_json_key_number(out, "int", s->intrinsic);
    buf_puts(out, ",\"caption\":");
    put_caption(s, out);
    buf_printf(out, ",\"n\":%d", s->n);
    buf_json_key_number(out, "score", s->score);
    buf_printf(out, ",\"labelled\":%s", s->labelled < 0 ? "null" : s->labelled ? "true" : "false");
}

static void put_label_json(const struct explain_label *l, int count, struct buf *out)
{
    if (!l) {
        buf_puts(out, "null");
        return;
    }
    buf_printf(out, "{\"id\":%" PRIu64, l->id);
    buf_json_key_text(out, "kind", question_kind_name(l->kind));
    buf_printf(out, ",\"count\":%d", count);
    explain_pair_json(l, out);
    buf_json_key_number(out, "label", l->abstained ? (double)NAN : l->label);
    buf_json_key_number(out, "confidence", l->abstained ? (double)NAN : l->confidence);
    buf_json_key_text(out, "annotator", l->annotator);
    if (l->order[0])
        buf_json_key_text(out, "order", l->order);
    buf_json_key_text(out, "model", l->model);
    buf_json_key_text(out, "parameters", l->parameters);
    buf_printf(out, ",\"vote\":%d", l->vote);
    buf_json_key_text(out, "goal", l->goal);
    buf_json_key_text(out, "prompt_version", l->goal_version);
    buf_json_key_text(out, "raw", l->raw);
    buf_puts(out, ",\"asked_at\":");
    buf_json_number(out, l->asked_at, 17);
    buf_puts(out, ",\"answered_at\":");
    buf_json_number(out, l->answered_at, 17);
    buf_puts(out, "}");
}

static void explain_json(const struct player *p, int at, struct buf *out)
{
    put_step_json(p, at, out);
    buf_json_key_number(out, "coef_ext", p->replay.coef_ext);
    buf_json_key_number(out, "coef_int", p->replay.coef_int);
    buf_json_key_text(out, "reward_model", p->replay.reward_model);
    buf_json_key_text(out, "shaping", p->replay.shaping);
    if (p->type)
        buf_json_key_text(out, "decided_by", explain_basis_name(explain_basis(p->type)));
    else /* a model of another build */
        buf_puts(out, ",\"decided_by\":null");
    int count;
    const struct explain_label *l = label_of(p, &p->replay.step[at], &count);
    buf_puts(out, ",\"label\":");
    put_label_json(l, count, out);
    buf_puts(out, "}\n");
}

/* What a model that goes by more than the label of this caption made of it. */
static void explain_score_text(const struct player *p, const struct replay_step *s, struct buf *out)
{
    enum explain_basis basis = explain_basis(p->type);
    if (basis == EXPLAIN_OBSERVATION || basis == EXPLAIN_NOTHING)
        buf_printf(out, "decided by    %s, which %s\n", p->type->name,
                   explain_without_language(basis));
    else if (basis == EXPLAIN_MODEL && s->caption_len)
        buf_printf(out, "decided by    %s, a trained model; %s\n", p->type->name,
                   explain_labels_role(p->type, s->labelled != 0));
    if (basis == EXPLAIN_MODEL && isfinite(s->score))
        buf_printf(out, "score         %.6g, of the model as it was then, before shaping\n",
                   s->score);
    else if (basis == EXPLAIN_MODEL && s->caption_len)
        buf_puts(out, "score         unknown: the episode was kept by an older onic\n");
}

static void label_pair_text(const struct explain_label *l, int count, struct buf *out)
{
    static const char *const PLACE[] = {"first", "second"};
    const char *side = explain_side(l);
    if (side)
        buf_printf(out, "pair          %s %s ", side,
                   strcmp(side, "tie") == 0 ? "with" : "against");
    else
        buf_puts(out, "pair          abstained, the other caption was ");
    buf_json_string(out, l->other, l->other_len);
    buf_printf(out, "\nasked         as the %s of the two; %s%d pair label%s of this caption\n",
               PLACE[l->place - 1], side ? "the newest of " : "", count, count == 1 ? "" : "s");
}

static void explain_answer_text(const struct explain_label *l, struct buf *out)
{
    buf_printf(out, "annotator     %s%s%s, %smodel %s%s%s, vote %d\n", l->annotator,
               l->order[0] ? ", one of " : "", l->order, l->order[0] ? "the first with " : "",
               l->model[0] ? l->model : "-", l->parameters[0] ? ", " : "", l->parameters, l->vote);
    buf_printf(out, "goal          %s, prompt version %s\n", l->goal, l->goal_version);
    buf_printf(out, "raw answer    %s\n", l->raw);
}

static void explain_label_text(const struct player *p, const struct replay_step *s, struct buf *out)
{
    int count;
    const struct explain_label *l = label_of(p, s, &count);
    if (!s->caption_len || !p->type || !p->type->traits.caption_only)
        return;
    if (!l && p->type->traits.wants_labels)
        buf_printf(out, "label         none in the store%s%s\n",
                   p->replay.prompt_version[0] ? " for prompt version " : "",
                   p->replay.prompt_version);
    if (!l)
        return;
    if (l->abstained)
        buf_printf(out, "label         none, the annotator abstained (id %" PRIu64 ")\n", l->id);
    else
        buf_printf(out, "label         %g, confidence %.3g, id %" PRIu64 "%s\n", l->label,
                   l->confidence, l->id,
                   s->labelled == 0 && p->type->traits.wants_labels
                       ? "; not yet known when this step was paid"
                       : "");
    if (l->kind == QUESTION_PAIR)
        label_pair_text(l, count, out);
    explain_answer_text(l, out);
}

/* What a step was paid for, source by source. */
static void explain_text(const struct player *p, int at, struct buf *out)
{
    const struct replay *r = &p->replay;
    const struct replay_step *s = &r->step[at];
    buf_printf(out, "step %d of %d   action %s\n", at + 1, r->nsteps, action_name(p, s->action));
    if (s->caption_len) {
        buf_puts(out, "caption       ");
        put_caption(s, out);
        buf_printf(out, "\noccurrence    N = %d in this episode\n", s->n);
    } else {
        buf_puts(out, "caption       none\n");
    }
    buf_printf(out, "environment   paid %g, for a reward of %g (coefficient %g)\n", s->ext,
               s->reward, r->coef_ext);
    buf_printf(out, "intrinsic     paid %g = %g x %g (reward model %s, shaping %s)\n", s->intrinsic,
               r->coef_int, r->coef_int > 0 ? s->intrinsic / r->coef_int : 0.0, r->reward_model,
               r->shaping);
    if (p->type)
        explain_score_text(p, s, out);
    explain_label_text(p, s, out);
    buf_printf(out, "played by     weights version %" PRIu64 " to %" PRIu64 "\n", r->versions[0],
               r->versions[1]);
}

/* --- playing --------------------------------------------------------------------------------- */

static bool ended(const struct env_result *x)
{
    return x->terminated || x->truncated || x->failed;
}

static int differs(const struct player *p, int at, const char *what, struct onic_err *err)
{
    const char *clock =
        strcmp(p->env->family->family, "nethack") == 0 && p->replay.env.env_clock == 0
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
        return ended(x) ? differs(p, at, "the end of the episode", err) : ONIC_OK;
    if ((size_t)x->caption_len != s->caption_len ||
        memcmp(x->caption, s->caption, s->caption_len) != 0)
        return differs(p, at, "the caption", err);
    if ((float)x->reward != (float)s->reward)
        return differs(p, at, "the reward", err);
    const char *end = x->terminated ? "terminated" : x->truncated ? "truncated" : "broken";
    if (ended(x) != last || (last && strcmp(end, r->end) != 0))
        return differs(p, at, "the end of the episode", err);
    return ONIC_OK;
}

static void show(struct player *p, int at)
{
    struct buf picture, text;
    buf_init(&picture, PICTURE_MAX);
    buf_init(&text, PICTURE_MAX);
    if (p->env->family->render)
        p->env->family->render(p->env, &picture);
    if (p->args.explain) {
        explain_text(p, at, &text);
        printf("%s\n%s", picture.data, text.data);
    } else {
        put_line(p, at, &text);
        terminal_show(&p->term, &picture, &text);
    }
    buf_release(&picture);
    buf_release(&text);
}

/* Shows or collects a step that was played as recorded. */
static void report(struct player *p, int at)
{
    p->ext_sum += p->replay.step[at].ext;
    p->int_sum += p->replay.step[at].intrinsic;
    if (p->args.explain && at + 1 != p->args.explain)
        return;
    if (p->args.json && p->args.explain) {
        explain_json(p, at, &p->document);
    } else if (p->args.json) {
        buf_puts(&p->document, at ? "," : "");
        put_step_json(p, at, &p->document);
        buf_puts(&p->document, "}");
    } else {
        show(p, at);
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

static int play(struct player *p, struct onic_err *err)
{
    int steps = p->args.explain ? p->args.explain : p->replay.nsteps;
    if (p->replay.crash)
        steps--; /* the last one ended the process that played it */
    int rc = start_episode(p, err);
    for (int at = 0; !rc && at < steps && !p->term.quit; at++) {
        struct env_result x;
        int action = p->replay.step[at].action;
        if (!p->args.explain && !p->args.json)
            terminal_pace(&p->term);
        if (action < 0 || action >= p->env->spec.actions)
            return err_set(err, ONIC_ECONFIG, "%s: step %d takes action %d, %s has 0..%d",
                           p->args.path, at + 1, action, p->env->spec.id, p->env->spec.actions - 1);
        rc = p->env->family->step(p->env, action, p->obs, &x, err);
        if (!rc)
            rc = compare(p, at, &x, err);
        if (!rc)
            report(p, at);
    }
    return rc;
}

/* --- set-up and result ----------------------------------------------------------------------- */

/* The run that the file lies in: RUN/replays/FILE. */
static int open_labels(struct player *p, const struct config *given, struct onic_err *err)
{
    char run[CONFIG_STR_MAX], path[CONFIG_STR_MAX + 16];
    snprintf(run, sizeof run, "%s", p->args.path);
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(run, '/');
        if (slash)
            *slash = '\0';
        else
            snprintf(run, sizeof run, "%s", i == 0 ? "." : "..");
    }
    config_defaults(&p->labels);
    snprintf(path, sizeof path, "%s/config.yaml", run);
    int rc = access(path, R_OK) == 0 ? run_dir_config(run, &p->labels, err) : ONIC_OK;
    if (!rc)
        rc = config_overlay(&p->labels, given, err);
    if (!rc)
        p->store = explain_open(run, &p->labels);
    return rc;
}

static int open_player(struct player *p, const struct config *given, struct onic_err *err)
{
    int rc = replay_read(&p->replay, p->args.path, err);
    if (!rc && p->args.explain > p->replay.nsteps)
        rc = err_set(err, ONIC_ECONFIG, "--explain is %d, the episode has %d steps",
                     p->args.explain, p->replay.nsteps);
    if (!rc && p->args.explain && p->replay.crash)
        rc = err_set(err, ONIC_ECONFIG,
                     "%s holds the actions of a game that crashed and no rewards to explain",
                     p->args.path);
    if (!rc && !p->args.json && (p->args.explain || isatty(STDOUT_FILENO)))
        rc = config_set(&p->replay.env, "env.obs", "all", CONFIG_FILE, "onic replay", err);
    if (!rc)
        rc = config_overlay(&p->replay.env, given, err);
    if (!rc)
        rc = open_labels(p, given, err);
    if (!rc) /* an unknown one has no labels to show: p->type stays NULL */
        reward_model_find(p->replay.reward_model, &p->type, NULL);
    if (!rc)
        rc = env_create(&p->env, p->replay.env.env_id, &p->replay.env, 0, err);
    if (!rc)
        p->obs = xaligned(p->env->spec.obs.obs_bytes);
    return rc;
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
    buf_json_key_number(&head, "paid_ext", p->ext_sum);
    buf_json_key_number(&head, "paid_int", p->int_sum);
    buf_json_key_text(&head, "reward_model", p->replay.reward_model);
    printf("%s,\"step\":[%s]}\n", head.data, p->document.data);
    buf_release(&head);
}

static void say_result(const struct player *p)
{
    if (p->args.json && p->args.explain)
        fputs(p->document.data, stdout);
    else if (p->args.json)
        put_document(p);
    else if (p->replay.crash && !p->term.quit)
        printf("the next action, %s, ended the process\n",
               action_name(p, p->replay.step[p->replay.nsteps - 1].action));
    else if (!p->args.explain && !p->term.quit)
        printf("%s after %d steps, as recorded\n", p->replay.end, p->replay.nsteps);
}

static int on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
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

static int on_positional(void *ctx, const char *arg, struct onic_err *err)
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
        .usage = "usage: onic replay FILE [--explain=STEP] [--speed=STEPS_PER_SECOND] [--json]\n"
                 "Plays an episode of RUN/replays/ again. --explain says what a step was paid for: "
                 "caption, label (or the\n"
                 "score of a trained model and the newest pair), annotator, goal, raw answer, "
                 "occurrence and resulting reward.\n",
        .extra = (const char *const[]){"--json=-", "--explain=", "--speed=", NULL},
        .on_extra = on_extra,
        .on_positional = on_positional,
        .ctx = &p,
    };
    buf_init(&p.document, DOCUMENT_MAX);
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (rc == ONIC_OK && !p.args.path[0])
        rc = err_set(&err, ONIC_ECONFIG, "nothing to play: give a file of RUN/replays/");
    if (rc == ONIC_OK)
        rc = open_player(&p, &given, &err);
    if (rc == ONIC_OK) {
        if (!p.args.json && !p.args.explain)
            terminal_open(&p.term);
        rc = play(&p, &err);
        terminal_close(&p.term);
    }
    if (rc == ONIC_OK)
        say_result(&p);
    close_player(&p);
    return command_result("replay", rc, &err);
}
