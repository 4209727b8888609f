/* SPDX-License-Identifier: MIT */
/* sweep_kept.c - see sweep_kept.h. */
#define _GNU_SOURCE /* getline */
#include "deploy/cli/sweep_kept.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

/* What the table and the curves of a comparison are made of: of each line, since a threshold is
 * reached at one of them. */
static const char *const always_kept[] = {
    "env_steps", "wall_s", "train/episodes_total", "policy_stats/", "reward/reward",
};

/* What tells whether a run learned soundly. */
static const char *const often_kept[] = {
    "intrinsic/share",        "intrinsic/paid_fraction",   "reward_model/heldout_accuracy",
    "annot/labels_total",     "annot/label_positive",      "train/kl_divergence",
    "train/fraction_clipped", "train/explained_variance_", "perf/cpu_s_actors",
    "perf/cpu_s_learner",
};

static bool is_in(const char *key, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(list[i]);
        bool group = strchr("/_", list[i][len - 1]) != NULL;
        if (group ? strncmp(key, list[i], len) == 0 : strcmp(key, list[i]) == 0)
            return true;
    }
    return false;
}

static bool is_always_kept(const char *key)
{
    return is_in(key, always_kept, sizeof always_kept / sizeof *always_kept);
}

static bool is_kept_metric(const char *key)
{
    return is_always_kept(key) || is_in(key, often_kept, sizeof often_kept / sizeof *often_kept);
}

/* --- metrics --------------------------------------------------------------------------------- */

/* Whole lines of a run, of each what is kept; those that a roll-back made void are out of it. */
struct kept_lines {
    json_t **line;
    size_t n, room;
};

static double kept_number(const json_t *line, const char *key)
{
    return json_number_value(json_object_get(line, key));
}

static void kept_add(struct kept_lines *k, json_t *line)
{
    double steps = kept_number(line, "env_steps");
    while (k->n > 0 && kept_number(k->line[k->n - 1], "env_steps") > steps)
        json_decref(k->line[--k->n]);
    if (k->n == k->room) {
        k->room = k->room ? 2 * k->room : 256;
        k->line = xrealloc(k->line, k->room * sizeof *k->line);
    }
    k->line[k->n++] = line;
}

/* NULL: a line that is damaged, or says nothing of a place in the run. */
static json_t *kept_of_line(const char *text)
{
    json_t *all = json_loads(text, 0, NULL), *kept = json_object(), *value;
    const char *key;
    json_object_foreach(all, key, value)
    {
        if (is_kept_metric(key) && json_is_number(value))
            json_object_set(kept, key, value);
    }
    json_decref(all);
    if (json_object_get(kept, "env_steps") && json_object_get(kept, "wall_s"))
        return kept;
    json_decref(kept);
    return NULL;
}

static void kept_read(struct kept_lines *k, FILE *f)
{
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, f) > 0) {
        json_t *kept = kept_of_line(line);
        if (kept)
            kept_add(k, kept);
    }
    free(line);
}

static void kept_free(struct kept_lines *k)
{
    for (size_t i = 0; i < k->n; i++)
        json_decref(k->line[i]);
    free(k->line);
}

/* Where each metric is largest, and where it is for the last time: {name: index}. */
struct kept_marks {
    json_t *largest, *last;
};

static size_t mark_of(const json_t *marks, const char *key)
{
    return (size_t)json_integer_value(json_object_get(marks, key));
}

static void kept_mark(const struct kept_lines *k, struct kept_marks *m)
{
    const char *key;
    json_t *value;
    *m = (struct kept_marks){.largest = json_object(), .last = json_object()};
    for (size_t i = 0; i < k->n; i++)
        json_object_foreach(k->line[i], key, value)
        {
            const json_t *largest = k->line[mark_of(m->largest, key)];
            if (!json_object_get(m->last, key) ||
                json_number_value(value) > kept_number(largest, key))
                json_object_set_new(m->largest, key, json_integer((json_int_t)i));
            json_object_set_new(m->last, key, json_integer((json_int_t)i));
        }
}

/* whole: else only what is on every line, and what is marked. */
static void kept_put_line(const struct kept_lines *k, size_t i, bool whole,
                          const struct kept_marks *m, struct buf *out)
{
    const char *key, *comma = "{";
    json_t *value;
    json_object_foreach(k->line[i], key, value)
    {
        bool always = is_always_kept(key);
        if (!whole && !always && mark_of(m->largest, key) != i && mark_of(m->last, key) != i)
            continue;
        buf_puts(out, comma);
        buf_json_utf8(out, key);
        buf_puts(out, ":");
        buf_json_number(out, json_number_value(value), always ? 9 : 7);
        comma = ",";
    }
    buf_puts(out, "}\n");
}

/* One of at most `lines` at equal distances, or the last one. */
static bool is_at_distance(size_t i, size_t all, size_t lines)
{
    size_t every = (all + lines - 1) / lines;
    return (i + 1) % every == 0 || i + 1 == all;
}

static void kept_put(const struct kept_lines *k, struct buf *out)
{
    struct kept_marks m;
    kept_mark(k, &m);
    for (size_t i = 0; i < k->n; i++) {
        bool whole = is_at_distance(i, k->n, SWEEP_KEPT_WHOLE);
        if (whole || is_at_distance(i, k->n, SWEEP_KEPT_LINES))
            kept_put_line(k, i, whole, &m, out);
    }
    json_decref(m.largest);
    json_decref(m.last);
}

void sweep_kept_metrics(FILE *f, struct buf *out)
{
    struct kept_lines k = {.n = 0};
    kept_read(&k, f);
    kept_put(&k, out);
    kept_free(&k);
}

/* --- options --------------------------------------------------------------------------------- */

bool sweep_names_place(const char *text)
{
    for (const char *p = strchr(text, '/'); p; p = strchr(p + 1, '/')) {
        bool begins = p == text || strchr(" '\"=:,", p[-1]) ||
                      (p - text >= 2 && p[-1] == '/' && p[-2] == '/'); /* ipc:///x */
        if (begins && p[1] && p[1] != '/')
            return true;
    }
    return false;
}

void sweep_kept_options(char *text, struct buf *out)
{
    char *save = NULL;
    for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        char *origin = NULL;
        for (char *p = strstr(l, "  # "); p; p = strstr(p + 1, "  # "))
            origin = p;
        if (origin && sweep_names_place(origin))
            *origin = '\0';
        bool of_a_directory = strncmp(l, "# checksum", 10) == 0 || strncmp(l, "# of run", 8) == 0;
        if (!of_a_directory && !sweep_names_place(l))
            buf_printf(out, "%s\n", l);
    }
}
