/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_ACTION_SPACE_H
#define ONIC_COMMON_POLICY_ACTION_SPACE_H

/* action_space.h - what can be done in a step: what an environment takes, the wire carries and a
 * policy gives.
 *
 * An action has parts: one choice (discrete), several choices at once (multi), or several numbers
 * (continuous). In the acting process a part is a cell of 4 bytes, as onic_env.h has it; a
 * trajectory holds choices in 16 bits. With masks every observation comes with the options that are
 * possible: one bit per option, the options of the first part first, bit i % 8 of byte i / 8. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/bounds.h"
#include "common/base/buf.h"
#include "common/base/rng.h"

enum action_kind { ACTION_DISCRETE, ACTION_MULTI, ACTION_CONTINUOUS };

struct action_space {
    enum action_kind kind;
    int n;       /* discrete: options; multi: choices made at once; continuous: numbers */
    bool masked; /* never continuous */
    int choices[BOUND_ACTION_PARTS]; /* [n], multi: options of each choice */
    float low[BOUND_ACTION_PARTS],
        high[BOUND_ACTION_PARTS]; /* [n], continuous; finite, low < high */
};

union action_cell {
    int32_t choice;
    float number;
};

/* In the first cell: no action, the environment is left alone. As a number it is a NaN, which no
 * policy gives. */
#define ACTION_NONE (-1)

enum { ACTION_TEXT_MAX = 4096 }; /* bytes of action_space_text are fewer */

/* A sentence about what is wrong with a space, to be put behind its owner ("has ..."); NULL: it is
 * valid. */
const char *action_space_fault(const struct action_space *s);
bool action_space_equal(const struct action_space *a, const struct action_space *b);
int action_space_parts(const struct action_space *s); /* cells of an action */
/* Options of part `part`; 0 where parts are numbers. */
int action_space_options(const struct action_space *s, int part);
int action_space_all_options(const struct action_space *s);   /* of all parts together */
size_t action_space_mask_bytes(const struct action_space *s); /* per observation; 0 without masks */

/* "7", "7 masked", "multi 3,2", "continuous -2:2,0:1": compared between peers and kept in
 * checkpoints. */
void action_space_text(const struct action_space *s, struct buf *out);
/* Reads such a text, which may come from anywhere; false when it is none of a valid space. */
bool action_space_read(const char *text, struct action_space *out);

static inline bool action_mask_get(const uint8_t *mask, int option)
{
    return mask[option / 8] >> (option % 8) & 1;
}
/* Bits from bytes: possible [all options], 1 = possible. mask [mask_bytes] is written. */
void action_mask_pack(const struct action_space *s, const uint8_t *possible, uint8_t *mask);
/* The first part without a possible option, -1 when there is none such; also part 0 when a bit
 * behind the last option is set. */
int action_mask_fault(const struct action_space *s, const uint8_t *mask);

/* Uniform over what is possible (mask may be NULL), in the environment's units. */
void action_space_random(const struct action_space *s, const uint8_t *mask, struct rng *rng,
                         union action_cell *action);
/* True when each cell is in range. */
bool action_space_holds(const struct action_space *s, const union action_cell *action);
/* "3", "[1,0]", "[-0.25,1.5]": as JSON; the numbers read back exactly. */
void action_space_json(const struct action_space *s, const union action_cell *action,
                       struct buf *out);

#endif /* ONIC_COMMON_POLICY_ACTION_SPACE_H */
