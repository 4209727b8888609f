/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_CONFIG_OPTIONS_H
#define ONIC_COMMON_CONFIG_OPTIONS_H

/* options.h - every options.def as one table of rows; private to common/config. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config/config.h"

enum option_type { OPTION_INT, OPTION_REAL, OPTION_BOOL, OPTION_STR, OPTION_CHOICE };

struct option {
    const char *section, *name, *who, *help;
    enum option_type type;
    size_t offset; /* of the field in struct config */
    int64_t int_def, int_min, int_max;
    double real_def, real_min, real_max;
    bool bool_def;
    const char *str_def;
    const char *choices; /* "a|b|c"; NULL but for OPTION_CHOICE */
    int choice_def;      /* which of them, counted from 0; so the field too, as an enum */
};

extern const struct option option_rows[CONFIG_COUNT];

/* Index of "section.name", or -1. */
int option_find(const char *key);
void option_key(int index, char out[64]); /* "section.name" */
void option_env(int index, char out[64]); /* "ONIC_SECTION_NAME" */
/* The row that is shown after row i: those of a section together, in whatever files they stand; the
 * sections in the order of their first rows. -1: the first; CONFIG_COUNT: there is none. */
int option_next(int i);
/* A variable that Kubernetes makes for a Service or Docker for a link, told by the shapes of its
 * name and value. */
bool option_env_is_injected(const char *name, const char *value);
bool option_is_section(const char *name);
/* The known key nearest to a misspelt one, or "" when nothing is near. A bare "lr" finds
 * "train.lr". */
void option_nearest(const char *key, char out[64]);
/* Edit distance with neighbour swaps; the length of the longer one when either has more than 63
 * bytes. */
int option_distance(const char *a, const char *b);
/* Letters and digits of a name, small, without a version ("-v0") at its end: the same word however
 * it is spelt. Cut at size. */
void option_fold(const char *name, char *out, size_t size);
/* The word of a list (between spaces or commas) that `word` is probably a slip of; "" when none is
 * near. */
void option_nearest_of(const char *word, const char *list, char out[64]);

/* A value as text, as config_set reads it back; reals with the fewest digits that give the same
 * number. */
void option_text(const struct config *c, int index, char out[CONFIG_STR_MAX]);

/* config_set for a row already found; records where the value came from. */
int option_set(struct config *c, int index, const char *value, enum config_origin origin, int file,
               const char *where, struct onic_err *err);

/* yaml.c: config_read_file without a suggestion. *code: errno where the file cannot be opened or
 * read, else 0. */
int option_read_file(struct config *c, const char *path, int *code, struct onic_err *err);

/* plugin_options.c: "plugin.size", an option that only a plug-in knows; it is a pair of
 * env.options. */
bool option_is_of_plugin(const char *key);
int option_set_of_plugin(struct config *c, const char *key, const char *value,
                         enum config_origin origin, int file, const char *where,
                         struct onic_err *err);

/* secret_text.c: the value holds a password (http://user:password@host) or a key (?key=...,
 * api_key=... of a plug-in, TOKEN=... of a command). It would be written into config.yaml, logs and
 * records. */
bool option_holds_secret(int index, const char *value);
/* Where it belongs instead, for the sentence that refuses it. */
const char *option_secret_place(int index);

/* The slot of name in origin_file; the last slot is shared when there are too many. */
int option_remember_file(struct config *c, const char *name);

#endif /* ONIC_COMMON_CONFIG_OPTIONS_H */
