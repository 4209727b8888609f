/* SPDX-License-Identifier: MIT */
/* record_format.c - see record_format.h. */
#include "learner/record/record_format.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "common/base/cpu.h"
#include "common/base/file_kind.h"
#include "common/base/xmalloc.h"
#include "common/checkpoint/checkpoint.h"
#include "common/nn/blas.h"

enum { EPOCH_MOST = 1000000000, DIGITS_MOST = 18 };

size_t record_most(uint32_t kind)
{
    const size_t hashes = CHECKPOINT_TENSORS_MAX * sizeof(uint64_t);
    switch (kind) {
    case RECORD_HEAD:
        return sizeof(struct record_head) + RECORD_CONFIG_MAX;
    case RECORD_TRAJECTORY:
        return BOUND_FRAME_BYTES;
    case RECORD_LABEL:
        return sizeof(struct record_label) + QUESTION_MAX;
    case RECORD_BATCH:
    case RECORD_END:
        return sizeof(struct record_batch);
    case RECORD_TURN:
        return sizeof(struct record_turn);
    case RECORD_UPDATE:
    case RECORD_ROLL_BACK:
        return sizeof(struct record_update) + hashes;
    default:
        return 0;
    }
}

uint64_t record_hash(uint32_t kind, const void *payload, size_t len)
{
    return XXH3_64bits_withSeed(payload, len, (uint64_t)kind << 32 | (uint32_t)len);
}

void record_kernels(char out[64])
{
    snprintf(out, 64, "%s %s", cpu_path(), blas_core());
}

void record_path(char out[RECORD_PATH_MAX], const char *dir, uint32_t epoch, uint64_t version,
                 const char *suffix)
{
    snprintf(out, RECORD_PATH_MAX, "%s/%u-%012llu%s", dir, epoch, (unsigned long long)version,
             suffix);
}

/* Digits alone, so that two names are never one number's. */
static bool read_digits(const char *text, size_t len, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(text[i] - '0');
    }
    return len > 0 && len <= DIGITS_MOST;
}

bool record_name_read(const char *name, size_t len, uint32_t *epoch, uint64_t *version)
{
    const char *dash = memchr(name, '-', len);
    uint64_t first;
    if (!dash || !read_digits(name, (size_t)(dash - name), &first) || first < 1 ||
        first > EPOCH_MOST)
        return false;
    *epoch = (uint32_t)first;
    return read_digits(dash + 1, len - (size_t)(dash - name) - 1, version);
}

static bool ends_with(const char *name, const char *suffix, size_t *stem)
{
    size_t n = strlen(name), s = strlen(suffix);
    *stem = n > s ? n - s : 0;
    return n > s && strcmp(name + *stem, suffix) == 0;
}

static struct record_entry *entry_of(struct record_list *l, uint32_t epoch, uint64_t version)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->e[i].epoch == epoch && l->e[i].version == version)
            return &l->e[i];
    l->e = xrealloc(l->e, (l->n + 1) * sizeof *l->e);
    l->e[l->n] = (struct record_entry){.epoch = epoch, .version = version};
    return &l->e[l->n++];
}

static void see_file(const char *dir, const char *name, struct record_list *out)
{
    char path[RECORD_PATH_MAX];
    struct stat st;
    size_t stem;
    uint32_t epoch;
    uint64_t version;
    bool segment = ends_with(name, RECORD_SEGMENT, &stem);
    if ((!segment && !ends_with(name, RECORD_CHECKPOINT, &stem)) ||
        !record_name_read(name, stem, &epoch, &version))
        return;
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (n >= (int)sizeof path || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return;
    struct record_entry *e = entry_of(out, epoch, version);
    e->segment |= segment;
    e->checkpoint |= !segment;
    e->bytes += (uint64_t)st.st_size;
}

static int by_age(const void *a, const void *b)
{
    const struct record_entry *x = a, *y = b;
    if (x->epoch != y->epoch)
        return x->epoch < y->epoch ? -1 : 1;
    return (x->version > y->version) - (x->version < y->version);
}

int record_list(const char *dir, struct record_list *out, struct onic_err *err)
{
    *out = (struct record_list){0};
    DIR *d = opendir(dir);
    if (!d && errno == ENOENT)
        return err_set(err, ONIC_ENOTFOUND, "there is no folder %s", dir);
    if (!d)
        return errno == ENOTDIR ? file_want_folder(dir, "the folder of a record", err)
                                : file_unreadable(dir, errno, err);
    for (struct dirent *e; (e = readdir(d));)
        see_file(dir, e->d_name, out);
    closedir(d);
    if (out->n)
        qsort(out->e, out->n, sizeof *out->e, by_age);
    return ONIC_OK;
}

void record_list_free(struct record_list *l)
{
    free(l->e);
    *l = (struct record_list){0};
}
