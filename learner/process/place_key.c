/* SPDX-License-Identifier: MIT */
/* place_key.c - see place_key.h. */
#include "learner/process/place_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/base/private_file.h"

int place_key_of_run(const char *run_dir, uint8_t key[PLACE_KEY_LEN], struct onic_err *err)
{
    char path[PATHS_MAX];
    if (snprintf(path, sizeof path, "%s/places.key", run_dir) >= (int)sizeof path)
        return err_set(err, ONIC_ECONFIG, "run.dir is longer than a path may be");
    if (private_file_read(path, key, PLACE_KEY_LEN))
        return ONIC_OK;
    if (access(path, F_OK) == 0)
        log_warn("the key of the actors' places cannot be used: it is not ours, not for us alone, "
                 "or cut off; a new one is made, and actors that live have to be started again",
                 kv("file", (const char *)path));
    if (getrandom(key, PLACE_KEY_LEN, 0) != PLACE_KEY_LEN)
        return err_set(err, ONIC_EIO, "the system gives no random numbers: %s", strerror(errno));
    return private_file_write(path, key, PLACE_KEY_LEN, err);
}
