/* SPDX-License-Identifier: MIT */
/* nethack_words.c - a message as hashed words and pairs of words (message_words.h), as rows of
 * their table.
 *
 * The operators have no bits and wrap nowhere, so unsigned 32-bit arithmetic is done in int64:
 * products are cut into parts that fit, and what an exclusive or does is looked up or done bit by
 * bit. The hash of a word goes through its letters one after the other (Scan); where words end and
 * which they are follows from counts. */
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/policy/encoders/nethack_compact/message_words.h"
#include "common/policy/nethack_obs.h"
#include "deploy/onnx/nethack.h"

enum { OTHER, LETTER, DIGIT, LETTERS = 26, BYTES = 256 };
#define FNV_OFFSET INT64_C(2166136261)
#define FNV_PRIME INT64_C(16777619)
#define WORD32 (INT64_C(1) << 32)

static const char *mod32(struct onnx_graph *g, const char *x)
{
    return op2(g, "Mod", x, op_int(g, WORD32));
}

/* --- bytes ----------------------------------------------------------------------------------- */

static int byte_kind(int c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return LETTER;
    return c >= '0' && c <= '9' ? DIGIT : OTHER;
}

/* Kind of each byte, OTHER behind the end of the text; and its number in the alphabet, -1: no
 * letter. Both int64 [B, 256]. */
static void words_read_bytes(struct onnx_graph *g, const char *message, const char **kind,
                             const char **letter)
{
    int64_t kinds[BYTES], letters[BYTES];
    for (int c = 0; c < BYTES; c++) {
        kinds[c] = byte_kind(c);
        letters[c] = kinds[c] == LETTER ? (c | 0x20) - 'a' : -1;
    }
    const char *ends = op_cast(g, op2(g, "Equal", message, op_int(g, 0)), ONNX_INT64);
    const char *alive = op2(g, "Equal", op2(g, "CumSum", ends, op_int(g, 1)), op_int(g, 0));
    *kind =
        op_where(g, alive, op_gather(g, op_ints(g, BYTES, kinds), message, 0), op_int(g, OTHER));
    *letter =
        op_where(g, alive, op_gather(g, op_ints(g, BYTES, letters), message, 0), op_int(g, -1));
}

/* --- hashes ---------------------------------------------------------------------------------- */

/* The low byte of a hash exclusive or a small letter: [256, 26]. */
static const char *xor_table(struct onnx_graph *g)
{
    int64_t *table = xcalloc(BYTES * LETTERS, sizeof *table);
    for (int low = 0; low < BYTES; low++)
        for (int l = 0; l < LETTERS; l++)
            table[low * LETTERS + l] = low ^ ('a' + l);
    const char *made = op_ints(g, BYTES * LETTERS, table);
    free(table);
    return made;
}

/* One byte: hash of the word so far, the start of a hash where there is no letter. */
static struct onnx_graph *hash_body(const struct onnx_graph *around)
{
    static const int64_t dims[] = {ONNX_BATCH};
    struct onnx_graph *g = onnx_body_create(around, "byte");
    const char *hash = onnx_input(g, "hash", ONNX_INT64, 1, dims, NULL);
    const char *letter = onnx_input(g, "letter", ONNX_INT64, 1, dims, NULL);
    const char *low = op2(g, "Mod", hash, op_int(g, BYTES));
    const char *is = op2(g, "GreaterOrEqual", letter, op_int(g, 0));
    const char *at = op2(g, "Max", letter, op_int(g, 0));
    at = op2(g, "Add", op2(g, "Mul", low, op_int(g, LETTERS)), at);
    const char *mixed = op2(g, "Add", op2(g, "Sub", hash, low), op_gather(g, xor_table(g), at, 0));
    mixed = mod32(g, op2(g, "Mul", mixed, op_int(g, FNV_PRIME)));
    mixed = op_where(g, is, mixed, op_int(g, FNV_OFFSET));
    onnx_output(g, "hash_out", mixed, ONNX_INT64, 1, dims, NULL);
    onnx_output(g, "hash_here", mixed, ONNX_INT64, 1, dims, NULL);
    return g;
}

/* Behind each byte the hash of the word that it is in: int64 [B, 256]. */
static const char *hash_bytes(struct onnx_graph *g, const char *letter)
{
    static const int64_t turn[] = {1, 0};
    const char *bytes = op_transpose(g, letter, 2, turn);
    const char *first = op_gather(g, bytes, op_int(g, 0), 0); /* for its shape, [B] */
    first = op2(g, "Add", op2(g, "Mul", first, op_int(g, 0)), op_int(g, FNV_OFFSET));
    op2(g, "Scan", first, bytes);
    const char *hashes = onnx_more(g);
    onnx_attr_graph(g, "body", hash_body(g));
    onnx_attr_int(g, "num_scan_inputs", 1);
    return op_transpose(g, hashes, 2, turn);
}

