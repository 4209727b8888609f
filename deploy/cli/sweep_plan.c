/* SPDX-License-Identifier: MIT */
/* sweep_plan.c - see sweep_plan.h. */
#include "deploy/cli/sweep_plan.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/rng.h"
#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "common/config/options.h"

/* --- options of a run ------------------------------------------------------------------------ */

/* The value with the run's seed for each "{seed}". */
static char *with_seed(const char *value, int64_t seed)
{
    static const char mark[] = "{seed}";
    struct buf out;
    buf_init(&out, 1 << 20);
    for (const char *at; (at = strstr(value, mark)) != NULL; value = at + strlen(mark)) {
        buf_append(&out, value, (size_t)(at - value));
        buf_printf(&out, "%" PRId64, seed);
    }
    buf_puts(&out, value);
    char *text = xstrdup(out.data);
    buf_release(&out);
    return text;
}

void sweep_run_set(struct sweep_run *r, const char *key, const char *value, int line)
{
    int i = 0;
    while (i < r->n && strcmp(r->option[i].key, key) != 0)
        i++;
    if (i == r->n) {
        r->option = xrealloc(r->option, ((size_t)r->n + 1) * sizeof *r->option);
        r->option[r->n++] = (struct sweep_option){.key = xstrdup(key)};
    }
    free(r->option[i].value);
    r->option[i].value = with_seed(value, r->seed);
    r->option[i].line = line;
}

static void run_take(struct sweep_run *r, const struct sweep_set *s)
{
    for (int i = 0; i < s->n; i++)
        sweep_run_set(r, s->option[i].key, s->option[i].value, s->option[i].line);
    if (s->config)
        r->config = s->config;
}

/* --- draws ----------------------------------------------------------------------------------- */

static bool is_whole(const char *key)
{
    int i = option_find(key);
    return i >= 0 && option_rows[i].type == OPTION_INT;
}

/* The stream is named by the option, so a draw does not depend on how many others there are. */
static void draw_value(const struct sweep_draw *d, uint64_t seed, int number, char *out,
                       size_t size)
{
    struct rng rng = rng_stream(seed, d->key, (uint64_t)number, 0, 0);
    double u = rng_double(&rng), v;
    if (d->law == SWEEP_CHOICE) {
        snprintf(out, size, "%s", d->choice[rng_below(&rng, (uint32_t)d->n)]);
        return;
    }
    bool whole = is_whole(d->key);
    if (d->law == SWEEP_LOG_UNIFORM)
        v = exp(log(d->lo) + u * (log(d->hi) - log(d->lo)));
    else if (whole) /* each number as likely */
        v = floor(ceil(d->lo) + u * (floor(d->hi) - ceil(d->lo) + 1));
    else
        v = d->lo + u * (d->hi - d->lo);
    if (whole)
        snprintf(out, size, "%.0f", fmin(fmax(round(v), ceil(d->lo)), floor(d->hi)));
    else
        snprintf(out, size, "%.4g", v); /* more digits would say nothing */
}

/* --- names ----------------------------------------------------------------------------------- */

/* The last word of an option where no other axis has the same, else all of it. */
static const char *axis_word(const struct sweep_file *f, const struct sweep_axis *a)
{
    const char *last = strrchr(a->name, '.') + 1;
    for (int i = 0; i < f->axes; i++) {
        const struct sweep_axis *other = &f->axis[i];
        if (other != a && other->of_option && strcmp(strrchr(other->name, '.') + 1, last) == 0)
            return a->name;
    }
    return last;
}

static void name_part(struct buf *name, const char *text)
{
    for (const char *p = text; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || strchr("._-+=", *p);
        if (name->len == 0 && (*p == '.' || *p == '-')) /* no hidden folder, no option */
            plain = false;
        buf_append(name, plain ? p : "_", 1);
    }
}

/* --- the plan -------------------------------------------------------------------------------- */

/* at: which value of each axis. number: of the draw, from 1; 0: nothing is drawn. */
static int plan_run(struct sweep_run *r, const struct sweep_file *f, const int *at, int number,
                    struct onic_err *err)
{
    struct buf name;
    buf_init(&name, 1 << 20);
    run_take(r, &f->all);
    for (int i = 0; i < f->axes; i++) {
        const struct sweep_axis *a = &f->axis[i];
        run_take(r, &a->value[at[i]]);
        if (a->of_option) {
            name_part(&name, axis_word(f, a));
            buf_puts(&name, "=");
        }
        name_part(&name, a->value[at[i]].name);
        buf_puts(&name, "-");
    }
    for (int i = 0; number && i < f->draws_of; i++) {
        char value[CONFIG_STR_MAX];
        draw_value(&f->draw[i], f->draw_seed, number, value, sizeof value);
        sweep_run_set(r, f->draw[i].key, value, f->draw[i].line);
    }
    if (number)
        buf_printf(&name, "d%03d-", number);
    buf_printf(&name, "s%" PRId64, r->seed);
    int rc = name.len < sizeof r->name
                 ? ONIC_OK
                 : err_set(err, ONIC_ECONFIG,
                           "%s: the run %.80s... would have a name of %zu bytes: give its values "
                           "short names, as sets below an axis",
                           f->path, name.data, name.len);
    if (!rc)
        memcpy(r->name, name.data, name.len + 1);
    buf_release(&name);
    return rc;
}

