/* SPDX-License-Identifier: MIT */
/* env_trace.c - see env_trace.h. */
#include "deploy/cli/env_trace.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/output.h"
#include "common/base/shown.h"
#include "common/base/xmalloc.h"

enum { DIGITS = 9, LINE_MAX_BYTES = 8 << 20 };

/* ---- describe ---- */

static void describe_actions(const struct env_spec *s, struct buf *out)
{
    const struct action_space *a = &s->actions;
    const char *masked = a->masked ? " (masked: not all are possible always)" : "";
    if (a->kind == ACTION_DISCRETE)
        buf_printf(out, "%d%s:", a->n, masked);
    else
        buf_printf(out, "%d %s%s at once%s:", a->n, a->kind == ACTION_MULTI ? "choice" : "number",
                   a->n == 1 ? "" : "s", masked);
    for (int i = 0; i < a->n; i++) {
        if (a->kind == ACTION_DISCRETE)
            buf_printf(out, " %d=%s", i, s->action_names[i]);
        else if (a->kind == ACTION_MULTI)
            buf_printf(out, " %s=0..%d", s->action_names[i], a->choices[i] - 1);
        else
            buf_printf(out, " %s=%.9g..%.9g", s->action_names[i], (double)a->low[i],
                       (double)a->high[i]);
    }
}

void env_describe(const struct env *e, struct buf *out)
{
    const struct env_spec *s = &e->spec;
    buf_printf(out, "%s - %s\n", s->id, e->family->summary);
    buf_puts(out, "observation: ");
    obs_spec_text(&s->obs, out);
    buf_printf(out, " (%zu bytes)\nactions:     ", s->obs.obs_bytes);
    describe_actions(s, out);
    buf_puts(out, "\nstep limit:  ");
    if (s->max_steps < ENV_NO_LIMIT)
        buf_printf(out, "%d", s->max_steps);
    else
        buf_puts(out, "none");
    buf_printf(out, "\nsuccess:     %s\n",
               s->has_success ? "yes, reported at the end of an episode" : "not defined");
    buf_puts(out, "statistics: ");
    for (int i = 0; i < s->nstats; i++)
        buf_printf(out, " %s", s->stat_names[i]);
    buf_printf(out,
               "%s\nnetwork:     %s\ngoal:        %s (domain %s)\nper actor:   %d environments\n",
               s->nstats ? "" : " none", s->default_net, s->default_goal, e->family->domain,
               s->default_count);
    if (s->state_bytes)
        buf_printf(out, "snapshot:    %zu bytes\n", s->state_bytes);
    else if (e->family->save)
        buf_puts(out, "snapshot:    in a deterministic run (--deterministic)\n");
    else
        buf_puts(out, "snapshot:    not offered (no deterministic resume)\n");
}

/* ---- trace ---- */

struct trace {
    struct env *env;
    uint8_t *obs; /* [obs_bytes] */
    struct env_result result;
    int64_t t;
    struct buf line;
};

static void env_put_field(const struct obs_field *f, const uint8_t *obs, struct buf *out)
{
    buf_printf(out, "\"%s\":[", f->name);
    int n = obs_field_count(f);
    for (int i = 0; i < n; i++) {
        if (i)
            buf_puts(out, ",");
        if (f->type == OBS_F32)
            buf_json_number(out, obs_value(f, obs, i), DIGITS);
        else
            buf_printf(out, "%lld", (long long)obs_value(f, obs, i));
    }
    buf_puts(out, "]");
}

/* The game's own message where the observation has one, else the caption. */
static void put_message(const struct trace *tr, struct buf *out)
{
    const struct obs_field *f = obs_spec_find(&tr->env->spec.obs, "message");
    buf_puts(out, ",\"message\":");
    if (f) {
        const char *text = (const char *)tr->obs + f->offset;
        buf_json_string(out, text, strnlen(text, f->bytes));
    } else {
        buf_json_string(out, tr->result.caption, (size_t)tr->result.caption_len);
    }
}

static void put_seeds(const struct trace *tr, struct buf *out)
{
    static const char *const names[3] = {"core", "disp", "lgen"};
    uint64_t seeds[3];
    int n = tr->env->family->seeds ? tr->env->family->seeds(tr->env, seeds) : 0;
    for (int i = 0; i < n; i++)
        buf_printf(out, "%s\"%s\":%llu%s", i ? "," : ",\"seeds\":{", names[i],
                   (unsigned long long)seeds[i], i == n - 1 ? "}" : "");
}

/* "mask": 1 for each option that is possible now. */
static void put_mask(const struct trace *tr, struct buf *out)
{
    const struct action_space *s = &tr->env->spec.actions;
    uint8_t possible[BOUND_ACTIONS];
    if (!s->masked)
        return;
    tr->env->family->mask(tr->env, possible);
    for (int i = 0; i < action_space_all_options(s); i++)
        buf_printf(out, "%s%d", i ? "," : ",\"mask\":[", possible[i] != 0);
    buf_puts(out, "]");
}

