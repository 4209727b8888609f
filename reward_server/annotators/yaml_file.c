/* SPDX-License-Identifier: MIT */
/* yaml_file.c - reading a YAML file into nodes, complaining with file and line. */
#include "reward_server/annotators/yaml_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int yaml_file_read(const char *path, struct buf *out, struct onic_err *err)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return err_set(err, ONIC_ECONFIG, "cannot read %s: %s", path, strerror(errno));
    char chunk[4096];
    size_t n;
    int rc = ONIC_OK;
    while (rc == ONIC_OK && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
        rc = buf_append(out, chunk, n);
    if (ferror(f))
        rc = err_set(err, ONIC_ECONFIG, "cannot read %s: %s", path, strerror(errno));
    else if (rc != ONIC_OK)
        err_set(err, rc = ONIC_ECONFIG, "%s is larger than %zu bytes", path, out->max);
    fclose(f);
    return rc;
}

int yaml_file_complain(struct yaml_file *f, const yaml_node_t *node, const char *what)
{
    return err_set(f->err, ONIC_ECONFIG, "%s:%d: %s", f->path,
                   (int)(node ? node->start_mark.line + 1 : 1), what);
}

const char *yaml_file_text(const yaml_node_t *node)
{
    return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

yaml_node_t *yaml_file_node(struct yaml_file *f, int index)
{
    return yaml_document_get_node(&f->doc, index);
}

int yaml_file_parse(struct yaml_file *f, const struct buf *text, const char *mapping)
{
    yaml_parser_t parser;
    ONIC_ASSERT(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)text->data, text->len);
    int rc = ONIC_OK;
    if (!yaml_parser_load(&parser, &f->doc)) {
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
