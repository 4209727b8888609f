/* SPDX-License-Identifier: MIT */
/* nle_load.c - many copies of one library in one process, sharing their code.
 *
 * glibc loads one copy per file, so each environment needs a file of its own: an anonymous memory
 * file (memfd) with the library's bytes, opened through /proc/self/fd/N. dlmopen is no way out: a
 * process has room for about a dozen namespaces and does not get them back.
 *
 * 3.3 MB of code per environment would thrash the caches, yet only the writable segment differs
 * between copies. The library has no text relocations, so after dlopen its read-only segments are
 * mapped again, at the same place, from the original file: the page cache then holds the code once
 * for all environments and processes (0.6 MB instead of 3.2 MB each, and half the cycles per step
 * at 64 environments).
 *
 * The memfd stays open while the copy lives: glibc knows libraries by name, so a number reused for
 * another environment would return the wrong copy. For the same reason unloading is verified. It
 * fails when the first user of libstdc++ in the process is libnethack.so: libstdc++ can never be
 * unloaded and binds some of its symbols to the library that brought it, which is thereby pinned.
 * So libstdc++ is loaded for its own sake first. */
#define _GNU_SOURCE /* memfd_create, dlinfo */
#include "actor/envs/nethack/nle_load.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actor/envs/nethack/nle_elf.h"
#include "common/base/xmalloc.h"

struct nle_lib {
    char path[PATHS_MAX]; /* the original */
    int source_fd;        /* the original */
    int copy_fd;          /* memfd */
    char copy_path[32];   /* /proc/self/fd/N */
    struct nle_elf elf;
    void *handle;        /* NULL = not loaded */
    nle_start_fn *start; /* one of the two, by elf.separate_seeds */
    nle_start_0_9_fn *start_0_9;
    struct nle_seeds_0_9 seeds; /* the oldest keep a pointer to it */
    struct nle_calls calls;
};

static bool file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool nle_load_join(char out[PATHS_MAX], const char *dir, const char *name)
{
    int n = snprintf(out, PATHS_MAX, "%s/%s", dir, name);
    return n > 0 && n < PATHS_MAX;
}

/* nhdat lies beside the library, or in nethackdir/ as in an installed nle package. */
static int find_data(struct nle_files *f, struct onic_err *err)
{
    char dir[PATHS_MAX];
    snprintf(dir, sizeof dir, "%s", f->libnethack);
    char *slash = strrchr(dir, '/');
    if (slash)
        *slash = '\0';
    if (nle_load_join(f->nhdat, slash ? dir : ".", "nhdat") && file_exists(f->nhdat))
        return ONIC_OK;
    if (nle_load_join(f->nhdat, slash ? dir : ".", "nethackdir/nhdat") && file_exists(f->nhdat))
        return ONIC_OK;
    return err_set(err, ONIC_ECONFIG,
                   "NetHack's data file nhdat lies neither beside %s nor in"
                   " nethackdir/ there; take it from nle/nethackdir/ of the nle wheel",
                   f->libnethack);
}

int nle_files_find(struct nle_files *out, const char *nle, struct onic_err *err)
{
    char dir[PATHS_MAX];
    struct stat st;
    if (nle[0] == '\0') {
        char cache[PATHS_MAX];
        int rc = paths_cache_dir(cache, sizeof cache, err);
        if (rc)
            return rc;
        if (!nle_load_join(dir, cache, "nle-1.3.0") ||
            !nle_load_join(out->libnethack, dir, "libnethack.so"))
            return err_set(err, ONIC_ECONFIG, "the path of the package cache %s is too long",
                           cache);
        if (!file_exists(out->libnethack))
            return err_set(
                err, ONIC_ECONFIG,
                "NetHack needs %s, which is missing; deploy/quickstart.sh or tests/run.sh of a "
                "checkout fetch the nle 1.3.0 wheel (ONIC_CACHE=CHECKOUT/build/cache tells an "
                "installed copy), or point --env.nle at an installed nle package",
                out->libnethack);
        return find_data(out, err);
    }
    if (stat(nle, &st) != 0)
        return err_set(err, ONIC_ECONFIG, "env.nle names %s, which does not exist", nle);
    if (!S_ISDIR(st.st_mode))
        snprintf(out->libnethack, sizeof out->libnethack, "%s", nle);
    else if (!nle_load_join(out->libnethack, nle, "libnethack.so") || !file_exists(out->libnethack))
        return err_set(err, ONIC_ECONFIG, "env.nle names the folder %s, which has no libnethack.so",
                       nle);
    return find_data(out, err);
}

