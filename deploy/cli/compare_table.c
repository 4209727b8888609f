/* SPDX-License-Identifier: MIT */
/* compare_table.c - see compare_table.h. */
#include "deploy/cli/compare_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

static const double SUCCESS_THRESHOLD = 0.95;
static const struct compare_interval NOTHING = {(double)NAN, (double)NAN, (double)NAN};

/* --- one number of each run ------------------------------------------------------------------ */

typedef double run_number(const struct compare_run *r, const struct compare_panel *p, int column);

static int column_of(const struct compare_panel *p)
{
    return strcmp(p->metric, COMPARE_SUCCESS_NAME) == 0  ? COMPARE_SUCCESS
           : strcmp(p->metric, COMPARE_RETURN_NAME) == 0 ? COMPARE_RETURN
                                                         : COMPARE_CHOSEN;
}

static double last_of(const struct compare_run *r, const struct compare_panel *p, int column)
{
    if (p->evaluated && column == COMPARE_SUCCESS)
        return r->eval_success;
    if (p->evaluated && column == COMPARE_RETURN)
        return r->eval_return;
    return compare_curve_last(&r->curve, column);
}

double compare_run_last(const struct compare_run *r, const struct compare_panel *p)
{
    return last_of(r, p, column_of(p));
}

double compare_run_reach(const struct compare_run *r, const struct compare_panel *p, int x)
{
    return isnan(p->threshold) ? (double)NAN
                               : compare_curve_reaches(&r->curve, x, column_of(p), p->threshold);
}

static double extra_of(const struct compare_run *r, const struct compare_panel *p, int which)
{
    (void)p;
    return r->extra[which];
}

static double end_of(const struct compare_run *r, const struct compare_panel *p, int column)
{
    (void)p;
    return compare_at(&r->curve, r->curve.n - 1, column);
}

static double reach_of(const struct compare_run *r, const struct compare_panel *p, int column)
{
    double at = compare_run_reach(r, p, column);
    return isnan(at) ? end_of(r, p, column) : at;
}

/* Interquartile mean and interval of a number of some runs; strata: how many of them are of each
 * environment. NOTHING where a run lacks it. */
static struct compare_interval summarise(const struct compare_set *s, const int *run, int n,
                                         const struct compare_draws *draws,
                                         const struct compare_panel *p, run_number *number,
                                         int column)
{
    struct compare_interval out = NOTHING;
    double *values = xcalloc((size_t)n, sizeof *values);
    bool all = true;
    for (int i = 0; i < n; i++) {
        values[i] = number(&s->run[run[i]], p, column);
        all &= isfinite(values[i]) != 0;
    }
    if (all)
        compare_bootstrap(draws, values, &out);
    free(values);
    return out;
}

static int count_reached(const struct compare_set *s, const int *run, int n,
                         const struct compare_panel *p)
{
    int reached = 0;
    for (int i = 0; i < n; i++)
        reached += !isnan(compare_run_reach(&s->run[run[i]], p, COMPARE_FRAMES));
    return reached;
}

static void row_numbers(const struct compare_report *r, const struct compare_panel *p,
                        struct compare_row *row, const int *run, const int *size, int strata)
{
    const struct compare_set *s = r->set;
    int n = row->runs;
    struct compare_draws *draws = compare_draws_create(size, strata, COMPARE_REPS_TABLE);
    row->last = summarise(s, run, n, draws, p, last_of, column_of(p));
    row->score = summarise(s, run, n, draws, p, last_of, COMPARE_RETURN);
    row->frames = summarise(s, run, n, draws, p, end_of, COMPARE_FRAMES);
    row->seconds = summarise(s, run, n, draws, p, end_of, COMPARE_SECONDS);
    for (int i = 0; i < s->extras; i++)
        row->extra[i] = summarise(s, run, n, draws, p, extra_of, i);
    row->reach = NOTHING;
    if (!isnan(p->threshold)) {
        row->reach = summarise(s, run, n, draws, p, reach_of, r->wish.x);
        row->reached = count_reached(s, run, n, p);
    }
    compare_draws_free(draws);
}

