/* SPDX-License-Identifier: MIT */
/* replay.c - gives every file of some folders to a fuzz target: the corpus as an ordinary test,
 * under whatever sanitizer the build has. Usage: replay FOLDER...
 *
 * In a build for fuzzing the compiler counts how often each edge of the program was taken. There
 * the files are given forwards, then backwards, and each must take the same edges as often: what an
 * input does must not hang on those before it, or a finding could not be had again. All are given
 * once before, for what is made once. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Where a target has it: what none of the inputs so far was, though one of the corpus must be. */
__attribute__((weak)) const char *fuzz_corpus_lacks(void);

enum { MODULES_MAX = 16, DIFFERENT_SHOWN = 10 };

static struct {
    uint8_t *begin, *end;
} edges[MODULES_MAX];
static int modules;

struct input {
    char *path;
    uint64_t took; /* a hash of the counters */
};

void __sanitizer_cov_8bit_counters_init(uint8_t *begin, uint8_t *end);

/* Called by what the compiler adds, before main. */
void __sanitizer_cov_8bit_counters_init(uint8_t *begin, uint8_t *end)
{
    if (modules < MODULES_MAX && begin < end) {
        edges[modules].begin = begin;
        edges[modules++].end = end;
    }
}

/* What else the compiler calls for libFuzzer. The sanitizers' library has it; in a build without
 * them (run.sh --orders --plain) it is nothing. */
#define NOTHING_OF_ONE(name, type)                                                                 \
    void name(type a);                                                                             \
    __attribute__((weak)) void name(type a)                                                        \
    {                                                                                              \
        (void)a;                                                                                   \
    }
#define NOTHING_OF_TWO(name, type, other)                                                          \
    void name(type a, other b);                                                                    \
    __attribute__((weak)) void name(type a, other b)                                               \
    {                                                                                              \
        (void)a;                                                                                   \
        (void)b;                                                                                   \
    }
NOTHING_OF_TWO(__sanitizer_cov_trace_cmp1, uint8_t, uint8_t)
NOTHING_OF_TWO(__sanitizer_cov_trace_cmp2, uint16_t, uint16_t)
NOTHING_OF_TWO(__sanitizer_cov_trace_cmp4, uint32_t, uint32_t)
NOTHING_OF_TWO(__sanitizer_cov_trace_cmp8, uint64_t, uint64_t)
NOTHING_OF_TWO(__sanitizer_cov_trace_const_cmp1, uint8_t, uint8_t)
NOTHING_OF_TWO(__sanitizer_cov_trace_const_cmp2, uint16_t, uint16_t)
NOTHING_OF_TWO(__sanitizer_cov_trace_const_cmp4, uint32_t, uint32_t)
NOTHING_OF_TWO(__sanitizer_cov_trace_const_cmp8, uint64_t, uint64_t)
NOTHING_OF_TWO(__sanitizer_cov_trace_switch, uint64_t, uint64_t *)
NOTHING_OF_TWO(__sanitizer_cov_pcs_init, const uintptr_t *, const uintptr_t *)
NOTHING_OF_ONE(__sanitizer_cov_trace_pc_indir, uintptr_t)
NOTHING_OF_ONE(__sanitizer_cov_trace_gep, uintptr_t)
NOTHING_OF_ONE(__sanitizer_cov_trace_div4, uint32_t)
NOTHING_OF_ONE(__sanitizer_cov_trace_div8, uint64_t)
__attribute__((weak)) _Thread_local uintptr_t __sancov_lowest_stack;

static uint64_t give(const char *path)
{
    static uint8_t data[1 << 17];
    uint64_t hash = 0xcbf29ce484222325;
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    size_t size = fread(data, 1, sizeof data, f);
    fclose(f);
    for (int m = 0; m < modules; m++)
        memset(edges[m].begin, 0, (size_t)(edges[m].end - edges[m].begin));
    LLVMFuzzerTestOneInput(data, size);
    for (int m = 0; m < modules; m++)
        for (const uint8_t *p = edges[m].begin; p < edges[m].end; p++)
            hash = (hash ^ *p) * 0x100000001b3;
    return hash;
}

static struct input *list(int folders, char **folder, int *n)
{
    struct input *all = NULL;
    char path[4096];
    *n = 0;
    for (int i = 0; i < folders; i++) {
        DIR *d = opendir(folder[i]);
        if (!d) {
            perror(folder[i]);
            exit(64);
        }
        for (struct dirent *e; (e = readdir(d));) {
            snprintf(path, sizeof path, "%s/%s", folder[i], e->d_name);
            if (e->d_name[0] == '.')
                continue;
            all = xrealloc(all, (size_t)(*n + 1) * sizeof *all);
            all[(*n)++] = (struct input){.path = xstrdup(path)};
        }
        closedir(d);
    }
    return all;
}

int main(int argc, char **argv)
{
    int n, different = 0;
    struct input *all = list(argc - 1, argv + 1, &n);
    if (n == 0) {
        fprintf(stderr, "usage: replay FOLDER...\n");
        return 64;
    }
    for (int i = 0; modules && i < n; i++)
        give(all[i].path);
    for (int i = 0; i < n; i++)
        all[i].took = give(all[i].path);
    for (int i = modules ? n - 1 : -1; i >= 0; i--)
        if (give(all[i].path) != all[i].took && different++ < DIFFERENT_SHOWN)
            fprintf(stderr, "%s does something else in another order\n", all[i].path);
    for (int i = 0; i < n; i++)
        free(all[i].path);
    free(all);
    printf("%d inputs%s", n, modules ? "" : "\n");
    if (modules)
        printf(", %d do something else in another order\n", different);
    const char *lacks = fuzz_corpus_lacks ? fuzz_corpus_lacks() : NULL;
    if (lacks)
        fprintf(stderr, "no input of the corpus is taken as %s\n", lacks);
    return different > 0 || lacks;
}
