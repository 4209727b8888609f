/* SPDX-License-Identifier: MIT */
/* ops.c - see ops.h. Operators are used in the form that all of the operator sets 17 to 21 have;
 * the one that changed among these (ReduceMin's axes, set 18) is told apart here. */
#include "deploy/onnx/ops.h"

#include <stdlib.h>

#include "common/base/xmalloc.h"

const char *op1(struct onnx_graph *g, const char *op, const char *a)
{
    return onnx_node(g, op, 1, &a);
}

const char *op2(struct onnx_graph *g, const char *op, const char *a, const char *b)
{
    return onnx_node(g, op, 2, (const char *const[]){a, b});
}

const char *op3(struct onnx_graph *g, const char *op, const char *a, const char *b, const char *c)
{
    return onnx_node(g, op, 3, (const char *const[]){a, b, c});
}

/* --- constants ------------------------------------------------------------------------------- */

const char *op_float(struct onnx_graph *g, float v)
{
    return onnx_constant(g, ONNX_FLOAT, 0, (const int64_t[]){0}, &v);
}

const char *op_double(struct onnx_graph *g, double v)
{
    return onnx_constant(g, ONNX_DOUBLE, 0, (const int64_t[]){0}, &v);
}

const char *op_int(struct onnx_graph *g, int64_t v)
{
    return onnx_constant(g, ONNX_INT64, 0, (const int64_t[]){0}, &v);
}

const char *op_ints(struct onnx_graph *g, int n, const int64_t *v)
{
    return onnx_constant(g, ONNX_INT64, 1, (const int64_t[]){n}, v);
}

const char *op_floats(struct onnx_graph *g, int n, const float *v)
{
    return onnx_constant(g, ONNX_FLOAT, 1, (const int64_t[]){n}, v);
}

const char *op_range(struct onnx_graph *g, int64_t from, int64_t step, int n)
{
    int64_t *v = xcalloc((size_t)n, sizeof *v);
    for (int i = 0; i < n; i++)
        v[i] = from + step * i;
    const char *made = op_ints(g, n, v);
    free(v);
    return made;
}

/* --- shapes ---------------------------------------------------------------------------------- */

const char *op_cast(struct onnx_graph *g, const char *x, enum onnx_type type)
{
    const char *y = op1(g, "Cast", x);
    onnx_attr_int(g, "to", type);
    return y;
}

const char *op_reshape(struct onnx_graph *g, const char *x, int ndim, const int64_t *dims)
{
    return op2(g, "Reshape", x, op_ints(g, ndim, dims));
}

const char *op_flat(struct onnx_graph *g, const char *x, int64_t n)
{
    return op_reshape(g, x, 2, (const int64_t[]){n < 0 ? 0 : -1, n});
}

const char *op_transpose(struct onnx_graph *g, const char *x, int ndim, const int64_t *perm)
{
    const char *y = op1(g, "Transpose", x);
    onnx_attr_ints(g, "perm", ndim, perm);
    return y;
}

const char *op_unsqueeze(struct onnx_graph *g, const char *x, int64_t axis)
{
    return op2(g, "Unsqueeze", x, op_ints(g, 1, &axis));
}

const char *op_slice(struct onnx_graph *g, const char *x, int64_t axis, int64_t from, int64_t to)
{
    return onnx_node(
        g, "Slice", 4,
        (const char *const[]){x, op_ints(g, 1, &from), op_ints(g, 1, &to), op_ints(g, 1, &axis)});
}

const char *op_concat(struct onnx_graph *g, int n, const char *const *x, int64_t axis)
{
    if (n == 1)
        return x[0];
    const char *y = onnx_node(g, "Concat", n, x);
    onnx_attr_int(g, "axis", axis);
    return y;
}

const char *op_gather(struct onnx_graph *g, const char *table, const char *index, int64_t axis)
{
    const char *y = op2(g, "Gather", table, index);
    onnx_attr_int(g, "axis", axis);
    return y;
}

const char *op_pick(struct onnx_graph *g, const char *x, const char *index)
{
    const char *y = op2(g, "GatherElements", x, index);
    onnx_attr_int(g, "axis", 1);
    return y;
}

const char *op_sum(struct onnx_graph *g, const char *x, int64_t axis)
{
    const char *y = op2(g, "ReduceSum", x, op_ints(g, 1, &axis));
    onnx_attr_int(g, "keepdims", 0);
    return y;
}

const char *op_smallest(struct onnx_graph *g, const char *x, int64_t axis)
{
    const char *y;
    if (onnx_opset(g) >= 18) {
        y = op2(g, "ReduceMin", x, op_ints(g, 1, &axis));
    } else {
        y = op1(g, "ReduceMin", x);
        onnx_attr_ints(g, "axes", 1, &axis);
    }
    onnx_attr_int(g, "keepdims", 0);
    return y;
}

/* --- ranges ---------------------------------------------------------------------------------- */

const char *op_clip(struct onnx_graph *g, const char *x, const char *low, const char *high)
{
    return op3(g, "Clip", x, low, high);
}

const char *op_clip_int(struct onnx_graph *g, const char *x, int64_t lo, int64_t hi)
{
    return op_clip(g, x, op_int(g, lo), op_int(g, hi));
}

const char *op_within(struct onnx_graph *g, const char *x, int64_t lo, int64_t hi)
{
    return op2(g, "And", op2(g, "GreaterOrEqual", x, op_int(g, lo)),
               op2(g, "LessOrEqual", x, op_int(g, hi)));
}

const char *op_where(struct onnx_graph *g, const char *when, const char *a, const char *b)
{
    return op3(g, "Where", when, a, b);
}
