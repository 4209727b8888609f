/* SPDX-License-Identifier: MIT */
/* sweep_file.c - see sweep_file.h. */
#include "deploy/cli/sweep_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/file_kind.h"
#include "common/base/xmalloc.h"
#include "common/config/config.h"
#include "reward_server/goals/yaml_file.h"

enum { FILE_BYTES_MAX = 1 << 20, SEED_MAX_DIGITS = 10, EVAL_SEED = 900000 };
static const int64_t SEED_MOST = UINT32_MAX;

/* One more element of an array of n. */
#define SWEEP_MORE(array, n) ((array) = xrealloc((array), ((size_t)(n) + 1) * sizeof *(array)))

static const char *sweep_text(const yaml_node_t *node)
{
    const char *text = yaml_file_text(node);
    bool plain = text && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    bool nothing = plain && (!text[0] || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
    return nothing ? "" : text;
}

/* "a key is this, not that" in one sentence. */
static int sweep_complain(struct yaml_file *f, const yaml_node_t *node, const char *key,
                          const char *what)
{
    char text[600];
    snprintf(text, sizeof text, "'%.80s' %s", key, what);
    return yaml_file_complain(f, node, text);
}

static const yaml_node_t *want_map(struct yaml_file *f, const yaml_node_t *node, const char *key,
                                   const char *what, int *rc)
{
    *rc = ONIC_OK;
    if (node->type == YAML_MAPPING_NODE)
        return node;
    const char *text = sweep_text(node);
    if (!text || text[0]) /* nothing behind the colon is an empty one */
        *rc = sweep_complain(f, node, key, what);
    return NULL;
}

static bool sweep_whole(const char *text, int64_t lo, int64_t hi, int64_t *out)
{
    return text && config_flag_int("", text, lo, hi, out, NULL) == ONIC_OK;
}

static bool sweep_real(const char *text, double *out)
{
    return text && config_flag_real("", text, -1e300, 1e300, out, NULL) == ONIC_OK;
}

/* --- options and sets of them ---------------------------------------------------------------- */

static char *beside(const char *file, const char *config)
{
    struct buf path;
    const char *slash = strrchr(file, '/');
    buf_init(&path, 8192);
    if (config[0] != '/' && slash)
        buf_append(&path, file, (size_t)(slash - file) + 1);
    buf_puts(&path, config);
    char *out = xstrdup(path.data);
    buf_release(&path);
    return out;
}

static void set_add(struct sweep_set *s, const char *key, const char *value, const yaml_node_t *at)
{
    SWEEP_MORE(s->option, s->n);
    s->option[s->n++] = (struct sweep_option){
        .key = xstrdup(key), .value = xstrdup(value), .line = (int)at->start_mark.line + 1};
}

static int read_option(struct yaml_file *f, struct sweep_set *out, const yaml_node_t *key_node,
                       const yaml_node_t *value_node)
{
    const char *key = yaml_file_text(key_node), *value = sweep_text(value_node);
    if (!value && value_node->type == YAML_SEQUENCE_NODE)
        return sweep_complain(f, key_node, key, "has a list here: values to try stand below grid");
    if (!value)
        return sweep_complain(f, key_node, key,
                              "is followed by lines of its own: an option is written in one piece, "
                              "as train.lr: 0.001");
    set_add(out, key, value, key_node);
    return ONIC_OK;
}

static int read_config_name(struct yaml_file *f, struct sweep_set *out, const yaml_node_t *key,
                            const yaml_node_t *value)
{
    const char *text = sweep_text(value);
    if (!text || !text[0])
        return sweep_complain(f, key, "config", "is the path of one configuration file");
    out->config = beside(f->path, text);
    return ONIC_OK;
}

/* with_config: a set, which may name its configuration file. */
static int read_set(struct yaml_file *f, struct sweep_set *out, const yaml_node_t *map,
                    bool with_config)
{
    int rc = yaml_file_check_keys(f, map, NULL);
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start;
         !rc && p < map->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_file_node(f, p->key), *value = yaml_file_node(f, p->value);
        if (with_config && strcmp(yaml_file_text(key), "config") == 0)
            rc = read_config_name(f, out, key, value);
        else
            rc = read_option(f, out, key, value);
    }
    return rc;
}

