/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_FILE_OWNER_H
#define ONIC_COMMON_BASE_FILE_OWNER_H

/* file_owner.h - whose word a file is. */

#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether another user may change the file or give it away: it is neither this user's nor root's,
 * who may do everything anyway. */
static inline bool file_owner_is_another(const struct stat *st)
{
    return st->st_uid != geteuid() && st->st_uid != 0;
}

#endif /* ONIC_COMMON_BASE_FILE_OWNER_H */
