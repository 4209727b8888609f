/* SPDX-License-Identifier: MIT */
/* help.c - --help rows and --version; see config.h. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/config/options.h"
#include "generated/onic_version.h"

static void value_form(const struct option *o, char out[160])
{
    switch (o->type) {
    case OPTION_INT:
        snprintf(out, 160, "%" PRId64 "..%" PRId64, o->int_min, o->int_max);
        break;
    case OPTION_REAL:
        snprintf(out, 160, "%g..%g", o->real_min, o->real_max);
        break;
    case OPTION_BOOL:
        snprintf(out, 160, "true|false");
        break;
    case OPTION_STR:
        snprintf(out, 160, "%s", o->choices[0] ? o->choices : "TEXT");
        break;
    }
}

static bool has_word(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = words; (p = strstr(p, word)) != NULL; p += n)
        if ((p == words || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
            return true;
    return false;
}

static bool is_listed(const struct option *o, char who, const char *rows)
{
    char key[64];
    snprintf(key, sizeof key, "%s.%s", o->section, o->name);
    return strchr(o->who, who) && (!rows || has_word(rows, o->section) || has_word(rows, key));
}

void config_help(char who, const char *rows, const struct config *defaults, struct buf *out)
{
    const char *section = "";
    if (rows && !rows[0]) {
        buf_puts(out, "\n  --help, --version\n");
        return;
    }
    buf_puts(
        out,
        "\nOptions, as --section.key=value, as ONIC_SECTION_KEY in the environment, or in a YAML "
        "file as\nsection: {key: value}; the last wins: default < files < environment < "
        "command line.\n");
    for (int i = 0; i < CONFIG_COUNT; i++) {
        const struct option *o = &option_rows[i];
        if (!is_listed(o, who, rows))
            continue;
        if (strcmp(section, o->section) != 0) {
            section = o->section;
            buf_puts(out, "\n");
        }
        char form[160], text[CONFIG_STR_MAX], left[256];
        value_form(o, form);
        option_text(defaults, i, text);
        snprintf(left, sizeof left, "--%s.%s=%s", o->section, o->name, form);
        buf_printf(out, "  %-46s %s", left, o->help);
        if (text[0])
            buf_printf(out, " [%s]", text);
        buf_puts(out, "\n");
    }
    buf_puts(out, "\n  --help, --version\n");
}

void config_version(struct buf *out)
{
    buf_printf(out, "onic %s (git %s; %s; CPU path %s)\n", ONIC_VERSION, ONIC_GIT, ONIC_COMPILER,
               cpu_path());
}