/* --- grid ------------------------------------------------------------------------------------ */

static struct sweep_set *axis_add(struct sweep_axis *a, const char *name)
{
    SWEEP_MORE(a->value, a->n);
    a->value[a->n] = (struct sweep_set){.name = xstrdup(name)};
    return &a->value[a->n++];
}

static int read_values(struct yaml_file *f, struct sweep_axis *a, const yaml_node_t *key,
                       const yaml_node_t *list)
{
    if (list->type != YAML_SEQUENCE_NODE ||
        list->data.sequence.items.top == list->data.sequence.items.start)
        return sweep_complain(f, key, a->name, "has no list of values, as [0.001, 0.0003]");
    for (yaml_node_item_t *i = list->data.sequence.items.start; i < list->data.sequence.items.top;
         i++) {
        const yaml_node_t *node = yaml_file_node(f, *i);
        const char *text = sweep_text(node);
        if (!text)
            return sweep_complain(f, node, a->name, "has a value that is no number and no word");
        for (int k = 0; k < a->n; k++)
            if (strcmp(a->value[k].name, text) == 0)
                return sweep_complain(f, node, a->name, "has a value twice");
        set_add(axis_add(a, text), a->name, text, node);
    }
    return ONIC_OK;
}

static int read_sets(struct yaml_file *f, struct sweep_axis *a, const yaml_node_t *key,
                     const yaml_node_t *map)
{
    if (map->type != YAML_MAPPING_NODE)
        return sweep_complain(f, key, a->name,
                              "is no option (these have a dot, as train.lr); an axis of that name "
                              "has lines 'NAME: {reward.model: hash}' below it");
    int rc = yaml_file_check_keys(f, map, NULL);
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start;
         !rc && p < map->data.mapping.pairs.top; p++) {
        const char *name = yaml_file_text(yaml_file_node(f, p->key));
        const yaml_node_t *options = want_map(
            f, yaml_file_node(f, p->value), name,
            "is a set of options, as {reward.model: hash}; options have a dot, as train.lr", &rc);
        struct sweep_set *set = axis_add(a, name);
        if (options)
            rc = read_set(f, set, options, true);
    }
    return rc ? rc : a->n ? ONIC_OK : sweep_complain(f, key, a->name, "has nothing below it");
}

static int read_grid(struct yaml_file *f, struct sweep_file *out, const yaml_node_t *node)
{
    int rc;
    const yaml_node_t *map =
        want_map(f, node, "grid", "has lines below it, as train.lr: [0.001, 0.0003]", &rc);
    if (map)
        rc = yaml_file_check_keys(f, map, NULL);
    for (yaml_node_pair_t *p = map ? map->data.mapping.pairs.start : NULL;
         map && !rc && p < map->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_file_node(f, p->key), *value = yaml_file_node(f, p->value);
        const char *name = yaml_file_text(key);
        SWEEP_MORE(out->axis, out->axes);
        struct sweep_axis *a = &out->axis[out->axes++];
        *a = (struct sweep_axis){.name = xstrdup(name), .of_option = strchr(name, '.') != NULL};
        rc = a->of_option ? read_values(f, a, key, value) : read_sets(f, a, key, value);
    }
    return rc;
}

/* --- random ---------------------------------------------------------------------------------- */

static int sweep_choice(struct yaml_file *f, struct sweep_draw *d, const yaml_node_t *list)
{
    yaml_node_item_t *i = list->data.sequence.items.start, *end = list->data.sequence.items.top;
    for (; i < end; i++) {
        const char *text = sweep_text(yaml_file_node(f, *i));
        if (!text)
            return sweep_complain(f, yaml_file_node(f, *i), d->key,
                                  "has a choice that is no number and no word");
        SWEEP_MORE(d->choice, d->n);
        d->choice[d->n++] = xstrdup(text);
    }
    return d->n ? ONIC_OK : sweep_complain(f, list, d->key, "has nothing to choose from");
}