/* --- the curve of a group -------------------------------------------------------------------- */

/* A run that ended because it had solved its task keeps what it had; of any other nothing is known
 * beyond its end. */
static bool keeps_its_end(const struct compare_run *r)
{
    double last = compare_curve_last(&r->curve, COMPARE_SUCCESS);
    return r->stop_success > 0 && last >= r->stop_success;
}

/* Where all runs of the group have a value; false: nowhere. */
static bool common_range(const struct compare_report *r, const struct compare_group *g, int y,
                         double *lo, double *hi)
{
    double longest = -(double)INFINITY;
    *lo = -(double)INFINITY;
    *hi = (double)INFINITY;
    for (int i = 0; i < g->n; i++) {
        const struct compare_run *run = &r->set->run[g->run[i]];
        double first, last;
        if (!compare_curve_range(&run->curve, r->wish.x, y, &first, &last))
            return false;
        *lo = fmax(*lo, first);
        longest = fmax(longest, last);
        if (!keeps_its_end(run))
            *hi = fmin(*hi, last);
    }
    *hi = fmin(*hi, longest);
    return *lo <= *hi;
}

static void row_curve(const struct compare_report *r, const struct compare_panel *p,
                      struct compare_row *row)
{
    const struct compare_group *g = row->group;
    int y = column_of(p);
    double lo, hi;
    if (!common_range(r, g, y, &lo, &hi))
        return;
    struct compare_draws *draws = compare_draws_create(&g->n, 1, COMPARE_REPS_CURVE);
    double *values = xcalloc((size_t)g->n, sizeof *values);
    row->points = hi > lo ? COMPARE_POINTS : 1;
    for (int i = 0; i < row->points; i++) {
        row->x[i] = lo + (hi - lo) * i / (COMPARE_POINTS - 1);
        for (int k = 0; k < g->n; k++)
            values[k] = compare_curve_value(&r->set->run[g->run[k]].curve, r->wish.x, y, row->x[i]);
        compare_bootstrap(draws, values, &row->y[i]);
    }
    free(values);
    compare_draws_free(draws);
}

/* --- panels ---------------------------------------------------------------------------------- */

static bool world_has(const struct compare_set *s, const struct compare_world *w, int column,
                      bool everywhere)
{
    bool any = false, all = true;
    for (int g = 0; g < w->groups; g++)
        for (int i = 0; i < w->group[g].n; i++) {
            bool has = !isnan(compare_curve_last(&s->run[w->group[g].run[i]].curve, column));
            any |= has;
            all &= has;
        }
    return everywhere ? all : any;
}

/* Evaluations count when every run of the environment has one of as many episodes. */
static bool world_is_evaluated(const struct compare_set *s, const struct compare_world *w,
                               int column, int *episodes)
{
    *episodes = -1;
    for (int g = 0; g < w->groups; g++)
        for (int i = 0; i < w->group[g].n; i++) {
            const struct compare_run *r = &s->run[w->group[g].run[i]];
            if (isnan(column == COMPARE_SUCCESS ? r->eval_success : r->eval_return))
                return false;
            *episodes = *episodes == -1 || *episodes == r->eval_episodes ? r->eval_episodes : 0;
        }
    return true;
}

static void choose_metric(const struct compare_report *r, const struct compare_world *w,
                          struct compare_panel *p)
{
    bool success = !r->wish.metric && world_has(r->set, w, COMPARE_SUCCESS, false);
    p->metric = r->wish.metric ? r->wish.metric
                : success      ? COMPARE_SUCCESS_NAME
                               : COMPARE_RETURN_NAME;
    int column = column_of(p);
    p->what = column == COMPARE_SUCCESS  ? "success"
              : column == COMPARE_RETURN ? "return"
                                         : p->metric;
    p->threshold = !isnan(r->wish.threshold)   ? r->wish.threshold
                   : column == COMPARE_SUCCESS ? SUCCESS_THRESHOLD
                                               : (double)NAN;
    p->evaluated = column != COMPARE_CHOSEN && world_is_evaluated(r->set, w, column, &p->episodes);
}

