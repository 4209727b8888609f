/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_GOALS_YAML_FILE_H
#define ONIC_REWARD_SERVER_GOALS_YAML_FILE_H

/* yaml_file.h - what goal files and prompt files share: a small YAML document that a person edits,
 * and errors that name file and line. Single-threaded. */

#include <yaml.h>

#include "common/base/buf.h"
#include "common/base/err.h"

struct yaml_file {
    const char *path; /* borrowed */
    struct onic_err *err;
    yaml_document_t doc;
    yaml_node_t *root; /* a mapping */
};

/* Appends the whole file to out, whose maximum bounds it. ONIC_ECONFIG in one sentence. */
int yaml_file_read(const char *path, struct buf *out, struct onic_err *err);
/* Parses text. `mapping` completes the sentence when the document is not a mapping. On ONIC_OK the
 * caller calls yaml_file_close, otherwise there is nothing to close. f->path and f->err are set
 * by the caller. */
int yaml_file_parse(struct yaml_file *f, const struct buf *text, const char *mapping);
void yaml_file_close(struct yaml_file *f);

/* Sets ONIC_ECONFIG "path:line: what" with the line of node (NULL: the first). */
int yaml_file_complain(struct yaml_file *f, const yaml_node_t *node, const char *what);
/* Every key of map is one of `known` (separated by spaces; NULL: any word) and given once; else
 * ONIC_ECONFIG that names the key, its line, the nearest known one and all of them. */
int yaml_file_check_keys(struct yaml_file *f, const yaml_node_t *map, const char *known);
/* The text of a scalar, NULL for anything else (and for NULL). */
const char *yaml_file_text(const yaml_node_t *node);
yaml_node_t *yaml_file_node(struct yaml_file *f, int index);

#endif /* ONIC_REWARD_SERVER_GOALS_YAML_FILE_H */