static int sweep_bounds(struct yaml_file *f, struct sweep_draw *d, const yaml_node_t *list)
{
    const yaml_node_item_t *i = list->data.sequence.items.start;
    bool two = list->data.sequence.items.top - i == 2;
    if (!two || !sweep_real(sweep_text(yaml_file_node(f, i[0])), &d->lo) ||
        !sweep_real(sweep_text(yaml_file_node(f, i[1])), &d->hi) || !(d->lo < d->hi))
        return sweep_complain(f, list, d->key,
                              "is drawn between two numbers, the smaller one first: [a, b]");
    if (d->law == SWEEP_LOG_UNIFORM && d->lo <= 0)
        return sweep_complain(f, list, d->key, "log_uniform needs bounds above 0");
    return ONIC_OK;
}

static int read_draw(struct yaml_file *f, struct sweep_draw *d, const yaml_node_t *key,
                     const yaml_node_t *map)
{
    static const struct {
        const char *word;
        enum sweep_law law;
    } laws[] = {
        {"uniform", SWEEP_UNIFORM}, {"log_uniform", SWEEP_LOG_UNIFORM}, {"choice", SWEEP_CHOICE}};
    bool one = map->type == YAML_MAPPING_NODE &&
               map->data.mapping.pairs.top - map->data.mapping.pairs.start == 1;
    if (!one)
        return sweep_complain(f, key, d->key,
                              "is drawn as one of {uniform: [a, b]}, {log_uniform: [a, b]} and "
                              "{choice: [a, b, c]}");
    int rc = yaml_file_check_keys(f, map, "uniform log_uniform choice");
    if (rc)
        return rc;
    const yaml_node_pair_t *p = map->data.mapping.pairs.start;
    const yaml_node_t *list = yaml_file_node(f, p->value);
    for (size_t i = 0; i < sizeof laws / sizeof *laws; i++)
        if (strcmp(yaml_file_text(yaml_file_node(f, p->key)), laws[i].word) == 0)
            d->law = laws[i].law;
    if (list->type != YAML_SEQUENCE_NODE)
        return sweep_complain(f, key, d->key, "needs a list in brackets");
    return d->law == SWEEP_CHOICE ? sweep_choice(f, d, list) : sweep_bounds(f, d, list);
}

static int read_random_line(struct yaml_file *f, struct sweep_file *out, const yaml_node_t *key,
                            const yaml_node_t *value)
{
    const char *name = yaml_file_text(key), *text = sweep_text(value);
    int64_t n;
    if (strcmp(name, "draws") == 0) {
        if (!sweep_whole(text, 1, SWEEP_DRAWS_MAX, &n))
            return sweep_complain(f, key, name, "is a whole number from 1 to 10000");
        out->draws = (int)n;
        return ONIC_OK;
    }
    if (strcmp(name, "seed") == 0) {
        if (!sweep_whole(text, 0, SEED_MOST, &n))
            return sweep_complain(f, key, name, "is a whole number from 0 to 4294967295");
        out->draw_seed = (uint64_t)n;
        return ONIC_OK;
    }
    if (!strchr(name, '.'))
        return sweep_complain(f, key, name, "is not draws, seed or an option to draw, as train.lr");
    SWEEP_MORE(out->draw, out->draws_of);
    struct sweep_draw *d = &out->draw[out->draws_of++];
    *d = (struct sweep_draw){.key = xstrdup(name), .line = (int)key->start_mark.line + 1};
    return read_draw(f, d, key, value);
}

static int read_random(struct yaml_file *f, struct sweep_file *out, const yaml_node_t *node)
{
    int rc;
    const yaml_node_t *map =
        want_map(f, node, "random", "has lines below it, the first of them draws: 20", &rc);
    if (!map)
        return rc;
    rc = yaml_file_check_keys(f, map, NULL);
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start;
         !rc && p < map->data.mapping.pairs.top; p++)
        rc = read_random_line(f, out, yaml_file_node(f, p->key), yaml_file_node(f, p->value));
    if (!rc && !out->draws != !out->draws_of)
        rc = sweep_complain(f, node, "random",
                            out->draws ? "draws no option: name one, as train.lr: {log_uniform: "
                                         "[0.0001, 0.01]}"
                                       : "does not say how often: draws: 20");
    return rc;
}

/* --- seeds ----------------------------------------------------------------------------------- */

