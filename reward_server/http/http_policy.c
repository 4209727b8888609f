/* SPDX-License-Identifier: MIT */
/* http_policy.c - see http_policy.h.
 *
 * A key comes from a file or the variable OPENAI_API_KEY, never from the command line (other users
 * of the machine can read that). */
#define _GNU_SOURCE
#include "reward_server/http/http_policy.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/key_file.h"
#include "common/base/secrets.h"

static const double max_pause_s = 60, max_retry_after_s = 120;

/* Space around it is not part of a key: editors put some at the end of a file. */
static int take_key(char key[HTTP_KEY_MAX], const char *text, size_t len, const char *where,
                    struct onic_err *err)
{
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    if (len >= HTTP_KEY_MAX)
        return err_set(err, ONIC_ECONFIG,
                       "the key in %s is longer than %d bytes: no server's key is, name the file "
                       "with the key alone",
                       where, HTTP_KEY_MAX - 1);
    for (size_t i = 0; i < len; i++)
        if (!isgraph((unsigned char)text[i]))
            return err_set(err, ONIC_ECONFIG,
                           "the key in %s holds blanks or control characters: it must be one word",
                           where);
    memcpy(key, text, len);
    key[len] = '\0';
    return ONIC_OK;
}

static int read_key_file(const char *path, char key[HTTP_KEY_MAX], const char *option,
                         struct onic_err *err)
{
    char text[4 * HTTP_KEY_MAX], where[400];
    FILE *f = fopen(path, "re");
    if (!f)
        return err_set(err, ONIC_ECONFIG, "%s %.300s cannot be read: %s", option, path,
                       strerror(errno));
    int rc = key_file_check(fileno(f), path, option, err);
    size_t n = rc ? 0 : fread(text, 1, sizeof text, f);
    bool more = !rc && fgetc(f) != EOF;
    fclose(f);
    snprintf(where, sizeof where, "%s %.300s", option, path);
    if (!rc && more)
        rc = err_set(err, ONIC_ECONFIG, "%s is larger than %zu bytes: name the file with the key",
                     where, sizeof text);
    if (!rc)
        rc = take_key(key, text, n, where, err);
    explicit_bzero(text, sizeof text);
    if (!rc && !*key)
        rc = err_set(err, ONIC_ECONFIG, "%s is empty", where);
    return rc;
}

int http_key_read(char key[HTTP_KEY_MAX], const char *path, const char *option,
                  struct onic_err *err)
{
    const char *variable = getenv("OPENAI_API_KEY");
    int rc = ONIC_OK;
    key[0] = '\0';
    if (*path)
        rc = read_key_file(path, key, option, err);
    else if (variable)
        rc = take_key(key, variable, strlen(variable), "OPENAI_API_KEY", err);
    if (*key)
        secrets_hold();
    return rc;
}

int http_proxy_auth_read(char auth[HTTP_KEY_MAX], const char *path, const char *option,
                         struct onic_err *err)
{
    auth[0] = '\0';
    int rc = *path ? read_key_file(path, auth, option, err) : ONIC_OK;
    if (!rc && *auth && !strchr(auth, ':'))
        rc = err_set(err, ONIC_ECONFIG, "%s %.300s must hold user:password", option, path);
    if (*auth)
        secrets_hold();
    return rc;
}

int http_key_may_travel(const char *key, const struct http_way *way, struct onic_err *err)
{
    bool near = http_is_loopback(way->url), straight = !*way->proxy || http_is_loopback(way->proxy);
    if (!*key || strncmp(way->url, "https:", 6) == 0 || (near && straight) || way->allow_plain)
        return ONIC_OK;
    return err_set(err, ONIC_ECONFIG,
                   "%s.%s %.200s would get the key without encryption: use https, %sunset the key "
                   "(%s.api_key_file, OPENAI_API_KEY), or say --%s.allow_plain_key=true: then "
                   "everybody on the way can read it",
                   way->section, near ? "proxy" : "url", near ? way->proxy : way->url,
                   near ? "leave out the proxy, " : "", way->section, way->section);
}

int64_t http_backoff_ms(double base_s, int n, double retry_after_s, struct rng *jitter)
{
    double pause = base_s;
    for (int i = 0; i < n && pause < max_pause_s; i++)
        pause *= 2;
    pause = (pause < max_pause_s ? pause : max_pause_s) * (0.5 + 0.5 * rng_double(jitter));
    if (retry_after_s > max_retry_after_s)
        retry_after_s = max_retry_after_s;
    if (retry_after_s > pause)
        pause = retry_after_s;
    return (int64_t)(pause * 1000) + 1;
}

enum http_fault http_fault_of(const struct http_reply *r)
{
    if (r->failure == HTTP_REDIRECTED)
        return HTTP_FAULT_PERSON;
    if (r->failure == HTTP_TIMEOUT)
        return HTTP_FAULT_LATE;
    if (r->failure != HTTP_FINE)
        return HTTP_FAULT_PASSING;
    if (r->status < 300) /* its body is no answer: http_answered */
        return HTTP_FAULT_PASSING;
    if (r->status > 505) /* 507, 520 to 530: a disk, or what stands before the server */
        return r->status == 529 ? HTTP_FAULT_OVERLOAD : HTTP_FAULT_PASSING;
    switch (r->status) {
    case 429:
        return strstr(r->body, "insufficient_quota") ? HTTP_FAULT_PERSON : HTTP_FAULT_OVERLOAD;
    case 503:
        return HTTP_FAULT_OVERLOAD;
    case 408:
    case 409:
    case 424:
    case 425:
    case 500:
    case 502:
    case 504:
        return HTTP_FAULT_PASSING;
    case 400:
    case 413:
    case 422:
        return HTTP_FAULT_REQUEST;
    default:
        return HTTP_FAULT_PERSON;
    }
}
