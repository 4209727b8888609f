/* SPDX-License-Identifier: MIT */
/* vectors.c - one header, then the rows; written beside and renamed, so that two servers that start
 * together never read half of a file. */
#include "reward_server/annotators/embedding/vectors.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/base/err.h"

struct head {
    char magic[8];
    uint32_t n, dim;
    uint64_t check; /* XXH3-64 of the rows */
};
static const char magic[8] = "ONICVEC";

void vectors_name(char name[33], const char *model, char *const *sentences, int n)
{
    XXH3_state_t *state = XXH3_createState();
    ONIC_ASSERT(state);
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, model, strlen(model) + 1);
    for (int i = 0; i < n; i++)
        XXH3_128bits_update(state, sentences[i], strlen(sentences[i]) + 1);
    XXH128_hash_t h = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    snprintf(name, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

bool vectors_read(const char *folder, const char *name, float *rows, int n, int dim)
{
    char path[4400];
    struct head head;
    size_t count = (size_t)n * (size_t)dim;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    bool good = fread(&head, sizeof head, 1, f) == 1 && !memcmp(head.magic, magic, sizeof magic) &&
                head.n == (uint32_t)n && head.dim == (uint32_t)dim &&
                fread(rows, sizeof *rows, count, f) == count &&
                XXH3_64bits(rows, count * sizeof *rows) == head.check;
    fclose(f);
    return good;
}

bool vectors_write(const char *folder, const char *name, const float *rows, int n, int dim)
{
    char path[4400], beside[4450];
    size_t count = (size_t)n * (size_t)dim;
    struct head head = {
        .n = (uint32_t)n, .dim = (uint32_t)dim, .check = XXH3_64bits(rows, count * sizeof *rows)};
    memcpy(head.magic, magic, sizeof magic);
    mkdir(folder, 0777);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(beside, sizeof beside, "%s.%ld", path, (long)getpid());
    FILE *f = fopen(beside, "wb");
    if (!f)
        return false;
    bool good =
        fwrite(&head, sizeof head, 1, f) == 1 && fwrite(rows, sizeof *rows, count, f) == count;
    good = fclose(f) == 0 && good;
    if (!good || rename(beside, path) != 0) {
        unlink(beside);
        return false;
    }
    return true;
}
