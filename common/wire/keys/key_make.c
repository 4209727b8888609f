/* SPDX-License-Identifier: MIT */
/* key_make.c - see key_make.h. */
#define _GNU_SOURCE
#include "common/wire/keys/key_make.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/buf.h"
#include "common/base/paths.h"

enum { PATH_ROOM = PATHS_MAX + 32 };

static void key_make_path(char out[PATH_ROOM], const char *folder, int role, const char *suffix)
{
    snprintf(out, PATH_ROOM, "%s/%s.%s", folder, key_role_name((enum key_role)role), suffix);
}

static int key_make_failed(const char *path, int why, struct onic_err *err)
{
    return err_set(err, ONIC_ECANTCREATE, "%.500s cannot be written: %s", path, strerror(why));
}

static int make_folder(const char *folder, struct onic_err *err)
{
    struct stat st;
    if (mkdir(folder, 0700) == 0)
        return ONIC_OK;
    if (errno != EEXIST)
        return err_set(err, ONIC_ECANTCREATE, "the folder %.500s cannot be made: %s", folder,
                       strerror(errno));
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
        return err_set(err, ONIC_ECANTCREATE, "%.500s is no folder", folder);
    if (st.st_mode & 022)
        return err_set(err, ONIC_ECANTCREATE,
                       "others can write in %.500s, and put keys of their own there: chmod go-w it",
                       folder);
    return ONIC_OK;
}

static int refuse_to_overwrite(const char *folder, unsigned roles, struct onic_err *err)
{
    char path[PATH_ROOM];
    for (int i = 0; i < KEY_ROLES; i++) {
        key_make_path(path, folder, i, "key");
        if ((roles & 1u << i) && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return err_set(err, ONIC_ECANTCREATE,
                           "%.500s is there already, and no key is overwritten: take another "
                           "folder (--of=%.200s lets its key in as well), or move that file away",
                           path, folder);
    }
    return ONIC_OK;
}

static int key_make_write(const char *path, int flags, mode_t mode, const struct buf *text,
                          struct onic_err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, mode);
    if (fd < 0)
        return key_make_failed(path, errno, err);
    ssize_t n = write(fd, text->data, text->len);
    int why = n < 0 ? errno : n < (ssize_t)text->len ? ENOSPC : fsync(fd) != 0 ? errno : 0;
    if (close(fd) != 0 && !why)
        why = errno;
    return why ? key_make_failed(path, why, err) : ONIC_OK;
}

/* An editor may have left the last line without its end. */
static bool ends_within_a_line(const char *path)
{
    char last = '\n';
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    if (fseek(f, -1, SEEK_END) == 0 && fread(&last, 1, 1, f) != 1)
        last = '\n';
    fclose(f);
    return last != '\n';
}

static int allow_key(const char *folder, int role, const char *public, struct onic_err *err)
{
    char path[PATH_ROOM], date[32], host[64] = "";
    struct tm t;
    time_t now = time(NULL);
    struct buf line;
    key_make_path(path, folder, role, "allow");
    gmtime_r(&now, &t);
    strftime(date, sizeof date, "%Y-%m-%d", &t);
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    buf_init(&line, 512);
    buf_printf(&line, "%s%s made %s on %s\n", ends_within_a_line(path) ? "\n" : "", public, date,
               host);
    int rc = key_make_write(path, O_APPEND, 0644, &line, err);
    buf_release(&line);
    return rc;
}

static int make_pair(const char *folder, int role, const char *lists, char public[KEY_TEXT],
                     struct onic_err *err)
{
    char path[PATH_ROOM], secret[KEY_TEXT];
    struct buf text;
    if (zmq_curve_keypair(public, secret) != 0)
        return err_set(err, ONIC_ECONFIG, "this libzmq makes no keys: %s",
                       zmq_strerror(zmq_errno()));
    key_make_path(path, folder, role, "key");
    buf_init(&text, 512);
    buf_printf(&text, "# secret key of the %s whose public key is\n# %s\n%s\n",
               key_role_words((enum key_role)role), public, secret);
    int rc = key_make_write(path, O_EXCL, 0600, &text, err);
    explicit_bzero(text.data, text.len);
    explicit_bzero(secret, sizeof secret);
    buf_release(&text);
    if (rc)
        return rc;
    rc = allow_key(lists, role, public, err);
    if (rc)
        unlink(path);
    return rc;
}

static int copy_list(const char *from, const char *to, struct onic_err *err)
{
    struct buf text;
    char part[4096];
    size_t n;
    if (access(to, F_OK) == 0)
        return ONIC_OK;
    FILE *f = fopen(from, "re");
    if (!f)
        return errno == ENOENT
                   ? ONIC_OK
                   : err_set(err, ONIC_ECONFIG, "%.500s cannot be read: %s", from, strerror(errno));
    buf_init(&text, 64 << 20);
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        buf_append(&text, part, n);
    fclose(f);
    int rc = key_make_write(to, O_EXCL, 0644, &text, err);
    buf_release(&text);
    return rc;
}

int key_make(const char *folder, unsigned roles, const char *of, char (*public)[KEY_TEXT],
             struct onic_err *err)
{
    char from[PATH_ROOM], to[PATH_ROOM];
    if (strlen(folder) >= PATHS_MAX || strlen(of) >= PATHS_MAX)
        return err_set(err, ONIC_ECONFIG, "the path of a folder of keys is too long");
    if (of[0] && access(of, W_OK) != 0)
        return err_set(err, ONIC_ECONFIG, "--of=%.500s cannot be written: %s", of, strerror(errno));
    int rc = make_folder(folder, err);
    if (!rc)
        rc = refuse_to_overwrite(folder, roles, err);
    for (int i = 0; i < KEY_ROLES && !rc; i++)
        if (roles & 1u << i)
            rc = make_pair(folder, i, of[0] ? of : folder, public[i], err);
    for (int i = 0; i < KEY_ROLES && !rc && of[0]; i++) {
        key_make_path(from, of, i, "allow");
        key_make_path(to, folder, i, "allow");
        rc = copy_list(from, to, err);
    }
    return rc;
}
