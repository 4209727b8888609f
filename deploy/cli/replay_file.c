/* SPDX-License-Identifier: MIT */
/* replay_file.c - see replay_file.h. The files may come from anywhere, so every number is checked
 * before it is used. */
#include "deploy/cli/replay_file.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actor/envs/nethack/replay_log.h"
#include "common/base/file_kind.h"
#include "common/base/xmalloc.h"
#include "deploy/cli/json_text.h"
#include "deploy/cli/text_lines.h"

enum { LINE_MAX_BYTES = 1 << 16, STEPS_MAX = 1 << 24, RESETS_MAX = 1 << 20 };

/* --- kept episodes --------------------------------------------------------------------------- */

static double replay_file_number_of(json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static void replay_file_add_option(struct replay *r, const char *key, const char *value)
{
    r->option = xrealloc(r->option, (size_t)(r->noptions + 1) * sizeof *r->option);
    r->option[r->noptions++] = (struct replay_option){xstrdup(key), xstrdup(value)};
}

static void replay_file_read_options(struct replay *r, json_t *head)
{
    const char *key, *plugin = json_text(head, "plugin"), *slash = strrchr(plugin, '/');
    json_t *value;
    r->env_id = xstrdup(json_text(head, "env"));
    snprintf(r->plugin, sizeof r->plugin, "%.127s", slash ? slash + 1 : plugin);
    json_object_foreach(json_object_get(head, "options"), key, value)
    {
        if (json_is_string(value))
            replay_file_add_option(r, key, json_string_value(value));
    }
}

static int read_head(struct replay *r, const char *line, const char *path, struct onic_err *err)
{
    json_t *head = json_loads(line, 0, NULL), *versions = json_object_get(head, "weights_versions");
    char *end = NULL;
    const char *seed = json_text(head, "seed");
    errno = 0;
    r->seed = strtoull(seed, &end, 10);
    r->resets = 1;
    int rc = ONIC_OK;
    if (json_integer_value(json_object_get(head, "onic_replay")) != 1 || !seed[0] || *end || errno)
        rc = err_set(err, ONIC_ECONFIG,
                     "%s is not an episode that onic kept: its first line has no \"onic_replay\":1 "
                     "and \"seed\"",
                     path);
    snprintf(r->end, sizeof r->end, "%.15s", json_text(head, "end"));
    snprintf(r->reward_model, sizeof r->reward_model, "%.63s", json_text(head, "reward_model"));
    snprintf(r->shaping, sizeof r->shaping, "%.255s", json_text(head, "shaping"));
    snprintf(r->annotator, sizeof r->annotator, "%.31s", json_text(head, "annotator"));
    snprintf(r->goal, sizeof r->goal, "%.63s", json_text(head, "goal"));
    snprintf(r->prompt_version, sizeof r->prompt_version, "%.39s",
             json_text(head, "prompt_version"));
    r->ret = replay_file_number_of(head, "return");
    r->coef_ext = replay_file_number_of(head, "coef_ext");
    r->coef_int = replay_file_number_of(head, "coef_int");
    for (size_t i = 0; i < 2; i++)
        r->versions[i] = (uint64_t)json_integer_value(json_array_get(versions, i));
    if (!rc)
        replay_file_read_options(r, head);
    json_decref(head);
    return rc;
}

static struct replay_step *add_step(struct replay *r, int *cap)
{
    if (r->nsteps == *cap) {
        *cap = *cap ? 2 * *cap : 1024;
        r->step = xrealloc(r->step, (size_t)*cap * sizeof *r->step);
    }
    r->step[r->nsteps] = (struct replay_step){.score = (double)NAN, .labelled = -1};
    return &r->step[r->nsteps++];
}

/* "action": a number, or an array of them. */
static bool read_action(struct replay_step *s, json_t *action)
{
    size_t n = json_is_array(action) ? json_array_size(action) : 1;
    if (n < 1 || n > BOUND_ACTION_PARTS)
        return false;
    s->action = xcalloc(n, sizeof *s->action);
    s->parts = (int)n;
    for (size_t i = 0; i < n; i++) {
        json_t *part = json_is_array(action) ? json_array_get(action, i) : action;
        if (!json_is_number(part))
            return false;
        s->action[i] = json_number_value(part);
    }
    return true;
}

bool replay_action(const struct replay_step *s, const struct action_space *space,
                   union action_cell *out)
{
    if (s->parts != action_space_parts(space))
        return false;
    for (int i = 0; i < s->parts; i++) {
        double x = s->action[i];
        if (space->kind == ACTION_CONTINUOUS)
            out[i].number = (float)x;
        else if (x >= 0 && x < BOUND_ACTIONS && x == floor(x))
            out[i].choice = (int32_t)x;
        else
            return false;
    }
    return action_space_holds(space, out);
}

static int read_step(struct replay *r, int *cap, const struct text_lines *l, struct onic_err *err)
{
    json_t *o = json_loads(l->text, 0, NULL), *action = json_object_get(o, "action");
    int rc = ONIC_OK;
    struct replay_step *s = r->nsteps < STEPS_MAX ? add_step(r, cap) : NULL;
    if (!s || !read_action(s, action)) {
        rc = err_set(err, ONIC_ECONFIG, "%s: line %d is not a step of an episode", l->name,
                     l->number);
    } else {
        s->reward = replay_file_number_of(o, "reward");
        s->ext = replay_file_number_of(o, "ext");
        s->intrinsic = replay_file_number_of(o, "int");
        s->n = (int)json_integer_value(json_object_get(o, "n"));
        json_t *score = json_object_get(o, "score"), *labelled = json_object_get(o, "labelled");
        if (json_is_number(score))
            s->score = json_number_value(score);
        if (json_is_boolean(labelled))
            s->labelled = json_is_true(labelled);
        s->caption = xstrdup(json_text(o, "caption"));
        s->caption_len = latin1_from_utf8(s->caption);
    }
    json_decref(o);
    return rc;
}

static int read_kept(struct replay *r, FILE *f, const char *path, struct onic_err *err)
{
    struct text_lines l = {.from = f, .name = path, .max = LINE_MAX_BYTES};
    int cap = 0, rc = ONIC_OK;
    bool more = true;
    while (!rc && more) {
        rc = text_lines_next(&l, &more, err);
        if (!rc && more)
            rc = l.number == 1 ? read_head(r, l.text, path, err) : read_step(r, &cap, &l, err);
    }
    text_lines_free(&l);
    return rc;
}

/* --- crashes --------------------------------------------------------------------------------- */

static void add_number(struct replay *r, const char *key, long long value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", value);
    replay_file_add_option(r, key, text);
}

static int read_crash(struct replay *r, FILE *f, const char *path, struct onic_err *err)
{
    struct replay_head head;
    if (fread(&head, sizeof head, 1, f) != 1 || head.count > head.capacity ||
        head.count > STEPS_MAX || head.episode >= RESETS_MAX)
        return err_set(err, ONIC_ECONFIG, "%s is cut short or damaged", path);
    head.id[sizeof head.id - 1] = '\0';
    r->crash = true;
    r->seed = head.seed;
    r->resets = head.episode + 1;
    r->env_id = xstrdup(head.id);
    add_number(r, "env.actions", head.actions);
    add_number(r, "env.clock", head.clock);
    add_number(r, "env.max_steps", (long long)head.capacity);
    int cap = 0;
    for (uint64_t i = 0; i < head.count; i++) {
        int action = fgetc(f);
        if (action == EOF)
            return err_set(err, ONIC_ECONFIG, "%s is cut short", path);
        struct replay_step *s = add_step(r, &cap);
        s->action = xcalloc(1, sizeof *s->action);
        s->action[0] = action;
        s->parts = 1;
        s->caption = xstrdup("");
    }
    return ONIC_OK;
}

int replay_read(struct replay *out, const char *path, struct onic_err *err)
{
    char magic[8] = "";
    memset(out, 0, sizeof *out);
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return file_kind_refuse(path, "a kept episode (a file of RUN/replays/)", err);
    FILE *f = fopen(path, "re");
    if (!f && errno == EACCES)
        return file_unreadable(path, errno, err);
    if (!f)
        return err_set(err, ONIC_ENOTFOUND, "%s cannot be opened: %s", path, strerror(errno));
    bool crash =
        fread(magic, sizeof magic, 1, f) == 1 && memcmp(magic, REPLAY_MAGIC, sizeof magic) == 0;
    rewind(f);
    int rc = crash ? read_crash(out, f, path, err) : read_kept(out, f, path, err);
    fclose(f);
    if (!rc && out->nsteps == 0)
        rc = err_set(err, ONIC_ECONFIG, "%s holds no steps", path);
    return rc;
}

void replay_release(struct replay *r)
{
    for (int i = 0; i < r->nsteps; i++)
        free(r->step[i].caption), free(r->step[i].action);
    for (int i = 0; i < r->noptions; i++) {
        free(r->option[i].key);
        free(r->option[i].value);
    }
    free(r->step);
    free(r->option);
    free(r->env_id);
    *r = (struct replay){.nsteps = 0};
}
