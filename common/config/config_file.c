/* SPDX-License-Identifier: MIT */
/* config_file.c - a configuration file by its name; one that is none is answered with what was
 * probably meant. */
#include <errno.h>

#include "common/config/options.h"
#include "common/config/shipped.h"

int config_read_file(struct config *c, const char *path, struct onic_err *err)
{
    struct buf hint;
    int code, rc = option_read_file(c, path, &code, err);
    if (!err || (code != ENOENT && code != EISDIR && code != ENOTDIR))
        return rc;
    buf_init(&hint, 1 << 14);
    shipped_suggest(path, &hint);
    if (hint.len) {
        struct onic_err plain = *err;
        err_set(err, rc, "%.700s%s", plain.msg, hint.data);
    }
    buf_release(&hint);
    return rc;
}
