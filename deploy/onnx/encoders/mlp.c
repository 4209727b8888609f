/* SPDX-License-Identifier: MIT */
/* mlp.c - the network mlp: short byte fields are looked up, everything else becomes numbers as
 * common/policy/encoders/mlp says. Where C computes in double, so does the model. */
#include <string.h>

#include "common/policy/obs_norm.h"
#include "deploy/onnx/net.h"

extern const struct onnx_encoder onnx_encoder_mlp;

enum { CATEGORY_FIELD_MAX = 16, CATEGORIES = 256 };

static bool onnx_mlp_category(const struct obs_field *f)
{
    return f->type == OBS_U8 && obs_field_count(f) <= CATEGORY_FIELD_MAX;
}

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

static const char *emit_mlp(const struct onnx_net *n)
{
    const struct obs_spec *obs = &policy_config(n->policy)->obs;
    struct onnx_graph *g = n->g;
    const char *category[OBS_FIELDS_MAX], *number[OBS_FIELDS_MAX], *sum = NULL;
    int categories = 0, places = 0, numbers = 0, reals = 0;
    for (int i = 0; i < obs->nfields; i++) {
        const struct obs_field *f = &obs->field[i];
        if (onnx_mlp_category(f)) {
            category[categories++] = net_field_ints(n, f->name);
            places += obs_field_count(f);
        } else {
            number[numbers++] = numbers_of(n, f, &reals);
        }
    }
    if (numbers)
        sum = op2(g, "MatMul", op_concat(g, numbers, number, 1), net_matrix(n, "mlp.w1"));
    if (categories) {
        const char *rows = op_concat(g, categories, category, 1);
        rows = op2(g, "Add", rows, op_range(g, 0, CATEGORIES, places));
        const char *looked_up = op_sum(g, op_gather(g, net_matrix(n, "mlp.table"), rows, 0), 1);
        sum = sum ? op2(g, "Add", sum, looked_up) : looked_up;
    }
    const char *x = op1(g, "Relu", op2(g, "Add", sum, net_vector(n, "mlp.b1")));
    return net_dense(n, x, "mlp.w2", "mlp.b2", "Relu");
}

const struct onnx_encoder onnx_encoder_mlp = {"mlp", emit_mlp};