/* Copies the whole of source_fd into a fresh memfd. */
static int make_copy(struct nle_lib *l, size_t bytes, struct onic_err *err)
{
    l->copy_fd = memfd_create("libnethack", MFD_CLOEXEC);
    if (l->copy_fd < 0)
        return err_set(err, ONIC_EIO, "a memory file for NetHack cannot be created: %s",
                       strerror(errno));
    off_t at = 0;
    while ((size_t)at < bytes) {
        ssize_t n = sendfile(l->copy_fd, l->source_fd, &at, bytes - (size_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(err, ONIC_EIO, "%s cannot be copied into memory: %s", l->path,
                           n < 0 ? strerror(errno) : "it became shorter while being read");
    }
    snprintf(l->copy_path, sizeof l->copy_path, "/proc/self/fd/%d", l->copy_fd);
    return ONIC_OK;
}

/* Reads what is needed of the file to load it again and again. */
static int read_library(struct nle_lib *l, struct onic_err *err)
{
    struct stat st;
    l->source_fd = open(l->path, O_RDONLY | O_CLOEXEC);
    if (l->source_fd < 0 || fstat(l->source_fd, &st) != 0 || st.st_size <= 0)
        return err_set(err, ONIC_ECONFIG, "NetHack's library %s cannot be read: %s", l->path,
                       l->source_fd < 0 ? strerror(errno) : "it is empty");
    size_t bytes = (size_t)st.st_size;
    void *file = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, l->source_fd, 0);
    if (file == MAP_FAILED)
        return err_set(err, ONIC_EIO, "%s cannot be mapped: %s", l->path, strerror(errno));
    int rc = nle_elf_read(&l->elf, file, bytes, l->path, err);
    if (!rc)
        rc = make_copy(l, bytes, err);
    munmap(file, bytes);
    return rc;
}

int nle_lib_open(struct nle_lib **out, const char *library, struct onic_err *err)
{
    struct nle_lib *l = xcalloc(1, sizeof *l);
    l->copy_fd = -1;
    snprintf(l->path, sizeof l->path, "%s", library);
    int rc = read_library(l, err);
    if (rc)
        nle_lib_close(l);
    else
        *out = l;
    return rc;
}

void nle_lib_close(struct nle_lib *l)
{
    if (!l)
        return;
    nle_lib_unload(l, NULL);
    if (l->copy_fd >= 0)
        close(l->copy_fd);
    if (l->source_fd >= 0)
        close(l->source_fd);
    free(l);
}

const struct nle_calls *nle_lib_calls(const struct nle_lib *l)
{
    ONIC_ASSERT(l->handle);
    return &l->calls;
}

void *nle_lib_object(const struct nle_lib *l, const char *name)
{
    return l->handle ? dlsym(l->handle, name) : NULL;
}

/* Maps the read-only segments once more, from the original file: same bytes, shared pages. */
static int share_segments(struct nle_lib *l, struct onic_err *err)
{
    struct link_map *map = NULL;
    if (dlinfo(l->handle, RTLD_DI_LINKMAP, &map) != 0 || !map)
        return err_set(err, ONIC_EINTERNAL, "the place of %s in memory is unknown: %s", l->path,
                       dlerror());
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < l->elf.nsegments; i++) {
        const struct nle_segment *s = &l->elf.segment[i];
        uint64_t slack = s->vaddr % page;
        if (s->offset % page != slack)
            continue; /* cannot be mapped at this place; the copy's own pages stay */
        char *at = (char *)(uintptr_t)(map->l_addr + s->vaddr - slack);
        void *got = mmap(at, s->bytes + slack, PROT_READ | (s->exec ? PROT_EXEC : 0),
                         MAP_PRIVATE | MAP_FIXED, l->source_fd, (off_t)(s->offset - slack));
        if (got == MAP_FAILED)
            return err_set(err, ONIC_EIO, "the code of %s cannot be shared: %s", l->path,
                           strerror(errno));
    }
    return ONIC_OK;
}

static bool find_call(void *handle, const char *name, void *call)
{
    void *address = dlsym(handle, name);
    memcpy(call, &address, sizeof address); /* ISO C has no cast from object to function pointer */
    return address != NULL;
}

int nle_lib_load(struct nle_lib *l, struct onic_err *err)
{
    ONIC_ASSERT(!l->handle);
    /* Never closed: see the essay. RTLD_NODELETE makes a second call free. */
    if (!dlopen("libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE))
        return err_set(err, ONIC_ECONFIG, "NetHack needs the C++ run-time library: %s", dlerror());
    l->handle = dlopen(l->copy_path, RTLD_NOW | RTLD_LOCAL);
    if (!l->handle)
        return err_set(err, ONIC_ECONFIG, "%s cannot be loaded: %s", l->path, dlerror());
    bool start = l->elf.separate_seeds ? find_call(l->handle, "nle_start", &l->start_0_9)
                                       : find_call(l->handle, "nle_start", &l->start);
    if (!start || !find_call(l->handle, "nle_step", &l->calls.step) ||
        !find_call(l->handle, "nle_end", &l->calls.end))
        return err_set(err, ONIC_EINCOMPATIBLE,
                       "%s hides a function of NLE (%s); fetch the nle wheel again", l->path,
                       dlerror());
    return share_segments(l, err);
}

void *nle_lib_start(struct nle_lib *l, struct nle_obs *obs, struct nle_settings *settings)
{
    ONIC_ASSERT(l->handle);
    if (!l->elf.separate_seeds)
        return l->start(obs, NULL, settings);
    l->seeds = (struct nle_seeds_0_9){.seeds = {settings->seeds.core, settings->seeds.disp}};
    return l->start_0_9(obs, NULL, settings->seeds.use_seeds ? &l->seeds : NULL, settings);
}

int nle_lib_seeds(const struct nle_lib *l)
{
    return l->elf.separate_seeds ? 2 : 3;
}

int nle_lib_unload(struct nle_lib *l, struct onic_err *err)
{
    if (!l->handle)
        return ONIC_OK;
    dlclose(l->handle);
    l->handle = NULL;
    void *still = dlopen(l->copy_path, RTLD_NOW | RTLD_NOLOAD);
    if (still) {
        dlclose(still);
        return err_set(err, ONIC_EINTERNAL,
                       "NetHack's library %s stays in memory after it was closed, so no"
                       " second game can be played; was libstdc++ loaded by something else?",
                       l->path);
    }
    return ONIC_OK;
}
