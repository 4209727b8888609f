/* SPDX-License-Identifier: MIT */
/* learner_compare.c - what an actor has built against what the learner expects, field by field
 * (R11).
 *
 * Both sides describe environment and network as lines "name: value". Lines are matched by name,
 * not by position, so that one missing line is reported as such and not as a difference of
 * everything behind it.
 *
 * The lock is held meanwhile and a peer chose the text, so what is equal is seen at once, a text of
 * more lines than anything here has is not compared, and the time is linear in what is. */
#include <stdlib.h>
#include <string.h>

#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "common/wire/rollout/learner_state.h"

enum { LINES_MAX = 2048 };

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

/* The lines of a text; of each name those that nobody has taken yet. */
struct line_index {
    struct strmap *first; /* name -> 1 + the first that is left; 0 = none */
    struct text_line *line;
    int *next; /* of that name, as in first */
    bool *taken;
    int n;
};

static int count_lines(const char *text, size_t len)
{
    struct text_line l;
    const char *p = text;
    int n = 0;
    while (n <= LINES_MAX && compare_next_line(&p, text + len, &l))
        n++;
    return n;
}

static void index_lines(struct line_index *x, const char *text, size_t len, int n)
{
    const char *p = text;
    size_t room = (size_t)(n ? n : 1);
    *x = (struct line_index){.first = strmap_create(room),
                             .line = xcalloc(room, sizeof *x->line),
                             .next = xcalloc(room, sizeof *x->next),
                             .taken = xcalloc(room, sizeof *x->taken)};
    while (x->n < n && compare_next_line(&p, text + len, &x->line[x->n]))
        x->n++;
    for (int i = x->n - 1; i >= 0; i--) {
        uint64_t *first = strmap_put(x->first, x->line[i].name, x->line[i].name_len, NULL);
        x->next[i] = (int)*first;
        *first = (uint64_t)i + 1;
    }
}

static void line_index_free(struct line_index *x)
{
    strmap_free(x->first);
    free(x->line);
    free(x->next);
    free(x->taken);
}

/* The next line of the same name, or NULL. */
static const struct text_line *take_line(struct line_index *x, const struct text_line *of)
{
    uint64_t *first = strmap_get(x->first, of->name, of->name_len);
    if (!first || !*first)
        return NULL;
    int i = (int)*first - 1;
    *first = (uint64_t)x->next[i];
    x->taken[i] = true;
    return &x->line[i];
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

/* A success is told in the row of an episode or not at all, and no number that is learned depends
 * on it: of an environment that tells it late one side may know and the other not. */
static bool compare_may_differ(const struct text_line *l)
{
    return l->name_len == strlen("success") && memcmp(l->name, "success", l->name_len) == 0;
}

static void compare_lines(struct line_index *actor, const char *learner, size_t learner_len,
                          struct buf *out)
{
    struct text_line l;
    const char *p = learner;
    while (!out->overflow && compare_next_line(&p, learner + learner_len, &l)) {
        const struct text_line *a = take_line(actor, &l);
        if (compare_may_differ(&l))
            continue;
        if (!a || a->value_len != l.value_len || memcmp(a->value, l.value, l.value_len) != 0)
            differ(out, &l, a, &l);
    }
    for (int i = 0; !out->overflow && i < actor->n; i++)
        if (!actor->taken[i])
            differ(out, &actor->line[i], &actor->line[i], NULL);
}

static void compare_text(const char *actor, size_t actor_len, const char *learner,
                         size_t learner_len, struct buf *out)
{
    struct line_index lines;
    if (actor_len == learner_len && memcmp(actor, learner, actor_len) == 0)
        return;
    int n = count_lines(actor, actor_len);
    if (n > LINES_MAX) {
        buf_printf(out, "%slines that describe it: actor more than %d, learner %d",
                   out->len ? "; " : "", LINES_MAX, count_lines(learner, learner_len));
        return;
    }
    index_lines(&lines, actor, actor_len, n);
    compare_lines(&lines, learner, learner_len, out);
    line_index_free(&lines);
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
