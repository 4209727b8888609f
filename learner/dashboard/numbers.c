/* SPDX-License-Identifier: MIT */
/* numbers.c - see numbers.h. */
#include "learner/dashboard/numbers.h"

#include <math.h>
#include <string.h>

void numbers_put(struct numbers *n, const char *name, double value)
{
    size_t len = strlen(name);
    if (n->count == NUMBERS_MAX || len >= NUMBERS_NAME_MAX)
        return;
    memcpy(n->at[n->count].name, name, len + 1);
    n->at[n->count++].value = value;
}

double numbers_get(const struct numbers *n, const char *name)
{
    for (int i = 0; i < n->count; i++)
        if (strcmp(n->at[i].name, name) == 0)
            return n->at[i].value;
    return (double)NAN;
}
