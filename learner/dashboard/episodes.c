/* SPDX-License-Identifier: MIT */
/* episodes.c - see episodes.h. */
#define _GNU_SOURCE
#include "learner/dashboard/episodes.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHOWN ".shown" /* no name of a kept episode */

enum { PATH_BYTES = 4096, HEAD_BYTES = 1 << 14 };

bool episodes_name_is_plain(const char *name)
{
    size_t n = strlen(name);
    return n < EPISODES_NAME_MAX && n > strlen(".jsonl") && name[0] != '.' && name[0] != '-' &&
           strcmp(name + n - strlen(".jsonl"), ".jsonl") == 0 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

static int is_episode(const struct dirent *e)
{
    return episodes_name_is_plain(e->d_name);
}

static int episodes_newest_first(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*b)->d_name, (*a)->d_name); /* names begin with the steps, zeros in front */
}

/* The first line of a file that is one, NUL-terminated; false: there is none. */
static bool episodes_read_head(const char *path, char out[HEAD_BYTES])
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    ssize_t n =
        fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read(fd, out, HEAD_BYTES - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return false;
    out[n] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return true;
}

static void episodes_put_text(const json_t *head, const char *key, struct buf *out)
{
    const char *text = json_string_value(json_object_get(head, key));
    buf_json_key_text(out, key, text ? text : "");
}

static void episodes_put_number(const json_t *head, const char *key, struct buf *out)
{
    const json_t *v = json_object_get(head, key);
    buf_json_key_number(out, key, json_is_number(v) ? json_number_value(v) : (double)NAN);
}

static bool put_episode(const char *dir, const char *name, bool first, struct buf *out)
{
    char path[PATH_BYTES + 300], text[HEAD_BYTES];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    json_t *head = episodes_read_head(path, text) ? json_loads(text, 0, NULL) : NULL;
    bool is = json_is_object(head);
    if (is) {
        buf_printf(out, "%s{\"env_steps\":%.0f", first ? "" : ",", strtod(name, NULL));
        buf_json_key_text(out, "file", name);
        episodes_put_text(head, "env", out);
        episodes_put_text(head, "end", out);
        episodes_put_number(head, "steps", out);
        episodes_put_number(head, "return", out);
        buf_puts(out, "}");
    }
    json_decref(head);
    return is;
}

void episodes_json(const char *run_dir, struct buf *out)
{
    char dir[PATH_BYTES];
    struct dirent **names = NULL;
    snprintf(dir, sizeof dir, "%s/replays", run_dir);
    int n = scandir(dir, &names, is_episode, episodes_newest_first), put = 0;
    buf_puts(out, "{\"episodes\":[");
    for (int i = 0; i < n; i++) {
        if (i < EPISODES_MAX)
            put += put_episode(dir, names[i]->d_name, put == 0, out);
        free(names[i]);
    }
    free(names);
    buf_puts(out, "]}");
}

/* --- what is looked at stays ------------------------------------------------------------------ */

static int is_shown(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > strlen(SHOWN) && strcmp(e->d_name + n - strlen(SHOWN), SHOWN) == 0;
}

/* Removes the one that was asked for the longest time ago; false: there are few enough. */
static bool episodes_drop_shown(const char *dir)
{
    struct dirent **names = NULL;
    char path[PATH_BYTES + 300], oldest[PATH_BYTES + 300] = "";
    struct timespec first = {0};
    int n = scandir(dir, &names, is_shown, NULL);
    for (int i = 0; i < n; i++) {
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        if (lstat(path, &st) == 0 &&
            (!oldest[0] || st.st_mtim.tv_sec < first.tv_sec ||
             (st.st_mtim.tv_sec == first.tv_sec && st.st_mtim.tv_nsec < first.tv_nsec))) {
            memcpy(oldest, path, sizeof oldest);
            first = st.st_mtim;
        }
        free(names[i]);
    }
    free(names);
    return n > EPISODES_HELD && oldest[0] && unlink(oldest) == 0;
}

void episodes_hold(const char *run_dir, const struct run_home *home, const char *name, char *path,
                   size_t bytes)
{
    char dir[PATH_BYTES], shown[PATH_BYTES + 300];
    snprintf(dir, sizeof dir, "%s/replays", run_dir);
    snprintf(path, bytes, "%s/%s", dir, name);
    if (home && !run_home_is_here(home)) /* the run ends */
        return;
    snprintf(shown, sizeof shown, "%s/%s" SHOWN, dir, name);
    bool linked = link(path, shown) == 0; /* else it was held before, is gone, or cannot be */
    if (utimensat(AT_FDCWD, shown, NULL, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    snprintf(path, bytes, "%s", shown);
    while (linked && episodes_drop_shown(dir))
        ;
}
