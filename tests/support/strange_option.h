/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_STRANGE_OPTION_H
#define ONIC_TESTS_SUPPORT_STRANGE_OPTION_H

/* strange_option.h - for tests that walk over the table of options. Header only: the test support
 * library does not link common/config. */

#include <stdio.h>
#include <string.h>

#include "common/config/options.h"

/* A value of option i that is allowed and not its default; of a text option: `text`. */
static inline void strange_option_value(int i, const char *text, char out[CONFIG_STR_MAX])
{
    const struct option *o = &option_rows[i];
    if (o->type == OPTION_STR)
        snprintf(out, CONFIG_STR_MAX, "%s", text);
    else if (o->type == OPTION_INT)
        snprintf(out, CONFIG_STR_MAX, "%lld",
                 (long long)(o->int_def == o->int_max ? o->int_min : o->int_max));
    else if (o->type == OPTION_REAL)
        snprintf(out, CONFIG_STR_MAX, "%.17g",
                 o->real_def == o->real_max ? o->real_min : o->real_max);
    else if (o->type == OPTION_BOOL)
        snprintf(out, CONFIG_STR_MAX, "%s", o->bool_def ? "false" : "true");
    else
        snprintf(out, CONFIG_STR_MAX, "%s",
                 o->choice_def == 0 ? strchr(o->choices, '|') + 1 : o->choices);
    out[strcspn(out, "|")] = '\0';
}

#endif /* ONIC_TESTS_SUPPORT_STRANGE_OPTION_H */
