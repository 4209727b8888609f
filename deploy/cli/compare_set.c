/* SPDX-License-Identifier: MIT */
/* compare_set.c - see compare_set.h. */
#include "deploy/cli/compare_set.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

enum { NOTES_MAX = 1 << 20, LABEL_MAX = 1 << 16 };

void compare_set_init(struct compare_set *s)
{
    *s = (struct compare_set){.runs = 0};
    buf_init(&s->notes, NOTES_MAX);
}

void compare_note(struct compare_set *s, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    buf_vprintf(&s->notes, format, ap);
    va_end(ap);
    buf_puts(&s->notes, "\n");
}

void compare_run_free(struct compare_run *r, int keys)
{
    for (int i = 0; r->value && i < keys; i++)
        free(r->value[i]);
    free(r->value);
    free(r->path);
    free(r->env);
    free(r->seed);
    compare_curve_free(&r->curve);
}

void compare_set_free(struct compare_set *s)
{
    for (int i = 0; i < s->worlds; i++) {
        for (int k = 0; k < s->world[i].groups; k++) {
            free(s->world[i].group[k].label);
            free(s->world[i].group[k].run);
        }
        free(s->world[i].group);
    }
    free(s->world);
    for (int i = 0; i < s->runs; i++)
        compare_run_free(&s->run[i], s->keys);
    free(s->run);
    for (int i = 0; i < s->keys; i++)
        free(s->key[i]);
    free(s->key);
    buf_release(&s->notes);
}

/* --- labels ---------------------------------------------------------------------------------- */

/* The runs of the environment differ in this option, and not just as their seeds do (a coin that is
 * drawn anew for each seed is the same configuration). */
static bool key_differs(const struct compare_set *s, const char *env, int key)
{
    const struct compare_run *first = NULL;
    bool differs = false, is_seed = true;
    for (int i = 0; i < s->runs; i++) {
        const struct compare_run *r = &s->run[i];
        if (strcmp(r->env, env) != 0)
            continue;
        first = first ? first : r;
        differs |= strcmp(r->value[key], first->value[key]) != 0;
        is_seed &= strcmp(r->value[key], r->seed) == 0;
    }
    return differs && !is_seed;
}

static char *label_of(const struct compare_set *s, const struct compare_run *r, const bool *differs)
{
    struct buf label;
    buf_init(&label, LABEL_MAX);
    for (int i = 0; i < s->keys; i++)
        if (differs[i])
            buf_printf(&label, "%s%s=%s", label.len ? " " : "", s->key[i],
                       r->value[i][0] ? r->value[i] : "''");
    char *text = xstrdup(label.len ? label.data : "the same options");
    buf_release(&label);
    return text;
}

/* The name of a run's folder without "-s" and its seed. */
static char *compare_name_of(const struct compare_run *r)
{
    const char *slash = strrchr(r->path, '/');
    const char *name = slash ? slash + 1 : r->path;
    size_t n = strlen(name), digits = strlen(r->seed);
    bool seeded = n > digits + 2 && strcmp(name + n - digits, r->seed) == 0 &&
                  strncmp(name + n - digits - 2, "-s", 2) == 0;
    char *out = xstrdup(name);
    if (seeded)
        out[n - digits - 2] = '\0';
    return out;
}

/* Groups stay what they are: where the runs of one have other names, or another group has the same,
 * the options tell more. */
static void call_by_name(const struct compare_set *s, struct compare_world *w)
{
    char **name = xcalloc((size_t)w->groups, sizeof *name);
    for (int i = 0; i < w->groups; i++) {
        const struct compare_group *g = &w->group[i];
        name[i] = compare_name_of(&s->run[g->run[0]]);
        bool one = true;
        for (int k = 1; k < g->n; k++) {
            char *other = compare_name_of(&s->run[g->run[k]]);
            one &= strcmp(other, name[i]) == 0;
            free(other);
        }
        if (!one)
            name[i][0] = '\0';
    }
    for (int i = 0; i < w->groups; i++) {
        bool taken = !name[i][0];
        for (int k = 0; k < w->groups; k++)
            taken |= k != i && strcmp(name[i], name[k]) == 0;
        if (taken)
            continue;
        free(w->group[i].label);
        w->group[i].label = xstrdup(name[i]);
    }
    for (int i = 0; i < w->groups; i++)
        free(name[i]);
    free(name);
}

/* --- groups ---------------------------------------------------------------------------------- */

static struct compare_world *compare_world_of(struct compare_set *s, const char *env)
{
    for (int i = 0; i < s->worlds; i++)
        if (strcmp(s->world[i].env, env) == 0)
            return &s->world[i];
    s->world = xrealloc(s->world, ((size_t)s->worlds + 1) * sizeof *s->world);
    s->world[s->worlds] = (struct compare_world){.env = env};
    return &s->world[s->worlds++];
}

/* The colour of an equal label in another environment, or the next. */
static int colour_of(struct compare_set *s, const char *label)
{
    for (int i = 0; i < s->worlds; i++)
        for (int k = 0; k < s->world[i].groups; k++)
            if (strcmp(s->world[i].group[k].label, label) == 0)
                return s->world[i].group[k].colour;
    return s->colours++;
}

static void put_into_group(struct compare_set *s, struct compare_world *w, int run, char *label)
{
    int i = 0;
    while (i < w->groups && strcmp(w->group[i].label, label) != 0)
        i++;
    if (i == w->groups) {
        int colour = colour_of(s, label);
        w->group = xrealloc(w->group, ((size_t)w->groups + 1) * sizeof *w->group);
        w->group[w->groups++] = (struct compare_group){.label = label, .colour = colour};
    } else {
        free(label);
    }
    struct compare_group *g = &w->group[i];
    g->run = xrealloc(g->run, ((size_t)g->n + 1) * sizeof *g->run);
    g->run[g->n++] = run;
}

void compare_set_group(struct compare_set *s)
{
    bool *differs = xcalloc((size_t)s->keys + 1, sizeof *differs);
    for (int i = 0; i < s->runs; i++)
        compare_world_of(s, s->run[i].env);
    for (int w = 0; w < s->worlds; w++) {
        for (int k = 0; k < s->keys; k++)
            differs[k] = key_differs(s, s->world[w].env, k);
        for (int i = 0; i < s->runs; i++)
            if (strcmp(s->run[i].env, s->world[w].env) == 0)
                put_into_group(s, &s->world[w], i, label_of(s, &s->run[i], differs));
    }
    free(differs);
    for (int w = 0; w < s->worlds && s->by_name; w++)
        call_by_name(s, &s->world[w]);
    if (s->worlds > 1)
        compare_note(s, "the runs are of %d environments, which are compared apart", s->worlds);
}
