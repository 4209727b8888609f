/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_SOURCE_H
#define ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_SOURCE_H

/* source.h - where sentence vectors come from: one file source_<id>.c, one line in sources.def.
 *
 * Opened and closed by the loop thread; in between the annotator's worker uses it. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/config/config.h"

/* What a source is told; strings are borrowed for the call. */
struct source_params {
    const char *model_dir; /* model: folder of the unpacked wheel; "" = the fetched one */
    const char *vectors;   /* file: word vectors, fastText's text format */
    /* http: address, model, what stands before each sentence, files of the key and of trusted
     * authorities ("" = none) */
    const char *url, *model, *prefix, *api_key_file, *ca_file;
    double deadline_s, backoff_s; /* http: of a request, the first pause after a failure */
    bool allow_plain_key;         /* http: the key may travel without TLS */
    uint64_t seed;                /* http: of the jitter of pauses */
};

struct source; /* a source's own struct starts with this one */

struct source_vtable {
    const char *id;
    /* Vectors are centred on the mean of the caption pool before they are compared. */
    bool centred;
    /* Vectors of the pool are worth keeping in <cache>/vectors. */
    bool kept;
    int batch; /* sentences per call of embed at most, >= 1 */
    /* ONIC_OK when open can work here, else the reason in one sentence. Cheap. */
    int (*available)(const struct source_params *p, struct onic_err *err);
    int (*open)(struct source **out, const struct source_params *p, struct onic_err *err);
    void (*close)(struct source *s);
    /* Name and content hash: identity of labels, and of kept vectors. */
    const char *(*model)(const struct source *s);
    /* How sentences are given to it: part of the labels' parameters. */
    const char *(*manner)(const struct source *s);
    int (*dim)(struct source *s); /* 0: it cannot work, or was stopped; may wait */
    /* Vectors of n UTF-8 sentences into out[n, dim]; a zero vector says nothing is known of the
     * sentence. 0 on success, else none of them could be embedded. */
    int (*embed)(struct source *s, const char *const *text, int n, float *out);
    /* From any thread; NULL where nothing waits or fails for a while. dim and embed return soon. */
    void (*stop)(struct source *s);
    void (*trouble)(struct source *s, char text[160]); /* what is wrong at present, or "" */
    bool (*away)(const struct source *s); /* it fails again and again; NULL where it never does */
};

struct source {
    const struct source_vtable *v;
};

/* The source that embedding.source names. */
const struct source_vtable *source_chosen(enum config_embedding_source which);
/* embedding.NAME is an option of another one, and does nothing with this one. */
bool source_is_of_another(enum config_embedding_source which, const char *name);

#endif /* ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_SOURCE_H */
