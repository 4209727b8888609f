/* SPDX-License-Identifier: MIT */
/* yaml.c - the YAML subset of configuration files, on libyaml's event parser; see config.h.
 *
 * Events and not the document tree: each event carries its line, and anchors, aliases and tags can
 * be refused where they stand (an alias can make a kilobyte expand to gigabytes). The grammar left
 * is file = { section: { key: scalar } } A key given twice in one file is an error: of two values
 * in one file neither is obviously meant. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "common/base/file_kind.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/utf8.h"
#include "common/base/xmalloc.h"
#include "common/config/options.h"
#include "common/config/scalar.h"

enum { YAML_BYTES_MAX = 1 << 20 };

enum place { AT_TOP, AT_SECTION_VALUE, IN_SECTION, AT_VALUE };

struct reader {
    struct config *c;
    const char *name;
    enum config_origin origin;
    int file;
    enum place place;
    bool started, ended;
    bool stored; /* written by onic, perhaps an older one: options that are gone are skipped */
    char section[64], key[64];
    int key_line;
    int seen[CONFIG_COUNT]; /* line of the value, 0 = not yet */
};

static int yaml_fail(const struct reader *r, int line, struct onic_err *err, const char *what,
                     const char *word)
{
    return err_set(err, ONIC_ECONFIG, "%s:%d: %s%.80s", r->name, line, what, word);
}

static int unknown_section(const struct reader *r, int line, struct onic_err *err)
{
    char near[64] = "";
    int best = 3, len = (int)strlen(r->section);
    for (int i = 0; i < CONFIG_COUNT; i++) {
        if (abs((int)strlen(option_rows[i].section) - len) >= best) /* so many edits at least */
            continue;
        int d = option_distance(r->section, option_rows[i].section);
        if (d < best) {
            best = d;
            snprintf(near, sizeof near, "%s", option_rows[i].section);
        }
    }
    if (near[0])
        return err_set(err, ONIC_ECONFIG, "%s:%d: unknown section '%.80s', did you mean '%s'?",
                       r->name, line, r->section, near);
    option_nearest(r->section, near);
    if (near[0])
        return err_set(
            err, ONIC_ECONFIG,
            "%s:%d: unknown section '%.80s'; the option '%s' is written '%.*s: {%s: ...}'", r->name,
            line, r->section, near, (int)strcspn(near, "."), near, near + strcspn(near, ".") + 1);
    struct buf known;
    buf_init(&known, 4096);
    const char *last = "";
    for (int i = option_next(-1); i < CONFIG_COUNT; i = option_next(i)) {
        if (strcmp(option_rows[i].section, last) != 0)
            buf_printf(&known, "%s%s", last[0] ? ", " : "", option_rows[i].section);
        last = option_rows[i].section;
    }
    int rc = err_set(err, ONIC_ECONFIG, "%s:%d: unknown section '%.80s'; the sections are %s",
                     r->name, line, r->section, known.data);
    buf_release(&known);
    return rc;
}

static int on_value(struct reader *r, const char *text, int line, struct onic_err *err)
{
    char key[160], where[CONFIG_STR_MAX + 32];
    snprintf(key, sizeof key, "%s.%s", r->section, r->key);
    snprintf(where, sizeof where, "%s:%d", r->name, r->key_line);
    int index = option_find(key);
    if (option_is_of_plugin(key))
        return option_set_of_plugin(r->c, key, text, r->origin, r->file, where, err);
    if (index < 0 && r->stored) {
        log_warn("an option of a stored run is no longer known and is left out",
                 kv("option", (const char *)key));
        return ONIC_OK;
    }
    if (index < 0)
        return config_set(r->c, key, text, r->origin, where, err);
    if (r->seen[index])
        return err_set(err, ONIC_ECONFIG, "%s: '%s' is given twice, first in line %d; keep one",
                       where, key, r->seen[index]);
    r->seen[index] = line;
    /* Kept by an older onic. Without its options an environment would be another world. */
    if (r->stored && index != CONFIG_I_env_options && option_holds_secret(index, text)) {
        log_warn("an option of a stored run holds a password or a key and is left out",
                 kv("option", (const char *)key));
        return ONIC_OK;
    }
    return option_set(r->c, index, text, r->origin, r->file, where, err);
}

static int on_scalar(struct reader *r, const yaml_event_t *e, int line, struct onic_err *err)
{
    const char *text = (const char *)e->data.scalar.value;
    size_t len = e->data.scalar.length;
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (e->data.scalar.anchor)
        return yaml_fail(r, line, err, "anchors are not supported; write the value out", "");
    if (e->data.scalar.tag)
        return yaml_fail(r, line, err, "tags are not supported; remove ",
                         (const char *)e->data.scalar.tag);
    if (strlen(text) != len)
        return yaml_fail(r, line, err, "a zero byte is not allowed", "");
    if (plain && scalar_is_null(text))
        text = "";
    switch (r->place) {
    case AT_TOP:
        if (!r->started)
            return yaml_fail(r, line, err,
                             "the file must hold 'section:' lines with 'key: value' below, not ",
                             text);
        snprintf(r->section, sizeof r->section, "%s", text);
        r->place = AT_SECTION_VALUE;
        return r->stored || option_is_section(r->section) ? ONIC_OK : unknown_section(r, line, err);
    case AT_SECTION_VALUE: /* "section:" alone is an empty section */
        r->place = AT_TOP;
        return text[0] ? yaml_fail(r, line, err,
                                   "expected 'key: value' lines inside this section, not ", text)
                       : ONIC_OK;
    case IN_SECTION:
        snprintf(r->key, sizeof r->key, "%s", text);
        r->key_line = line;
        r->place = AT_VALUE;
        return ONIC_OK;
    case AT_VALUE:
        r->place = IN_SECTION;
        return on_value(r, text, line, err);
    }
    return ONIC_OK;
}

