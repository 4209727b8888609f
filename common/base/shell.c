/* SPDX-License-Identifier: MIT */
/* shell.c - see shell.h. */
#include "common/base/shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHELL_WORD_MAX = 1 << 16 };

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool is_harmless(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("_@%+=:,./-", c));
}

static void put_quoted(struct buf *out, const char *text)
{
    buf_puts(out, "'");
    for (; *text; text++)
        buf_append(out, *text == '\'' ? "'\\''" : text, *text == '\'' ? 4 : 1);
    buf_puts(out, "'");
}

static void put_escaped(struct buf *out, const char *text)
{
    buf_puts(out, "$'");
    for (; *text; text++)
        if (is_control(*text))
            buf_printf(out, "\\%03o", (unsigned)(unsigned char)*text);
        else if (*text == '\'' || *text == '\\')
            buf_printf(out, "\\%c", *text);
        else
            buf_append(out, text, 1);
    buf_puts(out, "'");
}

void shell_put(struct buf *out, const char *text)
{
    bool harmless = *text != '\0', control = false;
    for (const char *p = text; *p; p++) {
        harmless &= is_harmless(*p);
        control |= is_control(*p);
    }
    if (*text == '-')
        buf_puts(out, "./");
    if (harmless)
        buf_puts(out, text);
    else if (control)
        put_escaped(out, text);
    else
        put_quoted(out, text);
}

const char *shell_word(const char *text, char *out, size_t size)
{
    struct buf word;
    buf_init(&word, SHELL_WORD_MAX);
    shell_put(&word, text);
    snprintf(out, size, "%s", word.len < size ? word.data : "...");
    buf_release(&word);
    return out;
}

bool shell_is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISDIR(st.st_mode) && access(path, X_OK) == 0;
}

bool shell_finds(const char *name)
{
    char path[2048];
    const char *dirs = getenv("PATH");
    for (const char *p = dirs ? dirs : ""; *p; p += strspn(p, ":")) {
        size_t len = strcspn(p, ":");
        snprintf(path, sizeof path, "%.*s/%s", (int)len, p, name);
        if (shell_is_program(path))
            return true;
        p += len;
    }
    return !dirs;
}
