/* SPDX-License-Identifier: MIT */
/* graph.c - see graph.h. The messages of proto/onnx_subset.proto are built directly and packed at
 * the end; all memory of a graph hangs on one list and goes with it. */
#include "deploy/onnx/graph.h"

#include <onnx_subset.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/xmalloc.h"
#include "generated/onic_version.h"

enum onnx_attribute_type {
    ATTRIBUTE_FLOAT = 1,
    ATTRIBUTE_INT = 2,
    ATTRIBUTE_GRAPH = 5,
    ATTRIBUTE_INTS = 7
};

/* A block in front of what it holds. */
struct onnx_block {
    struct onnx_block *next;
    max_align_t data[];
};

struct onnx_graph {
    int opset, values;
    const char *scope;
    struct onnx_block *blocks;
    Onic__Onnx__Graph graph;
    Onic__Onnx__Model model;
    struct onnx_graph *bodies; /* taken over, linked by `next` */
    struct onnx_graph *next;
};

static void *onnx_alloc(struct onnx_graph *g, size_t bytes)
{
    struct onnx_block *b = xcalloc(1, sizeof *b + bytes);
    b->next = g->blocks;
    g->blocks = b;
    return b->data;
}

static void *onnx_copy(struct onnx_graph *g, const void *data, size_t bytes)
{
    void *copy = onnx_alloc(g, bytes);
    memcpy(copy, data, bytes);
    return copy;
}

static char *onnx_string(struct onnx_graph *g, const char *text)
{
    return onnx_copy(g, text, strlen(text) + 1);
}

/* One more pointer in a message's list, whose room is the next power of two. */
static void onnx_append(size_t *n, void *list, void *item)
{
    void **items;
    memcpy(&items, list, sizeof items);
    if ((*n & (*n - 1)) == 0)
        items = xrealloc(items, (*n ? 2 * *n : 1) * sizeof *items);
    items[(*n)++] = item;
    memcpy(list, &items, sizeof items);
}

#define ONNX_NEW(g, message, init) onnx_copy(g, &(const message)init, sizeof(message))

/* --- life ------------------------------------------------------------------------------------ */

struct onnx_graph *onnx_graph_create(int opset)
{
    ONIC_ASSERT(opset >= ONNX_OPSET_MIN && opset <= ONNX_OPSET_MAX);
    struct onnx_graph *g = xcalloc(1, sizeof *g);
    g->opset = opset;
    g->scope = "model";
    onic__onnx__graph__init(&g->graph);
    onic__onnx__model__init(&g->model);
    return g;
}

struct onnx_graph *onnx_body_create(const struct onnx_graph *around, const char *scope)
{
    struct onnx_graph *g = onnx_graph_create(around->opset);
    g->scope = scope;
    return g;
}

void onnx_graph_free(struct onnx_graph *g)
{
    if (!g)
        return;
    while (g->bodies) {
        struct onnx_graph *body = g->bodies;
        g->bodies = body->next;
        onnx_graph_free(body);
    }
    for (size_t i = 0; i < g->graph.n_node; i++) {
        free(g->graph.node[i]->input);
        free(g->graph.node[i]->output);
        free(g->graph.node[i]->attribute);
    }
    free(g->graph.node);
    free(g->graph.initializer);
    free(g->graph.input);
    free(g->graph.output);
    free(g->model.metadata_props);
    while (g->blocks) {
        struct onnx_block *next = g->blocks->next;
        free(g->blocks);
        g->blocks = next;
    }
    free(g);
}

int onnx_opset(const struct onnx_graph *g)
{
    return g->opset;
}

void onnx_scope(struct onnx_graph *g, const char *scope)
{
    g->scope = scope;
}

/* --- values ---------------------------------------------------------------------------------- */

static char *onnx_name(struct onnx_graph *g, const char *what)
{
    char name[160];
    snprintf(name, sizeof name, "%s/%s_%d", g->scope, what, g->values++);
    return onnx_string(g, name);
}

static Onic__Onnx__Shape *onnx_shape(struct onnx_graph *g, int ndim, const int64_t *dims)
{
    Onic__Onnx__Shape *shape = ONNX_NEW(g, Onic__Onnx__Shape, ONIC__ONNX__SHAPE__INIT);
    shape->n_dim = (size_t)ndim;
    shape->dim = onnx_alloc(g, (size_t)ndim * sizeof(void *));
    for (int i = 0; i < ndim; i++) {
        Onic__Onnx__Dimension *d = ONNX_NEW(g, Onic__Onnx__Dimension, ONIC__ONNX__DIMENSION__INIT);
        if (dims[i] == ONNX_BATCH)
            d->dim_param = onnx_string(g, "batch");
        else {
            d->has_dim_value = 1;
            d->dim_value = dims[i];
        }
        shape->dim[i] = d;
    }
    return shape;
}

