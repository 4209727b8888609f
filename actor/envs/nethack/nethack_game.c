/* SPDX-License-Identifier: MIT */
/* nethack_game.c - the life of one game inside its private copy of the library.
 *
 * There is no reset in NLE: a new game is a fresh copy of the library (nle_load.c). Around every
 * call the thread's wall clock is frozen, so that seeds alone determine a game. NetHack leaves
 * three traces that a host must undo: how_done keeps the verdict of the last game, SIGHUP and
 * SIGXCPU are ignored for the whole process after a game over, and score files grow.
 *
 * Pages. One agent step may show several messages: each one that does not fit is followed by a
 * prompt that the step logic dismisses, and only the last stays in `message`. With random play 13 %
 * of the steps lose text that way, and a death leaves no message at all. So every page is collected
 * as it passes. */
#define _GNU_SOURCE /* memmem */
#include "actor/envs/nethack/nethack_game.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "actor/envs/nethack/frozen_time.h"
#include "actor/envs/nethack/nle_dir.h"
#include "actor/envs/nethack/nle_load.h"
#include "common/base/xmalloc.h"

enum { START_KEYS_MAX = 1000, PAGES_KNOWN = 16, QUIT_KEYS_MAX = 200 };

struct nethack_game {
    struct nle_lib *lib;
    struct nle_dir dir;
    void *running; /* the library's game; NULL = none */
    int64_t clock;
    struct nle_obs obs;
    struct nethack_pages pages;
    uint64_t page_hash[PAGES_KNOWN];
    struct sigaction hangup, xcpu;
    struct nle_settings *settings;
    long blstats[NLE_BLSTATS], status[NLE_BLSTATS]; /* status: last of the game proper */
    int program_state[NLE_PROGRAM_STATE], internal[NLE_INTERNAL], misc[NLE_MISC];
    int16_t glyphs[NLE_CELLS];
    uint8_t message[NLE_MESSAGE];
    int16_t inv_glyphs[NLE_INVENTORY];
    uint8_t inv_letters[NLE_INVENTORY], inv_oclasses[NLE_INVENTORY];
    uint8_t chars[NLE_CELLS], colors[NLE_CELLS], specials[NLE_CELLS];
    uint8_t inv_strs[NLE_INVENTORY * NLE_INVENTORY_TEXT];
    uint8_t tty_chars[NLE_TTY_CELLS], tty_cursor[2];
    int8_t tty_colors[NLE_TTY_CELLS];
};

