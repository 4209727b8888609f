/* SPDX-License-Identifier: MIT */
/* secrets.c - see secrets.h. */
#define _GNU_SOURCE
#include "common/base/secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* A leak checker attaches to its own process, which it could not any more. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SECRETS_LEAK_CHECKED
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SECRETS_LEAK_CHECKED
#endif

static const char SUFFIX[] = "_API_KEY", CURVE[] = "ONIC_CURVE_SECRET=";

/* Of "NAME=value": where the value begins; NULL: it is no key. */
static char *value_of_key(char *entry)
{
    char *equals = strchr(entry, '=');
    size_t n = equals ? (size_t)(equals - entry) : 0, k = sizeof SUFFIX - 1;
    bool key = (n > k && strncmp(equals - k, SUFFIX, k) == 0) ||
               strncmp(entry, CURVE, sizeof CURVE - 1) == 0;
    return key ? equals + 1 : NULL;
}

static char *next_key(void)
{
    for (char **e = environ; e && *e; e++)
        if (value_of_key(*e))
            return *e;
    return NULL;
}

bool secrets_are_here(void)
{
    return next_key() != NULL;
}

void secrets_forget(void)
{
    char *entry;
    while ((entry = next_key()) != NULL) {
        char name[256] = "", *value = value_of_key(entry);
        size_t n = (size_t)(value - entry) - 1;
        explicit_bzero(value, strlen(value));
        if (n >= sizeof name) { /* unsetenv wants a copy, as its list changes */
            memset(entry, 'X', n);
            continue;
        }
        memcpy(name, entry, n);
        unsetenv(name);
    }
}

void secrets_take(const char *name, char *out, size_t size)
{
    char *value = getenv(name);
    snprintf(out, size, "%s", value ? value : "");
    if (!value)
        return;
    explicit_bzero(value, strlen(value));
    unsetenv(name);
}

void secrets_hold(void)
{
#ifndef SECRETS_LEAK_CHECKED
    prctl(PR_SET_DUMPABLE, 0);
#endif
}
