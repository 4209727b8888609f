/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_STORE_LABEL_WAL_H
#define ONIC_REWARD_SERVER_STORE_LABEL_WAL_H

/* label_wal.h - damage in the write-ahead file of a store, before SQLite meets it.
 *
 * SQLite takes the first frame whose checksum is wrong for the end of the file and passes over what
 * follows without a word. That is right for a write which a power cut broke off, but one flipped
 * bit in the middle costs every label committed after it. Frames say themselves that they belong
 * to the file (salts, and a checksum that goes on from the frame before), so both cases can be told
 * apart, and what follows the damage can be kept: where one word of a frame changed, its checksum
 * tells which and what it was; otherwise the page stays as it is, and the checks of the rows and of
 * the database find what is wrong with it.
 *
 * Format: sqlite.org/fileformat2.html#the_write_ahead_log. */

#include <stdbool.h>
#include <sys/types.h>

#include "common/base/err.h"

struct label_wal {
    int damaged;     /* frames that are damaged, the header counting as one */
    int exact;       /* of these: known what they were */
    off_t at;        /* offset of the first */
    int commits;     /* that SQLite would pass over because of them */
    bool unfinished; /* the last commit is no whole one: broken off, or damaged; it is passed over
                      */
    bool hopeless;   /* there is more damage than can be mended here */
};

/* Looks at the write-ahead file of the store at path; nothing is changed. *out is all 0 where there
 * is none, or nothing is wrong with it. ONIC_EIO and the like: it cannot be read. What a server
 * that writes meanwhile is in the middle of is not taken for damage. */
int label_wal_check(const char *path, struct label_wal *out, struct onic_err *err);
/* Makes the file whose name is `wal` (that of a store, or of a copy) one that SQLite reads to its
 * end, durably. 0, or an errno. */
int label_wal_mend(const char *wal);

#endif /* ONIC_REWARD_SERVER_STORE_LABEL_WAL_H */
