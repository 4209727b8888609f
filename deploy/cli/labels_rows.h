/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_LABELS_ROWS_H
#define ONIC_DEPLOY_CLI_LABELS_ROWS_H

/* labels_rows.h - the durable label store of a run, counted, read and added to.
 *
 * Reading goes to the file, also while a server writes it: every label is durable there before
 * anybody hears of it, so the file is never behind. Counting asks the running server first all the
 * same, because a store may lie on another machine's disk. Captions are bytes of a game; in JSON
 * each byte is the Latin-1 character of that number, and import turns it back. */

#include <stdbool.h>
#include <stdio.h>

#include "common/base/err.h"

struct label_store;

/* Prints how many labels there are. address: of the server, "" = none runs; path: of the store;
 * keys: a folder of keys for the server, "" = none (keys.h). */
int labels_count(const char *path, const char *address, const char *keys, struct onic_err *err);
/* Text, with abstentions, or JSON lines, answers only. file: "" or "-" = stdout. */
int labels_write(const char *path, bool json, const char *file, struct onic_err *err);
/* Adds the JSON lines of a file to the store; "" or "-" = stdin. Labels that are there stay, and
 * whole groups before a bad line are kept. labels_import.c */
int labels_import(const char *path, const char *file, struct onic_err *err);
/* The two halves of it. A file that is none of labels is refused before a store is touched. */
struct labels_lines {
    FILE *from;
    const char *name; /* for sentences */
    int lines, added; /* so far: read, and labels that are new in the store */
};
int labels_lines_open(struct labels_lines *out, const char *file, struct onic_err *err);
void labels_lines_close(struct labels_lines *l);
int labels_import_lines(struct label_store *store, struct labels_lines *l, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_LABELS_ROWS_H */