static int has_no_metric(const struct compare_set *s, const struct compare_world *w,
                         const struct compare_panel *p, struct onic_err *err)
{
    char near[64];
    compare_curve_nearest(s->run[w->group[0].run[0]].path, p->metric, near);
    if (near[0] && strcmp(near, p->metric) != 0)
        return err_set(err, ONIC_ENOTFOUND, "no run of %s has the metric %s, did you mean %s?",
                       w->env, p->metric, near);
    return err_set(err, ONIC_ENOTFOUND,
                   "no run of %s has the metric %s: they have not come so far, or it is called "
                   "otherwise (the names are in metrics.jsonl)",
                   w->env, p->metric);
}

static int make_panel(struct compare_report *r, const struct compare_world *w,
                      struct compare_panel *p, struct onic_err *err)
{
    p->env = w->env;
    choose_metric(r, w, p);
    if (!world_has(r->set, w, column_of(p), false))
        return has_no_metric(r->set, w, p, err);
    p->rows = w->groups;
    p->row = xcalloc((size_t)w->groups, sizeof *p->row);
    for (int i = 0; i < w->groups; i++) {
        struct compare_row *row = &p->row[i];
        *row = (struct compare_row){.group = &w->group[i],
                                    .label = w->group[i].label,
                                    .runs = w->group[i].n,
                                    .colour = w->group[i].colour};
        row_numbers(r, p, row, w->group[i].run, &row->runs, 1);
        row_curve(r, p, row);
        p->has_curves |= row->points > 0;
    }
    return ONIC_OK;
}

/* --- all environments together --------------------------------------------------------------- */

static const struct compare_row *row_called(const struct compare_panel *p, const char *label)
{
    for (int i = 0; i < p->rows; i++)
        if (strcmp(p->row[i].label, label) == 0)
            return &p->row[i];
    return NULL;
}

/* Numbers of several environments have a common scale only where they are successes. */
static bool can_be_put_together(const struct compare_report *r)
{
    for (int i = 0; i < r->panels; i++) {
        const struct compare_panel *p = &r->panel[i];
        if (column_of(p) != COMPARE_SUCCESS || p->rows != r->panel[0].rows ||
            p->evaluated != r->panel[0].evaluated || p->episodes != r->panel[0].episodes)
            return false;
        for (int k = 0; k < p->rows; k++)
            if (!row_called(&r->panel[0], p->row[k].label))
                return false;
    }
    return r->panels > 1 && r->panel[0].rows > 1;
}

static void put_together(struct compare_report *r)
{
    struct compare_panel *all = &r->panel[r->panels];
    *all = r->panel[0];
    all->env = "all environments";
    all->has_curves = false;
    all->row = xcalloc((size_t)all->rows, sizeof *all->row);
    int *run = xcalloc((size_t)r->set->runs, sizeof *run);
    int *size = xcalloc((size_t)r->panels, sizeof *size);
    for (int k = 0; k < all->rows; k++) {
        struct compare_row *row = &all->row[k];
        *row = (struct compare_row){.label = r->panel[0].row[k].label,
                                    .colour = r->panel[0].row[k].colour};
        for (int i = 0; i < r->panels; i++) {
            const struct compare_group *g = row_called(&r->panel[i], row->label)->group;
            memcpy(run + row->runs, g->run, (size_t)g->n * sizeof *run);
            row->runs += g->n;
            size[i] = g->n;
        }
        row_numbers(r, all, row, run, size, r->panels);
    }
    free(run);
    free(size);
    r->panels++;
}

