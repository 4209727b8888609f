/* SPDX-License-Identifier: MIT */
/* wordvec.c - one pass over the file, line by line; see wordvec.h. Every line is checked, also
 * those of words that are not kept: a damaged file never becomes labels. */
#define _GNU_SOURCE
#include "reward_server/annotators/embedding/wordvec.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/strmap.h"
#include "common/base/xmalloc.h"

enum { WIDTH_MAX = 8192, TOKEN_MAX = 256 };
static const long count_max = 100000000;

struct wordvec {
    int dim;
    char name[64];
    struct strmap *row; /* word -> row */
    float *rows;        /* [strmap_count(row), dim] */
    size_t space;       /* rows allocated */
};

struct reader {
    FILE *f;
    const char *path;
    char *line; /* of getline */
    size_t size;
    long number; /* of the line, from 1 */
    XXH3_state_t *hash;
    struct onic_err *err;
};

static int wordvec_complain(const struct reader *r, const char *what)
{
    return err_set(r->err, ONIC_ECONFIG, "%.400s:%ld: %s", r->path, r->number, what);
}

/* The next line without its end; false at the end of the file. */
static bool wordvec_next_line(struct reader *r)
{
    ssize_t n = getline(&r->line, &r->size, r->f);
    if (n < 0)
        return false;
    r->number++;
    XXH3_64bits_update(r->hash, r->line, (size_t)n);
    while (n > 0 && strchr("\r\n ", r->line[n - 1]))
        r->line[--n] = '\0';
    return true;
}

static int wordvec_read_header(struct reader *r, struct wordvec *w, long *count)
{
    char *end = NULL;
    if (!wordvec_next_line(r)) {
        r->number = 1;
        return wordvec_complain(r, "the file is empty, it must begin with \"COUNT WIDTH\"");
    }
    *count = strtol(r->line, &end, 10);
    long width = end != r->line && *end == ' ' ? strtol(end + 1, &end, 10) : 0;
    if (*end != '\0' || *count < 1 || *count > count_max || width < 1 || width > WIDTH_MAX)
        return wordvec_complain(
            r, "the first line must be \"COUNT WIDTH\", the number of words and of "
               "the numbers of each (fastText's text format)");
    w->dim = (int)width;
    return ONIC_OK;
}

static bool in_token(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c > 127;
}

/* A token can equal it. */
static bool can_be_asked(const char *word, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!in_token((unsigned char)word[i]))
            return false;
    return len > 0 && len < TOKEN_MAX;
}

/* Numbers from `at` to the end of the line into out[dim]. */
static int read_numbers(const struct reader *r, const char *at, float *out, int dim)
{
    char what[200];
    int n = 0;
    for (at += strspn(at, " "); *at; n++, at += strspn(at, " ")) {
        char *end;
        float x = strtof(at, &end);
        if (end == at || (*end && *end != ' ') || !isfinite(x)) {
            snprintf(what, sizeof what, "\"%.60s\" does not begin with a number", at);
            return wordvec_complain(r, what);
        }
        if (n < dim)
            out[n] = x;
        at = end;
    }
    if (n == dim)
        return ONIC_OK;
    snprintf(what, sizeof what, "%d numbers where the first line says %d", n, dim);
    return wordvec_complain(r, what);
}

static int wordvec_read_word(const struct reader *r, struct wordvec *w, float *x)
{
    size_t len = strcspn(r->line, " "), n = strmap_count(w->row);
    int rc = read_numbers(r, r->line + len, x, w->dim);
    if (rc || !can_be_asked(r->line, len))
        return rc;
    bool inserted;
    uint64_t *row = strmap_put(w->row, r->line, len, &inserted);
    if (!inserted)
        return ONIC_OK;
    *row = n;
    if (n == w->space) {
        w->space = w->space ? w->space * 2 : 1024;
        w->rows = xrealloc(w->rows, w->space * (size_t)w->dim * sizeof *w->rows);
    }
    memcpy(w->rows + n * (size_t)w->dim, x, (size_t)w->dim * sizeof *x);
    return ONIC_OK;
}

static int read_all(struct reader *r, struct wordvec *w)
{
    long count = 0, n = 0;
    char what[100];
    int rc = wordvec_read_header(r, w, &count);
    float *x = !rc ? xcalloc((size_t)w->dim, sizeof *x) : NULL;
    while (!rc && wordvec_next_line(r)) {
        rc = wordvec_read_word(r, w, x);
        n++;
    }
    free(x);
    if (!rc && (n != count || ferror(r->f))) {
        snprintf(what, sizeof what, "%ld words where the first line says %ld", n, count);
        rc = wordvec_complain(r, what);
    }
    if (!rc && strmap_count(w->row) == 0)
        rc = wordvec_complain(r, "no word of the file is in small letters");
    return rc;
}

int wordvec_load(struct wordvec **out, const char *path, struct onic_err *err)
{
    struct reader r = {.path = path, .err = err, .f = fopen(path, "re")};
    *out = NULL;
    if (!r.f)
        return err_set(err, ONIC_ECONFIG, "embedding.vectors %.400s cannot be read: %s", path,
                       strerror(errno));
    struct wordvec *w = xcalloc(1, sizeof *w);
    w->row = strmap_create(1024);
    r.hash = XXH3_createState();
    ONIC_ASSERT(r.hash);
    XXH3_64bits_reset(r.hash);
    int rc = read_all(&r, w);
    snprintf(w->name, sizeof w->name, "fasttext@%016llx",
             (unsigned long long)XXH3_64bits_digest(r.hash));
    XXH3_freeState(r.hash);
    free(r.line);
    fclose(r.f);
    if (!rc)
        *out = w;
    else
        wordvec_free(w);
    return rc;
}

void wordvec_free(struct wordvec *w)
{
    if (!w)
        return;
    strmap_free(w->row);
    free(w->rows);
    free(w);
}

int wordvec_dim(const struct wordvec *w)
{
    return w->dim;
}

const char *wordvec_name(const struct wordvec *w)
{
    return w->name;
}

static unsigned char small(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

int wordvec_sum(const struct wordvec *w, const char *text, float *out)
{
    double sum[WIDTH_MAX];
    int known = 0;
    for (int j = 0; j < w->dim; j++)
        sum[j] = 0;
    while (*text) {
        char token[TOKEN_MAX];
        size_t len = 0;
        for (; in_token(small(*text)); text++)
            if (len < sizeof token)
                token[len++] = (char)small(*text);
        text += *text != '\0'; /* what ended the token */
        const uint64_t *row = len && len < sizeof token ? strmap_get(w->row, token, len) : NULL;
        for (int j = 0; row && j < w->dim; j++)
            sum[j] += (double)w->rows[*row * (size_t)w->dim + (size_t)j];
        known += row != NULL;
    }
    for (int j = 0; j < w->dim; j++)
        out[j] = (float)sum[j];
    return known;
}
