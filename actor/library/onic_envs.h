/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ENVS_H
#define ONIC_ENVS_H

/* onic_envs.h - the environments of onic in a program of yours: libonic_env.so. Stands alone.
 *
 * A vector of environments of one kind, stepped together. What they give lies in arrays of the
 * library (onic_envs_arrays), which each call overwrites. Functions return 0, or -1 with a sentence
 * in onic_envs_error; no call prints or ends the process, except when memory is exhausted or the
 * processor lacks AVX2. One thread at a time per vector; vectors are independent. The Python
 * processes of gym:NAME end with the thread that made the vector (or first stepped it after one of
 * them had died), as the kernel has it: let that thread live as long as the vector; and vectors
 * that one thread made share these processes, so only one of them may be stepped at a time.
 *
 * Stable: functions are versioned symbols and keep their meaning; new members of onic_envs_arrays
 * come at its end. What breaks either counts ONIC_ENVS_ABI up. */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ONIC_ENVS_ABI 1
enum { ONIC_ENVS_CAPTION = 257 }; /* bytes of a caption, with the 0 at its end */

int onic_envs_abi(void);             /* ONIC_ENVS_ABI of the library */
const char *onic_envs_version(void); /* "0.2.0" */
/* All ids, one a line, also those that lack something here; of the library. */
const char *onic_envs_list(void);

struct onic_envs;

/* n environments of kind `id` ("minigrid:KeyCorridorS3R3"); environment i draws from seed + i.
 * options: lines key=value of the section env as in YAML ("env.obs=all\nenv.nle=FOLDER"), may be
 * NULL. NULL: error, of `bytes`, has the sentence. */
struct onic_envs *onic_envs_create(const char *id, int n, uint64_t seed, const char *options,
                                   char *error, size_t bytes);
void onic_envs_close(struct onic_envs *e); /* NULL is allowed */

/* Lines "key: value": id; observation "image uint8[7,7,3]; direction uint8[1]"; offsets of these
 * fields in obs_bytes; actions "7", "7 masked", "multi 3,2" or "continuous -2:2,0:1"; action_names;
 * max_steps; success yes or no; statistics, their names; state_bytes, 0: no snapshots; render and
 * draw yes or no. */
const char *onic_envs_describe(const struct onic_envs *e);
const char *onic_envs_error(const struct onic_envs *e); /* of the last call that failed */

/* Letters: n environments, P parts of an action, O options of all parts together, S statistics. A
 * row of an observation is obs_bytes, its fields at their offsets, little-endian. */
struct onic_envs_arrays {
    uint8_t *obs;          /* [n, obs_bytes] */
    double *reward;        /* [n] */
    uint8_t *terminated;   /* [n] 0 or 1, as all flags */
    uint8_t *truncated;    /* [n] by the limit of steps, or because the environment broke */
    uint8_t *failed;       /* [n] it broke: truncated as well */
    uint8_t *success;      /* [n] with the end of an episode */
    uint8_t *was_reset;    /* [n] obs is the first of an episode */
    int32_t *caption_size; /* [n] bytes; 0: nothing happened */
    char *caption;         /* [n, ONIC_ENVS_CAPTION] what happened in this step, bytes */
    uint8_t *possible;     /* [n, O] what is possible now; NULL without masks */
    int32_t *steps;        /* [n] of the running or just ended episode */
    float *statistics;     /* [n, S] of it; NULL without */
    /* With ONIC_ENVS_SAME_STEP, of an environment that ended in this step: */
    uint8_t *final_obs;          /* [n, obs_bytes] */
    int32_t *final_caption_size; /* [n] */
    char *final_caption;         /* [n, ONIC_ENVS_CAPTION] */
    int32_t *final_steps;        /* [n] */
    float *final_statistics;     /* [n, S]; NULL without */
    size_t obs_bytes;
};
const struct onic_envs_arrays *onic_envs_arrays(const struct onic_envs *e);

/* Begins episodes: of all environments, or (which [n] not NULL) of those with 1. seeds [n], may be
 * NULL: else each goes on with its own generator. */
int onic_envs_reset(struct onic_envs *e, const uint8_t *which, const uint64_t *seeds);

enum onic_envs_mode {
    ONIC_ENVS_DISABLED,  /* who has ended has to be reset before the next step */
    ONIC_ENVS_NEXT_STEP, /* its next step is a reset, whatever the action: reward 0 */
    ONIC_ENVS_SAME_STEP  /* it is reset at once; flags and reward are of its end */
};
/* action [n, P]: int32_t choices, or float numbers. */
int onic_envs_step(struct onic_envs *e, const void *action, enum onic_envs_mode mode);

/* Exact snapshots of environment i, [state_bytes]. */
int onic_envs_save(struct onic_envs *e, int i, uint8_t *state);
int onic_envs_load(struct onic_envs *e, int i, const uint8_t *state);
/* Environment i as text with ANSI colours, cut to `bytes` with the 0 at its end; returns what it
 * needs without that, -1: it has no picture. */
int64_t onic_envs_render(struct onic_envs *e, int i, char *out, size_t bytes);
/* As pixels [height, width, 3]; out NULL: only the size. Returns bytes, -1: it has no picture. */
int64_t onic_envs_draw(struct onic_envs *e, int i, uint8_t *out, size_t bytes, int *width,
                       int *height);

#ifdef __cplusplus
}
#endif
#endif /* ONIC_ENVS_H */
