/* SPDX-License-Identifier: MIT */
/* checkpoint_read.c - reads and verifies one file; see checkpoint.h, FORMAT.md.
 *
 * The file may be torn, flipped or hostile. It is read whole into memory (mapping it would turn a
 * later truncation by somebody else into a signal), its checksum is compared before anything is
 * parsed, and then the header must be what our writer produces: known types, sections back to back
 * from 0 to the end, a checksum for each. A file that passes is used without further checks but for
 * the shapes its user expects. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file_kind.h"
#include "common/base/xmalloc.h"
#include "common/checkpoint/checkpoint.h"
#include "common/checkpoint/format.h"

struct checkpoint_file {
    char path[CHECKPOINT_PATH_MAX];
    char *bytes; /* the whole file, 64-byte aligned */
    size_t len;
    size_t data_at; /* first byte behind the header */
    json_t *header;
    json_t *meta; /* borrowed from header */
    int ntensors;
    struct checkpoint_tensor tensor[CHECKPOINT_TENSORS_MAX];
    int nmeta;
    const char *meta_key[CHECKPOINT_META_MAX]; /* without onic.xxh3... */
};

static int damaged(const struct checkpoint_file *f, struct onic_err *err, const char *why)
{
    return err_set(err, ONIC_EDAMAGED, "%s is damaged: %s", f->path, why);
}

