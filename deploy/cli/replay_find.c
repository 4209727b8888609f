/* SPDX-License-Identifier: MIT */
/* replay_find.c - see replay_find.h. */
#include "deploy/cli/replay_find.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file_kind.h"
#include "common/base/log.h"

struct kept {
    int episodes, crashes;
    char newest[256], crash[256]; /* names; of crashes any */
};

static bool replay_find_ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n > m && strcmp(name + n - m, end) == 0;
}

/* Of any kind, a link that leads nowhere as well. */
static bool replay_find_holds(const char *dir, const char *name)
{
    char path[REPLAY_PATH_MAX + 32];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return lstat(path, &st) == 0;
}

/* Names begin with the number of environment steps, so the last in order is the newest. */
static int replay_find_look(const char *dir, struct kept *k, struct onic_err *err)
{
    DIR *d = opendir(dir);
    if (!d)
        return errno == ENOTDIR ? file_want_folder(dir, "a folder of kept episodes", err)
                                : file_unreadable(dir, errno, err);
    for (struct dirent *e; (e = readdir(d));) {
        if (replay_find_ends_with(e->d_name, ".jsonl") && ++k->episodes &&
            strcmp(e->d_name, k->newest) > 0)
            snprintf(k->newest, sizeof k->newest, "%s", e->d_name);
        else if (replay_find_ends_with(e->d_name, ".replay") && ++k->crashes)
            snprintf(k->crash, sizeof k->crash, "%s", e->d_name);
    }
    closedir(d);
    return ONIC_OK;
}

static int none_kept(const char *path, const char *dir, const struct kept *k, struct onic_err *err)
{
    if (k->crashes)
        return err_set(err, ONIC_ENOTFOUND,
                       "%s keeps no whole episode, only %d game%s that crashed: give its file, for "
                       "example %s/%s",
                       path, k->crashes, k->crashes == 1 ? "" : "s", dir, k->crash);
    if (strcmp(path, dir) != 0)
        return err_set(err, ONIC_ENOTFOUND,
                       "%s keeps no episode yet: the first one and then every "
                       "replay.every_episodes-th one is kept when it has ended",
                       path);
    return err_set(err, ONIC_ENOTFOUND,
                   "%s is a folder without kept episodes: give a run directory or a file of its "
                   "folder replays",
                   path);
}

int replay_find(char path[REPLAY_PATH_MAX], bool *found, struct onic_err *err)
{
    char dir[REPLAY_PATH_MAX + 16];
    struct kept k = {.episodes = 0};
    *found = false;
    if (!file_is_folder(path))
        return ONIC_OK;
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/';)
        path[--n] = '\0';
    /* other files of a run end with .jsonl, too */
    bool any = replay_find_holds(path, "replays");
    bool run = any || replay_find_holds(path, "metrics.jsonl");
    snprintf(dir, sizeof dir, "%s%s", path, run ? "/replays" : "");
    int rc = run && !any ? ONIC_OK : replay_find_look(dir, &k, err);
    if (rc)
        return rc;
    if (k.episodes == 0)
        return none_kept(path, dir, &k, err);
    char file[sizeof dir + sizeof k.newest];
    if (snprintf(file, sizeof file, "%s/%s", dir, k.newest) >= REPLAY_PATH_MAX)
        return err_set(err, ONIC_ECONFIG, "the path of %s is too long", k.newest);
    memcpy(path, file, strlen(file) + 1);
    *found = true;
    log_say(LOG_INFO, "onic", "%s, the newest of %d kept episode%s", path, k.episodes,
            k.episodes == 1 ? "" : "s");
    return ONIC_OK;
}

bool replay_find_newest(const char *run, char path[REPLAY_PATH_MAX])
{
    char dir[REPLAY_PATH_MAX + 16];
    struct kept k = {.episodes = 0};
    snprintf(dir, sizeof dir, "%.500s/replays", run);
    return replay_find_look(dir, &k, NULL) == ONIC_OK && k.episodes > 0 &&
           snprintf(path, REPLAY_PATH_MAX, "%s/%s", dir, k.newest) < REPLAY_PATH_MAX;
}