static int env_put_line(struct trace *tr, bool is_reset, struct onic_err *err)
{
    const struct env_result *r = &tr->result;
    struct buf *out = &tr->line;
    buf_reset(out);
    buf_printf(out, "{\"t\":%lld%s,\"obs\":{", (long long)tr->t,
               is_reset && tr->t ? ",\"reset\":true" : "");
    const struct obs_spec *spec = &tr->env->spec.obs;
    for (int i = 0; i < spec->nfields; i++) {
        if (i)
            buf_puts(out, ",");
        env_put_field(&spec->field[i], tr->obs, out);
    }
    buf_puts(out, "},\"reward\":");
    buf_json_number(out, r->reward, DIGITS);
    buf_printf(out, ",\"terminated\":%s,\"truncated\":%s", r->terminated ? "true" : "false",
               r->truncated ? "true" : "false");
    if (r->failed)
        buf_puts(out, ",\"failed\":true");
    if (r->failed && r->fault)
        buf_json_key_utf8(out, "fault", r->fault);
    put_mask(tr, out);
    put_message(tr, out);
    if (is_reset)
        put_seeds(tr, out);
    buf_puts(out, "}\n");
    tr->t++;
    if (out->overflow)
        return err_set(err, ONIC_ELIMIT, "a step of the trace is longer than %d bytes",
                       LINE_MAX_BYTES);
    shown_write(stdout, out->data, out->len);
    return output_flush(err);
}

static int trace_reset(struct trace *tr, struct onic_err *err)
{
    int rc = tr->env->family->reset(tr->env, tr->obs, &tr->result, err);
    return rc ? rc : env_put_line(tr, true, err);
}

enum { WORD_MAX = 64 };

/* The next whitespace-separated word, cut; ONIC_ESTOPPED at the end of the file. */
static int env_trace_next_word(FILE *f, char word[WORD_MAX], struct onic_err *err)
{
    int c, n = 0;
    while ((c = getc(f)) != EOF && isspace(c))
        continue;
    if (c == EOF && ferror(f))
        return err_set(err, ONIC_EIO, "the actions cannot be read: %s", strerror(errno));
    if (c == EOF)
        return ONIC_ESTOPPED;
    for (; c != EOF && !isspace(c); c = getc(f))
        if (n < WORD_MAX - 1)
            word[n++] = (char)c;
    word[n] = '\0';
    return ONIC_OK;
}

/* One part of an action out of a word. */
static bool read_part(const struct action_space *s, int part, const char *word,
                      union action_cell *out)
{
    char *end;
    if (s->kind == ACTION_CONTINUOUS) {
        out->number = strtof(word, &end);
        return *word && !*end && out->number >= s->low[part] && out->number <= s->high[part];
    }
    long v = isdigit((unsigned char)*word) ? strtol(word, &end, 10) : -1;
    out->choice = (int32_t)v;
    return v >= 0 && !*end && v < action_space_options(s, part);
}

static int no_such_part(const struct env_spec *spec, int part, const char *word,
                        struct onic_err *err)
{
    const struct action_space *s = &spec->actions;
    if (s->kind == ACTION_DISCRETE)
        return err_set(err, ONIC_ECONFIG,
                       "'%s' is not an action of %s: they are numbers from 0 to %d", word, spec->id,
                       s->n - 1);
    if (s->kind == ACTION_MULTI)
        return err_set(err, ONIC_ECONFIG,
                       "'%s' is not a choice of '%s' of %s: they are numbers from 0 to %d", word,
                       spec->action_names[part], spec->id, s->choices[part] - 1);
    return err_set(err, ONIC_ECONFIG, "'%s' is no value of '%s' of %s: it goes from %.9g to %.9g",
                   word, spec->action_names[part], spec->id, (double)s->low[part],
                   (double)s->high[part]);
}

/* The words of one action; ONIC_ESTOPPED at the end of the file. */
static int next_action(FILE *f, const struct env_spec *spec, union action_cell *action,
                       struct onic_err *err)
{
    int parts = action_space_parts(&spec->actions);
    for (int i = 0; i < parts; i++) {
        char word[WORD_MAX];
        int rc = env_trace_next_word(f, word, err);
        if (rc == ONIC_ESTOPPED && i > 0)
            return err_set(err, ONIC_ECONFIG,
                           "the last action has %d of the %d numbers that an action of %s is", i,
                           parts, spec->id);
        if (rc)
            return rc;
        if (!read_part(&spec->actions, i, word, &action[i]))
            return no_such_part(spec, i, word, err);
    }
    return ONIC_OK;
}

static int trace_actions(struct trace *tr, FILE *f, struct onic_err *err)
{
    union action_cell action[BOUND_ACTION_PARTS];
    int rc = trace_reset(tr, err);
    while (!rc && (rc = next_action(f, &tr->env->spec, action, err)) == ONIC_OK) {
        rc = env_step(tr->env, action, tr->obs, &tr->result, err);
        if (!rc)
            rc = env_put_line(tr, false, err);
        if (!rc && (tr->result.terminated || tr->result.truncated || tr->result.failed))
            rc = trace_reset(tr, err);
    }
    return rc == ONIC_ESTOPPED ? ONIC_OK : rc;
}

int env_trace(struct env *e, uint64_t seed, const char *actions, struct onic_err *err)
{
    if (!actions[0])
        return err_set(err, ONIC_ECONFIG,
                       "give the actions: --actions=FILE, or --actions=- for standard input");
    FILE *f = strcmp(actions, "-") == 0 ? stdin : fopen(actions, "r");
    if (!f)
        return err_set(err, ONIC_ECONFIG, "the file of actions, '%s', cannot be opened: %s",
                       actions, strerror(errno));
    struct trace tr = {.env = e, .obs = xaligned(e->spec.obs.obs_bytes)};
    buf_init(&tr.line, LINE_MAX_BYTES);
    e->family->seed(e, seed);
    int rc = trace_actions(&tr, f, err);
    buf_release(&tr.line);
    free(tr.obs);
    if (f != stdin)
        fclose(f);
    return rc;
}
