/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_ONNX_NET_H
#define ONIC_DEPLOY_ONNX_NET_H

/* net.h - a policy on its way into a graph: what each part that writes nodes is given, and the
 * layers that the parts share. */

#include "common/policy/plain_fields.h"
#include "common/policy/policy.h"
#include "deploy/onnx/ops.h"

enum { NET_FIELD_NAME_MAX = 160 }; /* a field of OBS_NAME_MAX, and obs_ for each that could be */

struct onnx_net {
    struct onnx_graph *g;
    const struct policy *policy;
    const float *weights; /* [params floats] */
    const char *start;    /* bool [B, 1]: an episode begins */
    /* of net_name_fields */
    char field_name[OBS_FIELDS_MAX][NET_FIELD_NAME_MAX];
};

/* --- names ----------------------------------------------------------------------------------- */

/* What each field is called in the model, before anything else: as it is observed, other characters
 * than letters and digits as _; "obs_" stands before a name that the model or another field has. */
void net_name_fields(struct onnx_net *n);
const char *net_field_name(const struct onnx_net *n, const struct obs_field *f);
/* As onnx_input and onnx_output, of what is no field: the name must be one of those of names.c. */
const char *net_input(const struct onnx_net *n, const char *name, enum onnx_type type, int ndim,
                      const int64_t *dims, const char *doc);
void net_output(const struct onnx_net *n, const char *name, const char *value, int ndim,
                const int64_t *dims, const char *doc); /* of ONNX_FLOAT */

/* --- observation and weights ----------------------------------------------------------------- */

/* The input of a field [B, shape] as it is observed. It must be there. */
const char *net_field(const struct onnx_net *n, const char *name);
/* The same as whole numbers int64 [B, elements]. */
const char *net_field_ints(const struct onnx_net *n, const char *name);
const struct param *net_param(const struct onnx_net *n, const char *name); /* it must be there */
const float *net_values(const struct onnx_net *n, const char *name);
/* A tensor as the constant of its name: [rows, cols], or of one row [cols]. */
const char *net_matrix(const struct onnx_net *n, const char *name);
const char *net_vector(const struct onnx_net *n, const char *name);

/* --- layers: x [B, ...], names of tensors ---------------------------------------------------- */

/* What follows a layer; NULL: nothing, "Relu", "Elu". */
const char *net_dense(const struct onnx_net *n, const char *x, const char *w, const char *b,
                      const char *act);
/* Rows of a table of look-ups with a row of zeros behind the last, for what adds nothing. */
const char *net_table_with_zero(const struct onnx_net *n, const char *table);
/* act(b + sum of the rows index int64 [B, k] of table [R, N]) */
const char *net_gather_sum(const struct onnx_net *n, const char *table, const char *index,
                           const char *b, const char *act);

struct net_conv {
    int k, stride, pad; /* of each direction */
    int dims;           /* 1 or 2 */
};
/* x [B, C, ...] channels first; w [k^dims * C, N], the channel fastest, as the layers of C have
 * it. */
const char *net_conv(const struct onnx_net *n, const char *x, const struct net_conv *c,
                     const char *w, const char *b, const char *act);
/* [B, C, ...] with dims dimensions behind C as [B, features] in the order of C, channel fastest. */
const char *net_flat_channels_last(const struct onnx_net *n, const char *x, int dims);

/* Fields of any kind times their weights, [B, N]: of numbers the matrix `numbers`, of categories
 * the rows of `table`. NULL: there are none. */
const char *net_plain_fields(const struct onnx_net *n, const struct plain_fields *in,
                             const char *numbers, const char *table);

/* --- parts of a policy ----------------------------------------------------------------------- */

/* Adds the inputs of the core's state and of the step before, the core and the outputs of the new
 * state. features [B, E]; returns what the heads read, [B, C]. */
const char *net_core(struct onnx_net *n, const char *features);
void net_heads(const struct onnx_net *n, const char *x);

/* What writes one kind of encoder. */
struct onnx_encoder {
    const char *net; /* as policy.net has it */
    const char *(*emit)(const struct onnx_net *n);
};
/* NULL: there is none for this network. */
const struct onnx_encoder *onnx_encoder_find(const char *net);

#endif /* ONIC_DEPLOY_ONNX_NET_H */
