/* SPDX-License-Identifier: MIT */
/* label_options.c - see label_options.h. */
#include "learner/process/label_options.h"

#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"

static const char *const keys[] = {"annotator.id",        "annotator.fallback",
                                   "annotator.goal",      "annotator.domain",
                                   "annotator.goals_dir", "annotator.prompt",
                                   "annotator.vote",      "annotator.prompts_dir",
                                   "annotator.noise",     "annotator.seed",
                                   "rules.noise",         "random.probability",
                                   "command.run",         "command.version",
                                   "embedding.source",    "embedding.model",
                                   "embedding.prefix",    "embedding.vectors",
                                   "embedding.tie",       "embedding.threshold",
                                   "llm.model",           "embedding.model_dir",
                                   "llm.temperature",     "llm.top_p",
                                   "llm.max_tokens",      "llm.omit",
                                   "llm.answer",          "llm.calibration",
                                   "llm.structured"};
enum { VALUE_MAX = 200, GOAL_VERSION = 32, ANNOTATOR_ID = 0 };
_Static_assert(sizeof keys / sizeof keys[0] == LABEL_OPTIONS, "one key for each value");

bool label_option(const char *key)
{
    for (int i = 0; i < LABEL_OPTIONS; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

void label_options(struct label_options *out, const struct config *cfg)
{
    for (int i = 0; i < LABEL_OPTIONS; i++)
        config_get(cfg, keys[i], out->value[i], sizeof out->value[i]);
}

void label_options_write(const struct label_options *o, char out[LABEL_OPTIONS_TEXT_MAX])
{
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; i < LABEL_OPTIONS; i++) {
        const char *value = o->value[i];
        if (strlen(value) > VALUE_MAX || strchr(value, '\n'))
            continue;
        at += (size_t)snprintf(out + at, LABEL_OPTIONS_TEXT_MAX - at, "option %s=%s\n", keys[i],
                               value);
    }
}

/* What was done before there was an option for it, where that is not its default. */
static const struct {
    const char *key, *value, *annotator;
} older[] = {{"llm.answer", "text", "llm"}};

static bool value_before_it_was(const char *key, const char *was, char out[VALUE_MAX + 1])
{
    for (size_t i = 0; i < sizeof older / sizeof *older; i++)
        if (strcmp(key, older[i].key) == 0 && strstr(was, older[i].annotator)) {
            snprintf(out, VALUE_MAX + 1, "%s", older[i].value);
            return true;
        }
    return false;
}

/* The value of an option in `then`, of labels of the identity `was`; false when it is not known. */
static bool value_then(const char *then, const char *was, const char *key, char out[VALUE_MAX + 1])
{
    char line[80];
    snprintf(line, sizeof line, "option %s=", key);
    const char *at = strstr(then, line);
    if (!at)
        return *then && value_before_it_was(key, was, out);
    at += strlen(line);
    snprintf(out, VALUE_MAX + 1, "%.*s", (int)strcspn(at, "\n"), at);
    return true;
}

static void label_options_put_value(struct buf *b, const char *value)
{
    bool plain = !strpbrk(value, " \t\"'\\$`|&;<>()*?#~");
    buf_printf(b, plain ? "%s" : strchr(value, '\'') ? "\"%s\"" : "'%s'", value);
}

/* "llm.max_tokens was 8 and is 64 now" and "--llm.max_tokens=8", or neither where they do not fit.
 */
static void put_change(struct buf *changes, struct buf *flags, const char *key, const char *before,
                       const char *value)
{
    struct buf change, flag;
    buf_init(&change, LABEL_OPTIONS_REMEDY_MAX);
    buf_init(&flag, LABEL_OPTIONS_REMEDY_MAX);
    buf_printf(&change, "%s%s was ", changes->len ? ", " : "", key);
    label_options_put_value(&change, *before ? before : "empty");
    buf_printf(&change, " and is %.60s now", *value ? value : "empty");
    buf_printf(&flag, " --%s=", key);
    label_options_put_value(&flag, before);
    if (changes->len + change.len < changes->max && flags->len + flag.len < flags->max) {
        buf_append(changes, change.data, change.len);
        buf_append(flags, flag.data, flag.len);
    }
    buf_release(&change);
    buf_release(&flag);
}

/* The version of the goal in the text of an identity: "minigrid/KeyCorridor@<32 hex>". */
static const char *goal_version(const char *identity)
{
    for (const char *p = strchr(identity, '@'); p; p = strchr(p + 1, '@'))
        if (strspn(p + 1, "0123456789abcdef") == GOAL_VERSION)
            return p + 1;
    return identity;
}

/* An option is not named: what else an identity is made of. */
static void put_other_cause(struct buf *b, const struct label_options *now, const char *was,
                            const char *is)
{
    size_t first = strcspn(was, " >");
    if (strcmp(now->value[ANNOTATOR_ID], "auto") == 0 &&
        (first != strcspn(is, " >") || strncmp(was, is, first) != 0))
        buf_printf(b, "annotator.id=auto means another annotator now; give --annotator.id=%.*s",
                   (int)first, was);
    else if (strncmp(goal_version(was), goal_version(is), GOAL_VERSION) != 0)
        buf_puts(b, "the goal file, or the caption pool beside it, is another one; bring the old "
                    "one back");
    else
        buf_puts(b, "give the old annotator options, or bring the old prompt file back");
}

void label_options_remedy(const char *then, const struct label_options *now, const char *was,
                          const char *is, char out[LABEL_OPTIONS_REMEDY_MAX])
{
    struct buf changes, flags;
    buf_init(&changes, LABEL_OPTIONS_REMEDY_MAX / 2);
    buf_init(&flags, LABEL_OPTIONS_REMEDY_MAX / 2 - 16);
    for (int i = 0; i < LABEL_OPTIONS; i++) {
        char before[VALUE_MAX + 1];
        const char *value = now->value[i];
        if (value_then(then, was, keys[i], before) && strcmp(before, value) != 0)
            put_change(&changes, &flags, keys[i], before, value);
    }
    if (!changes.len)
        put_other_cause(&changes, now, was, is);
    snprintf(out, LABEL_OPTIONS_REMEDY_MAX, "%s%s%s", changes.data, flags.len ? "; give" : "",
             flags.data);
    buf_release(&changes);
    buf_release(&flags);
}
