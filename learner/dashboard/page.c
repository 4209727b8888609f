/* SPDX-License-Identifier: MIT */
/* page.c - see page.h. */
#define _GNU_SOURCE
#include "learner/dashboard/page.h"

#include <sodium.h>
#include <string.h>

/* The file that the build has put together (learner/CMakeLists.txt). */
__asm__(".section .rodata\n"
        ".global onic_page_start\n"
        ".global onic_page_end\n"
        "onic_page_start:\n"
        ".incbin \"" ONIC_PAGE_FILE "\"\n"
        "onic_page_end:\n"
        ".byte 0\n"
        ".previous\n");
extern const char onic_page_start[], onic_page_end[];

static void page_hash(const char *text, size_t len, struct buf *out)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char
        base64[sodium_base64_ENCODED_LEN(crypto_hash_sha256_BYTES, sodium_base64_VARIANT_ORIGINAL)];
    crypto_hash_sha256(hash, (const unsigned char *)text, len);
    sodium_bin2base64(base64, sizeof base64, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
    buf_printf(out, " 'sha256-%s'", base64);
}

static void page_hashes(const char *html, size_t len, const char *open, const char *close,
                        struct buf *out)
{
    const char *end = html + len;
    while ((html = memmem(html, (size_t)(end - html), open, strlen(open)))) {
        html += strlen(open);
        const char *stop = memmem(html, (size_t)(end - html), close, strlen(close));
        if (!stop)
            return;
        page_hash(html, (size_t)(stop - html), out);
        html = stop;
    }
}

void page_policy(const char *html, size_t len, struct buf *out)
{
    buf_puts(out, "default-src 'none'; connect-src 'self'; img-src data:; script-src");
    page_hashes(html, len, "<script>", "</script>", out);
    buf_puts(out, "; style-src");
    page_hashes(html, len, "<style>", "</style>", out);
    buf_puts(out, "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
}

struct http_body *page_body(void)
{
    struct buf policy;
    size_t len = (size_t)(onic_page_end - onic_page_start);
    buf_init(&policy, 4096);
    page_policy(onic_page_start, len, &policy);
    struct http_body *b =
        http_body_static(onic_page_start, len, "text/html; charset=utf-8", policy.data);
    buf_release(&policy);
    return b;
}
