/* SPDX-License-Identifier: MIT */
/* Recognition of libraries, whole and damaged. */
#include "tests/onic_test.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

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

/* --- libraries in which one thing is changed -------------------------------------------------- */

static Elf64_Shdr *section_of(uint8_t *file, uint32_t type)
{
    const Elf64_Ehdr *head = (const Elf64_Ehdr *)file;
    Elf64_Shdr *s = (Elf64_Shdr *)(file + head->e_shoff);
    for (int i = 0; i < head->e_shnum; i++)
        if (s[i].sh_type == type)
            return &s[i];
    fail_msg("there is no section of type %u", type);
    return NULL;
}

static Elf64_Sym *symbol_of(uint8_t *file, const char *name)
{
    const Elf64_Shdr *symbols = section_of(file, SHT_DYNSYM);
    const Elf64_Shdr *text = (Elf64_Shdr *)(file + ((Elf64_Ehdr *)file)->e_shoff);
    const char *names = (char *)file + text[symbols->sh_link].sh_offset;
    Elf64_Sym *s = (Elf64_Sym *)(file + symbols->sh_offset);
    for (size_t i = 0; i < symbols->sh_size / sizeof *s; i++)
        if (strcmp(names + s[i].st_name, name) == 0)
            return &s[i];
    fail_msg("there is no symbol %s", name);
    return NULL;
}

static Elf64_Phdr *loaded_of(uint8_t *file)
{
    Elf64_Ehdr *head = (Elf64_Ehdr *)file;
    Elf64_Phdr *p = (Elf64_Phdr *)(file + head->e_phoff);
    while (p->p_type != PT_LOAD || (p->p_flags & PF_W))
        p++;
    return p;
}

static void unknown_generations_are_named_with_the_size_of_their_settings(void **state)
{
    static const struct {
        const char *generation, *says;
    } rows[] = {{"1.3",
                 "lib was recognised as an unknown NLE later than 1.3 (settings of 7 bytes); "
                 "onic works with NLE 0.9 to 1.3: pip download nle==1.3.0"},
                {"1.1", "as an unknown NLE between 0.9 and 1.1 (settings of 7 bytes); onic works"}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        size_t bytes;
        struct nle_elf elf;
        uint8_t *data = read_library(rows[i].generation, &bytes);
        symbol_of(data, "settings")->st_size = 7;
        assert_err(nle_elf_read(&elf, data, bytes, "lib", &err), ONIC_EINCOMPATIBLE, rows[i].says);
        free(data);
    }
}

static void what_is_cut_or_unreadable_is_to_be_fetched_again(void **state)
{
    size_t bytes;
    struct nle_elf elf;
    (void)state;
    uint8_t *data = read_library("1.3", &bytes);
    Elf64_Ehdr *head = (Elf64_Ehdr *)data, was = *head;
    head->e_phoff = (bytes + 64) & ~(size_t)7;
    assert_err(nle_elf_read(&elf, data, bytes, "lib", &err), ONIC_ECONFIG,
               "lib is cut short; fetch the nle wheel again");
    *head = was;
    head->e_phentsize = 8;
    assert_err(nle_elf_read(&elf, data, bytes, "lib", &err), ONIC_ECONFIG, "lib is cut short");
    *head = was;
    loaded_of(data)->p_filesz += bytes;
    assert_err(nle_elf_read(&elf, data, bytes, "lib", &err), ONIC_ECONFIG,
               "lib is cut short; fetch the nle wheel again");
    head->e_shoff = (bytes + 64) & ~(size_t)7;
    assert_err(nle_elf_read(&elf, data, bytes, "lib", &err), ONIC_ECONFIG,
               "lib has no readable symbol table; fetch the nle wheel again");
    *head = was;
    section_of(data, SHT_DYNSYM)->sh_offset = (bytes + 64) & ~(size_t)7;
    assert_err(nle_elf_read(&elf, data, bytes, "lib", &err), ONIC_ECONFIG,
               "lib has no readable symbol table");
    free(data);
}

/* A file of these bytes, opened and loaded as a library of the game. */
static int load_bytes(const char *dir, const uint8_t *data, size_t bytes, struct onic_err *err)
{
    char path[300];
    struct nle_lib *l = NULL;
    snprintf(path, sizeof path, "%s/libnethack.so", dir);
    FILE *f = fopen(path, "wb");
    assert_true(f && fwrite(data, 1, bytes, f) == bytes && fclose(f) == 0);
    int rc = nle_lib_open(&l, path, err);
    if (rc)
        return rc;
    rc = nle_lib_load(l, err);
    nle_lib_close(l);
    return rc;
}

static void what_the_loader_refuses_is_told_in_its_words(void **state)
{
    char dir[256];
    size_t bytes;
    (void)state;
    temp_dir_create(dir);
    uint8_t *data = read_library("1.3", &bytes);
    assert_ok(load_bytes(dir, data, bytes, &err));
    Elf64_Sym *step = symbol_of(data, "nle_step");
    unsigned char was = step->st_info;
    step->st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC);
    assert_err(load_bytes(dir, data, bytes, &err), ONIC_EINCOMPATIBLE,
               "/libnethack.so hides a function of NLE (");
    step->st_info = was;
    data[EI_OSABI] = 77;
    assert_err(load_bytes(dir, data, bytes, &err), ONIC_ECONFIG, "/libnethack.so cannot be loaded");
    free(data);
    temp_dir_remove(dir);
}

/* --- a system that does not give what is needed ----------------------------------------------- */

static void what_cannot_be_read_into_memory_is_told(void **state)
{
    char path[600], dir[256];
    struct nle_lib *l = NULL;
    struct rlimit old, tight;
    struct onic_err few = {0}, small = {0};
    (void)state;
    temp_dir_create(dir);
    assert_err(nle_lib_open(&l, dir, &err), ONIC_EIO, "cannot be mapped: ");
    temp_dir_remove(dir);
    snprintf(path, sizeof path, "%s/tests/fake_libnethack/1.3/libnethack.so", getenv("ONIC_BUILD"));
    int next = dup(0); /* the file gets this number, its copy gets none */
    assert_true(next > 0 && close(next) == 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    tight = (struct rlimit){(rlim_t)next + 1, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    int rc = nle_lib_open(&l, path, &few);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(rc, ONIC_EIO);
    assert_string_equal(few.msg,
                        "a memory file for NetHack cannot be created: Too many open files");
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = (struct rlimit){4096, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    rc = nle_lib_open(&l, path, &small);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(rc, ONIC_EIO);
    assert_non_null(strstr(small.msg, "/libnethack.so cannot be copied into memory: "));
    assert_null(l);
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
        cmocka_unit_test(unknown_generations_are_named_with_the_size_of_their_settings),
        cmocka_unit_test(what_is_cut_or_unreadable_is_to_be_fetched_again),
        cmocka_unit_test(what_the_loader_refuses_is_told_in_its_words),
        cmocka_unit_test(what_cannot_be_read_into_memory_is_told),
        cmocka_unit_test(files_are_found_by_folder_by_library_and_as_an_installed_package),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
