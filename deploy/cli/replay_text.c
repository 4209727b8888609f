/* SPDX-License-Identifier: MIT */
/* replay_text.c - see replay_text.h. */
#include "deploy/cli/replay_text.h"

#include <inttypes.h>
#include <math.h>

/* Actions were looked at when the file was opened. */
static void put_action_name(const struct replay_view *v, const struct replay_step *s,
                            struct buf *out)
{
    union action_cell action[BOUND_ACTION_PARTS];
    if (replay_action(s, &v->spec->actions, action))
        env_action_text(v->spec, action, out);
}

/* As it was recorded: a number, or an array of them. */
static void put_action_json(const struct replay_view *v, const struct replay_step *s,
                            struct buf *out)
{
    union action_cell action[BOUND_ACTION_PARTS];
    struct buf name;
    buf_init(&name, 1 << 16);
    put_action_name(v, s, &name);
    buf_puts(out, ",\"action\":");
    if (replay_action(s, &v->spec->actions, action))
        action_space_json(&v->spec->actions, action, out);
    buf_json_key_text(out, "action_name", name.data);
    buf_release(&name);
}

static const struct explain_label *replay_text_label_of(const struct replay_view *v,
                                                        const struct replay_step *s, int *count)
{
    *count = 0;
    return s->caption_len && v->type && v->type->traits.caption_only
               ? explain_find(v->store, v->type, s->caption, s->caption_len,
                              v->replay->prompt_version, count)
               : NULL;
}

static void replay_text_put_caption(const struct replay_step *s, struct buf *out)
{
    buf_json_string(out, s->caption, s->caption_len);
}

/* In one line, what the caption's pay goes by. */
static void replay_text_put_reason(const struct replay_view *v, const struct replay_step *s,
                                   struct buf *out)
{
    int count;
    const struct explain_label *l = replay_text_label_of(v, s, &count);
    bool decided = v->type && explain_basis(v->type) == EXPLAIN_MODEL && isfinite(s->score);
    if (decided)
        buf_printf(out, "score %.4g by %s%s\n", s->score, v->type->name,
                   s->labelled == 0 && v->type->traits.wants_labels ? ", not labelled" : "");
    else if (l && l->label.state == LABEL_ANSWERED && l->kind != QUESTION_PAIR)
        buf_printf(out, "label %g by %s, id %" PRIu64 "\n", l->label.value, l->label.source,
                   l->label.id);
}

void replay_line(const struct replay_view *v, int at, struct buf *out)
{
    const struct replay_step *s = &v->replay->step[at];
    buf_printf(out, "step %d of %d  action ", at + 1, v->replay->nsteps);
    put_action_name(v, s, out);
    if (v->replay->crash) {
        buf_puts(out, "\n");
        return;
    }
    buf_printf(out, "\npaid ext %+.4g int %+.4g   episode ext %+.4g int %+.4g\n", s->ext,
               s->intrinsic, v->ext_sum, v->int_sum);
    if (!s->caption_len) {
        buf_puts(out, "caption (none)\n");
        return;
    }
    buf_puts(out, "caption ");
    replay_text_put_caption(s, out);
    buf_printf(out, " (time %d in this episode)\n", s->n);
    replay_text_put_reason(v, s, out);
}

void replay_step_json(const struct replay_view *v, int at, struct buf *out)
{
    const struct replay_step *s = &v->replay->step[at];
    buf_printf(out, "{\"t\":%d", at + 1);
    put_action_json(v, s, out);
    buf_json_key_number(out, "reward", s->reward);
    buf_json_key_number(out, "ext", s->ext);
    buf_json_key_number(out, "int", s->intrinsic);
    buf_puts(out, ",\"caption\":");
    replay_text_put_caption(s, out);
    buf_printf(out, ",\"n\":%d", s->n);
    buf_json_key_number(out, "score", s->score);
    buf_printf(out, ",\"labelled\":%s", s->labelled < 0 ? "null" : s->labelled ? "true" : "false");
}

static void replay_text_put_label_json(const struct explain_label *l, int count, struct buf *out)
{
    if (!l) {
        buf_puts(out, "null");
        return;
    }
    buf_printf(out, "{\"id\":%" PRIu64, l->label.id);
    buf_json_key_text(out, "kind", question_kind_name(l->kind));
    buf_printf(out, ",\"count\":%d", count);
    explain_pair_json(l, out);
    buf_json_key_number(out, "label",
                        l->label.state == LABEL_ANSWERED ? l->label.value : (double)NAN);
    buf_json_key_number(out, "confidence",
                        l->label.state == LABEL_ANSWERED ? l->label.confidence : (double)NAN);
    buf_json_key_text(out, "annotator", l->label.source);
    if (l->order[0])
        buf_json_key_text(out, "order", l->order);
    buf_json_key_text(out, "model", l->model);
    buf_json_key_text(out, "parameters", l->parameters);
    buf_printf(out, ",\"vote\":%d", l->vote);
    buf_json_key_text(out, "goal", l->goal);
    buf_json_key_text(out, "prompt_version", l->goal_version);
    buf_json_key_text(out, "raw", l->label.raw);
    buf_puts(out, ",\"asked_at\":");
    buf_json_number(out, l->label.asked_at, 17);
    buf_puts(out, ",\"answered_at\":");
    buf_json_number(out, l->label.answered_at, 17);
    buf_puts(out, "}");
}