static void seed_add(struct sweep_file *out, int64_t seed)
{
    SWEEP_MORE(out->seed, out->seeds);
    out->seed[out->seeds++] = seed;
}

/* "101-105" */
static bool read_range(const char *text, int64_t *first, int64_t *last)
{
    char a[SEED_MAX_DIGITS + 2];
    size_t n = strcspn(text, "-");
    if (text[n] != '-' || n == 0 || n >= sizeof a)
        return false;
    snprintf(a, sizeof a, "%.*s", (int)n, text);
    return sweep_whole(a, 0, SEED_MOST, first) && sweep_whole(text + n + 1, 0, SEED_MOST, last) &&
           *first <= *last && *last - *first < SWEEP_RUNS_MAX;
}

static int read_seeds(struct yaml_file *f, struct sweep_file *out, const yaml_node_t *node)
{
    int64_t first, last;
    const char *text = sweep_text(node);
    if (text && read_range(text, &first, &last)) {
        for (int64_t s = first; s <= last; s++)
            seed_add(out, s);
        return ONIC_OK;
    }
    if (node->type != YAML_SEQUENCE_NODE)
        return sweep_complain(f, node, "seeds",
                              "is a list or a range of whole numbers: [1, 2] or 101-105");
    for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top;
         i++) {
        const yaml_node_t *item = yaml_file_node(f, *i);
        if (!sweep_whole(sweep_text(item), 0, SEED_MOST, &first))
            return sweep_complain(f, item, "seeds", "are whole numbers from 0 to 4294967295");
        for (int k = 0; k < out->seeds; k++)
            if (out->seed[k] == first)
                return sweep_complain(f, item, "seeds", "has a number twice");
        seed_add(out, first);
    }
    return out->seeds ? ONIC_OK : sweep_complain(f, node, "seeds", "is empty");
}

/* --- what is left out, evaluated and kept ---------------------------------------------------- */

static int read_exclude(struct yaml_file *f, struct sweep_file *out, const yaml_node_t *key,
                        const yaml_node_t *list)
{
    if (list->type != YAML_SEQUENCE_NODE)
        return sweep_complain(f, key, "exclude",
                              "is a list of names of runs, in which * stands for any text: "
                              "[\"S6R3-none-*\"]");
    for (yaml_node_item_t *i = list->data.sequence.items.start; i < list->data.sequence.items.top;
         i++) {
        const yaml_node_t *node = yaml_file_node(f, *i);
        const char *text = sweep_text(node);
        if (!text || !text[0])
            return sweep_complain(f, node, "exclude", "has a name that is none");
        SWEEP_MORE(out->exclude, out->excludes);
        out->exclude[out->excludes++] =
            (struct sweep_pattern){.glob = xstrdup(text), .line = (int)node->start_mark.line + 1};
    }
    return ONIC_OK;
}

static int read_keep(struct yaml_file *f, struct sweep_file *out, const yaml_node_t *key,
                     const yaml_node_t *value)
{
    const char *text = sweep_text(value);
    if (!text || !text[0])
        return sweep_complain(f, key, "keep", "is the path of one folder");
    out->keep = beside(f->path, text);
    return ONIC_OK;
}

static int read_eval(struct yaml_file *f, struct sweep_file *out, const yaml_node_t *node)
{
    int rc;
    const yaml_node_t *map =
        want_map(f, node, "eval", "is written as {episodes: 400, seed: 900000}", &rc);
    if (!map)
        return rc;
    rc = yaml_file_check_keys(f, map, "episodes seed");
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start;
         !rc && p < map->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_file_node(f, p->key);
        bool episodes = yaml_file_text(key)[0] == 'e';
        int64_t n;
        if (!sweep_whole(sweep_text(yaml_file_node(f, p->value)), episodes, 10000000, &n))
            rc = sweep_complain(f, key, yaml_file_text(key), "is a whole number up to 10000000");
        else if (episodes)
            out->eval_episodes = (int)n;
        else
            out->eval_seed = n;
    }
    if (!rc && !out->eval_episodes)
        rc = sweep_complain(f, node, "eval", "does not say how many episodes: 400");
    return rc;
}

/* --- the file -------------------------------------------------------------------------------- */

