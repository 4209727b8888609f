/* SPDX-License-Identifier: MIT */
/* key_file.c - see key_file.h. A hash is a letter of Z85 as well, but no key begins with one: 84 *
 * 85^4 is beyond 32 bits. */
#define _GNU_SOURCE
#include "common/wire/keys/key_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/file_owner.h"
#include "common/base/key_file.h"
#include "common/base/xmalloc.h"

enum { KEY_BYTES = 32, FILE_MAX = 64 << 20 };

static const char *const role_names[KEY_ROLES] = {"actor", "learner", "reward-server", "observer"};

const char *key_role_name(enum key_role role)
{
    return role_names[role];
}

const char *key_role_words(enum key_role role)
{
    return role == KEY_REWARD_SERVER ? "reward server" : role_names[role];
}

bool key_role_find(const char *name, enum key_role *out)
{
    for (int i = 0; i < KEY_ROLES; i++)
        if (strcmp(name, role_names[i]) == 0) {
            *out = (enum key_role)i;
            return true;
        }
    return false;
}

/* --- text -------------------------------------------------------------------------------- */

static bool is_key(const char *text, size_t n)
{
    char copy[KEY_TEXT];
    uint8_t bytes[KEY_BYTES];
    if (n != KEY_TEXT - 1)
        return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    bool ok = strlen(copy) == n && zmq_z85_decode(bytes, copy) != NULL;
    explicit_bzero(bytes, sizeof bytes);
    explicit_bzero(copy, sizeof copy);
    return ok;
}

/* The first word of a line; 0: a comment, or nothing. */
static size_t first_word(const char **line, size_t n)
{
    while (n && isspace((unsigned char)**line))
        (*line)++, n--;
    size_t word = 0;
    while (word < n && !isspace((unsigned char)(*line)[word]))
        word++;
    return word && **line == '#' ? 0 : word;
}

static void key_list_add(struct key_list *l, const char *key)
{
    if (l->n % 64 == 0)
        l->key = xrealloc(l->key, ((size_t)l->n + 64) * sizeof *l->key);
    memcpy(l->key[l->n], key, KEY_TEXT - 1);
    l->key[l->n++][KEY_TEXT - 1] = '\0';
}

static int compare_keys(const void *a, const void *b)
{
    return memcmp(a, b, KEY_TEXT);
}

static void key_list_sort(struct key_list *l)
{
    if (l->n)
        qsort(l->key, (size_t)l->n, sizeof *l->key, compare_keys);
}

void key_list_free(struct key_list *l)
{
    free(l->key);
    *l = (struct key_list){0};
}

bool key_list_has(const struct key_list *l, const char *key)
{
    char padded[KEY_TEXT] = "";
    size_t n = strlen(key);
    if (n != KEY_TEXT - 1 || l->n == 0)
        return false;
    memcpy(padded, key, n);
    return bsearch(padded, l->key, (size_t)l->n, sizeof *l->key, compare_keys) != NULL;
}

void key_list_merge(struct key_list *out, const struct key_list *a, const struct key_list *b)
{
    *out = (struct key_list){0};
    for (int i = 0; i < a->n; i++)
        key_list_add(out, a->key[i]);
    for (int i = 0; i < b->n; i++)
        if (!key_list_has(a, b->key[i]))
            key_list_add(out, b->key[i]);
    key_list_sort(out);
}

int key_list_parse(struct key_list *out, const char *text, const char *where, struct onic_err *err)
{
    *out = (struct key_list){0};
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, ",");
        const char *word = p;
        size_t len = first_word(&word, n);
        if (len && !is_key(word, len)) {
            key_list_free(out);
            return err_set(err, ONIC_ECONFIG,
                           "%s: public keys of 40 characters (Z85) stand there, between commas",
                           where);
        }
        if (len)
            key_list_add(out, word);
        p += n + (p[n] == ',');
    }
    key_list_sort(out);
    return ONIC_OK;
}

int key_secret_parse(char secret[KEY_TEXT], char public[KEY_TEXT], const char *text,
                     const char *where, struct onic_err *err)
{
    size_t n = first_word(&text, strlen(text));
    if (!is_key(text, n))
        return err_set(err, ONIC_ECONFIG,
                       "%s holds no secret key (40 characters of Z85, as `onic keygen` makes them)",
                       where);
    memcpy(secret, text, n);
    secret[n] = '\0';
    if (zmq_curve_public(public, secret) == 0)
        return ONIC_OK;
    explicit_bzero(secret, KEY_TEXT);
    return err_set(err, ONIC_ECONFIG, "%s: no public key belongs to that secret key: %s", where,
                   zmq_strerror(zmq_errno()));
}

