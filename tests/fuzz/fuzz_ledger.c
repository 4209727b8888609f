/* links: onic_data */
/* SPDX-License-Identifier: MIT */
/* fuzz_ledger.c - the JSON of a run's ledger. What is taken comes out the same again. */
#include "common/base/buf.h"
#include "common/data/ledger.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ledger l, again;
    struct onic_err err = {0};
    struct buf b;
    if (size > FUZZ_INPUT_MAX)
        return 0;
    char *text = fuzz_text(data, size);
    int rc = ledger_parse(&l, text, size, &err);
    fuzz_told(rc, &err);
    if (!rc) {
        buf_init(&b, FUZZ_INPUT_MAX);
        ledger_json(&l, &b);
        if (ledger_parse(&again, b.data, b.len, &err) != ONIC_OK ||
            memcmp(&l, &again, sizeof l) != 0)
            abort();
        buf_reset(&b);
        ledger_line(&l, &b);
        buf_release(&b);
    }
    free(text);
    return 0;
}
