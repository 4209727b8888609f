/* SPDX-License-Identifier: MIT */
/* peer_numbers.c - see peer_numbers.h. */
#include "learner/process/peer_numbers.h"

#include <stdio.h>
#include <string.h>

#include "common/base/log.h"

/* What the learner itself says below annot/ (label_client.c). */
static const char *const own_names[] = {
    "labels_total",    "abstained_total",       "backlog",           "labels_per_s", "outstanding",
    "connected",       "label_positive",        "label_tie",         "label_mean",   "staleness_s",
    "source",          "names_dropped_total",   "missing_total",     "share",        "label_drift",
    "actor_share_max", "actor_held_back_total", "held_dropped_total"};

bool peer_name_is_plain(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return n && !name[n] && n < PEER_NAME_MAX;
}

void peer_numbers_drop(struct peer_numbers *p, const char *name)
{
    if (!p->dropped++)
        log_warn("the reward server reports numbers under names that are not taken; they are "
                 "counted from now on (annot/names_dropped_total)",
                 kv("first", name), kv("names_at_most", PEER_NUMBERS_MAX));
}

static bool admit(struct peer_numbers *p, const char *name)
{
    for (int i = 0; i < p->count; i++)
        if (strcmp(p->name[i], name) == 0)
            return true;
    for (size_t i = 0; i < sizeof own_names / sizeof *own_names; i++)
        if (strcmp(own_names[i], name) == 0)
            return false;
    if (!peer_name_is_plain(name) || p->count == PEER_NUMBERS_MAX)
        return false;
    memcpy(p->name[p->count++], name, strlen(name) + 1);
    return true;
}

void peer_numbers_report(struct peer_numbers *p, const struct wire_labels_number *number, int n,
                         struct metrics *m)
{
    for (int i = 0; i < n; i++) {
        char name[64];
        if (!admit(p, number[i].name)) {
            peer_numbers_drop(p, number[i].name);
            continue;
        }
        snprintf(name, sizeof name, "annot/%s", number[i].name);
        metrics_set(m, name, number[i].value);
    }
    if (p->dropped)
        metrics_set(m, "annot/names_dropped_total", (double)p->dropped);
}
