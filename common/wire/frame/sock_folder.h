/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_FRAME_SOCK_FOLDER_H
#define ONIC_COMMON_WIRE_FRAME_SOCK_FOLDER_H

/* sock_folder.h - a private folder for ipc:// sockets. */

#include "common/base/scratch.h"

/* In the first of `first` (the run directory; may be NULL), $XDG_RUNTIME_DIR, $TMPDIR and /tmp that
 * is writable, whose file system knows sockets, and whose path leaves room: a socket's may have 107
 * bytes. ONIC_ECANTCREATE says why for each. */
int sock_folder_create(struct scratch *s, const char *first, struct onic_err *err);
/* Whether an ipc:// address lies in such a folder, which who made it makes again within a second
 * when a cleaner of old files has removed it (scratch_keep). */
bool sock_folder_holds(const char *address);

#endif /* ONIC_COMMON_WIRE_FRAME_SOCK_FOLDER_H */