/* All f->len bytes of the file. */
static int read_bytes(struct checkpoint_file *f, int fd, struct onic_err *err)
{
    size_t got = 0;
    while (got < f->len) {
        ssize_t n = read(fd, f->bytes + got, f->len - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(err, ONIC_EIO, "cannot read %s: %s", f->path,
                           n < 0 ? strerror(errno) : "it became shorter");
        got += (size_t)n;
    }
    return ONIC_OK;
}

static int read_opened(struct checkpoint_file *f, int fd, struct onic_err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return file_unreadable(f->path, errno, err);
    if (!S_ISREG(st.st_mode))
        return file_kind_refuse(f->path, "a checkpoint of onic", err);
    if ((uint64_t)st.st_size > CHECKPOINT_FILE_MAX)
        return err_set(err, ONIC_ELIMIT,
                       "%s has %lld bytes, more than a checkpoint may have (%llu)", f->path,
                       (long long)st.st_size, (unsigned long long)CHECKPOINT_FILE_MAX);
    f->len = (size_t)st.st_size;
    f->bytes = aligned_alloc(FORMAT_ALIGN, (f->len / FORMAT_ALIGN + 1) * FORMAT_ALIGN);
    if (!f->bytes)
        return err_set(err, ONIC_EAGAIN, "no memory for the %zu bytes of %s", f->len, f->path);
    return read_bytes(f, fd, err);
}

static int read_whole(struct checkpoint_file *f, struct onic_err *err)
{
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* of a FIFO: do not wait */
    if (fd < 0)
        return file_unreadable(f->path, errno, err);
    int rc = read_opened(f, fd, err);
    close(fd);
    return rc;
}

/* A file that never was a checkpoint is named, not called damaged. One that claims to be one, by
 * its name or its first bytes, or of which hardly anything is left, is damaged. */
static bool is_another_kind(const struct checkpoint_file *f)
{
    static const char claim[] = ".safetensors";
    size_t n = strlen(f->path);
    const char *kind = file_kind(f->path);
    bool claims = n >= sizeof claim && strcmp(f->path + n - (sizeof claim - 1), claim) == 0;
    return kind && !claims && f->len > FORMAT_LENGTH_BYTES &&
           strcmp(kind, "a safetensors file") != 0;
}

static const char not_ours[] =
    "its header does not start as that of an onic checkpoint of format " FORMAT_VERSION;

/* Every format starts alike and has this checksum, so a file of another one that is whole is told
 * from one that is damaged. */
static int check_format(const struct checkpoint_file *f, struct onic_err *err)
{
    const char *at = f->bytes + FORMAT_DIGEST_AT + FORMAT_DIGITS, *end = f->bytes + f->data_at;
    char format[FORMAT_VERSION_MAX];
    size_t n = 0;
    if ((size_t)(end - at) < sizeof FORMAT_NAMED ||
        memcmp(at, FORMAT_NAMED, sizeof FORMAT_NAMED - 1) != 0)
        return damaged(f, err, not_ours);
    at += sizeof FORMAT_NAMED - 1;
    for (; at < end && n < sizeof format - 1 && *at >= '0' && *at <= '9'; at++)
        format[n++] = *at;
    format[n] = '\0';
    if (n == 0 || at == end || *at != '"')
        return damaged(f, err, not_ours);
    return err_set(err, ONIC_EINCOMPATIBLE,
                   "%s is a checkpoint of format %s, this onic reads format " FORMAT_VERSION
                   ": use the onic that wrote it",
                   f->path, format);
}

/* Length, first words and checksum of the whole file; sets data_at. */
static int check_envelope(struct checkpoint_file *f, struct onic_err *err)
{
    const size_t fixed = FORMAT_DIGEST_AT + FORMAT_DIGITS + sizeof FORMAT_AFTER - 1;
    if (is_another_kind(f))
        return file_kind_refuse(f->path, "a checkpoint of onic", err);
    if (f->len < FORMAT_LENGTH_BYTES)
        return damaged(f, err, f->len ? "next to nothing is left of it" : "it is empty");
    uint64_t header = 0;
    for (int i = 0; i < FORMAT_LENGTH_BYTES; i++)
        header |= (uint64_t)(unsigned char)f->bytes[i] << (8 * i);
    if (header > CHECKPOINT_HEADER_MAX)
        return damaged(f, err, "its first bytes are not those of a checkpoint");
    if (header > f->len - FORMAT_LENGTH_BYTES)
        return damaged(f, err, "it is shorter than its header");
    f->data_at = FORMAT_LENGTH_BYTES + (size_t)header;
    if (f->data_at < fixed ||
        memcmp(f->bytes + FORMAT_LENGTH_BYTES, FORMAT_BEFORE, sizeof FORMAT_BEFORE - 1) != 0)
        return damaged(f, err, not_ours);
    char digest[FORMAT_DIGITS + 1];
    const void *tail[1] = {f->bytes + f->data_at};
    size_t tail_bytes[1] = {f->len - f->data_at};
    format_digest_blanked(f->bytes, f->data_at, FORMAT_DIGEST_AT, tail, tail_bytes, 1, digest);
    bool whole = memcmp(digest, f->bytes + FORMAT_DIGEST_AT, FORMAT_DIGITS) == 0;
    if (memcmp(f->bytes + FORMAT_DIGEST_AT + FORMAT_DIGITS, FORMAT_AFTER,
               sizeof FORMAT_AFTER - 1) != 0)
        return whole ? check_format(f, err) : damaged(f, err, not_ours);
    return whole ? ONIC_OK : damaged(f, err, "its checksum does not match its bytes");
}

static bool get_size(const json_t *array, size_t i, size_t *out)
{
    const json_t *v = json_array_get(array, i);
    if (!json_is_integer(v) || json_integer_value(v) < 0 ||
        (uint64_t)json_integer_value(v) > CHECKPOINT_FILE_MAX)
        return false;
    *out = (size_t)json_integer_value(v);
    return true;
}

/* One entry of the header; *end is where the last section ended and is moved on. */
static int read_tensor(struct checkpoint_file *f, const char *name, const json_t *v, size_t *end,
                       struct onic_err *err)
{
    const char *dtype = json_string_value(json_object_get(v, "dtype"));
    const json_t *shape = json_object_get(v, "shape"),
                 *offsets = json_object_get(v, "data_offsets");
    size_t ndim = json_array_size(shape), from = 0, to = 0;
    if (f->ntensors == CHECKPOINT_TENSORS_MAX)
        return damaged(f, err, "it has too many tensors");
    if (!format_is_name(name) || !dtype || json_object_size(v) != 3 || ndim < 1 ||
        ndim > CHECKPOINT_DIMS_MAX || json_array_size(offsets) != 2 ||
        !get_size(offsets, 0, &from) || !get_size(offsets, 1, &to))
        return damaged(f, err, "a tensor's description is malformed");
    struct checkpoint_tensor *t = &f->tensor[f->ntensors];
    *t = (struct checkpoint_tensor){.ndim = (int)ndim};
    if (strcmp(dtype, "F32") == 0)
        t->dtype = CHECKPOINT_F32;
    else if (strcmp(dtype, "U8") == 0)
        t->dtype = CHECKPOINT_U8;
    else
        return damaged(f, err, "a tensor has another type than F32 or U8");
    size_t bytes = t->dtype == CHECKPOINT_F32 ? 4 : 1;
    for (size_t i = 0; i < ndim; i++) {
        if (!get_size(shape, i, &t->shape[i]) ||
            (t->shape[i] && bytes > CHECKPOINT_FILE_MAX / t->shape[i]))
            return damaged(f, err, "a tensor's shape is malformed");
        bytes *= t->shape[i];
    }
    if (from != *end || to < from || to > f->len - f->data_at || to - from != bytes)
        return damaged(f, err, "its sections overlap, leave holes or pass the end");
    if (t->dtype == CHECKPOINT_F32 && from % 4)
        return damaged(f, err, "a tensor of numbers is not aligned");
    *end = to;
    memcpy(t->name, name, strlen(name) + 1);
    t->data = f->bytes + f->data_at + from;
    t->bytes = bytes;
    char key[sizeof FORMAT_TENSOR_DIGEST + CHECKPOINT_NAME_MAX];
    snprintf(key, sizeof key, "%s%s", FORMAT_TENSOR_DIGEST, name);
    const char *want = json_string_value(json_object_get(f->meta, key));
    format_digest(t->data, t->bytes, t->xxh3);
    if (!want || strcmp(want, t->xxh3) != 0)
        return damaged(f, err, "the checksum of a tensor is missing or wrong");
    f->ntensors++;
    return ONIC_OK;
}

static int checkpoint_read_read_header(struct checkpoint_file *f, struct onic_err *err)
{
    json_error_t why;
    /* for want of memory the process ends; it does not take this file for a damaged one and go on
     * with an older */
    json_set_alloc_funcs(xmalloc, free);
    f->header = json_loadb(f->bytes + FORMAT_LENGTH_BYTES, f->data_at - FORMAT_LENGTH_BYTES,
                           JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(f->header))
        return damaged(f, err, "its header is not JSON");
    f->meta = json_object_get(f->header, "__metadata__");
    const char *key;
    json_t *value;
    json_object_foreach(f->meta, key, value)
    {
        if (!json_is_string(value))
            return damaged(f, err, "a metadata value is not a string");
        if (strncmp(key, FORMAT_DIGEST_KEY, sizeof FORMAT_DIGEST_KEY - 1) == 0)
            continue;
        if (f->nmeta == CHECKPOINT_META_MAX)
            return damaged(f, err, "it has too many metadata strings");
        f->meta_key[f->nmeta++] = key;
    }
    size_t end = 0;
    json_object_foreach(f->header, key, value)
    {
        if (value == f->meta)
            continue;
        int rc = read_tensor(f, key, value, &end, err);
        if (rc)
            return rc;
    }
    if (end != f->len - f->data_at)
        return damaged(f, err, "bytes behind its last section belong to nobody");
    return ONIC_OK;
}

int checkpoint_open(struct checkpoint_file **out, const char *path, struct onic_err *err)
{
    *out = NULL;
    if (strlen(path) >= CHECKPOINT_PATH_MAX)
        return err_set(err, ONIC_EIO, "the path %.80s... is too long", path);
    struct checkpoint_file *f = xcalloc(1, sizeof *f);
    memcpy(f->path, path, strlen(path) + 1);
    int rc = read_whole(f, err);
    if (!rc)
        rc = check_envelope(f, err);
    if (!rc)
        rc = checkpoint_read_read_header(f, err);
    if (rc) {
        checkpoint_close(f);
        return rc;
    }
    *out = f;
    return ONIC_OK;
}

void checkpoint_close(struct checkpoint_file *f)
{
    if (!f)
        return;
    json_decref(f->header);
    free(f->bytes);
    free(f);
}

const char *checkpoint_path(const struct checkpoint_file *f)
{
    return f->path;
}

int checkpoint_count(const struct checkpoint_file *f)
{
    return f->ntensors;
}

const struct checkpoint_tensor *checkpoint_at(const struct checkpoint_file *f, int i)
{
    return i >= 0 && i < f->ntensors ? &f->tensor[i] : NULL;
}

const struct checkpoint_tensor *checkpoint_find(const struct checkpoint_file *f, const char *name)
{
    for (int i = 0; i < f->ntensors; i++)
        if (strcmp(f->tensor[i].name, name) == 0)
            return &f->tensor[i];
    return NULL;
}

int checkpoint_get_f32(const struct checkpoint_file *f, const char *name, int rows, int cols,
                       float *out, struct onic_err *err)
{
    const struct checkpoint_tensor *t = checkpoint_find(f, name);
    if (!t || t->dtype != CHECKPOINT_F32)
        return err_set(err, ONIC_EDAMAGED, "%s has no tensor of numbers named %s", f->path, name);
    size_t r = t->ndim == 2 ? t->shape[0] : 1, c = t->shape[t->ndim - 1];
    if (r != (size_t)rows || c != (size_t)cols)
        return err_set(
            err, ONIC_EDAMAGED,
            "%s holds %s as %zu x %zu, this configuration needs %d x %d: the network differs",
            f->path, name, r, c, rows, cols);
    if (t->bytes)
        memcpy(out, t->data, t->bytes);
    for (size_t i = 0; i < r * c; i++)
        if (!isfinite(out[i])) /* as in weights that are pulled: no policy is made of it */
            return err_set(err, ONIC_EDAMAGED, "%s is damaged: number %zu of %s is not finite",
                           f->path, i, name);
    return ONIC_OK;
}

int checkpoint_get_bytes(const struct checkpoint_file *f, const char *name, const void **data,
                         size_t *len, struct onic_err *err)
{
    const struct checkpoint_tensor *t = checkpoint_find(f, name);
    if (!t || t->dtype != CHECKPOINT_U8)
        return err_set(err, ONIC_EDAMAGED, "%s has no section of bytes named %s", f->path, name);
    *data = t->data;
    *len = t->bytes;
    return ONIC_OK;
}

const char *checkpoint_meta(const struct checkpoint_file *f, const char *key)
{
    return json_string_value(json_object_get(f->meta, key));
}

int checkpoint_meta_u64(const struct checkpoint_file *f, const char *key, uint64_t *out,
                        struct onic_err *err)
{
    const char *text = checkpoint_meta(f, key);
    if (!text || !*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 20)
        return err_set(err, ONIC_EDAMAGED, "%s has no number named %s", f->path, key);
    errno = 0;
    *out = strtoull(text, NULL, 10);
    if (errno)
        return err_set(err, ONIC_EDAMAGED, "the number %s of %s is too large", key, f->path);
    return ONIC_OK;
}
