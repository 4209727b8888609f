/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_ONNX_STORED_OPEN_H
#define ONIC_DEPLOY_ONNX_STORED_OPEN_H

/* stored_open.h - the policy of a checkpoint out of the file alone: no environment is made, so
 * neither NetHack's library nor a plug-in has to be there, and no code that a file names is run. */

#include <stdint.h>

#include "common/base/err.h"
#include "common/checkpoint/checkpoint.h"
#include "common/policy/env_describe.h"
#include "common/policy/policy.h"

struct stored_policy {
    struct policy *policy;
    float *weights; /* [params floats] */
    uint64_t weights_version, env_steps;
    struct env_description env; /* that it was trained in */
};

/* ONIC_EDAMAGED where the file lacks a part or has a bad one, ONIC_ECONFIG where this program makes
 * another network of its options. *out is closed with stored_policy_close, also after a failure. */
int stored_policy_open(struct stored_policy *out, const struct checkpoint_file *file,
                       struct onic_err *err);
void stored_policy_close(struct stored_policy *p);

#endif /* ONIC_DEPLOY_ONNX_STORED_OPEN_H */
