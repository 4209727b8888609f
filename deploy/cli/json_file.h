/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_JSON_FILE_H
#define ONIC_DEPLOY_CLI_JSON_FILE_H

/* json_file.h - JSON documents in folders that somebody may have handed on. */

#include <jansson.h>
#include <stddef.h>

#include "common/base/err.h"

/* *out is NULL unless it succeeds; json_decref it. ONIC_ENOTFOUND: there is none. What
 * file_unreadable says of a pipe or of a file that may not be read; ONIC_EDAMAGED: it is no JSON
 * document, or has more than max bytes. */
int json_file_read(json_t **out, const char *path, size_t max, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_JSON_FILE_H */