static Onic__Onnx__ValueInfo *onnx_value_info(struct onnx_graph *g, const char *name,
                                              enum onnx_type type, int ndim, const int64_t *dims,
                                              const char *doc)
{
    Onic__Onnx__ValueInfo *v = ONNX_NEW(g, Onic__Onnx__ValueInfo, ONIC__ONNX__VALUE_INFO__INIT);
    Onic__Onnx__TensorType *t = ONNX_NEW(g, Onic__Onnx__TensorType, ONIC__ONNX__TENSOR_TYPE__INIT);
    v->name = onnx_string(g, name);
    v->doc_string = doc ? onnx_string(g, doc) : NULL;
    v->type = ONNX_NEW(g, Onic__Onnx__Type, ONIC__ONNX__TYPE__INIT);
    v->type->tensor_type = t;
    t->has_elem_type = 1;
    t->elem_type = (int32_t)type;
    t->shape = onnx_shape(g, ndim, dims);
    return v;
}

/* What has this name already, of those that are not numbered. */
static bool onnx_named(const struct onnx_graph *g, const char *name)
{
    bool there = false;
    for (size_t i = 0; i < g->graph.n_input; i++)
        there |= strcmp(g->graph.input[i]->name, name) == 0;
    for (size_t i = 0; i < g->graph.n_output; i++)
        there |= strcmp(g->graph.output[i]->name, name) == 0;
    for (size_t i = 0; i < g->graph.n_initializer; i++)
        there |= strcmp(g->graph.initializer[i]->name, name) == 0;
    return there;
}

const char *onnx_input(struct onnx_graph *g, const char *name, enum onnx_type type, int ndim,
                       const int64_t *dims, const char *doc)
{
    ONIC_ASSERT(!onnx_named(g, name));
    Onic__Onnx__ValueInfo *v = onnx_value_info(g, name, type, ndim, dims, doc);
    onnx_append(&g->graph.n_input, &g->graph.input, v);
    return v->name;
}

void onnx_output(struct onnx_graph *g, const char *name, const char *value, enum onnx_type type,
                 int ndim, const int64_t *dims, const char *doc)
{
    ONIC_ASSERT(!onnx_named(g, name));
    Onic__Onnx__ValueInfo *v = onnx_value_info(g, name, type, ndim, dims, doc);
    Onic__Onnx__Node *n;
    onnx_append(&g->graph.n_output, &g->graph.output, v);
    onnx_node(g, "Identity", 1, &value);
    n = g->graph.node[g->graph.n_node - 1];
    n->output[0] = v->name;
}

static size_t onnx_type_bytes(enum onnx_type type)
{
    return type == ONNX_INT64 || type == ONNX_DOUBLE  ? 8
           : type == ONNX_FLOAT || type == ONNX_INT32 ? 4
           : type == ONNX_INT16                       ? 2
                                                      : 1;
}

static Onic__Onnx__Tensor *onnx_add_tensor(struct onnx_graph *g, char *name, enum onnx_type type,
                                           int ndim, const int64_t *dims, const void *data)
{
    Onic__Onnx__Tensor *t = ONNX_NEW(g, Onic__Onnx__Tensor, ONIC__ONNX__TENSOR__INIT);
    size_t bytes = onnx_type_bytes(type);
    for (int i = 0; i < ndim; i++)
        bytes *= (size_t)dims[i];
    t->name = name;
    t->n_dims = (size_t)ndim;
    t->dims = onnx_copy(g, dims, (size_t)ndim * sizeof *dims);
    t->has_data_type = 1;
    t->data_type = (int32_t)type;
    t->has_raw_data = 1;
    t->raw_data.len = bytes;
    t->raw_data.data = onnx_copy(g, data, bytes);
    onnx_append(&g->graph.n_initializer, &g->graph.initializer, t);
    return t;
}

static bool onnx_same_tensor(const Onic__Onnx__Tensor *t, enum onnx_type type, int ndim,
                             const int64_t *dims, const void *data)
{
    return t->data_type == (int32_t)type && t->n_dims == (size_t)ndim &&
           memcmp(t->dims, dims, (size_t)ndim * sizeof *dims) == 0 &&
           memcmp(t->raw_data.data, data, t->raw_data.len) == 0;
}

const char *onnx_tensor(struct onnx_graph *g, const char *name, enum onnx_type type, int ndim,
                        const int64_t *dims, const void *data)
{
    for (size_t i = 0; i < g->graph.n_initializer; i++) {
        const Onic__Onnx__Tensor *t = g->graph.initializer[i];
        if (strcmp(t->name, name) == 0) {
            ONIC_ASSERT(onnx_same_tensor(t, type, ndim, dims, data));
            return t->name;
        }
    }
    ONIC_ASSERT(!onnx_named(g, name));
    return onnx_add_tensor(g, onnx_string(g, name), type, ndim, dims, data)->name;
}

