/* SPDX-License-Identifier: MIT */
/* keys.c - see keys.h. Files are looked at by the thread that authenticates, a few times a second,
 * and before a connection is made; never for a message: a file system may hang.
 *
 * A list that is written in place (cp, an editor) is empty at first and then grows: each of its
 * beginnings that ends with a line is a list as well, and a refusal is final for those it lacks. So
 * a key that is there is let in at once, one that is gone is shut out when the list was the same
 * for a while. */
#define _GNU_SOURCE
#include "common/wire/keys/keys.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <zmq.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/base/secrets.h"
#include "common/base/xmalloc.h"

enum { SAY_EVERY_MS = 60000, STEADY_MS = 500 };

/* Of a list's file, to see that it changed. */
struct seen {
    bool there;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

/* A list that lost keys, and since when it has been like that. */
struct shorter {
    bool waits;
    struct seen seen;
    struct key_list list;
    int64_t since_ms;
};

struct wire_keys {
    char folder[PATHS_MAX]; /* "": variables */
    enum key_role self;
    char public[KEY_TEXT], secret[KEY_TEXT];
    pthread_mutex_t lock;    /* the lists; who changes them has the other one, too */
    pthread_mutex_t reading; /* what is below */
    struct key_list list[KEY_ROLES];
    bool fixed[KEY_ROLES]; /* a variable's */
    struct seen seen[KEY_ROLES];
    struct shorter shorter[KEY_ROLES];
    int64_t said_ms;
};

static char taken[256]; /* ONIC_CURVE_SECRET, "" = not set */

void wire_keys_take_variable(void)
{
    secrets_take("ONIC_CURVE_SECRET", taken, sizeof taken);
    if (taken[0]) /* from now on, also where no address is tcp and it is never used */
        secrets_hold();
}

void wire_keys_put_variable(void)
{
    if (taken[0])
        setenv("ONIC_CURVE_SECRET", taken, 1);
}

static void role_variable(enum key_role role, char out[64])
{
    snprintf(out, 64, "ONIC_CURVE_%s", key_role_name(role));
    for (char *p = out; *p; p++)
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
}

static void keys_path(const struct wire_keys *k, enum key_role role, const char *suffix,
                      char out[PATHS_MAX + 32])
{
    snprintf(out, PATHS_MAX + 32, "%s/%s.%s", k->folder, key_role_name(role), suffix);
}

void wire_keys_place(const struct wire_keys *k, enum key_role role, char out[KEY_PLACE_MAX])
{
    if (k->folder[0] && !k->fixed[role])
        snprintf(out, KEY_PLACE_MAX, "%.250s/%s.allow", k->folder, key_role_name(role));
    else
        role_variable(role, out);
}

/* --- lists ------------------------------------------------------------------------------- */

static struct seen look_at(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return (struct seen){0};
    return (struct seen){.there = true,
                         .device = st.st_dev,
                         .inode = st.st_ino,
                         .size = st.st_size,
                         .modified = st.st_mtim,
                         .changed = st.st_ctim};
}

static bool is_same(const struct seen *a, const struct seen *b)
{
    return a->there == b->there && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->modified.tv_sec == b->modified.tv_sec &&
           a->modified.tv_nsec == b->modified.tv_nsec && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

static void swap_list(struct wire_keys *k, enum key_role role, struct key_list *fresh)
{
    struct key_list old = k->list[role];
    pthread_mutex_lock(&k->lock);
    k->list[role] = *fresh;
    pthread_mutex_unlock(&k->lock);
    key_list_free(&old);
}

static void forget_shorter(struct shorter *w)
{
    key_list_free(&w->list);
    *w = (struct shorter){0};
}

static bool lacks_keys(const struct key_list *fresh, const struct key_list *old)
{
    for (int i = 0; i < old->n; i++)
        if (!key_list_has(fresh, old->key[i]))
            return true;
    return false;
}

static bool is_same_list(const struct key_list *a, const struct key_list *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->key, b->key, (size_t)a->n * KEY_TEXT) == 0);
}

