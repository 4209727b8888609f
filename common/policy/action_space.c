/* SPDX-License-Identifier: MIT */
/* action_space.c - see action_space.h. */
#include "common/policy/action_space.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"

static const char masked_word[] = " masked";

_Static_assert(BOUND_ACTIONS == 4096 && BOUND_ACTION_PARTS == 64, "sentences below say so");

const char *action_space_fault(const struct action_space *s)
{
    int total = 0;
    switch (s->kind) {
    case ACTION_DISCRETE:
        return s->n < 1 || s->n > BOUND_ACTIONS ? "no actions, or more than 4096" : NULL;
    case ACTION_MULTI:
        if (s->n < 1 || s->n > BOUND_ACTION_PARTS)
            return "no choices at once, or more than 64";
        for (int i = 0; i < s->n; i++) {
            if (s->choices[i] < 1 || s->choices[i] > BOUND_ACTIONS)
                return "a choice among less than 1 or more than 4096 options";
            total += s->choices[i];
        }
        return total > BOUND_ACTIONS ? "choices of more than 4096 options together" : NULL;
    case ACTION_CONTINUOUS:
        if (s->n < 1 || s->n > BOUND_ACTION_PARTS)
            return "no numbers in an action, or more than 64";
        for (int i = 0; i < s->n; i++)
            if (!isfinite(s->low[i]) || !isfinite(s->high[i]) || !(s->low[i] < s->high[i]) ||
                !isfinite(s->high[i] - s->low[i]))
                return "bounds of a number that are not finite with the low one below the high "
                       "one";
        return s->masked ? "a mask of numbers, which only choices can have" : NULL;
    }
    return "actions of an unknown kind";
}

bool action_space_equal(const struct action_space *a, const struct action_space *b)
{
    if (a->kind != b->kind || a->n != b->n || a->masked != b->masked)
        return false;
    for (int i = 0; a->kind == ACTION_MULTI && i < a->n; i++)
        if (a->choices[i] != b->choices[i])
            return false;
    for (int i = 0; a->kind == ACTION_CONTINUOUS && i < a->n; i++)
        if (a->low[i] != b->low[i] || a->high[i] != b->high[i])
            return false;
    return true;
}

int action_space_parts(const struct action_space *s)
{
    return s->kind == ACTION_DISCRETE ? 1 : s->n;
}

int action_space_options(const struct action_space *s, int part)
{
    return s->kind == ACTION_DISCRETE ? s->n : s->kind == ACTION_MULTI ? s->choices[part] : 0;
}

int action_space_all_options(const struct action_space *s)
{
    int total = 0;
    for (int i = 0; i < action_space_parts(s); i++)
        total += action_space_options(s, i);
    return total;
}

size_t action_space_mask_bytes(const struct action_space *s)
{
    return s->masked ? ((size_t)action_space_all_options(s) + 7) / 8 : 0;
}

/* --- text ------------------------------------------------------------------------------------ */

void action_space_text(const struct action_space *s, struct buf *out)
{
    if (s->kind == ACTION_DISCRETE)
        buf_printf(out, "%d", s->n);
    for (int i = 0; s->kind == ACTION_MULTI && i < s->n; i++)
        buf_printf(out, "%s%d", i ? "," : "multi ", s->choices[i]);
    for (int i = 0; s->kind == ACTION_CONTINUOUS && i < s->n; i++)
        buf_printf(out, "%s%.9g:%.9g", i ? "," : "continuous ", (double)s->low[i],
                   (double)s->high[i]);
    if (s->masked)
        buf_puts(out, masked_word);
}

/* A whole number at *at, which moves behind it. */
static bool read_option_count(const char **at, int *out)
{
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    long v = strtol(*at, &end, 10);
    *at = end;
    *out = (int)v;
    return v >= 1 && v <= BOUND_ACTIONS;
}

static bool read_bounds(const char **at, float *low, float *high)
{
    char *end;
    *low = strtof(*at, &end);
    if (end == *at || *end != ':')
        return false;
    *at = end + 1;
    *high = strtof(*at, &end);
    bool good = end != *at;
    *at = end;
    return good;
}

