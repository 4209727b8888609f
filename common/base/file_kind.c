/* SPDX-License-Identifier: MIT */
/* file_kind.c - see file_kind.h. A FIFO is not opened: that would wait for a writer. */
#define _GNU_SOURCE
#include "common/base/file_kind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/plain_file.h"
#include "common/base/utf8.h"

enum { FILE_HEAD = 4096, FILE_SAFETENSORS_HEADER_MAX = 100 << 20 };

static const char *const kind_empty = "an empty file";

static bool file_kind_ends_with(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n >= m && strcasecmp(path + n - m, end) == 0;
}

static const char *kind_of_folder(const char *path)
{
    char file[4200];
    struct stat st;
    snprintf(file, sizeof file, "%.4096s/version.txt", path);
    bool run = stat(file, &st) == 0;
    snprintf(file, sizeof file, "%.4096s/checkpoints", path);
    return run && stat(file, &st) == 0 ? "a run directory" : "a folder";
}

/* Length of the header, then JSON. */
static bool is_safetensors(const unsigned char *head, size_t n)
{
    uint64_t len = 0;
    for (int i = 0; n > 8 && i < 8; i++)
        len |= (uint64_t)head[i] << (8 * i);
    return len > 1 && len <= FILE_SAFETENSORS_HEADER_MAX && head[8] == '{';
}

static const char *kind_of_bytes(const unsigned char *head, size_t n)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *kind;
    } marks[] = {
        {"SQLite format 3", 16, "an SQLite database"},
        {"\x7f"
         "ELF",
         4, "a program"},
        {"\x1f\x8b", 2, "a compressed file"},
        {"PK\3\4", 4, "a ZIP archive"},
        {"\xfd"
         "7zXZ",
         6, "a compressed file"},
        {"\x28\xb5\x2f\xfd", 4, "a compressed file"},
        {"\x89PNG", 4, "a picture"},
    };
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (n >= marks[i].n && memcmp(head, marks[i].bytes, marks[i].n) == 0)
            return marks[i].kind;
    return is_safetensors(head, n) ? "a safetensors file" : NULL;
}

/* Text, or NULL. The last character may be cut off at the end of the head. */
static const char *kind_of_text(const char *path, const char *head, size_t n)
{
    struct onic_err err;
    size_t whole = n;
    while (whole > 0 && n == FILE_HEAD && whole > n - 4 &&
           utf8_check(head, whole, path, &err) != ONIC_OK)
        whole--;
    if (memchr(head, '\0', n) || utf8_check(head, whole, path, &err) != ONIC_OK)
        return NULL;
    if (file_kind_ends_with(path, ".yaml") || file_kind_ends_with(path, ".yml"))
        return "a YAML file";
    size_t blank = strspn(head, " \t\r\n");
    return blank < n && (head[blank] == '{' || head[blank] == '[') ? "JSON text" : "a text file";
}

static const char *kind_of_file(const char *path)
{
    char head[FILE_HEAD + 1];
    const char *name = strrchr(path, '/');
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, head, FILE_HEAD);
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return NULL;
    head[n] = '\0';
    if (n == 0)
        return kind_empty;
    if (strncmp(name ? name + 1 : path, "events.out.tfevents.", 20) == 0)
        return "a TensorBoard event file";
    const char *kind = kind_of_bytes((const unsigned char *)head, (size_t)n);
    return kind ? kind : kind_of_text(path, head, (size_t)n);
}

const char *file_kind(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return NULL;
    switch (st.st_mode & S_IFMT) {
    case S_IFREG:
        return kind_of_file(path);
    case S_IFDIR:
        return kind_of_folder(path);
    case S_IFIFO:
        return "a pipe";
    case S_IFSOCK:
        return "a socket";
    default:
        return "a device";
    }
}

int file_kind_refuse(const char *path, const char *wanted, struct onic_err *err)
{
    const char *kind = file_kind(path);
    if (!kind || kind == kind_empty) /* emptied by a full disk or a crash */
        return ONIC_OK;
    return err_set(err, ONIC_ECONFIG, "%s is %s, not %s", path, kind, wanted);
}

bool file_is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int file_want_folder(const char *path, const char *wanted, struct onic_err *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return file_unreadable(path, errno, err);
    if (S_ISDIR(st.st_mode))
        return ONIC_OK;
    const char *kind = file_kind(path);
    return err_set(err, ONIC_ECONFIG, "%s is %s, not %s", path, kind ? kind : "a file", wanted);
}

int file_unreadable(const char *path, int code, struct onic_err *err)
{
    struct stat st;
    const char *not_regular = code == EINVAL ? file_kind(path) : NULL;
    switch (code) {
    case ENOENT:
    case ENOTDIR:
        return err_set(err, ONIC_ENOTFOUND, "%s does not exist", path);
    case EACCES:
    case EPERM:
        if (stat(path, &st) == 0 && st.st_uid != geteuid())
            return err_set(err, ONIC_EAUTH,
                           "%s cannot be read: %s for user %u; it belongs to user %u", path,
                           strerror(code), (unsigned)geteuid(), (unsigned)st.st_uid);
        return err_set(err, ONIC_EAUTH, "%s cannot be read: %s for user %u", path, strerror(code),
                       (unsigned)geteuid());
    case PLAIN_FILE_FOREIGN:
        return err_set(err, ONIC_EAUTH, "%s is not read: another user made a link there", path);
    case ELOOP:
        return err_set(err, ONIC_ECONFIG, "%s is a link that leads back to itself, not a file",
                       path);
    case ENAMETOOLONG:
        return err_set(err, ONIC_ECONFIG, "the path %.80s... is too long for the system", path);
    case EINVAL: /* of plain_file.h */
        return err_set(err, ONIC_ECONFIG, "%s is %s, not a regular file", path,
                       not_regular ? not_regular : "something else");
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return err_set(err, ONIC_EAGAIN, "%s cannot be opened now: %s", path, strerror(code));
    default:
        return err_set(err, ONIC_EIO, "%s cannot be read: %s", path, strerror(code));
    }
}