static int sweep_part(struct yaml_file *f, struct sweep_file *out, const yaml_node_t *key,
                      const yaml_node_t *value)
{
    const char *name = yaml_file_text(key);
    int rc = ONIC_OK;
    if (strcmp(name, "config") == 0)
        return read_config_name(f, &out->all, key, value);
    if (strcmp(name, "seeds") == 0)
        return read_seeds(f, out, value);
    if (strcmp(name, "grid") == 0)
        return read_grid(f, out, value);
    if (strcmp(name, "random") == 0)
        return read_random(f, out, value);
    if (strcmp(name, "exclude") == 0)
        return read_exclude(f, out, key, value);
    if (strcmp(name, "eval") == 0)
        return read_eval(f, out, value);
    if (strcmp(name, "keep") == 0)
        return read_keep(f, out, key, value);
    const yaml_node_t *map =
        want_map(f, value, name, "has lines below it, as run.frames: 1000000", &rc);
    return map ? read_set(f, &out->all, map, false) : rc;
}

static int sweep_parts(struct yaml_file *f, struct sweep_file *out)
{
    int rc = yaml_file_check_keys(f, f->root, "config options seeds grid random exclude eval keep");
    for (yaml_node_pair_t *p = f->root->data.mapping.pairs.start;
         !rc && p < f->root->data.mapping.pairs.top; p++)
        rc = sweep_part(f, out, yaml_file_node(f, p->key), yaml_file_node(f, p->value));
    if (!rc && !out->seeds)
        seed_add(out, 1);
    return rc;
}

static int sweep_parse(struct sweep_file *out, const char *path, const struct buf *text,
                       struct onic_err *err)
{
    struct yaml_file f = {.path = path, .err = err};
    int rc = yaml_file_parse(&f, text,
                             "a sweep has lines 'grid:', 'seeds:', 'options:' and so on; "
                             "`onic sweep --help` shows one");
    if (rc)
        return rc;
    rc = sweep_parts(&f, out);
    yaml_file_close(&f);
    return rc;
}

int sweep_file_read_text(struct sweep_file *out, const char *path, const char *text, size_t len,
                         struct onic_err *err)
{
    struct buf b;
    *out = (struct sweep_file){.path = path, .eval_seed = EVAL_SEED};
    buf_init(&b, FILE_BYTES_MAX);
    int rc = buf_append(&b, text, len);
    rc = rc ? err_set(err, ONIC_ECONFIG, "%s is larger than 1 MiB", path)
            : sweep_parse(out, path, &b, err);
    buf_release(&b);
    return rc;
}

int sweep_file_read(struct sweep_file *out, const char *path, struct onic_err *err)
{
    struct buf text;
    *out = (struct sweep_file){.path = path};
    buf_init(&text, FILE_BYTES_MAX);
    const char *kind = file_kind(path);
    bool may_be = !kind || strstr("a YAML file, a text file, JSON text, a pipe", kind);
    int rc = may_be ? yaml_file_read(path, &text, err)
                    : err_set(err, ONIC_ECONFIG, "%s is %s, not the file of a sweep", path, kind);
    if (!rc)
        rc = sweep_file_read_text(out, path, text.data, text.len, err);
    buf_release(&text);
    return rc;
}

static void set_free(struct sweep_set *s)
{
    for (int i = 0; i < s->n; i++) {
        free(s->option[i].key);
        free(s->option[i].value);
    }
    free(s->option);
    free(s->name);
    free(s->config);
}

void sweep_file_free(struct sweep_file *f)
{
    for (int i = 0; i < f->axes; i++) {
        for (int k = 0; k < f->axis[i].n; k++)
            set_free(&f->axis[i].value[k]);
        free(f->axis[i].value);
        free(f->axis[i].name);
    }
    for (int i = 0; i < f->draws_of; i++) {
        for (int k = 0; k < f->draw[i].n; k++)
            free(f->draw[i].choice[k]);
        free(f->draw[i].choice);
        free(f->draw[i].key);
    }
    for (int i = 0; i < f->excludes; i++)
        free(f->exclude[i].glob);
    set_free(&f->all);
    free(f->exclude);
    free(f->keep);
    free(f->axis);
    free(f->draw);
    free(f->seed);
}