/* True: the file was like that STEADY_MS ago already. Otherwise *fresh is kept, to be compared. */
static bool is_steady(struct shorter *w, const struct seen *now, struct key_list *fresh)
{
    if (w->waits && is_same(now, &w->seen) && is_same_list(fresh, &w->list))
        return clock_ms() - w->since_ms >= STEADY_MS;
    forget_shorter(w);
    *w = (struct shorter){.waits = true, .seen = *now, .list = *fresh, .since_ms = clock_ms()};
    *fresh = (struct key_list){0};
    return false;
}

static void let_in_also(struct wire_keys *k, enum key_role role, const struct key_list *fresh)
{
    struct key_list both = {0};
    if (!lacks_keys(&k->list[role], fresh)) /* it has none that are new */
        return;
    key_list_merge(&both, &k->list[role], fresh);
    swap_list(k, role, &both);
}

/* first: at the program's start, where a file that is missing is an empty list. */
static int keys_read_list(struct wire_keys *k, enum key_role role, bool first, struct onic_err *err)
{
    char path[PATHS_MAX + 32];
    struct key_list fresh;
    keys_path(k, role, "allow", path);
    struct seen now = look_at(path);
    struct shorter *w = &k->shorter[role];
    if (!first && is_same(&now, &k->seen[role]))
        return ONIC_OK;
    if (w->waits && is_same(&now, &w->seen) && clock_ms() - w->since_ms < STEADY_MS)
        return ONIC_OK;
    int rc = key_list_read(&fresh, path, err);
    if (rc == ONIC_ENOTFOUND && first)
        return ONIC_OK;
    if (rc)
        return rc; /* looked at again: it may be half written */
    if (!first && lacks_keys(&fresh, &k->list[role]) && !is_steady(w, &now, &fresh)) {
        let_in_also(k, role, &w->list);
        key_list_free(&fresh);
        return ONIC_OK;
    }
    forget_shorter(w);
    k->seen[role] = now;
    swap_list(k, role, &fresh);
    if (!first)
        log_info("a list of keys was read again", kv("file", (const char *)path),
                 kv("keys", fresh.n));
    return ONIC_OK;
}

void wire_keys_refresh(struct wire_keys *k)
{
    pthread_mutex_lock(&k->reading);
    for (int i = 0; i < KEY_ROLES && k->folder[0]; i++) {
        struct onic_err err = {0};
        if (!k->fixed[i] && keys_read_list(k, (enum key_role)i, false, &err) != ONIC_OK &&
            log_every_ms(&k->said_ms, SAY_EVERY_MS))
            log_warn("a list of keys cannot be used, the last one stays",
                     kv("why", (const char *)err.msg));
    }
    pthread_mutex_unlock(&k->reading);
}

bool wire_keys_allow(struct wire_keys *k, unsigned roles, const char *key)
{
    bool found = false;
    pthread_mutex_lock(&k->lock);
    for (int i = 0; i < KEY_ROLES; i++)
        found |= (roles & 1u << i) && key_list_has(&k->list[i], key);
    pthread_mutex_unlock(&k->lock);
    return found;
}

/* Whoever connects can wait: a key that is gone is not used, an empty list is read once more. */
bool wire_keys_peer(struct wire_keys *k, enum key_role role, unsigned attempt, char out[KEY_TEXT])
{
    const struct shorter *w = &k->shorter[role];
    wire_keys_refresh(k);
    pthread_mutex_lock(&k->reading);
    bool emptied = w->waits && w->list.n == 0;
    pthread_mutex_unlock(&k->reading);
    if (emptied) {
        nanosleep(&(struct timespec){.tv_nsec = (STEADY_MS + 10) * 1000000L}, NULL);
        wire_keys_refresh(k);
    }
    pthread_mutex_lock(&k->reading);
    const struct key_list *l = w->waits && w->list.n ? &w->list : &k->list[role];
    bool any = l->n > 0;
    if (any)
        memcpy(out, l->key[attempt % (unsigned)l->n], KEY_TEXT);
    pthread_mutex_unlock(&k->reading);
    return any;
}

