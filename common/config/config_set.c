/* SPDX-License-Identifier: MIT */
/* config_set.c - one option by its key, whoever owns it: options.def or a plug-in. */
#include "common/config/options.h"

int config_set(struct config *c, const char *key, const char *value, enum config_origin origin,
               const char *where, struct onic_err *err)
{
    int index = option_find(key);
    if (index >= 0)
        return option_set(c, index, value, origin, 0, where, err);
    if (option_is_of_plugin(key))
        return option_set_of_plugin(c, key, value, origin, 0, where, err);
    char near[64];
    option_nearest(key, near);
    if (near[0])
        return err_set(err, ONIC_ECONFIG, "%s: unknown option '%.80s', did you mean '%s'?", where,
                       key, near);
    return err_set(err, ONIC_ECONFIG, "%s: unknown option '%.80s'; --help lists the options", where,
                   key);
}
