/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_ONNX_MODEL_H
#define ONIC_DEPLOY_ONNX_MODEL_H

/* model.h - a policy as an ONNX model: one step of it for a batch of any size (README.md says what
 * goes in and comes out). */

#include "common/base/buf.h"
#include "common/base/err.h"
#include "deploy/onnx/stored_open.h"

/* Appends the file to out. ONIC_ECONFIG: nothing here writes this kind of network, or opset is not
 * one of ONNX_OPSET_MIN to _MAX; ONIC_ELIMIT: larger than out allows. */
int onnx_model_write(const struct stored_policy *p, int opset, struct buf *out,
                     struct onic_err *err);

#endif /* ONIC_DEPLOY_ONNX_MODEL_H */
