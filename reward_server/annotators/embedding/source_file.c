/* SPDX-License-Identifier: MIT */
/* source_file.c - vectors of a fastText file: the bag of words that ONI's ELLM baseline compares.
 *
 * Cosines are those of the sums themselves, as there, so they are not centred; a sentence without a
 * known word has cosine 0 to everything. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/xmalloc.h"
#include "reward_server/annotators/embedding/source.h"
#include "reward_server/annotators/embedding/wordvec.h"

extern const struct source_vtable source_file;

struct file_source {
    struct source base;
    struct wordvec *words;
};

static int file_available(const struct source_params *p, struct onic_err *err)
{
    if (!*p->vectors)
        return err_set(err, ONIC_ECONFIG,
                       "embedding.source=file needs embedding.vectors, a file in fastText's text "
                       "format (.vec)");
    if (access(p->vectors, R_OK) != 0)
        return err_set(err, ONIC_ECONFIG, "embedding.vectors %.400s cannot be read", p->vectors);
    struct stat st;
    if (stat(p->vectors, &st) == 0 && S_ISDIR(st.st_mode))
        return err_set(err, ONIC_ECONFIG, "embedding.vectors %.400s is a folder; name a .vec file",
                       p->vectors);
    return ONIC_OK;
}

static int file_open(struct source **out, const struct source_params *p, struct onic_err *err)
{
    struct wordvec *words = NULL;
    int rc = file_available(p, err);
    if (!rc)
        rc = wordvec_load(&words, p->vectors, err);
    if (rc)
        return rc;
    struct file_source *f = xcalloc(1, sizeof *f);
    f->base.v = &source_file;
    f->words = words;
    *out = &f->base;
    return ONIC_OK;
}

static void file_close(struct source *s)
{
    struct file_source *f = (struct file_source *)s;
    wordvec_free(f->words);
    free(f);
}

static const char *file_model(const struct source *s)
{
    return wordvec_name(((const struct file_source *)s)->words);
}

static const char *file_manner(const struct source *s)
{
    (void)s;
    return "file sum of words";
}

static int file_dim(struct source *s)
{
    return wordvec_dim(((struct file_source *)s)->words);
}

static int file_embed(struct source *s, const char *const *text, int n, float *out)
{
    const struct file_source *f = (const struct file_source *)s;
    size_t dim = (size_t)wordvec_dim(f->words);
    for (int i = 0; i < n; i++)
        wordvec_sum(f->words, text[i], out + (size_t)i * dim);
    return 0;
}

const struct source_vtable source_file = {
    .id = "file",
    .batch = 64,
    .available = file_available,
    .open = file_open,
    .close = file_close,
    .model = file_model,
    .manner = file_manner,
    .dim = file_dim,
    .embed = file_embed,
};
