/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_ONNX_OPS_H
#define ONIC_DEPLOY_ONNX_OPS_H

/* ops.h - single operators with their attributes and constants, for who writes graphs (graph.h).
 * Each adds nodes and returns the value that comes out. */

#include "deploy/onnx/graph.h"

const char *op1(struct onnx_graph *g, const char *op, const char *a);
const char *op2(struct onnx_graph *g, const char *op, const char *a, const char *b);
const char *op3(struct onnx_graph *g, const char *op, const char *a, const char *b, const char *c);

/* Constants: a number, or a vector. */
const char *op_float(struct onnx_graph *g, float v);
const char *op_double(struct onnx_graph *g, double v);
const char *op_int(struct onnx_graph *g, int64_t v);
const char *op_ints(struct onnx_graph *g, int n, const int64_t *v);
const char *op_floats(struct onnx_graph *g, int n, const float *v);
/* from, from + step, ... */
const char *op_range(struct onnx_graph *g, int64_t from, int64_t step, int n);

const char *op_cast(struct onnx_graph *g, const char *x, enum onnx_type type);
/* dims: 0 keeps the dimension at this place, -1 is what is left. */
const char *op_reshape(struct onnx_graph *g, const char *x, int ndim, const int64_t *dims);
/* [B, ...] as [B, n]; n = -1: whatever there is. */
const char *op_flat(struct onnx_graph *g, const char *x, int64_t n);
const char *op_transpose(struct onnx_graph *g, const char *x, int ndim, const int64_t *perm);
const char *op_unsqueeze(struct onnx_graph *g, const char *x, int64_t axis);
/* Elements from..to-1 of an axis. */
const char *op_slice(struct onnx_graph *g, const char *x, int64_t axis, int64_t from, int64_t to);
const char *op_concat(struct onnx_graph *g, int n, const char *const *x, int64_t axis);
/* Rows of a table, or (axis 1) columns of each row of a batch. */
const char *op_gather(struct onnx_graph *g, const char *table, const char *index, int64_t axis);
/* x [B, n], index [B, k]: element index[b, i] of row b. */
const char *op_pick(struct onnx_graph *g, const char *x, const char *index);
/* Over one axis, which is gone afterwards. */
const char *op_sum(struct onnx_graph *g, const char *x, int64_t axis);
const char *op_smallest(struct onnx_graph *g, const char *x, int64_t axis);

/* Integers [lo, hi], floats; low and high are constants. */
const char *op_clip(struct onnx_graph *g, const char *x, const char *low, const char *high);
const char *op_clip_int(struct onnx_graph *g, const char *x, int64_t lo, int64_t hi);
/* bool: lo <= x <= hi, whole numbers. */
const char *op_within(struct onnx_graph *g, const char *x, int64_t lo, int64_t hi);
/* Where `when` holds a, else b. */
const char *op_where(struct onnx_graph *g, const char *when, const char *a, const char *b);

#endif /* ONIC_DEPLOY_ONNX_OPS_H */
