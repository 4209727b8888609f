/* SPDX-License-Identifier: MIT */
/* hparam_options.c - see hparam_options.h. */
#include "learner/process/hparam_options.h"

#include <stdlib.h>
#include <string.h>

#include "common/config/overlay.h"

static bool hparam_begins_with(const char *key, const char *const *words)
{
    for (; *words; words++)
        if (strncmp(key, *words, strlen(*words)) == 0)
            return true;
    return false;
}

static bool hparam_is_compared(const char *key)
{
    static const char *const compared[] = {"env.",           "compat.",         "policy.",
                                           "train.",         "reward.",         "run.frames",
                                           "run.seed",       "annotator.id",    "annotator.goal",
                                           "annotator.vote", "annotator.noise", NULL};
    static const char *const of_a_machine[] = {"env.plugin",      "env.nle",       "reward.server",
                                               "annotator.goals", "train.threads", NULL};
    return hparam_begins_with(key, compared) && !hparam_begins_with(key, of_a_machine);
}

/* What config_get says of it: true and false are flags, what is a number all through is one. */
static void hparam_of_text(struct tensorboard_hparam *h, const char *text)
{
    char *end;
    h->text = text;
    h->type = TENSORBOARD_TEXT;
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        h->type = TENSORBOARD_FLAG;
        h->number = text[0] == 't';
        return;
    }
    double number = strtod(text, &end);
    if (text[0] && !*end) {
        h->type = TENSORBOARD_NUMBER;
        h->number = number;
    }
}

void hparam_options(struct hparam_table *out, const struct config *cfg)
{
    out->n = 0;
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char *name = out->name[out->n], *text = out->text[out->n];
        config_key(i, name);
        if (!hparam_is_compared(name) || config_get(cfg, name, text, CONFIG_STR_MAX) != ONIC_OK)
            continue;
        out->row[out->n] = (struct tensorboard_hparam){.name = name};
        hparam_of_text(&out->row[out->n], text);
        out->n++;
    }
}
