/* SPDX-License-Identifier: MIT */
/* nle_elf.c - which NLE is this file? Answered from its symbol table.
 *
 * NLE has no version symbol, and calling nle_start with the wrong argument list corrupts memory far
 * from the cause. What the generations export is a reliable fingerprint, checked on the published
 * wheels of 1.0.0, 1.1.0, 1.2.0 and 1.3.0: nle_init_lgen_rng came with the three-argument start
 * (1.2); nle_seeds_init together with nle_ttyrecname means 0.9.0 - 1.1; the size of the object
 * `settings` separates 1.2 from 1.3 and confirms the oldest; the size of `mons` says that it is
 * NetHack 3.6 with 381 monsters. Reading the file rather than dlopening it means that nothing of an
 * unknown library runs, not even its constructors.
 *
 * The file comes from the user, so every offset is checked before it is followed. */
#include "actor/envs/nethack/nle_elf.h"

#include <elf.h>
#include <string.h>

#include "actor/envs/nethack/nle_abi.h"

struct view {
    const uint8_t *data;
    size_t bytes;
};

/* count records of `size` bytes at offset, or NULL when they do not lie inside the file. */
static const void *view_at(struct view v, uint64_t offset, uint64_t count, size_t size)
{
    if (offset > v.bytes || count > (v.bytes - offset) / size || offset % 8 != 0)
        return NULL;
    return v.data + offset;
}

struct symbols {
    const Elf64_Sym *sym;
    size_t count;
    const char *names; /* [names_bytes], terminated */
    size_t names_bytes;
};

static bool symbols_find(struct view v, const Elf64_Ehdr *head, struct symbols *out)
{
    const Elf64_Shdr *sections = view_at(v, head->e_shoff, head->e_shnum, sizeof *sections);
    if (!sections || head->e_shentsize != sizeof *sections)
        return false;
    for (int i = 0; i < head->e_shnum; i++) {
        const Elf64_Shdr *s = &sections[i];
        if (s->sh_type != SHT_DYNSYM || s->sh_link >= head->e_shnum)
            continue;
        const Elf64_Shdr *text = &sections[s->sh_link];
        out->count = s->sh_size / sizeof(Elf64_Sym);
        out->sym = view_at(v, s->sh_offset, out->count, sizeof(Elf64_Sym));
        if (text->sh_offset > v.bytes || text->sh_size > v.bytes - text->sh_offset)
            return false;
        out->names = (const char *)v.data + text->sh_offset;
        out->names_bytes = text->sh_size;
        return out->sym && out->names_bytes > 0 && out->names[out->names_bytes - 1] == '\0';
    }
    return false;
}

/* The defined symbol of that name, or NULL. */
static const Elf64_Sym *symbols_get(const struct symbols *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->sym[i].st_shndx != SHN_UNDEF && s->sym[i].st_name < s->names_bytes &&
            strcmp(s->names + s->sym[i].st_name, name) == 0)
            return &s->sym[i];
    return NULL;
}

