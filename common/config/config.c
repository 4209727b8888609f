/* SPDX-License-Identifier: MIT */
/* config.c - values: defaults, checks, text form, resolved dump; see config.h.
 *
 * Every way in (YAML, environment, command line, a peer's WELCOME) ends in option_set, so a value
 * is checked by one piece of code and a bad one gives the same sentence whatever brought it.
 * What a word means is asked of scalar.h. */
#include "common/config/config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/shown.h"
#include "common/config/options.h"
#include "common/config/scalar.h"

static void *field(struct config *c, int index)
{
    return (char *)c + option_rows[index].offset;
}

static const void *const_field(const struct config *c, int index)
{
    return (const char *)c + option_rows[index].offset;
}

void config_defaults(struct config *c)
{
    memset(c, 0, sizeof *c);
    for (int i = 0; i < CONFIG_COUNT; i++) {
        const struct option *o = &option_rows[i];
        switch (o->type) {
        case OPTION_INT:
            memcpy(field(c, i), &o->int_def, sizeof o->int_def);
            break;
        case OPTION_REAL:
            memcpy(field(c, i), &o->real_def, sizeof o->real_def);
            break;
        case OPTION_BOOL:
            memcpy(field(c, i), &o->bool_def, sizeof o->bool_def);
            break;
        case OPTION_STR:
            snprintf(field(c, i), CONFIG_STR_MAX, "%s", o->str_def);
            break;
        case OPTION_CHOICE:
            memcpy(field(c, i), &o->choice_def, sizeof o->choice_def);
            break;
        }
    }
}

static int bad(struct onic_err *err, const char *where, int index, const char *value,
               const char *wanted)
{
    if (!value[0]) /* `key:` and `key: ~` too */
        return err_set(err, ONIC_ECONFIG, "%s: %s.%s has no value, must be %s", where,
                       option_rows[index].section, option_rows[index].name, wanted);
    return err_set(err, ONIC_ECONFIG, "%s: %s.%s is '%.80s', must be %s", where,
                   option_rows[index].section, option_rows[index].name, value, wanted);
}

int config_flag_int(const char *flag, const char *value, int64_t min, int64_t max, int64_t *out,
                    struct onic_err *err)
{
    int64_t v;
    if (!scalar_int(value, &v) || v < min || v > max)
        return err_set(err, ONIC_ECONFIG,
                       "--%s is '%.80s', must be a whole number from %" PRId64 " to %" PRId64, flag,
                       value, min, max);
    *out = v;
    return ONIC_OK;
}

int config_flag_real(const char *flag, const char *value, double min, double max, double *out,
                     struct onic_err *err)
{
    double v;
    if (!scalar_real(value, &v) || !(v >= min && v <= max))
        return err_set(err, ONIC_ECONFIG, "--%s is '%.80s', must be a number from %g to %g", flag,
                       value, min, max);
    *out = v;
    return ONIC_OK;
}

static int config_set_int(void *at, int index, const char *value, const char *where,
                          struct onic_err *err)
{
    const struct option *o = &option_rows[index];
    char wanted[96];
    int64_t v;
    snprintf(wanted, sizeof wanted, "a whole number from %" PRId64 " to %" PRId64, o->int_min,
             o->int_max);
    if (!scalar_int(value, &v) || v < o->int_min || v > o->int_max)
        return bad(err, where, index, value, wanted);
    memcpy(at, &v, sizeof v);
    return ONIC_OK;
}

static int set_real(void *at, int index, const char *value, const char *where, struct onic_err *err)
{
    const struct option *o = &option_rows[index];
    char wanted[96];
    double v;
    snprintf(wanted, sizeof wanted, "a number from %g to %g", o->real_min, o->real_max);
    if (!scalar_real(value, &v) || !isfinite(v) || v < o->real_min || v > o->real_max)
        return bad(err, where, index, value, wanted);
    memcpy(at, &v, sizeof v);
    return ONIC_OK;
}

static int set_bool(void *at, int index, const char *value, const char *where, struct onic_err *err)
{
    bool v;
    if (!scalar_bool(value, &v))
        return bad(err, where, index, value, "true or false");
    memcpy(at, &v, sizeof v);
    return ONIC_OK;
}

_Static_assert(sizeof(enum config_run_on_exists) == sizeof(int), "choices are set as int");

/* Word number k of "a|b|c"; NULL behind the last. */
static const char *choice_word(const char *choices, int k, size_t *len)
{
    const char *p = choices;
    for (; k > 0 && *p; k--) {
        p += strcspn(p, "|");
        p += *p == '|';
    }
    *len = strcspn(p, "|");
    return *len ? p : NULL;
}

static int set_choice(void *at, int index, const char *value, const char *where,
                      struct onic_err *err)
{
    const char *choices = option_rows[index].choices, *word;
    size_t len, n = strlen("one of ");
    for (int k = 0; (word = choice_word(choices, k, &len)) != NULL; k++)
        if (strlen(value) == len && memcmp(word, value, len) == 0) {
            memcpy(at, &k, sizeof k);
            return ONIC_OK;
        }
    char wanted[160] = "one of ";
    for (const char *p = choices; *p && n + 3 < sizeof wanted; p++) {
        if (*p == '|')
            wanted[n++] = ',';
        wanted[n++] = *p == '|' ? ' ' : *p;
    }
    wanted[n] = '\0';
    return bad(err, where, index, value, wanted);
}