/* --- files ------------------------------------------------------------------------------- */

/* *out: terminated, of malloc. */
static int key_file_text(char **out, size_t *len, int fd, const char *path, struct onic_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return err_set(err, ONIC_ECONFIG, "%s is no file with keys", path);
    if (st.st_size > FILE_MAX)
        return err_set(err, ONIC_ECONFIG, "%s is larger than %d MiB", path, FILE_MAX >> 20);
    size_t size = (size_t)st.st_size, n = 0;
    char *text = xmalloc(size + 1);
    ssize_t got = 1;
    while (n < size && (got = read(fd, text + n, size - n)) > 0)
        n += (size_t)got;
    if (got < 0) {
        int why = errno;
        free(text);
        return err_set(err, ONIC_ECONFIG, "%s cannot be read: %s", path, strerror(why));
    }
    text[n] = '\0';
    *out = text;
    *len = n;
    return ONIC_OK;
}

static int key_file_open(int *fd, const char *path, struct onic_err *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd >= 0)
        return ONIC_OK;
    return err_set(err, errno == ENOENT || errno == ENOTDIR ? ONIC_ENOTFOUND : ONIC_ECONFIG,
                   "%s cannot be read: %s", path, strerror(errno));
}

/* Who can add a line lets in whom he likes. */
static int check_list_file(int fd, const char *path, struct onic_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_set(err, ONIC_ECONFIG, "%s cannot be read: %s", path, strerror(errno));
    if (file_owner_is_another(&st))
        return err_set(err, ONIC_ECONFIG,
                       "%s belongs to user %u, who could let anybody in: it must belong to this "
                       "user (%u) or to root",
                       path, (unsigned)st.st_uid, (unsigned)geteuid());
    if (st.st_mode & 022)
        return err_set(err, ONIC_ECONFIG,
                       "%s can be changed by others (mode %03o), who could let anybody in: chmod "
                       "go-w it",
                       path, (unsigned)st.st_mode & 0777);
    return ONIC_OK;
}

static int read_lines(struct key_list *out, const char *text, size_t len, const char *path,
                      struct onic_err *err)
{
    int number = 0;
    for (size_t at = 0; at < len;) {
        const char *line = text + at, *end = memchr(line, '\n', len - at);
        size_t n = end ? (size_t)(end - line) : len - at;
        at += n + 1;
        number++;
        size_t word = first_word(&line, n);
        if (word && (!is_key(line, word) || out->n == KEY_LIST_MAX))
            return err_set(err, ONIC_ECONFIG,
                           out->n == KEY_LIST_MAX
                               ? "%s:%d: there are too many keys"
                               : "%s:%d: a line begins with a public key of 40 characters (Z85)",
                           path, number);
        if (word)
            key_list_add(out, line);
    }
    key_list_sort(out);
    return ONIC_OK;
}

int key_list_read(struct key_list *out, const char *path, struct onic_err *err)
{
    char *text = NULL;
    size_t len = 0;
    int fd, rc = key_file_open(&fd, path, err);
    *out = (struct key_list){0};
    if (rc)
        return rc;
    rc = check_list_file(fd, path, err);
    if (!rc)
        rc = key_file_text(&text, &len, fd, path, err);
    if (!rc)
        rc = read_lines(out, text, len, path, err);
    if (rc)
        key_list_free(out);
    free(text);
    close(fd);
    return rc;
}

/* Behind its comments. */
static const char *secret_line(const char *text)
{
    while (*text) {
        const char *line = text;
        size_t n = strcspn(text, "\n");
        if (first_word(&line, n))
            return line;
        text += n + (text[n] == '\n');
    }
    return text;
}

int key_secret_read(char secret[KEY_TEXT], char public[KEY_TEXT], const char *path,
                    struct onic_err *err)
{
    char *text = NULL;
    size_t len = 0;
    int fd, rc = key_file_open(&fd, path, err);
    if (rc)
        return rc;
    rc = key_file_check(fd, path, "security.keys:", err);
    if (!rc)
        rc = key_file_text(&text, &len, fd, path, err);
    if (!rc)
        rc = key_secret_parse(secret, public, secret_line(text), path, err);
    if (text)
        explicit_bzero(text, len);
    free(text);
    close(fd);
    return rc;
}