static int recognise(struct nle_elf *out, const struct symbols *s, const char *path,
                     struct onic_err *err)
{
    static const char advice[] = "onic works with NLE 0.9 to 1.3: pip download nle==1.3.0";
    if (!symbols_get(s, "nle_start") || !symbols_get(s, "nle_step") || !symbols_get(s, "nle_end"))
        return err_set(err, ONIC_EINCOMPATIBLE,
                       "%s does not export nle_start, nle_step and nle_end,"
                       " so it is not NLE's library; %s",
                       path, advice);
    bool lgen = symbols_get(s, "nle_init_lgen_rng");
    if (!lgen && !(symbols_get(s, "nle_seeds_init") && symbols_get(s, "nle_ttyrecname")))
        return err_set(err, ONIC_EINCOMPATIBLE, "%s was recognised as NLE 0.8 or older; %s", path,
                       advice);
    const Elf64_Sym *mons = symbols_get(s, "mons");
    if (!mons || mons->st_size != NLE_MONS_BYTES)
        return err_set(err, ONIC_EINCOMPATIBLE,
                       "%s has a monster table of %llu bytes instead of %d:"
                       " an unknown version of NetHack; %s",
                       path, mons ? (unsigned long long)mons->st_size : 0ULL, NLE_MONS_BYTES,
                       advice);
    const Elf64_Sym *settings = symbols_get(s, "settings");
    out->settings_bytes = settings ? settings->st_size : 0;
    out->separate_seeds = !lgen;
    if (!lgen && out->settings_bytes == NLE_SETTINGS_0_9)
        out->version = "1.1";
    else if (lgen && out->settings_bytes == NLE_SETTINGS_1_2)
        out->version = "1.2";
    else if (lgen && out->settings_bytes == NLE_SETTINGS_1_3)
        out->version = "1.3";
    else
        return err_set(err, ONIC_EINCOMPATIBLE,
                       "%s was recognised as an unknown NLE %s (settings of %zu bytes); %s", path,
                       lgen ? "later than 1.3" : "between 0.9 and 1.1", out->settings_bytes,
                       advice);
    return ONIC_OK;
}

static bool has_text_relocations(struct view v, const Elf64_Phdr *dynamic)
{
    size_t count = dynamic->p_filesz / sizeof(Elf64_Dyn);
    const Elf64_Dyn *d = view_at(v, dynamic->p_offset, count, sizeof *d);
    for (size_t i = 0; d && i < count && d[i].d_tag != DT_NULL; i++)
        if (d[i].d_tag == DT_TEXTREL || (d[i].d_tag == DT_FLAGS && (d[i].d_un.d_val & DF_TEXTREL)))
            return true;
    return !d;
}

static int read_segments(struct nle_elf *out, struct view v, const Elf64_Ehdr *head,
                         const char *path, struct onic_err *err)
{
    const Elf64_Phdr *ph = view_at(v, head->e_phoff, head->e_phnum, sizeof *ph);
    if (!ph || head->e_phentsize != sizeof *ph)
        return err_set(err, ONIC_ECONFIG, "%s is cut short; fetch the nle wheel again", path);
    bool shareable = true;
    for (int i = 0; i < head->e_phnum; i++) {
        if (ph[i].p_type == PT_DYNAMIC && has_text_relocations(v, &ph[i]))
            shareable = false;
        if (ph[i].p_type != PT_LOAD || (ph[i].p_flags & PF_W))
            continue;
        if (ph[i].p_offset > v.bytes || ph[i].p_filesz > v.bytes - ph[i].p_offset)
            return err_set(err, ONIC_ECONFIG, "%s is cut short; fetch the nle wheel again", path);
        if (out->nsegments < NLE_ELF_SEGMENTS && ph[i].p_filesz == ph[i].p_memsz)
            out->segment[out->nsegments++] = (struct nle_segment){
                .vaddr = ph[i].p_vaddr,
                .offset = ph[i].p_offset,
                .bytes = ph[i].p_filesz,
                .exec = ph[i].p_flags & PF_X,
            };
    }
    if (!shareable)
        out->nsegments = 0;
    return ONIC_OK;
}

int nle_elf_read(struct nle_elf *out, const uint8_t *file, size_t bytes, const char *path,
                 struct onic_err *err)
{
    struct view v = {file, bytes};
    memset(out, 0, sizeof *out);
    const Elf64_Ehdr *head = view_at(v, 0, 1, sizeof *head);
    if (!head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
        head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_machine != EM_X86_64 ||
        head->e_type != ET_DYN)
        return err_set(err, ONIC_ECONFIG,
                       "%s is not an x86-64 shared library; env.nle must name"
                       " libnethack.so of an x86-64 nle wheel, or its folder",
                       path);
    struct symbols s;
    if (!symbols_find(v, head, &s))
        return err_set(err, ONIC_ECONFIG,
                       "%s has no readable symbol table; fetch the nle wheel again", path);
    int rc = recognise(out, &s, path, err);
    return rc ? rc : read_segments(out, v, head, path, err);
}
