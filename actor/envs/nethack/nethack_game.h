/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_NETHACK_NETHACK_GAME_H
#define ONIC_ACTOR_ENVS_NETHACK_NETHACK_GAME_H

/* nethack_game.h - one NetHack that can be started, sent keys and looked at. No task, no rewards.
 *
 * Observations lie in buffers of the game that never move (the library writes changed terminal
 * lines only). Threads: one at a time, any. The game runs on a small stack of its own, so the
 * signal handlers of the process must run on an alternate stack (SA_ONSTACK). A crash inside the
 * library is a crash of the process: the supervisor's matter. */

#include <stdbool.h>
#include <stdint.h>

#include "actor/envs/env.h"
#include "actor/envs/nethack/nle_abi.h"
#include "common/base/err.h"

/* Fields an environment may offer, in the order of the observation. */
#define NETHACK_FIELDS(XX)                                                                         \
    XX(glyphs, OBS_I16, 2, 21, 79)                                                                 \
    XX(blstats, OBS_I64, 1, 27, 1)                                                                 \
    XX(message, OBS_U8, 1, 256, 1)                                                                 \
    XX(chars, OBS_U8, 2, 21, 79)                                                                   \
    XX(colors, OBS_U8, 2, 21, 79)                                                                  \
    XX(specials, OBS_U8, 2, 21, 79)                                                                \
    XX(inv_glyphs, OBS_I16, 1, 55, 1)                                                              \
    XX(inv_strs, OBS_U8, 2, 55, 80)                                                                \
    XX(inv_letters, OBS_U8, 1, 55, 1)                                                              \
    XX(inv_oclasses, OBS_U8, 1, 55, 1)                                                             \
    XX(tty_chars, OBS_U8, 2, 24, 80)                                                               \
    XX(tty_colors, OBS_I8, 2, 24, 80)                                                              \
    XX(tty_cursor, OBS_U8, 1, 2, 1)                                                                \
    XX(misc, OBS_I32, 1, 3, 1)

enum nethack_field {
#define XX(name, type, ndim, a, b) NETHACK_FIELD_##name,
    NETHACK_FIELDS(XX)
#undef XX
        NETHACK_FIELD_COUNT
};

struct nethack_settings {
    const char *nle;     /* option env.nle */
    const char *options; /* NETHACKOPTIONS */
    int64_t clock;       /* frozen wall clock, Unix seconds; 0 = the real one */
    uint32_t want; /* bit i: fill field i; glyphs, blstats, message and misc are always filled */
};

struct nethack_game;

/* ONIC_ECONFIG (missing wheel), ONIC_EINCOMPATIBLE (another generation), ONIC_ECANTCREATE,
 * ONIC_EIO. */
int nethack_game_create(struct nethack_game **out, const struct nethack_settings *s,
                        struct onic_err *err);
void nethack_game_free(struct nethack_game *g); /* NULL is allowed */

/* Ends the running game, if any, and starts the one of these seeds, up to its first turn. seeds:
 * core, disp, lgen. new_record: forget the list of best games. */
int nethack_game_start(struct nethack_game *g, const uint64_t seeds[3], bool new_record,
                       struct onic_err *err);
/* Sends one key; returns at the next request for a key. Not after done. */
void nethack_game_key(struct nethack_game *g, int key);

/* What the library said last. Pointers stay valid for the life of the game. */
const struct nle_obs *nethack_game_obs(const struct nethack_game *g);
bool nethack_game_done(const struct nethack_game *g);
/* The status line [27] as it last was in the game proper: the last death screen zeroes it. */
const long *nethack_game_status(const struct nethack_game *g);
bool nethack_game_message_has(const struct nethack_game *g, const char *text);
int nethack_game_seeds(const struct nethack_game *g); /* seeds that decide a game: 2 without lgen */
/* exported object of the library */
void *nethack_game_object(const struct nethack_game *g, const char *name);
const void *nethack_game_field(const struct nethack_game *g, enum nethack_field f);

/* The text shown since nethack_pages_begin: distinct pages of the top line, joined by a space. */
struct nethack_pages {
    char text[ENV_CAPTION_MAX + 1]; /* terminated */
    int len;
    int count;      /* pages in text, and beyond it */
    int kills;      /* kills that the pages report, "You kill" */
    bool descended; /* a page said that the hero took stairs down */
    bool confident; /* a page said that a skill can be enhanced */
};
void nethack_pages_begin(struct nethack_game *g);
const struct nethack_pages *nethack_game_pages(const struct nethack_game *g);

/* Puts `text` [256] back as the message, for a page that was dismissed but should be seen. */
void nethack_game_keep_message(struct nethack_game *g, const uint8_t *text);

#endif /* ONIC_ACTOR_ENVS_NETHACK_NETHACK_GAME_H */
