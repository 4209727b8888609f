/* SPDX-License-Identifier: MIT */
/* learner_compare.c - what an actor has built against what the learner expects, field by field
 * (R11).
 *
 * Both sides describe environment and network as lines "name: value". Lines are matched by name,
 * not by position, so that one missing line is reported as such and not as a difference of
 * everything behind it. */
#include <string.h>

#include "common/wire/rollout/learner_state.h"

struct text_line {
    const char *name, *value;
    size_t name_len, value_len;
};

static bool compare_next_line(const char **p, const char *end, struct text_line *l)
{
    while (*p < end && (**p == '\n' || **p == '\0'))
        (*p)++;
    if (*p >= end)
        return false;
    const char *eol = memchr(*p, '\n', (size_t)(end - *p));
    if (!eol)
        eol = end;
    const char *colon = memchr(*p, ':', (size_t)(eol - *p));
    l->name = *p;
    l->name_len = (size_t)((colon ? colon : eol) - *p);
    l->value = colon ? colon + 1 : eol;
    while (l->value < eol && *l->value == ' ')
        l->value++;
    l->value_len = (size_t)(eol - l->value);
    *p = eol;
    return true;
}

/* The nth line of that name. */
static bool find_line(const char *text, size_t len, const struct text_line *want, int nth,
                      struct text_line *out)
{
    const char *p = text;
    while (compare_next_line(&p, text + len, out))
        if (out->name_len == want->name_len && memcmp(out->name, want->name, want->name_len) == 0 &&
            nth-- == 0)
            return true;
    return false;
}

static int occurrence(const char *text, const struct text_line *l)
{
    int n = 0;
    const char *p = text;
    struct text_line o;
    while (compare_next_line(&p, l->name, &o))
        n += o.name_len == l->name_len && memcmp(o.name, l->name, l->name_len) == 0;
    return n;
}

static int compare_clip(size_t n)
{
    return n < 80 ? (int)n : 80;
}

static void differ(struct buf *out, const struct text_line *name, const struct text_line *actor,
                   const struct text_line *learner)
{
    static const struct text_line nothing = {.value = "nothing", .value_len = 7};
    const struct text_line *a = actor ? actor : &nothing, *l = learner ? learner : &nothing;
    buf_printf(out, "%s%.*s: actor %.*s, learner %.*s", out->len ? "; " : "",
               compare_clip(name->name_len), name->name, compare_clip(a->value_len), a->value,
               compare_clip(l->value_len), l->value);
}

static void compare_text(const char *actor, size_t actor_len, const char *learner,
                         size_t learner_len, struct buf *out)
{
    struct text_line a, l;
    const char *p = learner;
    /* as many differences as are told: what a peer says may differ in each of its 30,000 lines */
    while (!out->overflow && compare_next_line(&p, learner + learner_len, &l)) {
        if (!find_line(actor, actor_len, &l, occurrence(learner, &l), &a))
            differ(out, &l, NULL, &l);
        else if (a.value_len != l.value_len || memcmp(a.value, l.value, l.value_len) != 0)
            differ(out, &l, &a, &l);
    }
    p = actor;
    while (!out->overflow && compare_next_line(&p, actor + actor_len, &a))
        if (!find_line(learner, learner_len, &a, occurrence(actor, &a), &l))
            differ(out, &a, &a, NULL);
}

static void compare_number(const char *name, uint64_t actor, uint64_t learner, struct buf *out)
{
    if (actor != learner)
        buf_printf(out, "%s%s: actor %llu, learner %llu", out->len ? "; " : "", name,
                   (unsigned long long)actor, (unsigned long long)learner);
}

void wire_learner_compare(const struct wire_learner *w, const struct ready_claim *actor,
                          struct buf *out)
{
    const struct trajectory_shape *a = &actor->shape, *l = w->has_shape ? &w->shape : &w->p.shape;
    if (w->env_known)
        compare_text(actor->env, actor->env_len, w->env_text, strlen(w->env_text), out);
    if (w->net_text[0])
        compare_text(actor->net, actor->net_len, w->net_text, strlen(w->net_text), out);
    compare_number("train.rollout", (uint64_t)a->T, (uint64_t)l->T, out);
    if (w->p.shape.E)
        compare_number("env.count", (uint64_t)a->E, (uint64_t)w->p.shape.E, out);
    if (l->obs_bytes)
        compare_number("observation bytes", a->obs_bytes, l->obs_bytes, out);
    if (l->actions.n && !action_space_equal(&a->actions, &l->actions)) {
        buf_printf(out, "%sactions: actor ", out->len ? "; " : "");
        action_space_text(&a->actions, out);
        buf_puts(out, ", learner ");
        action_space_text(&l->actions, out);
    }
    compare_number("recurrent state size", (uint64_t)a->state_size, (uint64_t)l->state_size, out);
    if (w->has_shape || w->env_known)
        compare_number("statistics", (uint64_t)a->nstats, (uint64_t)l->nstats, out);
    if (w->has_shape || w->p.shape.snapshot_bytes)
        compare_number("snapshot bytes", a->snapshot_bytes, l->snapshot_bytes, out);
    compare_number("weights", actor->weights_floats, w->p.weights_floats, out);
}
