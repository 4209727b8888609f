/* SPDX-License-Identifier: MIT */
/* yaml_file.c - reading a YAML file into nodes, complaining with file and line. */
#include "reward_server/goals/yaml_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/file_kind.h"
#include "common/base/limits.h"
#include "common/base/utf8.h"
#include "common/config/options.h"

enum { DEPTH_MAX = 32, KEYS_MAX = 2000 };

int yaml_file_read(const char *path, struct buf *out, struct onic_err *err)
{
    FILE *f = fopen(path, "rb");
    if (!f && errno == EACCES) /* a permission is no mistake in a file */
        return file_unreadable(path, errno, err);
    if (!f)
        return err_set(err, ONIC_ECONFIG, "cannot read %s: %s", path, strerror(errno));
    char chunk[4096];
    size_t n;
    int rc = ONIC_OK;
    while (!rc && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
        rc = buf_append(out, chunk, n);
    if (ferror(f))
        rc = err_set(err, ONIC_ECONFIG, "cannot read %s: %s", path, strerror(errno));
    else if (rc)
        err_set(err, rc = ONIC_ECONFIG, "%s is larger than %zu bytes", path, out->max);
    fclose(f);
    return rc;
}

int yaml_file_complain(struct yaml_file *f, const yaml_node_t *node, const char *what)
{
    return err_set(f->err, ONIC_ECONFIG, "%s:%d: %s", f->path,
                   (int)(node ? node->start_mark.line + 1 : 1), what);
}

static bool is_word_of(const char *word, const char *list)
{
    size_t len = strlen(word);
    for (list += strspn(list, " "); *list; list += strspn(list, " ")) {
        size_t n = strcspn(list, " ");
        if (n == len && memcmp(list, word, n) == 0)
            return true;
        list += n;
    }
    return false;
}

static int unknown_key(struct yaml_file *f, const yaml_node_t *node, const char *known)
{
    char near[64], what[700];
    const char *key = yaml_file_text(node);
    if (!key || !known)
        return yaml_file_complain(f, node, "a key belongs here, one word before a colon");
    option_nearest_of(key, known, near);
    snprintf(what, sizeof what, "unknown key '%.80s'%s%s%s known here: %s", key,
             near[0] ? ", did you mean '" : ";", near, near[0] ? "'?" : "", known);
    return yaml_file_complain(f, node, what);
}

/* Each of them is compared with those before it. */
static int yaml_file_count_keys(struct yaml_file *f, const yaml_node_t *map)
{
    char what[80];
    long n = map->data.mapping.pairs.top - map->data.mapping.pairs.start;
    snprintf(what, sizeof what, "%ld keys in one place; at most %d are read", n, KEYS_MAX);
    return n > KEYS_MAX ? yaml_file_complain(f, map, what) : ONIC_OK;
}

int yaml_file_check_keys(struct yaml_file *f, const yaml_node_t *map, const char *known)
{
    int rc = yaml_file_count_keys(f, map);
    if (rc)
        return rc;
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *node = yaml_file_node(f, p->key);
        const char *key = yaml_file_text(node);
        if (!key || !key[0] || (known && !is_word_of(key, known)))
            return unknown_key(f, node, known);
        for (yaml_node_pair_t *q = map->data.mapping.pairs.start; q < p; q++) {
            char what[160];
            const yaml_node_t *first = yaml_file_node(f, q->key);
            snprintf(what, sizeof what,
                     "the key '%.80s' is given twice, first in line %d; keep one", key,
                     (int)first->start_mark.line + 1);
            if (strcmp(key, yaml_file_text(first)) == 0)
                return yaml_file_complain(f, node, what);
        }
    }
    return ONIC_OK;
}

const char *yaml_file_text(const yaml_node_t *node)
{
    return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

yaml_node_t *yaml_file_node(struct yaml_file *f, int index)
{
    return yaml_document_get_node(&f->doc, index);
}

/* libyaml takes a time that grows with the square of the depth, and what is meant here has few
 * levels. What it cannot read is left to be said by the second reading. */
static int yaml_file_check_depth(struct yaml_file *f, const struct buf *text)
{
    yaml_parser_t parser;
    int depth = 0, line = 0;
    if (!yaml_parser_initialize(&parser)) /* it fails of nothing else */
        limits_out_of_memory();
    yaml_parser_set_input_string(&parser, (const unsigned char *)text->data, text->len);
    for (bool done = false; !done && depth <= DEPTH_MAX;) {
        yaml_event_t e;
        if (!yaml_parser_parse(&parser, &e))
            break;
        done = e.type == YAML_STREAM_END_EVENT;
        depth += e.type == YAML_SEQUENCE_START_EVENT || e.type == YAML_MAPPING_START_EVENT;
        depth -= e.type == YAML_SEQUENCE_END_EVENT || e.type == YAML_MAPPING_END_EVENT;
        line = (int)e.start_mark.line + 1;
        yaml_event_delete(&e);
    }
    yaml_parser_delete(&parser);
    return depth > DEPTH_MAX ? err_set(f->err, ONIC_ECONFIG, "%s:%d: more than %d levels deep",
                                       f->path, line, DEPTH_MAX)
                             : ONIC_OK;
}

int yaml_file_parse(struct yaml_file *f, const struct buf *text, const char *mapping)
{
    yaml_parser_t parser;
    int encoded = utf8_check(text->data, text->len, f->path, f->err);
    if (!encoded)
        encoded = yaml_file_check_depth(f, text);
    if (encoded)
        return encoded;
    if (!yaml_parser_initialize(&parser)) /* it fails of nothing else */
        limits_out_of_memory();
    yaml_parser_set_input_string(&parser, (const unsigned char *)text->data, text->len);
    int rc = ONIC_OK;
    bool loaded = yaml_parser_load(&parser, &f->doc);
    /* libyaml does not always name it; the file may be as good as any */
    if (!loaded && (parser.error == YAML_MEMORY_ERROR || parser.error == YAML_NO_ERROR))
        limits_out_of_memory();
    if (!loaded) {
        rc = err_set(f->err, ONIC_ECONFIG, "%s:%d: %s", f->path, (int)parser.problem_mark.line + 1,
                     parser.problem ? parser.problem : "not YAML");
        yaml_parser_delete(&parser);
        return rc;
    }
    yaml_parser_delete(&parser);
    f->root = yaml_document_get_root_node(&f->doc);
    if (f->root && f->root->type == YAML_MAPPING_NODE)
        return ONIC_OK;
    rc = yaml_file_complain(f, f->root, mapping);
    yaml_document_delete(&f->doc);
    return rc;
}

void yaml_file_close(struct yaml_file *f)
{
    yaml_document_delete(&f->doc);
}
