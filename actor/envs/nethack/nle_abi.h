/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_NETHACK_NLE_ABI_H
#define ONIC_ACTOR_ENVS_NETHACK_NLE_ABI_H

/* nle_abi.h - our own declarations of the C interface of libnethack.so (the NetHack Learning
 * Environment, NLE).
 *
 * The library is loaded, never built or copied into this tree, so the layouts below are the
 * contract; the static assertions pin what was measured on the published wheels. Generations that
 * nle_elf.h tells apart:
 *
 *   0.9.0 - 1.1.0   nle_start(obs, ttyrec, seeds or NULL, settings); settings of 49156 bytes
 *   1.2             nle_start(obs, ttyrec, settings); seeds inside settings, 49200 bytes
 *   1.3             the same, three more fields behind the seeds, 49224 bytes
 *
 * A library copies settings by value at start, as many bytes as it knows, so the newest struct
 * serves all of them. The oldest has no generator of its own for level layouts: there the core seed
 * decides them. A NULL observation pointer switches that observation off and saves its cost.
 * Buffers belong to the caller. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    NLE_ROWS = 21,
    NLE_COLS = 79,
    NLE_CELLS = NLE_ROWS * NLE_COLS,
    NLE_TTY_ROWS = 24,
    NLE_TTY_COLS = 80,
    NLE_TTY_CELLS = NLE_TTY_ROWS * NLE_TTY_COLS,
    NLE_BLSTATS = 27,
    NLE_MESSAGE = 256,
    NLE_PROGRAM_STATE = 6,
    NLE_INTERNAL = 9,
    NLE_MISC = 3,
    NLE_INVENTORY = 55,
    NLE_INVENTORY_TEXT = 80,
    NLE_GLYPH_ORACLE = 270, /* the monster; equal in every supported version */
    NLE_GLYPH_STONE = 2359, /* a cell nobody has seen */
};

/* Indices of blstats. */
enum {
    NLE_BL_X = 0,
    NLE_BL_Y = 1,
    NLE_BL_SCORE = 9,
    NLE_BL_HP = 10,
    NLE_BL_HPMAX = 11,
    NLE_BL_DEPTH = 12,
    NLE_BL_GOLD = 13,
    NLE_BL_XLEVEL = 18,
    NLE_BL_TURN = 20,
    NLE_BL_DUNGEON = 23,
    NLE_BL_DLEVEL = 24,
    NLE_BL_CONDITION = 25,
};

enum { NLE_CONDITION_HALLUCINATION = 0x200 }; /* one bit of many */

/* Values of how_done. */
enum { NLE_HOW_QUIT = 13, NLE_HOW_ESCAPED = 14, NLE_HOW_ASCENDED = 15 };

/* Indices of internal and program_state. */
enum { NLE_IN_YN = 1, NLE_IN_GETLIN = 2, NLE_IN_XWAIT = 3, NLE_IN_STAIRS_DOWN = 4 };
enum { NLE_PS_GAMEOVER = 0, NLE_PS_MOVELOOP = 3 };

struct nle_obs {
    int action; /* in: the key */
    int done;   /* out: after the last death screen */
    char in_normal_game;
    int how_done;    /* 0 died ... 13 quit, 14 escaped, 15 ascended; never cleared by the library */
    int16_t *glyphs; /* [21,79] */
    uint8_t *chars;  /* [21,79] */
    uint8_t *colors; /* [21,79] */
    uint8_t *specials;
    long *blstats;      /* [27] */
    uint8_t *message;   /* [256], not terminated when full */
    int *program_state; /* [6] */
    int *internal;      /* [9] */
    int16_t *inv_glyphs;
    uint8_t *inv_strs; /* [55,80] */
    uint8_t *inv_letters;
    uint8_t *inv_oclasses;
    uint8_t *screen_descriptions; /* [21,79,80]; never asked for here */
    uint8_t *tty_chars;           /* [24,80]; only changed lines are written */
    int8_t *tty_colors;
    uint8_t *tty_cursor; /* row, column */
    int *misc;           /* in_yn, in_getlin, xwaitforspace */
};

struct nle_seeds {
    unsigned long core, disp;
    char reseed; /* reseeds from the system now and then: never for us */
    bool use_seeds;
    unsigned long lgen; /* level layouts */
    bool use_lgen;
};

struct nle_settings {
    char hackdir[4096];
    char scoreprefix[4096];
    char options[32768]; /* NETHACKOPTIONS */
    char wizkit[4096];
    int spawn_monsters;
    char ttyrecname[4096];
    struct nle_seeds seeds; /* from 1.2 */
    bool fix_moon_phase;    /* from 1.3, as is the rest; always off: the clock is frozen instead */
    unsigned long time_seed;
    bool time_seed_is_set;
};

/* 0.9.0 - 1.1.0: an argument of nle_start of its own. */
struct nle_seeds_0_9 {
    unsigned long seeds[2];
    char reseed;
};

enum {
    NLE_SETTINGS_0_9 = 49156,
    NLE_SETTINGS_1_2 = 49200,
    NLE_SETTINGS_1_3 = 49224,
    NLE_MONS_BYTES = 382 * 72
};

_Static_assert(sizeof(long) == 8, "libnethack.so is a 64-bit library");
_Static_assert(sizeof(struct nle_obs) == 152, "layout of nle_obs");
_Static_assert(offsetof(struct nle_obs, blstats) == 48, "layout of nle_obs");
_Static_assert(offsetof(struct nle_obs, tty_chars) == 120, "layout of nle_obs");
_Static_assert(offsetof(struct nle_settings, options) == 8192, "layout of nle_settings");
_Static_assert(offsetof(struct nle_settings, spawn_monsters) == 45056, "layout of nle_settings");
_Static_assert(offsetof(struct nle_settings, ttyrecname) + 4096 == NLE_SETTINGS_0_9,
               "0.9 is a prefix");
_Static_assert(sizeof(struct nle_seeds_0_9) == 24, "layout of nle_seeds_init_t");
_Static_assert(offsetof(struct nle_settings, seeds) == 49160, "layout of nle_settings");
_Static_assert(offsetof(struct nle_settings, fix_moon_phase) == NLE_SETTINGS_1_2,
               "1.2 is a prefix");
_Static_assert(sizeof(struct nle_settings) == NLE_SETTINGS_1_3, "layout of nle_settings");

typedef void *nle_start_fn(struct nle_obs *, FILE *ttyrec, struct nle_settings *);
typedef void *nle_start_0_9_fn(struct nle_obs *, FILE *ttyrec, struct nle_seeds_0_9 *,
                               struct nle_settings *);
typedef void *nle_step_fn(void *game, struct nle_obs *);
typedef void nle_end_fn(void *game);

#endif /* ONIC_ACTOR_ENVS_NETHACK_NLE_ABI_H */
