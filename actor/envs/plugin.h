/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_PLUGIN_H
#define ONIC_ACTOR_ENVS_PLUGIN_H

/* plugin.h - an environment family out of a shared object, whose contract is onic_env.h. */

#include "actor/envs/env.h"

/* Loads the file and checks ABI, sizes and what must be there. *out is valid for the life of the
 * process: a shared object is never unloaded, because its functions may be in use. ONIC_ECONFIG
 * says what is wrong with the file. */
int env_plugin_open(const struct env_family **out, const char *path, struct onic_err *err);
/* Of a family that is not taken in after all; its shared object stays loaded. */
void env_plugin_forget(const struct env_family *family);
/* True for a family that came from env_plugin_open. */
bool env_plugin_made(const struct env_family *family);

#endif /* ONIC_ACTOR_ENVS_PLUGIN_H */
