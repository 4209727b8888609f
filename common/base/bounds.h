/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_BOUNDS_H
#define ONIC_COMMON_BASE_BOUNDS_H

/* bounds.h - the largest sizes on which options, environments, data and both ends of the wire must
 * agree. A bound that one module alone keeps stays there; the maximum of an option is also
 * CONFIG_MAX_section_name. */

enum {
    BOUND_WINDOW = 64,            /* W: trajectories of an actor that wait for acknowledgement */
    BOUND_STEPS = 4096,           /* T: steps of a trajectory */
    BOUND_ENVS = 4096,            /* E: environments of an actor */
    BOUND_ACTIONS = 4096,         /* options of an action, all choices together: fits 16 bits */
    BOUND_ACTION_PARTS = 64,      /* choices or numbers of an action */
    BOUND_STATS = 256,            /* task statistics of an episode */
    BOUND_STATE = 1 << 20,        /* floats of a recurrent state */
    BOUND_SNAPSHOT = 1 << 26,     /* bytes of a saved environment */
    BOUND_CAPTION = 256,          /* bytes of a caption; what is longer is cut */
    BOUND_ACTORS = 65536,         /* actor numbers: 0 to one below */
    BOUND_FRAME_BYTES = 64 << 20, /* of a message of the trajectory plane */
    BOUND_WEIGHTS_BYTES = 2 << 20 /* of a message of the weights plane */
};

#endif /* ONIC_COMMON_BASE_BOUNDS_H */
