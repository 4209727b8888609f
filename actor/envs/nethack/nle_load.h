/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_NETHACK_NLE_LOAD_H
#define ONIC_ACTOR_ENVS_NETHACK_NLE_LOAD_H

/* nle_load.h - a private copy of libnethack.so: all of NetHack's state is global, so each
 * environment has its own copy of the library, and the way to a new game is to unload it and load
 * it again.
 *
 * Threads: a copy is used by one thread at a time. */

#include <stdbool.h>
#include <stddef.h>

#include "actor/envs/nethack/nle_abi.h"
#include "common/base/err.h"
#include "common/base/paths.h"

struct nle_files {
    char libnethack[PATHS_MAX]; /* the shared library */
    char nhdat[PATHS_MAX];      /* its data */
};

/* Where NLE lies: `nle` is the option env.nle (a folder, the library, or "" = the package cache).
 * ONIC_ECONFIG names what is missing and how to get it. */
int nle_files_find(struct nle_files *out, const char *nle, struct onic_err *err);

struct nle_lib;

/* Recognises the library and makes a private copy; nothing of it runs yet. ONIC_EINCOMPATIBLE:
 * another generation. */
int nle_lib_open(struct nle_lib **out, const char *library, struct onic_err *err);
void nle_lib_close(struct nle_lib *l); /* NULL is allowed; unloads */

/* Loads the copy with fresh global state; the calls below are valid until nle_lib_unload. */
int nle_lib_load(struct nle_lib *l, struct onic_err *err);
/* ONIC_EINTERNAL when the copy stayed in memory: its next game would run on freed state. */
int nle_lib_unload(struct nle_lib *l, struct onic_err *err);

/* Starts a game of the loaded copy, whichever its generation. Where the library knows no seed of
 * the level layouts (nle_lib_seeds is 2), settings->seeds.lgen is not used. */
void *nle_lib_start(struct nle_lib *l, struct nle_obs *obs, struct nle_settings *settings);
int nle_lib_seeds(const struct nle_lib *l); /* 2: core, disp; 3: and lgen */

struct nle_calls {
    nle_step_fn *step;
    nle_end_fn *end;
};
const struct nle_calls *nle_lib_calls(const struct nle_lib *l);
/* Address of an exported object of the loaded copy, NULL when there is none. */
void *nle_lib_object(const struct nle_lib *l, const char *name);

#endif /* ONIC_ACTOR_ENVS_NETHACK_NLE_LOAD_H */
