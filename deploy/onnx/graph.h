/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_ONNX_GRAPH_H
#define ONIC_DEPLOY_ONNX_GRAPH_H

/* graph.h - an ONNX graph under construction: values, nodes, constants; and the file it becomes.
 *
 * A value is its name, a string that belongs to the graph and lives as long as it; what makes a
 * value returns it, what reads one takes it. Values in between are unique without the caller's
 * help: they are "<scope>/<operator>_<number>". Inputs, outputs and named constants share one space
 * of names with them, and a second one of a name is refused, by an assertion. Nothing here can
 * fail: a graph that readers refuse is a bug, and the tests ask the published checker.
 *
 * Letters of shapes: B the batch, a dimension that stays open. One thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

enum { ONNX_OPSET_MIN = 17, ONNX_OPSET_MAX = 21, ONNX_DIMS_MAX = 6 };
#define ONNX_BATCH (-1) /* as a dimension: B */

/* Numbers of TensorProto.DataType. */
enum onnx_type {
    ONNX_FLOAT = 1,
    ONNX_UINT8 = 2,
    ONNX_INT8 = 3,
    ONNX_INT16 = 5,
    ONNX_INT32 = 6,
    ONNX_INT64 = 7,
    ONNX_BOOL = 9,
    ONNX_DOUBLE = 11
};

struct onnx_graph;

struct onnx_graph *onnx_graph_create(int opset); /* ONNX_OPSET_MIN to _MAX */
/* The body of a Scan: its values may not be named as those around it, so it has a scope. */
struct onnx_graph *onnx_body_create(const struct onnx_graph *around, const char *scope);
void onnx_graph_free(struct onnx_graph *g); /* NULL is allowed */
int onnx_opset(const struct onnx_graph *g);
/* First part of the names of what is made from now on; a string that outlives the graph. */
void onnx_scope(struct onnx_graph *g, const char *scope);

/* An input of the model; doc: a line for people, NULL: none. */
const char *onnx_input(struct onnx_graph *g, const char *name, enum onnx_type type, int ndim,
                       const int64_t *dims, const char *doc);
void onnx_output(struct onnx_graph *g, const char *name, const char *value, enum onnx_type type,
                 int ndim, const int64_t *dims, const char *doc);
/* A constant of this name; data is copied. A second one of the same name is the first (it must be
 * equal). */
const char *onnx_tensor(struct onnx_graph *g, const char *name, enum onnx_type type, int ndim,
                        const int64_t *dims, const void *data);
/* A constant without a name of its own; equal ones are one. */
const char *onnx_constant(struct onnx_graph *g, enum onnx_type type, int ndim, const int64_t *dims,
                          const void *data);

/* One operator; returns its first output. */
const char *onnx_node(struct onnx_graph *g, const char *op, int inputs, const char *const *input);
/* Another output of the newest node. */
const char *onnx_more(struct onnx_graph *g);
/* Attributes of the newest node. */
void onnx_attr_int(struct onnx_graph *g, const char *name, int64_t v);
void onnx_attr_float(struct onnx_graph *g, const char *name, float v);
void onnx_attr_ints(struct onnx_graph *g, const char *name, int n, const int64_t *v);
/* body is taken over. */
void onnx_attr_graph(struct onnx_graph *g, const char *name, struct onnx_graph *body);

/* A fact of the model, for programs that read it. */
void onnx_fact(struct onnx_graph *g, const char *key, const char *value);
/* Appends the file. name: of the graph. False: it is larger than out allows. */
bool onnx_write(struct onnx_graph *g, const char *name, const char *doc, struct buf *out);

#endif /* ONIC_DEPLOY_ONNX_GRAPH_H */
