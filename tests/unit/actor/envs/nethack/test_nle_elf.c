/* SPDX-License-Identifier: MIT */
/* Recognition of libraries, whole and damaged. */
#include "tests/onic_test.h"

#include <stdlib.h>

#include "actor/envs/nethack/nle_elf.h"
#include "actor/envs/nethack/nle_load.h"
#include "common/base/rng.h"

static uint8_t *read_library(const char *generation, size_t *bytes)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/fake_libnethack/%s/libnethack.so", getenv("ONIC_BUILD"),
             generation);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    uint8_t *data = malloc(1 << 20);
    *bytes = fread(data, 1, 1 << 20, f);
    fclose(f);
    return data;
}

static void supported_generations_are_told_apart(void **state)
{
    (void)state;
    static const char *const generations[] = {"1.1", "1.2", "1.3"};
    for (int i = 0; i < 3; i++) {
        size_t bytes;
        struct nle_elf elf;
        uint8_t *data = read_library(generations[i], &bytes);
        assert_ok(nle_elf_read(&elf, data, bytes, "lib", &err));
        assert_string_equal(elf.version, generations[i]);
        assert_int_equal(elf.separate_seeds, i == 0);
        assert_true(elf.nsegments >= 2);
        free(data);
    }
}

static void damaged_files_are_refused_without_a_crash(void **state)
{
    (void)state;
    size_t bytes;
    struct nle_elf elf;
    struct onic_err err;
    uint8_t *data = read_library("1.3", &bytes);
    for (size_t n = 0; n < bytes;
         n += 97) { /* an exact allocation, so that a sanitizer sees an overrun */
        uint8_t *cut = malloc(n ? n : 1);
        memcpy(cut, data, n);
        assert_int_not_equal(nle_elf_read(&elf, cut, n, "lib", &err), ONIC_OK);
        free(cut);
    }
    struct rng r = rng_stream(1, "damage", 0, 0, 0);
    uint8_t *hurt = malloc(bytes);
    for (int k = 0; k < 2000; k++) { /* any answer will do */
        memcpy(hurt, data, bytes);
        for (int i = 0; i < 8; i++)
            hurt[rng_below(&r, i < 4 ? 1024 : (uint32_t)bytes)] = (uint8_t)rng_u32(&r);
        nle_elf_read(&elf, hurt, bytes, "lib", &err);
    }
    free(hurt);
    free(data);
}

static void other_files_are_named_as_such(void **state)
{
    (void)state;
    struct nle_elf elf;
    uint8_t text[256] = "#!/bin/sh\n";
    assert_err(nle_elf_read(&elf, text, sizeof text, "/x/lib.so", &err), ONIC_ECONFIG,
               "/x/lib.so is not an x86-64");
}

static void files_are_found_by_folder_by_library_and_as_an_installed_package(void **state)
{
    (void)state;
    char dir[256], path[2048], package[512];
    struct nle_files f;
    temp_dir_create(dir);
    snprintf(package, sizeof package, "%s/nle", dir);
    snprintf(path, sizeof path, "mkdir -p %s/nethackdir && touch %s/libnethack.so", package,
             package);
    assert_int_equal(system(path), 0);
    assert_err(nle_files_find(&f, package, &err), ONIC_ECONFIG, "nhdat");
    snprintf(path, sizeof path, "touch %s/nethackdir/nhdat", package);
    assert_int_equal(system(path), 0);
    assert_ok(nle_files_find(&f, package, &err));
    assert_non_null(strstr(f.nhdat, "nethackdir/nhdat"));
    snprintf(path, sizeof path, "%s/libnethack.so", package);
    assert_ok(nle_files_find(&f, path, &err));
    assert_string_equal(f.libnethack, path);
    setenv("ONIC_CACHE", dir, 1);
    assert_err(nle_files_find(&f, "", &err), ONIC_ECONFIG, "quickstart.sh");
    unsetenv("ONIC_CACHE");
    temp_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(supported_generations_are_told_apart),
        cmocka_unit_test(damaged_files_are_refused_without_a_crash),
        cmocka_unit_test(other_files_are_named_as_such),
        cmocka_unit_test(files_are_found_by_folder_by_library_and_as_an_installed_package),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