const char *onnx_constant(struct onnx_graph *g, enum onnx_type type, int ndim, const int64_t *dims,
                          const void *data)
{
    for (size_t i = 0; i < g->graph.n_initializer; i++) {
        const Onic__Onnx__Tensor *t = g->graph.initializer[i];
        if (strstr(t->name, "/constant_") && onnx_same_tensor(t, type, ndim, dims, data))
            return t->name;
    }
    return onnx_add_tensor(g, onnx_name(g, "constant"), type, ndim, dims, data)->name;
}

/* --- nodes ----------------------------------------------------------------------------------- */

const char *onnx_node(struct onnx_graph *g, const char *op, int inputs, const char *const *input)
{
    Onic__Onnx__Node *n = ONNX_NEW(g, Onic__Onnx__Node, ONIC__ONNX__NODE__INIT);
    for (int i = 0; i < inputs; i++)
        onnx_append(&n->n_input, &n->input, onnx_string(g, input[i]));
    n->op_type = onnx_string(g, op);
    n->name = onnx_name(g, op);
    onnx_append(&n->n_output, &n->output, onnx_string(g, n->name));
    onnx_append(&g->graph.n_node, &g->graph.node, n);
    return n->output[0];
}

static Onic__Onnx__Node *onnx_newest(const struct onnx_graph *g)
{
    return g->graph.node[g->graph.n_node - 1];
}

const char *onnx_more(struct onnx_graph *g)
{
    Onic__Onnx__Node *n = onnx_newest(g);
    char *name = onnx_name(g, n->op_type);
    onnx_append(&n->n_output, &n->output, name);
    return name;
}

static Onic__Onnx__Attribute *onnx_attribute(struct onnx_graph *g, const char *name,
                                             enum onnx_attribute_type type)
{
    Onic__Onnx__Node *n = onnx_newest(g);
    Onic__Onnx__Attribute *a = ONNX_NEW(g, Onic__Onnx__Attribute, ONIC__ONNX__ATTRIBUTE__INIT);
    a->name = onnx_string(g, name);
    a->has_type = 1;
    a->type = (int32_t)type;
    onnx_append(&n->n_attribute, &n->attribute, a);
    return a;
}

void onnx_attr_int(struct onnx_graph *g, const char *name, int64_t v)
{
    Onic__Onnx__Attribute *a = onnx_attribute(g, name, ATTRIBUTE_INT);
    a->has_i = 1;
    a->i = v;
}

void onnx_attr_float(struct onnx_graph *g, const char *name, float v)
{
    Onic__Onnx__Attribute *a = onnx_attribute(g, name, ATTRIBUTE_FLOAT);
    a->has_f = 1;
    a->f = v;
}

void onnx_attr_ints(struct onnx_graph *g, const char *name, int n, const int64_t *v)
{
    Onic__Onnx__Attribute *a = onnx_attribute(g, name, ATTRIBUTE_INTS);
    a->n_ints = (size_t)n;
    a->ints = onnx_copy(g, v, (size_t)n * sizeof *v);
}

void onnx_attr_graph(struct onnx_graph *g, const char *name, struct onnx_graph *body)
{
    Onic__Onnx__Attribute *a = onnx_attribute(g, name, ATTRIBUTE_GRAPH);
    body->graph.name = onnx_string(body, body->scope);
    a->g = &body->graph;
    body->next = g->bodies;
    g->bodies = body;
}

/* --- the file -------------------------------------------------------------------------------- */

void onnx_fact(struct onnx_graph *g, const char *key, const char *value)
{
    Onic__Onnx__Fact *f = ONNX_NEW(g, Onic__Onnx__Fact, ONIC__ONNX__FACT__INIT);
    f->key = onnx_string(g, key);
    f->value = onnx_string(g, value);
    onnx_append(&g->model.n_metadata_props, &g->model.metadata_props, f);
}

/* The oldest that has this set of operators. */
static int64_t onnx_ir_version(int opset)
{
    return opset >= 21 ? 10 : opset >= 19 ? 9 : 8;
}

bool onnx_write(struct onnx_graph *g, const char *name, const char *doc, struct buf *out)
{
    char standard[] = "", producer[] = "onic", version[] = ONIC_VERSION;
    Onic__Onnx__OperatorSet set = ONIC__ONNX__OPERATOR_SET__INIT, *sets[] = {&set};
    Onic__Onnx__Model *m = &g->model;
    set.domain = standard;
    set.has_version = 1;
    set.version = g->opset;
    g->graph.name = onnx_string(g, name);
    g->graph.doc_string = onnx_string(g, doc);
    m->has_ir_version = 1;
    m->ir_version = onnx_ir_version(g->opset);
    m->producer_name = producer;
    m->producer_version = version;
    m->graph = &g->graph;
    m->n_opset_import = 1;
    m->opset_import = sets;
    size_t bytes = onic__onnx__model__get_packed_size(m);
    uint8_t *packed = xmalloc(bytes);
    onic__onnx__model__pack(m, packed);
    bool fits = buf_append(out, packed, bytes) == 0;
    free(packed);
    m->opset_import = NULL;
    m->n_opset_import = 0;
    return fits;
}
