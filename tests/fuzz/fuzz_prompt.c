/* links: onic_reward_lib */
/* SPDX-License-Identifier: MIT */
/* fuzz_prompt.c - a file with the words in which a language model is asked, and what it answers.
 * Byte 0: the kind. What is rendered of a caption stays within its quotes. */
#include <sys/stat.h>

#include "common/base/buf.h"
#include "reward_server/prompts/prompt.h"
#include "tests/fuzz/fuzz.h"

static char folder[64], domain[80], file[2][120];

static void remove_folder(void)
{
    unlink(file[0]);
    unlink(file[1]);
    rmdir(domain);
    rmdir(folder);
}

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/dev/shm/onic-fuzz-%ld", (long)getpid());
    snprintf(domain, sizeof domain, "%s/d", folder);
    for (int i = 0; i < 2; i++)
        snprintf(file[i], sizeof file[i], "%s/%s.default.yaml", domain, prompt_kind_name[i]);
    ONIC_ASSERT(mkdir(folder, 0700) == 0 && mkdir(domain, 0700) == 0);
    atexit(remove_folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct prompt *p;
    struct onic_err err = {0};
    struct buf out;
    if (size < 1 || size > FUZZ_INPUT_MAX)
        return 0;
    if (!folder[0])
        make_folder();
    int kind = data[0] & 1;
    FILE *f = fopen(file[kind], "wb");
    ONIC_ASSERT(f && fwrite(data + 1, 1, size - 1, f) == size - 1);
    fclose(f);
    int rc = prompt_load(&p, folder, "d", (enum prompt_kind)kind, "goal", "default", &err);
    fuzz_told(rc, &err);
    if (!rc) {
        buf_init(&out, 1 << 18);
        prompt_render(p, "a \"door\"\n", 9, "b", 1, &out); /* may be too long */
        buf_release(&out);
        prompt_answer(p, (const char *)data + 1, size - 1);
    }
    prompt_free(p);
    return 0;
}
