/* SPDX-License-Identifier: MIT */
/* help.c - --help rows, the page of all options and --version; see config.h. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/config/options.h"
#include "generated/onic_version.h"

enum { HELP_COLUMN = 36, HELP_WIDTH = 100, HELP_ROWS_BRIEF = 24 };

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
        snprintf(out, 160, "TEXT");
        break;
    case OPTION_CHOICE:
        snprintf(out, 160, "%s", o->choices);
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

/* `text` behind what stands in the line already, between the columns HELP_COLUMN and HELP_WIDTH. */
static void put_wrapped(struct buf *out, size_t column, const char *text)
{
    while (*text) {
        size_t n = strlen(text), room = HELP_WIDTH - HELP_COLUMN;
        if (n > room)
            for (n = room; n > 0 && text[n] != ' '; n--)
                ;
        if (n == 0)
            n = strcspn(text, " ");
        buf_printf(out, "%*s%.*s\n", (int)(HELP_COLUMN - column), "", (int)n, text);
        column = 0;
        text += n + strspn(text + n, " ");
    }
}

static void help_put_row(struct buf *out, int i, const struct config *defaults)
{
    const struct option *o = &option_rows[i];
    char form[160], value[CONFIG_STR_MAX], left[256], text[2 * CONFIG_STR_MAX];
    value_form(o, form);
    option_text(defaults, i, value);
    snprintf(left, sizeof left, "  --%s.%s=%s", o->section, o->name, form);
    if (strlen(left) > HELP_WIDTH) /* the choices come with the text */
        snprintf(left, sizeof left, "  --%s.%s=TEXT", o->section, o->name);
    bool cut = strstr(left, "=TEXT") && o->choices;
    snprintf(text, sizeof text, "%s%s%s%s%s%s", o->help, cut ? ": " : "", cut ? o->choices : "",
             value[0] ? " [" : "", value, value[0] ? "]" : "");
    for (char *p = text; cut && *p; p++)
        if (*p == '|')
            *p = ' ';
    buf_puts(out, left);
    size_t column = strlen(left);
    if (column >= HELP_COLUMN) {
        buf_puts(out, "\n");
        column = 0;
    }
    put_wrapped(out, column, text);
}

/* `what`: "all", a section, an option; NULL: those most used. */
static bool is_wanted(const struct option *o, const char *what)
{
    char key[64];
    if (!what)
        return strchr(o->who, 'H') != NULL;
    snprintf(key, sizeof key, "%s.%s", o->section, o->name);
    return strcmp(what, "all") == 0 || strcmp(what, o->section) == 0 || strcmp(what, key) == 0;
}

static int count_rows(char who, const char *rows, const char *what, const char *section)
{
    int n = 0;
    for (int i = 0; i < CONFIG_COUNT; i++)
        n += is_listed(&option_rows[i], who, rows) && is_wanted(&option_rows[i], what) &&
             (!section || strcmp(section, option_rows[i].section) == 0);
    return n;
}

static void put_rows(struct buf *out, char who, const char *rows, const char *what,
                     const struct config *defaults)
{
    const char *section = "";
    for (int i = option_next(-1); i < CONFIG_COUNT; i = option_next(i)) {
        const struct option *o = &option_rows[i];
        if (!is_listed(o, who, rows) || !is_wanted(o, what))
            continue;
        if (strcmp(section, o->section) != 0) {
            section = o->section;
            buf_puts(out, "\n");
        }
        help_put_row(out, i, defaults);
    }
}

/* "run(6), env(12)": what --help=SECTION takes, and how many options each has. */
static const char *help_sections(char who, const char *rows, char text[1024])
{
    const char *last = "";
    size_t at = 0;
    text[0] = '\0';
    for (int i = option_next(-1); i < CONFIG_COUNT; i = option_next(i)) {
        const char *section = option_rows[i].section;
        int n = count_rows(who, rows, "all", section);
        if (n && strcmp(section, last) != 0 && at < 1024)
            at += (size_t)snprintf(text + at, 1024 - at, "%s%s(%d)", at ? ", " : "", section, n);
        last = section;
    }
    return text;
}

int config_help(char who, const char *rows, const char *what, const struct config *defaults,
                struct buf *out, struct onic_err *err)
{
    char sections[1024];
    if (rows && !rows[0]) {
        if (what && strcmp(what, "all") != 0)
            return err_set(
                err, ONIC_ECONFIG,
                "--help=%.60s: this command has no sections of options; --help shows all "
                "there is",
                what);
        buf_puts(out, "\n  --help, --version\n");
        return ONIC_OK;
    }
    if (what && count_rows(who, rows, what, NULL) == 0)
        return err_set(err, ONIC_ECONFIG,
                       "--help=%.60s: it is neither all nor a section or an option of this "
                       "command; the sections are %s",
                       what, help_sections(who, rows, sections));
    bool brief = !what && count_rows(who, rows, "all", NULL) > HELP_ROWS_BRIEF;
    buf_puts(
        out,
        "\nOptions, as --section.key=value, as ONIC_SECTION_KEY in the environment, or in a YAML "
        "file as\nsection: {key: value}; the last wins: default < files < environment < "
        "command line.\n");
    put_rows(out, who, rows, brief ? NULL : what ? what : "all", defaults);
    if (brief) {
        buf_puts(out,
                 "\nThese are the most used. --help=SECTION lists a section, --help=all all:\n");
        put_wrapped(out, 0, help_sections(who, rows, sections));
    }
    buf_puts(out, "\n  --help, --version\n");
    return ONIC_OK;
}

/* --- the page of all options ----------------------------------------------------------------- */

/* `|` would end the cell, and <name> would be taken for HTML and not shown. */
static void help_put_cell(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("|<", *text))
            buf_append(out, "\\", 1);
        buf_append(out, text, 1);
    }
}

void config_reference(struct buf *out)
{
    static const char *const programs[] = {"A", "actor",         "L", "learner",
                                           "R", "reward server", "F", "`onic`"};
    const char *section = "";
    struct config c;
    config_defaults(&c);
    buf_puts(
        out,
        "# All options\n\nMade by `onic config --reference`. Written as `--section.key=value`, as "
        "`ONIC_SECTION_KEY`, or in YAML as `section: {key: value}`.\n");
    for (int i = option_next(-1); i < CONFIG_COUNT; i = option_next(i)) {
        const struct option *o = &option_rows[i];
        char form[160], value[CONFIG_STR_MAX];
        if (strcmp(section, o->section) != 0) {
            section = o->section;
            buf_printf(out,
                       "\n## %s\n\n| option | value | default | of | |\n|---|---|---|---|---|\n",
                       section);
        }
        value_form(o, form);
        option_text(&c, i, value);
        buf_printf(out, "| `%s.%s` | ", o->section, o->name);
        help_put_cell(out, form);
        buf_printf(out, " | %s%s%s | ", value[0] ? "`" : "", value, value[0] ? "`" : "");
        for (int k = 0, any = 0; k < 8; k += 2)
            if (strchr(o->who, programs[k][0]))
                buf_printf(out, "%s%s", any++ ? ", " : "", programs[k + 1]);
        buf_puts(out, " | ");
        help_put_cell(out, o->help);
        buf_puts(out, " |\n");
    }
}

void config_version(struct buf *out)
{
    buf_printf(out, "onic %s (git %s; %s; CPU path %s)\n", ONIC_VERSION, ONIC_GIT, ONIC_COMPILER,
               cpu_path());
}