/* The parts of a list, each with a comma in front but the first. */
static bool read_parts(const char **at, struct action_space *out)
{
    for (;;) {
        if (out->n == BOUND_ACTION_PARTS)
            return false;
        int i = out->n++;
        if (out->kind == ACTION_MULTI ? !read_option_count(at, &out->choices[i])
                                      : !read_bounds(at, &out->low[i], &out->high[i]))
            return false;
        if (**at != ',')
            return true;
        (*at)++;
    }
}

bool action_space_read(const char *text, struct action_space *out)
{
    const char *at = text;
    memset(out, 0, sizeof *out);
    bool good;
    if (strncmp(at, "multi ", 6) == 0) {
        out->kind = ACTION_MULTI;
        at += 6;
        good = read_parts(&at, out);
    } else if (strncmp(at, "continuous ", 11) == 0) {
        out->kind = ACTION_CONTINUOUS;
        at += 11;
        good = read_parts(&at, out);
    } else {
        good = read_option_count(&at, &out->n);
    }
    if (good && strcmp(at, masked_word) == 0) {
        out->masked = true;
        at += sizeof masked_word - 1;
    }
    return good && *at == '\0' && !action_space_fault(out);
}

/* --- masks ----------------------------------------------------------------------------------- */

void action_mask_pack(const struct action_space *s, const uint8_t *possible, uint8_t *mask)
{
    int n = action_space_all_options(s);
    memset(mask, 0, action_space_mask_bytes(s));
    for (int i = 0; i < n; i++)
        if (possible[i])
            mask[i / 8] = (uint8_t)(mask[i / 8] | 1u << (i % 8));
}

int action_mask_fault(const struct action_space *s, const uint8_t *mask)
{
    int at = 0;
    for (int part = 0; part < action_space_parts(s); part++) {
        bool any = false;
        for (int end = at + action_space_options(s, part); at < end; at++)
            any = any || action_mask_get(mask, at);
        if (!any)
            return part;
    }
    for (; at < 8 * (int)action_space_mask_bytes(s); at++)
        if (action_mask_get(mask, at))
            return 0;
    return -1;
}

/* --- actions --------------------------------------------------------------------------------- */

/* Uniform over the options from `first` on that are possible. */
static int32_t random_possible(const uint8_t *mask, int first, int options, struct rng *rng)
{
    int possible = 0;
    for (int i = 0; i < options; i++)
        possible += action_mask_get(mask, first + i);
    ONIC_ASSERT(possible > 0);
    int left = (int)rng_below(rng, (uint32_t)possible), chosen = -1;
    while (left >= 0)
        left -= action_mask_get(mask, first + ++chosen);
    return chosen;
}

void action_space_random(const struct action_space *s, const uint8_t *mask, struct rng *rng,
                         union action_cell *action)
{
    for (int i = 0, first = 0; i < action_space_parts(s); i++) {
        int options = action_space_options(s, i);
        if (s->kind == ACTION_CONTINUOUS) {
            float x = s->low[i] + (s->high[i] - s->low[i]) * rng_float(rng);
            action[i].number = x < s->high[i] ? x : s->high[i];
        } else if (mask)
            action[i].choice = random_possible(mask, first, options, rng);
        else
            action[i].choice = (int32_t)rng_below(rng, (uint32_t)options);
        first += options;
    }
}

bool action_space_holds(const struct action_space *s, const union action_cell *action)
{
    for (int i = 0; i < action_space_parts(s); i++) {
        if (s->kind == ACTION_CONTINUOUS) {
            if (!(action[i].number >= s->low[i] && action[i].number <= s->high[i]))
                return false;
        } else if (action[i].choice < 0 || action[i].choice >= action_space_options(s, i))
            return false;
    }
    return true;
}

void action_space_json(const struct action_space *s, const union action_cell *action,
                       struct buf *out)
{
    const char *between = "[";
    if (s->kind == ACTION_DISCRETE) {
        buf_printf(out, "%d", action[0].choice);
        return;
    }
    for (int i = 0; i < s->n; i++, between = ",") {
        buf_puts(out, between);
        if (s->kind == ACTION_CONTINUOUS)
            buf_json_number(out, (double)action[i].number, 9);
        else
            buf_printf(out, "%d", action[i].choice);
    }
    buf_puts(out, "]");
}