static int set_str(void *at, int index, const char *value, const char *where, struct onic_err *err)
{
    if (strlen(value) >= CONFIG_STR_MAX)
        return bad(err, where, index, value, "shorter than 512 bytes");
    if (option_holds_secret(index, value))
        return err_set(err, ONIC_ECONFIG,
                       "%s: %s.%s holds a password or a key, which would be written into "
                       "config.yaml and logs: leave it out, and %s",
                       where, option_rows[index].section, option_rows[index].name,
                       option_secret_place(index));
    for (size_t i = 0, n; value[i]; i += n)
        if (shown_acts(value + i, strlen(value + i), &n))
            return bad(err, where, index, "...", "UTF-8 text without control characters");
    memset(at, 0, CONFIG_STR_MAX); /* equal configurations are equal bytes */
    memcpy(at, value, strlen(value));
    return ONIC_OK;
}

int option_set(struct config *c, int index, const char *value, enum config_origin origin, int file,
               const char *where, struct onic_err *err)
{
    static int (*const setters[])(void *, int, const char *, const char *, struct onic_err *) = {
        [OPTION_INT] = config_set_int, [OPTION_REAL] = set_real,     [OPTION_BOOL] = set_bool,
        [OPTION_STR] = set_str,        [OPTION_CHOICE] = set_choice,
    };
    int rc = setters[option_rows[index].type](field(c, index), index, value, where, err);
    if (rc)
        return rc;
    c->origin[index] = (uint8_t)origin;
    c->origin_which[index] = (uint8_t)file;
    return ONIC_OK;
}

int option_remember_file(struct config *c, const char *name)
{
    int i = 0;
    while (i < CONFIG_FILES_MAX - 1 && c->origin_file[i][0] && strcmp(c->origin_file[i], name) != 0)
        i++;
    snprintf(c->origin_file[i], CONFIG_STR_MAX, "%s", name);
    return i;
}

/* The fewest digits that read back as the same double. */
static void real_text(double v, char out[CONFIG_STR_MAX])
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(out, CONFIG_STR_MAX, "%.*g", digits, v);
        if (strtod(out, NULL) == v)
            return;
    }
}

static void choice_text(const char *choices, const void *at, char out[CONFIG_STR_MAX])
{
    int k;
    size_t len;
    memcpy(&k, at, sizeof k);
    const char *word = choice_word(choices, k, &len);
    snprintf(out, CONFIG_STR_MAX, "%.*s", word ? (int)len : 0, word ? word : "");
}

void option_text(const struct config *c, int index, char out[CONFIG_STR_MAX])
{
    const void *at = const_field(c, index);
    int64_t i;
    double d;
    bool b;
    switch (option_rows[index].type) {
    case OPTION_INT:
        memcpy(&i, at, sizeof i);
        snprintf(out, CONFIG_STR_MAX, "%" PRId64, i);
        break;
    case OPTION_REAL:
        memcpy(&d, at, sizeof d);
        real_text(d, out);
        break;
    case OPTION_BOOL:
        memcpy(&b, at, sizeof b);
        snprintf(out, CONFIG_STR_MAX, "%s", b ? "true" : "false");
        break;
    case OPTION_STR:
        snprintf(out, CONFIG_STR_MAX, "%s", (const char *)at);
        break;
    case OPTION_CHOICE:
        choice_text(option_rows[index].choices, at, out);
        break;
    }
}

int config_get(const struct config *c, const char *key, char *out, size_t out_size)
{
    int index = option_find(key);
    if (index < 0)
        return ONIC_ENOTFOUND;
    char text[CONFIG_STR_MAX];
    option_text(c, index, text);
    if (strlen(text) >= out_size)
        return ONIC_ELIMIT;
    memcpy(out, text, strlen(text) + 1);
    return ONIC_OK;
}

enum config_origin config_origin_of(const struct config *c, const char *key)
{
    int index = option_find(key);
    return index < 0 ? CONFIG_DEFAULT : (enum config_origin)c->origin[index];
}

static void dump_origin(const struct config *c, int i, struct buf *out)
{
    char env[64];
    switch ((enum config_origin)c->origin[i]) {
    case CONFIG_DEFAULT:
        buf_puts(out, "default");
        break;
    case CONFIG_FILE:
        buf_puts(out, c->origin_file[c->origin_which[i]]);
        break;
    case CONFIG_ENV:
        option_env(i, env);
        buf_printf(out, "environment %s", env);
        break;
    case CONFIG_CLI:
        buf_puts(out, "command line");
        break;
    case CONFIG_PEER:
        buf_puts(out, "peer");
        break;
    case CONFIG_AUTO:
        buf_puts(out, "chosen automatically");
        break;
    }
}

/* Text that YAML would read as something else is quoted; quoting all strings is simplest and always
 * right. */
static void dump_value(const struct config *c, int i, struct buf *out)
{
    char text[CONFIG_STR_MAX];
    option_text(c, i, text);
    if (option_rows[i].type != OPTION_STR && option_rows[i].type != OPTION_CHOICE) {
        buf_puts(out, text);
        return;
    }
    buf_puts(out, "'");
    for (const char *p = text; *p; p++) /* single quotes: only the quote itself is special */
        buf_append(out, *p == '\'' ? "''" : p, *p == '\'' ? 2 : 1);
    buf_puts(out, "'");
}

void config_dump_some(const struct config *c, bool (*wanted)(int i), struct buf *out)
{
    const char *section = "";
    for (int i = option_next(-1); i < CONFIG_COUNT; i = option_next(i)) {
        if (wanted && !wanted(i))
            continue;
        if (strcmp(section, option_rows[i].section) != 0) {
            section = option_rows[i].section;
            buf_printf(out, "%s:\n", section);
        }
        buf_printf(out, "  %s: ", option_rows[i].name);
        dump_value(c, i, out);
        buf_puts(out, "  # ");
        dump_origin(c, i, out);
        buf_puts(out, "\n");
    }
}

void config_dump(const struct config *c, struct buf *out)
{
    config_dump_some(c, NULL, out);
}