void replay_explain_json(const struct replay_view *v, int at, struct buf *out)
{
    replay_step_json(v, at, out);
    buf_json_key_number(out, "coef_ext", v->replay->coef_ext);
    buf_json_key_number(out, "coef_int", v->replay->coef_int);
    buf_json_key_text(out, "reward_model", v->replay->reward_model);
    buf_json_key_text(out, "shaping", v->replay->shaping);
    if (v->type)
        buf_json_key_text(out, "decided_by", explain_basis_name(explain_basis(v->type)));
    else /* a model of another build */
        buf_puts(out, ",\"decided_by\":null");
    int count;
    const struct explain_label *l = replay_text_label_of(v, &v->replay->step[at], &count);
    buf_puts(out, ",\"label\":");
    replay_text_put_label_json(l, count, out);
    buf_puts(out, "}\n");
}

/* What a model that goes by more than the label of this caption made of it. */
static void explain_score_text(const struct replay_view *v, const struct replay_step *s,
                               struct buf *out)
{
    enum explain_basis basis = explain_basis(v->type);
    if (basis == EXPLAIN_OBSERVATION || basis == EXPLAIN_NOTHING)
        buf_printf(out, "decided by    %s, which %s\n", v->type->name,
                   explain_without_language(basis));
    else if (basis == EXPLAIN_MODEL && s->caption_len)
        buf_printf(out, "decided by    %s, a trained model; %s\n", v->type->name,
                   explain_labels_role(v->type, s->labelled != 0));
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
    buf_printf(out, "annotator     %s%s%s, %smodel %s%s%s, vote %d\n", l->label.source,
               l->order[0] ? ", one of " : "", l->order, l->order[0] ? "the first with " : "",
               l->model[0] ? l->model : "-", l->parameters[0] ? ", " : "", l->parameters, l->vote);
    buf_printf(out, "goal          %s, prompt version %s\n", l->goal, l->goal_version);
    buf_printf(out, "raw answer    %s\n", l->label.raw);
}

static void explain_label_text(const struct replay_view *v, const struct replay_step *s,
                               struct buf *out)
{
    int count;
    const struct explain_label *l = replay_text_label_of(v, s, &count);
    if (!s->caption_len || !v->type || !v->type->traits.caption_only)
        return;
    if (!l && v->type->traits.wants_labels)
        buf_printf(out, "label         none in the store%s%s\n",
                   v->replay->prompt_version[0] ? " for prompt version " : "",
                   v->replay->prompt_version);
    if (!l)
        return;
    if (l->label.state != LABEL_ANSWERED)
        buf_printf(out, "label         none, the annotator abstained (id %" PRIu64 ")\n",
                   l->label.id);
    else
        buf_printf(out, "label         %g, confidence %.3g, id %" PRIu64 "%s\n", l->label.value,
                   l->label.confidence, l->label.id,
                   s->labelled == 0 && v->type->traits.wants_labels
                       ? "; not yet known when this step was paid"
                       : "");
    if (l->kind == QUESTION_PAIR)
        label_pair_text(l, count, out);
    explain_answer_text(l, out);
}

/* What a step was paid for, source by source. */
void replay_explain_text(const struct replay_view *v, int at, struct buf *out)
{
    const struct replay *r = v->replay;
    const struct replay_step *s = &r->step[at];
    buf_printf(out, "step %d of %d   action ", at + 1, r->nsteps);
    put_action_name(v, s, out);
    buf_puts(out, "\n");
    if (s->caption_len) {
        buf_puts(out, "caption       ");
        replay_text_put_caption(s, out);
        buf_printf(out, "\noccurrence    N = %d in this episode\n", s->n);
    } else {
        buf_puts(out, "caption       none\n");
    }
    buf_printf(out, "environment   paid %g = %g x %g (a reward of %g before scale and clip)\n",
               s->ext, r->coef_ext, r->coef_ext > 0 ? s->ext / r->coef_ext : 0.0, s->reward);
    buf_printf(out, "intrinsic     paid %g = %g x %g (reward model %s, shaping %s)\n", s->intrinsic,
               r->coef_int, r->coef_int > 0 ? s->intrinsic / r->coef_int : 0.0, r->reward_model,
               r->shaping);
    if (v->type)
        explain_score_text(v, s, out);
    explain_label_text(v, s, out);
    buf_printf(out, "played by     weights version %" PRIu64 " to %" PRIu64 "\n", r->versions[0],
               r->versions[1]);
}
