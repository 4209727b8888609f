/* links: onic_reward_lib */
/* SPDX-License-Identifier: MIT */
/* fuzz_http.c - the body of an HTTP answer, whatever its status: the sentence that is made of it
 * can be shown, and a key that a server quotes is not in it. Bytes 0-1: the status. */
#define _GNU_SOURCE
#include "common/base/shown.h"
#include "reward_server/http/http_text.h"
#include "tests/fuzz/fuzz.h"

static const char key[] = "sk-SECR3T"; /* not of letters alone, as words are that mean none */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const fields[] = {"temperature", "top_p", "max_tokens", "seed"};
    char out[200], shown[200];
    if (size < 2 || size > FUZZ_INPUT_MAX)
        return 0;
    char *body = fuzz_text(data + 2, size - 2);
    int status = data[0] | data[1] << 8;
    http_error_text(status, body, size - 2, "llm.url", out, sizeof out);
    memcpy(shown, out, sizeof shown);
    shown_clean_line(shown, strlen(shown));
    if (strcmp(shown, out) != 0)
        abort();
    http_hide_key(out, key);
    if (strstr(out, key))
        abort();
    http_reason_is_bare(out);
    unsigned named = http_refused_fields(body, size - 2, fields, 4, false);
    if (http_refused_fields(body, size - 2, fields, 4, true) & ~named)
        abort();
    http_same_model(body, "gpt-4o-mini");
    http_same_model("", body);
    size_t len = http_hide_key_in_body(body, size - 2, key);
    if (len > size - 2 || body[len] || memmem(body, len, key, strlen(key)))
        abort();
    free(body);
    return 0;
}