static int on_mapping(struct reader *r, const yaml_event_t *e, int line, struct onic_err *err)
{
    if (e->data.mapping_start.anchor)
        return yaml_fail(r, line, err, "anchors are not supported; write the values out", "");
    if (e->data.mapping_start.tag)
        return yaml_fail(r, line, err, "tags are not supported; remove ",
                         (const char *)e->data.mapping_start.tag);
    if (r->place == AT_TOP && !r->started) {
        r->started = true;
        return ONIC_OK;
    }
    if (r->place == AT_SECTION_VALUE) {
        r->place = IN_SECTION;
        return ONIC_OK;
    }
    return yaml_fail(r, line, err,
                     "nested deeper than section and key: ", r->place == AT_VALUE ? r->key : "");
}

static int on_event(struct reader *r, const yaml_event_t *e, struct onic_err *err)
{
    int line = (int)e->start_mark.line + 1;
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(r, e, line, err);
    case YAML_MAPPING_START_EVENT:
        return on_mapping(r, e, line, err);
    case YAML_MAPPING_END_EVENT:
        r->place = AT_TOP;
        return ONIC_OK;
    case YAML_SEQUENCE_START_EVENT:
        return yaml_fail(r, line, err, "lists are not supported; write one value after ",
                         r->place == AT_VALUE ? r->key : "the key");
    case YAML_ALIAS_EVENT:
        return yaml_fail(r, line, err,
                         "aliases are not supported; write the value out instead of *",
                         (const char *)e->data.alias.anchor);
    case YAML_DOCUMENT_START_EVENT:
        if (r->ended)
            return yaml_fail(r, line, err, "only one document is allowed in a file; remove '---'",
                             "");
        return ONIC_OK;
    case YAML_DOCUMENT_END_EVENT:
        r->ended = true;
        return ONIC_OK;
    default:
        return ONIC_OK;
    }
}

static int read_events(struct reader *r, yaml_parser_t *parser, struct onic_err *err)
{
    for (bool done = false; !done;) {
        yaml_event_t e;
        bool parsed = yaml_parser_parse(parser, &e);
        /* libyaml does not always name it; the file may be as good as any */
        if (!parsed && (parser->error == YAML_MEMORY_ERROR || parser->error == YAML_NO_ERROR))
            limits_out_of_memory();
        if (!parsed)
            return err_set(err, ONIC_ECONFIG, "%s:%d: this is not valid YAML: %s", r->name,
                           (int)parser->problem_mark.line + 1,
                           parser->problem ? parser->problem : "unreadable text");
        int rc = on_event(r, &e, err);
        done = e.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&e);
        if (rc)
            return rc;
    }
    return ONIC_OK;
}

static int yaml_read_text(struct config *c, const char *text, size_t len, const char *name,
                          enum config_origin origin, bool stored, struct onic_err *err)
{
    if (len > YAML_BYTES_MAX)
        return err_set(err, ONIC_ECONFIG,
                       "%s has %zu bytes; a configuration may have at most 1 MiB", name, len);
    int encoded = utf8_check(text, len, name, err);
    if (encoded)
        return encoded;
    /* All or nothing: a bad file must not leave half of its values behind. */
    struct config *copy = xmalloc(sizeof *copy);
    *copy = *c;
    struct reader r = {.c = copy, .name = name, .origin = origin, .stored = stored};
    r.file = origin == CONFIG_FILE ? option_remember_file(copy, name) : 0;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) /* it fails of nothing else */
        limits_out_of_memory();
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    int rc = read_events(&r, &parser, err);
    yaml_parser_delete(&parser);
    if (!rc)
        *c = *copy;
    free(copy);
    return rc;
}

int config_read_text(struct config *c, const char *text, size_t len, const char *name,
                     enum config_origin origin, struct onic_err *err)
{
    return yaml_read_text(c, text, len, name, origin, false, err);
}

int config_read_stored(struct config *c, const char *text, size_t len, const char *name,
                       struct onic_err *err)
{
    return yaml_read_text(c, text, len, name, CONFIG_FILE, true, err);
}

static int cannot_be(const char *path, const char *what, int code, struct onic_err *err)
{
    if (code == EACCES)
        return file_unreadable(path, code, err);
    return err_set(err, ONIC_ECONFIG, "the configuration file %s cannot be %s: %s", path, what,
                   strerror(code));
}

/* Where text was expected and something else came. */
static int refuse_other_kind(const char *path, struct onic_err *err)
{
    struct stat st;
    bool regular = stat(path, &st) == 0 && S_ISREG(st.st_mode);
    return regular ? file_kind_refuse(path, "a YAML file", err) : ONIC_OK;
}

int option_read_file(struct config *c, const char *path, int *code, struct onic_err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *f = is_stdin ? stdin : fopen(path, "re");
    *code = f ? 0 : errno;
    if (!f)
        return cannot_be(path, "opened", *code, err);
    char *text = xmalloc(YAML_BYTES_MAX + 1);
    size_t n = fread(text, 1, YAML_BYTES_MAX + 1, f);
    *code = ferror(f) ? errno : 0;
    if (!is_stdin)
        fclose(f);
    int rc = *code || n > YAML_BYTES_MAX || memchr(text, '\0', n) ? refuse_other_kind(path, err)
                                                                  : ONIC_OK;
    if (!rc && *code)
        rc = cannot_be(path, "read", *code, err);
    if (!rc)
        rc = config_read_text(c, text, n, is_stdin ? CONFIG_STDIN_NAME : path, CONFIG_FILE, err);
    free(text);
    return rc;
}