static int plan_size(const struct sweep_file *f, struct onic_err *err)
{
    double n = (double)f->seeds * (f->draws ? f->draws : 1);
    for (int i = 0; i < f->axes; i++)
        n *= f->axis[i].n;
    return n <= SWEEP_RUNS_MAX
               ? (int)n
               : err_set(err, ONIC_ECONFIG, "%s asks for %.0f runs; a sweep may have %d", f->path,
                         n, SWEEP_RUNS_MAX);
}

static int check_names(const struct sweep_plan *p, const char *path, struct onic_err *err)
{
    struct strmap *seen = strmap_create((size_t)p->n);
    int rc = ONIC_OK;
    for (int i = 0; i < p->n && !rc; i++) {
        bool fresh;
        strmap_put(seen, p->run[i].name, strlen(p->run[i].name), &fresh);
        if (!fresh)
            rc = err_set(err, ONIC_ECONFIG,
                         "%s: two runs would be called %s: give the values names of their own, as "
                         "sets below an axis",
                         path, p->run[i].name);
    }
    strmap_free(seen);
    return rc;
}

static void run_free(struct sweep_run *r)
{
    for (int k = 0; k < r->n; k++) {
        free(r->option[k].key);
        free(r->option[k].value);
    }
    free(r->option);
}

/* Without the runs that the file leaves out. */
static int leave_out(struct sweep_plan *p, const struct sweep_file *f, struct onic_err *err)
{
    int kept = 0;
    bool *out = xcalloc((size_t)p->n + 1, sizeof *out);
    int rc = ONIC_OK;
    for (int i = 0; i < f->excludes && !rc; i++) {
        const struct sweep_pattern *e = &f->exclude[i];
        int found = sweep_match(p, e->glob, strlen(e->glob), out);
        if (!found)
            rc = err_set(err, ONIC_ECONFIG,
                         "%s:%d: exclude: no run is called %.100s; --dry-run shows their names",
                         f->path, e->line, e->glob);
    }
    for (int i = 0; i < p->n && !rc; i++) {
        if (out[i])
            run_free(&p->run[i]);
        else
            p->run[kept++] = p->run[i];
    }
    free(out);
    p->n = rc ? p->n : kept;
    return rc || kept ? rc : err_set(err, ONIC_ECONFIG, "%s: exclude leaves no run", f->path);
}

int sweep_match(const struct sweep_plan *p, const char *glob, size_t bytes, bool *matched)
{
    char text[SWEEP_NAME_MAX + 1]; /* no name is longer */
    int found = 0;
    snprintf(text, sizeof text, "%.*s", bytes < sizeof text ? (int)bytes : 0, glob);
    for (int i = 0; i < p->n; i++)
        if (fnmatch(text, p->run[i].name, 0) == 0) {
            matched[i] = true;
            found++;
        }
    return found;
}

/* Moves on to the next combination of values. */
static void next_values(const struct sweep_file *f, int *at)
{
    for (int i = f->axes - 1; i >= 0 && ++at[i] == f->axis[i].n; i--)
        at[i] = 0;
}

int sweep_plan_make(struct sweep_plan *out, const struct sweep_file *file, struct onic_err *err)
{
    *out = (struct sweep_plan){.n = 0};
    int n = plan_size(file, err), draws = file->draws ? file->draws : 1;
    if (n < 0)
        return n;
    int *at = xcalloc((size_t)file->axes + 1, sizeof *at);
    int rc = ONIC_OK;
    out->run = xcalloc((size_t)n, sizeof *out->run);
    for (out->n = 0; out->n < n && !rc; out->n++) {
        struct sweep_run *r = &out->run[out->n];
        int draw = out->n / file->seeds % draws;
        r->seed = file->seed[out->n % file->seeds];
        r->cell = out->n / file->seeds;
        rc = plan_run(r, file, at, file->draws ? draw + 1 : 0, err);
        if ((out->n + 1) % (file->seeds * draws) == 0)
            next_values(file, at);
    }
    free(at);
    if (!rc)
        rc = check_names(out, file->path, err);
    return rc ? rc : leave_out(out, file, err);
}

void sweep_plan_free(struct sweep_plan *p)
{
    for (int i = 0; i < p->n; i++)
        run_free(&p->run[i]);
    free(p->run);
    *p = (struct sweep_plan){.n = 0};
}
