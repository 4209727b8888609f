/* SPDX-License-Identifier: MIT */
/* run_seal.c - see run_seal.h. */
#define _GNU_SOURCE /* memmem, memrchr */
#include "common/run/run_seal.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

static const char MARK[] = "# checksum of the lines above: ";
static const char OWNER[] = "# of run: ";

enum { SEAL_DIGITS = 32, SEAL_LINE = sizeof MARK - 1 + SEAL_DIGITS + 1 };

static void seal_print(const char *text, size_t len, struct buf *out)
{
    XXH128_canonical_t c;
    XXH128_canonicalFromHash(&c, XXH3_128bits(text, len));
    buf_puts(out, MARK);
    for (size_t i = 0; i < sizeof c.digest; i++)
        buf_printf(out, "%02x", c.digest[i]);
    buf_puts(out, "\n");
}

void run_seal_close(struct buf *text)
{
    struct buf line;
    buf_init(&line, SEAL_LINE + 1);
    seal_print(text->data, text->len, &line);
    buf_append(text, line.data, line.len);
    buf_release(&line);
}

void run_seal_own(struct buf *text, const uint8_t id[RUN_ID_BYTES])
{
    char name[RUN_ID_TEXT_MAX];
    run_id_text(id, name);
    buf_printf(text, "%s%s\n", OWNER, name);
}

/* The last such line: no value of an option begins one. */
bool run_seal_owner(const char *text, uint8_t id[RUN_ID_BYTES])
{
    bool found = false;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += line != text;
        if (strncmp(line, OWNER, sizeof OWNER - 1) == 0)
            found = run_id_parse(line + sizeof OWNER - 1, id);
    }
    return found;
}

/* A run that has no id yet, or cannot tell it, is nobody's. */
bool run_seal_is_anothers(const char *dir, const char *text, char why[RUN_CONFIG_WHY_MAX])
{
    uint8_t here[RUN_ID_BYTES], there[RUN_ID_BYTES];
    char a[RUN_ID_TEXT_MAX], b[RUN_ID_TEXT_MAX];
    if (!run_seal_owner(text, there) || run_id_read(dir, here, NULL) != ONIC_OK ||
        memcmp(here, there, RUN_ID_BYTES) == 0)
        return false;
    run_id_text(here, a);
    run_id_text(there, b);
    if (why)
        snprintf(why, RUN_CONFIG_WHY_MAX,
                 "config.yaml is of another run than " RUN_ID_FILE
                 " says (%.8s, not %.8s): put the one of the two back that was replaced",
                 b, a);
    return true;
}

size_t run_seal_body(const char *text, size_t len)
{
    if (len < SEAL_LINE || text[len - 1] != '\n')
        return len;
    size_t at = len - SEAL_LINE;
    bool line = at == 0 || text[at - 1] == '\n';
    return line && memcmp(text + at, MARK, sizeof MARK - 1) == 0 ? at : len;
}

enum run_seal run_seal_look(const char *text, size_t len)
{
    size_t body = run_seal_body(text, len);
    if (body == len)
        return memmem(text, len, MARK, sizeof MARK - 1) ? RUN_SEAL_BROKEN : RUN_SEAL_NONE;
    struct buf line;
    buf_init(&line, SEAL_LINE + 1);
    seal_print(text, body, &line);
    bool same = line.len == len - body && memcmp(line.data, text + body, line.len) == 0;
    buf_release(&line);
    return same ? RUN_SEAL_GOOD : RUN_SEAL_BROKEN;
}