/* --- the report ------------------------------------------------------------------------------ */

static void note_unequal(const struct compare_report *r, struct compare_set *set)
{
    for (int i = 0; i < set->worlds; i++)
        if (!world_has(set, &set->world[i], column_of(&r->panel[i]), true))
            compare_note(set, "a run of %s has no value of %s yet: its group has no curve",
                         set->world[i].env, r->panel[i].metric);
}

static int check_extras(const struct compare_set *s, struct onic_err *err)
{
    for (int i = 0; i < s->extras; i++) {
        bool any = false;
        for (int k = 0; k < s->runs; k++)
            any |= !isnan(s->run[k].extra[i]);
        if (!any)
            return err_set(err, ONIC_ENOTFOUND,
                           "no run has %s, which --columns names: metrics are in metrics.jsonl, "
                           "and eval/NAME is a statistic of eval.json",
                           s->extra[i].name);
    }
    return ONIC_OK;
}

int compare_report_make(struct compare_report *out, const struct compare_wish *wish,
                        struct compare_set *set, struct onic_err *err)
{
    *out = (struct compare_report){.wish = *wish, .set = set, .colours = set->colours};
    out->panel = xcalloc((size_t)set->worlds + 1, sizeof *out->panel);
    int rc = check_extras(set, err);
    for (; out->panels < set->worlds && !rc; out->panels++)
        rc = make_panel(out, &set->world[out->panels], &out->panel[out->panels], err);
    if (rc)
        return rc;
    note_unequal(out, set);
    if (can_be_put_together(out))
        put_together(out);
    return ONIC_OK;
}

void compare_report_free(struct compare_report *r)
{
    for (int i = 0; i < r->panels; i++)
        free(r->panel[i].row);
    free(r->panel);
}

/* --- words ----------------------------------------------------------------------------------- */

const char *compare_number_text(double v, char out[32])
{
    double a = fabs(v);
    const char *unit = a >= 999.5e6 ? " G" : a >= 999.5e3 ? " M" : a >= 9999.5 ? " k" : "";
    double scaled = v / (a >= 999.5e6 ? 1e9 : a >= 999.5e3 ? 1e6 : a >= 9999.5 ? 1e3 : 1);
    double size = fabs(scaled);
    int digits = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
    if (size < 0.00995 && size > 0)
        snprintf(out, 32, "%.2g%s", scaled, unit);
    else
        snprintf(out, 32, "%.*f%s", digits, scaled, unit);
    return out;
}

const char *compare_interval_text(const struct compare_interval *v, int runs, char out[96])
{
    char mid[32], lo[32], hi[32];
    if (isnan(v->mid))
        snprintf(out, 96, "-");
    else if (runs < 2)
        snprintf(out, 96, "%s", compare_number_text(v->mid, mid));
    else
        snprintf(out, 96, "%s [%s, %s]", compare_number_text(v->mid, mid),
                 compare_number_text(v->lo, lo), compare_number_text(v->hi, hi));
    return out;
}

const char *compare_reach_text(const struct compare_row *r, char out[128])
{
    char text[96];
    if (isnan(r->reach.mid) || r->reached == 0)
        snprintf(out, 128, "-");
    else if (r->reached == r->runs)
        snprintf(out, 128, "%s", compare_interval_text(&r->reach, r->runs, text));
    else
        snprintf(out, 128, "%s (%d of %d)", compare_interval_text(&r->reach, r->runs, text),
                 r->reached, r->runs);
    return out;
}

const char *compare_what(const struct compare_panel *p, char out[96])
{
    if (p->evaluated && p->episodes)
        snprintf(out, 96, "%.40s in %d episodes of onic eval", p->what, p->episodes);
    else
        snprintf(out, 96, "%.60s %s", p->what, p->evaluated ? "by onic eval" : "in training");
    return out;
}