/* The low `bits` bits of a exclusive or those of b. */
static const char *xor_bits(struct onnx_graph *g, const char *a, const char *b, int bits)
{
    int64_t power[32];
    for (int i = 0; i < bits; i++)
        power[i] = INT64_C(1) << i;
    const char *powers = op_ints(g, bits, power), *bit[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        bit[i] = op2(g, "Div", op_unsqueeze(g, bit[i], 2), powers);
        bit[i] = op2(g, "Mod", bit[i], op_int(g, 2));
    }
    const char *differ = op1(g, "Abs", op2(g, "Sub", bit[0], bit[1]));
    return op_sum(g, op2(g, "Mul", differ, powers), 2);
}

/* message_words.c's bucket: the last step's low bits are all that is left of it. */
static const char *word_bucket(struct onnx_graph *g, const char *h)
{
    enum { LOW = 0xca6b, HIGH = 0x85eb, BUCKET_BITS = 11 }; /* 0x85ebca6b in halves */
    _Static_assert(1 << BUCKET_BITS == MESSAGE_BUCKETS, "the rest of a division is some low bits");
    h = xor_bits(g, h, op2(g, "Div", h, op_int(g, 1 << 15)), 32);
    const char *high = op2(g, "Mod", op2(g, "Mul", h, op_int(g, HIGH)), op_int(g, 1 << 16));
    high = op2(g, "Mul", high, op_int(g, 1 << 16));
    h = mod32(g, op2(g, "Add", mod32(g, op2(g, "Mul", h, op_int(g, LOW))), high));
    return xor_bits(g, h, op2(g, "Div", h, op_int(g, 1 << 13)), BUCKET_BITS);
}

/* --- words ----------------------------------------------------------------------------------- */

/* Hashes of the first words int64 [B, MESSAGE_WORDS_MAX], and whether there are so many. */
static const char *message_hashes(struct onnx_graph *g, const char *message, const char **there)
{
    const int64_t number = (FNV_OFFSET ^ '#') * FNV_PRIME % WORD32;
    const char *kind, *letter;
    words_read_bytes(g, message, &kind, &letter);
    const char *hash = op_where(g, op2(g, "Equal", kind, op_int(g, DIGIT)), op_int(g, number),
                                hash_bytes(g, letter));
    const char *none = op2(g, "Mul", op_slice(g, kind, 1, 0, 1), op_int(g, 0));
    const char *part[] = {op_slice(g, kind, 1, 1, NETHACK_MESSAGE), none};
    const char *next = op_concat(g, 2, part, 1);
    const char *ends = op2(g, "And", op2(g, "Greater", kind, op_int(g, OTHER)),
                           op1(g, "Not", op2(g, "Equal", kind, next)));
    const char *ends_here = op_cast(g, ends, ONNX_INT64);
    const char *which = op2(g, "CumSum", ends_here, op_int(g, 1));
    which = op_unsqueeze(g, op2(g, "Mul", which, ends_here), 1); /* 0: no word ends here */
    const char *numbers = op_range(g, 1, 1, MESSAGE_WORDS_MAX);
    const char *is = op2(g, "Equal", which,
                         op_reshape(g, numbers, 3, (const int64_t[]){1, MESSAGE_WORDS_MAX, 1}));
    is = op_cast(g, is, ONNX_INT64);
    *there = op2(g, "Greater", op_sum(g, is, 2), op_int(g, 0));
    return op_sum(g, op2(g, "Mul", is, op_unsqueeze(g, hash, 1)), 2);
}

const char *nethack_words(const struct onnx_net *n, const char *message)
{
    struct onnx_graph *g = n->g;
    const char *there, *zero = op_int(g, MESSAGE_BUCKETS);
    const char *word = message_hashes(g, message, &there);
    const char *before = op_slice(g, word, 1, 0, MESSAGE_WORDS_MAX - 1);
    const char *after = op_slice(g, word, 1, 1, MESSAGE_WORDS_MAX);
    const char *pair = mod32(g, op2(g, "Add", op2(g, "Mul", before, op_int(g, 31)), after));
    const char *second = op_slice(g, there, 1, 1, MESSAGE_WORDS_MAX);
    const char *rows[] = {op_where(g, there, word_bucket(g, word), zero),
                          op_where(g, second, word_bucket(g, pair), zero)};
    return net_gather_sum(n, net_table_with_zero(n, "nethack.word_table"), op_concat(g, 2, rows, 1),
                          "nethack.word_b", "Relu");
}
