/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_CONFIG_OVERLAY_H
#define ONIC_COMMON_CONFIG_OVERLAY_H

/* overlay.h - putting one configuration on top of another: a stored run under this command line,
 * the learner's word under what an actor was given by hand. */

#include "common/config/config.h"

/* Dotted key of option i (0..CONFIG_COUNT-1). */
void config_key(int i, char out[64]);
/* The option that is written after option i where sections are: those of a section together,
 * wherever they are defined. -1: the first; CONFIG_COUNT: there is none. */
int config_next(int i);

/* Whose word counts (README.md): a value that comes from a peer or out of a file that was handed on
 * may decide what is played and learned, never what runs, is read, written or reached on this
 * machine. */
/* Option i may be decided by such a file. */
bool config_is_portable(int i);
/* Option i may be decided by the learner, of an actor. */
bool config_is_for_actors(int i);

/* A portable text is a name or a list of names; this one says a path. Names of Gymnasium may have
 * a / ("ALE/Pong-v5"). Values of env.options may be JSON, whose escapes (a backslash) could hide
 * one, and a list: in them ~ and .. count wherever they stand. */
bool config_is_place(int i, const char *value);

/* Copies into `onto` every option of `from` that was really given (origin file, environment,
 * command line or peer): `from` is the user's word. */
int config_overlay(struct config *onto, const struct config *from, struct onic_err *err);

/* Copies into `onto` every portable option that a stored configuration `from` gives (origin file).
 * The others keep the value of `onto`; those that say something else are named in one line of the
 * log with `source`, unless `given` (the command line, may be NULL) decides them. ONIC_ECONFIG: the
 * value of a portable text is a path, and `given` has none. */
int config_take_portable(struct config *onto, const struct config *from, const struct config *given,
                         const char *source, struct onic_err *err);

/* Adopts what `peer` states (origin CONFIG_PEER) and a learner may decide; the log names the rest.
 * ONIC_EINCOMPATIBLE naming each option and both values when `mine` was given other values by file,
 * environment or command line; or when a text is a path, which only `mine` may say. */
int config_adopt(struct config *mine, const struct config *peer, struct onic_err *err);

#endif /* ONIC_COMMON_CONFIG_OVERLAY_H */
