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

/* Whether an option, by its dotted key, names code that a program loads or runs. What a file or a
 * peer names so is never used by itself: only a person's command line, environment or YAML file
 * decides what runs here. */
bool config_names_code(const char *key);

/* Copies into `onto` every option of `from` that was really given (origin file, environment,
 * command line or peer). */
int config_overlay(struct config *onto, const struct config *from, struct onic_err *err);

/* Adopts every option that `peer` states (origin CONFIG_PEER). ONIC_EINCOMPATIBLE naming each
 * option and both values when `mine` was given other values by file, environment or command line.
 */
int config_adopt(struct config *mine, const struct config *peer, struct onic_err *err);

#endif /* ONIC_COMMON_CONFIG_OVERLAY_H */
