/* links: onic_config */
/* SPDX-License-Identifier: MIT */
/* fuzz_config.c - a configuration: a YAML file, what a learner sends in WELCOME, what a checkpoint
 * or a run directory holds. What was taken is dumped and read again: it must come out the same. */
#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/config/config.h"
#include "common/config/options.h"
#include "common/config/overlay.h"
#include "tests/fuzz/fuzz.h"

enum { DUMP_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config c, again, mine;
    struct onic_err err = {0};
    struct buf first, second;
    if (size < 1 || size > FUZZ_INPUT_MAX)
        return 0;
    log_set_writer(fuzz_keep_silent, NULL);
    char *text = fuzz_text(data + 1, size - 1);
    config_defaults(&c);
    config_defaults(&mine);
    int rc = data[0] & 1 ? config_read_stored(&c, text, size - 1, "the file", &err)
                         : config_read_text(&c, text, size - 1, "the file", CONFIG_FILE, &err);
    fuzz_told(rc, &err);
    if (!rc) {
        fuzz_told(config_adopt(&mine, &c, &err), &err);
        buf_init(&first, DUMP_MAX);
        buf_init(&second, DUMP_MAX);
        config_dump(&c, &first);
        config_defaults(&again);
        if (config_read_stored(&again, first.data, first.len, "the dump", &err) != ONIC_OK)
            abort();
        for (int i = 0; i < CONFIG_COUNT; i++) {
            char was[CONFIG_STR_MAX], is[CONFIG_STR_MAX];
            option_text(&c, i, was);
            option_text(&again, i, is);
            if (strcmp(was, is) != 0)
                abort();
        }
        buf_release(&first);
        buf_release(&second);
    }
    free(text);
    return 0;
}