/* --- life -------------------------------------------------------------------------------- */

static int read_secret(struct wire_keys *k, struct onic_err *err)
{
    char path[PATHS_MAX + 32];
    if (taken[0])
        return key_secret_parse(k->secret, k->public, taken, "ONIC_CURVE_SECRET", err);
    keys_path(k, k->self, "key", path);
    int rc = key_secret_read(k->secret, k->public, path, err);
    if (rc == ONIC_ENOTFOUND)
        rc = err_set(err, ONIC_ECONFIG,
                     "security.keys: %.300s holds no %s.key; `onic keygen DIR` makes a folder of "
                     "keys, and this program needs its own secret of it and the lists (*.allow)",
                     k->folder, key_role_name(k->self));
    return rc;
}

static int read_lists(struct wire_keys *k, struct onic_err *err)
{
    int rc = ONIC_OK;
    for (int i = 0; i < KEY_ROLES && !rc; i++) {
        char variable[64];
        role_variable((enum key_role)i, variable);
        const char *text = getenv(variable);
        k->fixed[i] = text != NULL;
        if (text)
            rc = key_list_parse(&k->list[i], text, variable, err);
        else if (k->folder[0])
            rc = keys_read_list(k, (enum key_role)i, true, err);
    }
    return rc;
}

static bool keys_are_tcp(const char *address)
{
    return address && strncmp(address, "tcp://", 6) == 0;
}

/* Whoever names one believes that there are keys; which ones matters where there is tcp. */
static int check_unused_folder(const char *folder, struct onic_err *err)
{
    struct stat st;
    bool there = stat(folder, &st) == 0;
    if (there && S_ISDIR(st.st_mode))
        return ONIC_OK;
    return err_set(err, ONIC_ECONFIG, "security.keys: %s cannot be read: %s", folder,
                   strerror(there ? ENOTDIR : errno));
}

int wire_keys_open(struct wire_keys **out, const struct wire_keys_wish *wish, struct onic_err *err)
{
    const char *folder = wish->folder;
    *out = NULL;
    if (!keys_are_tcp(wish->address[0]) && !keys_are_tcp(wish->address[1]))
        return folder[0] ? check_unused_folder(folder, err) : ONIC_OK;
    if (!folder[0] && !taken[0])
        return ONIC_OK;
    if (!zmq_has("curve"))
        return err_set(err, ONIC_ECONFIG,
                       "security.keys: this libzmq was built without CURVE; install Debian's");
    if (strlen(folder) >= PATHS_MAX)
        return err_set(err, ONIC_ECONFIG, "security.keys: the path is too long");
    struct wire_keys *k = xcalloc(1, sizeof *k);
    k->self = wish->self;
    snprintf(k->folder, sizeof k->folder, "%s", folder);
    pthread_mutex_init(&k->lock, NULL);
    pthread_mutex_init(&k->reading, NULL);
    secrets_hold();
    int rc = read_secret(k, err);
    if (!rc)
        rc = read_lists(k, err);
    if (rc) {
        wire_keys_free(k);
        return rc;
    }
    *out = k;
    return ONIC_OK;
}

void wire_keys_free(struct wire_keys *k)
{
    if (!k)
        return;
    for (int i = 0; i < KEY_ROLES; i++)
        key_list_free(&k->list[i]);
    for (int i = 0; i < KEY_ROLES; i++)
        forget_shorter(&k->shorter[i]);
    pthread_mutex_destroy(&k->lock);
    pthread_mutex_destroy(&k->reading);
    explicit_bzero(k, sizeof *k);
    free(k);
}

const char *wire_keys_public(const struct wire_keys *k)
{
    return k->public;
}

const char *wire_keys_secret(const struct wire_keys *k)
{
    return k->secret;
}

enum key_role wire_keys_role(const struct wire_keys *k)
{
    return k->self;
}