static void point_buffers(struct nethack_game *g, uint32_t want)
{
    want |= 1u << NETHACK_FIELD_glyphs | 1u << NETHACK_FIELD_blstats | 1u << NETHACK_FIELD_message |
            1u << NETHACK_FIELD_misc;
#define XX(name, type, ndim, a, b)                                                                 \
    if (want & 1u << NETHACK_FIELD_##name)                                                         \
        g->obs.name = g->name;
    NETHACK_FIELDS(XX)
#undef XX
    g->obs.program_state = g->program_state;
    g->obs.internal = g->internal;
}

int nethack_game_create(struct nethack_game **out, const struct nethack_settings *s,
                        struct onic_err *err)
{
    struct nle_files files;
    int rc = nle_files_find(&files, s->nle, err);
    if (rc)
        return rc;
    if (s->clock != 0 && !frozen_time_exported())
        return err_set(err, ONIC_EINTERNAL,
                       "this program does not export its time(), so NetHack's clock"
                       " cannot be frozen; link it with -Wl,--export-dynamic-symbol=time");
    struct nethack_game *g = xcalloc(1, sizeof *g);
    g->clock = s->clock;
    g->settings = xcalloc(1, sizeof *g->settings);
    snprintf(g->settings->options, sizeof g->settings->options, "%s", s->options);
    g->settings->spawn_monsters = 1;
    point_buffers(g, s->want);
    rc = nle_lib_open(&g->lib, files.libnethack, err);
    if (!rc)
        rc = nle_dir_create(&g->dir, files.nhdat, err);
    if (!rc) {
        snprintf(g->settings->hackdir, sizeof g->settings->hackdir - 1, "%s", g->dir.scratch.path);
        *out = g;
    } else {
        nethack_game_free(g);
    }
    return rc;
}

/* NetHack ignores both signals from a game over on; a scheduler that sends them must be heard. */
static void signals_save(struct nethack_game *g)
{
    sigaction(SIGHUP, NULL, &g->hangup);
    sigaction(SIGXCPU, NULL, &g->xcpu);
}

static void signals_restore(const struct nethack_game *g)
{
    sigaction(SIGHUP, &g->hangup, NULL);
    sigaction(SIGXCPU, &g->xcpu, NULL);
}

static void raw_key(struct nethack_game *g, int key)
{
    g->obs.action = key;
    g->running = nle_lib_calls(g->lib)->step(g->running, &g->obs);
}

/* Leaves whatever prompt is open; false when the game is over, or will not stop asking. */
static bool leave_prompts(struct nethack_game *g)
{
    for (int i = 0; i < QUIT_KEYS_MAX && !g->obs.done; i++) {
        bool text = g->internal[NLE_IN_YN] || g->internal[NLE_IN_GETLIN];
        if (!text && !g->internal[NLE_IN_XWAIT])
            return true;
        raw_key(g, g->internal[NLE_IN_XWAIT] ? ' ' : 27);
    }
    return false;
}

/* Quits a game in progress as a player would. A game that the library is told to drop midway
 * leaks 3.1 kB, one that came to its end 0.1 kB; and the package quits too, which shows in the list
 * of best games. */
static void game_quit(struct nethack_game *g)
{
    static const int keys[] = {0x80 | 'q', 'y'};
    if (g->obs.done || !g->program_state[NLE_PS_MOVELOOP] || !leave_prompts(g))
        return;
    for (int i = 0; i < 2 && !g->obs.done; i++)
        raw_key(g, keys[i]);
    leave_prompts(g);
    signals_restore(g);
}

/* Ends the running game and unloads the library. */
static int game_end(struct nethack_game *g, struct onic_err *err)
{
    if (g->running) {
        frozen_time_enter(g->clock);
        game_quit(g);
        nle_lib_calls(g->lib)->end(g->running);
        frozen_time_leave();
        g->running = NULL;
    }
    return nle_lib_unload(g->lib, err);
}

void nethack_game_free(struct nethack_game *g)
{
    if (!g)
        return;
    if (g->lib)
        game_end(g, NULL);
    nle_lib_close(g->lib);
    nle_dir_free(&g->dir);
    free(g->settings);
    free(g);
}

static int occurrences(const uint8_t *text, size_t len, const char *word)
{
    int count = 0;
    const uint8_t *end = text + len;
    for (const uint8_t *at = text; (at = memmem(at, (size_t)(end - at), word, strlen(word)));) {
        at += strlen(word);
        count++;
    }
    return count;
}

/* Reads the top line, if it is a page not seen since nethack_pages_begin. */
static void pages_note(struct nethack_game *g)
{
    struct nethack_pages *p = &g->pages;
    size_t len = strnlen((const char *)g->message, NLE_MESSAGE);
    if (len == 0)
        return;
    uint64_t hash = XXH3_64bits(g->message, len);
    int known = p->count < PAGES_KNOWN ? p->count : PAGES_KNOWN;
    for (int i = 0; i < known; i++)
        if (g->page_hash[i] == hash)
            return;
    if (p->count < PAGES_KNOWN)
        g->page_hash[p->count] = hash;
    p->count++;
    p->descended |= memmem(g->message, len, "You descend the stairs", 22) != NULL;
    p->confident |= memmem(g->message, len, "You feel more confident in", 26) != NULL;
    p->kills += occurrences(g->message, len, "ou kill ");
    size_t space = p->len > 0, room = (size_t)(ENV_CAPTION_MAX - p->len);
    if (room <= space)
        return;
    if (space)
        p->text[p->len++] = ' ';
    size_t take = len < room - space ? len : room - space;
    memcpy(p->text + p->len, g->message, take);
    p->len += (int)take;
    p->text[p->len] = '\0';
}

static void after_key(struct nethack_game *g)
{
    pages_note(g);
    if (g->obs.in_normal_game)
        memcpy(g->status, g->blstats, sizeof g->status);
}

void nethack_pages_begin(struct nethack_game *g)
{
    g->pages.len = g->pages.count = g->pages.kills = 0;
    g->pages.text[0] = '\0';
    g->pages.descended = g->pages.confident = false;
}

static void blank_buffers(struct nethack_game *g)
{
    g->obs.action = g->obs.done = g->obs.how_done = 0;
    g->obs.in_normal_game = 0;
#define XX(name, type, ndim, a, b) memset(g->name, 0, sizeof g->name);
    NETHACK_FIELDS(XX)
#undef XX
    memset(g->program_state, 0, sizeof g->program_state);
    memset(g->internal, 0, sizeof g->internal);
    memset(g->status, 0, sizeof g->status);
}

int nethack_game_start(struct nethack_game *g, const uint64_t seeds[3], bool new_record,
                       struct onic_err *err)
{
    int rc = game_end(g, err);
    if (!rc)
        rc = nle_dir_clear(&g->dir, new_record, err);
    if (!rc)
        rc = nle_lib_load(g->lib, err);
    if (rc)
        return rc;
    blank_buffers(g);
    nethack_pages_begin(g);
    g->settings->seeds = (struct nle_seeds){
        .core = seeds[0], .disp = seeds[1], .use_seeds = true, .lgen = seeds[2], .use_lgen = true};
    signals_save(g);
    frozen_time_enter(g->clock);
    g->running = nle_lib_start(g->lib, &g->obs, g->settings);
    frozen_time_leave();
    after_key(g);
    for (int i = 0; i < START_KEYS_MAX && !g->obs.done; i++) {
        if (g->program_state[NLE_PS_MOVELOOP])
            return ONIC_OK;
        nethack_game_key(g, ' ');
    }
    return err_set(err, ONIC_EIO,
                   "NetHack %s before its first turn (seeds %llu %llu %llu, folder %s)",
                   g->obs.done ? "ended" : "kept asking", (unsigned long long)seeds[0],
                   (unsigned long long)seeds[1], (unsigned long long)seeds[2], g->dir.scratch.path);
}

void nethack_game_key(struct nethack_game *g, int key)
{
    ONIC_ASSERT(g->running && !g->obs.done);
    frozen_time_enter(g->clock);
    raw_key(g, key);
    frozen_time_leave();
    if (g->obs.done)
        signals_restore(g);
    after_key(g);
}

const struct nle_obs *nethack_game_obs(const struct nethack_game *g)
{
    return &g->obs;
}

bool nethack_game_done(const struct nethack_game *g)
{
    return g->obs.done != 0;
}

const long *nethack_game_status(const struct nethack_game *g)
{
    return g->status;
}

bool nethack_game_message_has(const struct nethack_game *g, const char *text)
{
    return memmem(g->message, NLE_MESSAGE, text, strlen(text)) != NULL;
}

int nethack_game_seeds(const struct nethack_game *g)
{
    return nle_lib_seeds(g->lib);
}

void *nethack_game_object(const struct nethack_game *g, const char *name)
{
    return nle_lib_object(g->lib, name);
}

const void *nethack_game_field(const struct nethack_game *g, enum nethack_field f)
{
    switch (f) {
#define XX(name, type, ndim, a, b)                                                                 \
    case NETHACK_FIELD_##name:                                                                     \
        return g->name;
        NETHACK_FIELDS(XX)
#undef XX
    case NETHACK_FIELD_COUNT:
        break;
    }
    return NULL;
}

const struct nethack_pages *nethack_game_pages(const struct nethack_game *g)
{
    return &g->pages;
}

void nethack_game_keep_message(struct nethack_game *g, const uint8_t *text)
{
    memcpy(g->message, text, NLE_MESSAGE);
}
