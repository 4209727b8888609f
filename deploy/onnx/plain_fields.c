/* SPDX-License-Identifier: MIT */
/* plain_fields.c - fields of any kind as inputs of a dense layer: short byte fields are looked up,
 * everything else becomes numbers as common/policy/plain_fields.h says. Where C computes in double,
 * so does the model. */
#include "common/policy/plain_fields.h"

#include "deploy/onnx/net.h"

static const char *scaled(struct onnx_graph *g, const char *x, float by)
{
    return op2(g, "Mul", op_cast(g, x, ONNX_FLOAT), op_float(g, by));
}

/* sign(v) log(1 + |v|) */
static const char *logarithm(struct onnx_graph *g, const char *x)
{
    x = op_cast(g, x, ONNX_DOUBLE);
    const char *size = op1(g, "Log", op2(g, "Add", op1(g, "Abs", x), op_double(g, 1)));
    return op_cast(g, op2(g, "Mul", size, op1(g, "Sign", x)), ONNX_FLOAT);
}

static const char *limited_real(struct onnx_graph *g, const char *x, double most)
{
    return op_clip(g, x, op_double(g, -most), op_double(g, most));
}

/* from: the field's place in mean and scale. */
static const char *real(const struct onnx_net *n, const char *x, int from, int count)
{
    struct onnx_graph *g = n->g;
    x = op_cast(g, x, ONNX_DOUBLE);
    const char *bad = op2(g, "Or", op1(g, "IsNaN", x), op1(g, "IsInf", x));
    if (obs_norm_find(policy_params(n->policy)).count) {
        const char *mean = op_cast(g, net_vector(n, "obs_norm.mean"), ONNX_DOUBLE);
        const char *scale = op_cast(g, net_vector(n, "obs_norm.scale"), ONNX_DOUBLE);
        x = op2(g, "Sub", x, op_slice(g, mean, 0, from, from + count));
        x = op2(g, "Mul", x, op_slice(g, scale, 0, from, from + count));
        x = limited_real(g, x, OBS_NORM_CLIP);
    } else {
        x = limited_real(g, x, 1000);
    }
    return op_cast(g, op_where(g, bad, op_double(g, 0), x), ONNX_FLOAT);
}

static const char *numbers_of(const struct onnx_net *n, const struct obs_field *f, int *reals)
{
    int count = obs_field_count(f);
    const char *x = op_flat(n->g, net_field(n, f->name), count);
    if (f->type == OBS_F32) {
        *reals += count;
        return real(n, x, *reals - count, count);
    }
    if (f->type == OBS_U8 && f->ndim == 3)
        return scaled(n->g, x, 1.0f / 255.0f);
    return f->type == OBS_I8 ? scaled(n->g, x, 1.0f / 128.0f) : logarithm(n->g, x);
}

const char *net_plain_fields(const struct onnx_net *n, const struct plain_fields *in,
                             const char *numbers, const char *table)
{
    struct onnx_graph *g = n->g;
    const char *category[OBS_FIELDS_MAX], *number[OBS_FIELDS_MAX], *sum = NULL;
    int categories = 0, numbered = 0, reals = 0;
    for (int i = 0; i < in->count; i++) {
        const struct obs_field *f = &in->field[i];
        if (plain_fields_is_category(f))
            category[categories++] = net_field_ints(n, f->name);
        else
            number[numbered++] = numbers_of(n, f, &reals);
    }
    if (numbered)
        sum = op2(g, "MatMul", op_concat(g, numbered, number, 1), net_matrix(n, numbers));
    if (!categories)
        return sum;
    const char *rows = op_concat(g, categories, category, 1);
    rows = op2(g, "Add", rows, op_range(g, 0, PLAIN_CATEGORIES, in->places));
    const char *looked_up = op_sum(g, op_gather(g, net_matrix(n, table), rows, 0), 1);
    return sum ? op2(g, "Add", sum, looked_up) : looked_up;
}
