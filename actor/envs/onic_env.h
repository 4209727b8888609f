/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ENV_H
#define ONIC_ENV_H

/* onic_env.h - an environment for onic as a shared object of its own.
 *
 * This header stands alone: include it and nothing else of onic, link nothing of onic. Define the
 * functions, put them into a struct onic_env_api and return that from onic_env():
 *
 *   cc -shared -fPIC $(pkg-config --cflags onic) my_env.c -o my_env.so
 *   onic env list --env.plugin=./my_env.so
 *   onic train --env.plugin=./my_env.so --env.id=my_env --reward.model=none
 *
 * A complete one with every optional part is share/onic/examples/env/lake.c.
 *
 * Life of an environment: create, spec, then per episode seed, reset, and step until one of the
 * three flags says that the episode is over. It never resets itself. observe is called after each
 * reset and step. Everything random comes from the seed: the same seed and actions give the same
 * bytes, for ever, which is what lets onic play an episode again. A reset without a seed before it
 * goes on with the generator as it is.
 *
 * Threads: one environment is used by one thread at a time; several live in one process, maybe in
 * several threads, so they share nothing that changes.
 *
 * Time: an actor whose environment has not come back from create, reset or step keeps its place
 * with the learner meanwhile, and says after 10 s that it takes long. A step or reset of more than
 * actors.step_timeout_s (30) seconds counts as hung: it cannot be interrupted, so the whole process
 * ends and is started again. Raise that option where steps are rightly that long.
 *
 * Compatibility: onic checks ONIC_ENV_ABI and the sizes of the structs when it loads the file, and
 * says so when they differ. Fields are only ever added with a new ABI number. */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ONIC_ENV_ABI 1

enum {
    ONIC_ENV_FIELDS_MAX = 16,
    ONIC_ENV_DIMS_MAX = 3,
    ONIC_ENV_NAME_MAX = 23,     /* bytes of a field's name */
    ONIC_ENV_CAPTION_MAX = 256, /* bytes of a caption that count */
    ONIC_ENV_STATS_MAX = 12,
    ONIC_ENV_OPTIONS_MAX = 4096, /* of an action */
    ONIC_ENV_ERROR_MAX = 256     /* bytes for an error text, its 0 included */
};

/* --- what an environment is ------------------------------------------------------------------ */

enum onic_env_type {
    ONIC_ENV_U8,
    ONIC_ENV_I8,
    ONIC_ENV_I16,
    ONIC_ENV_I32,
    ONIC_ENV_I64,
    ONIC_ENV_F32
};

/* One array of an observation, row-major. How the network "mlp" reads it: U8 of at most 16
 * elements, each as a category (a place, a direction, a switch); U8 of three dimensions as a
 * picture, v / 255; other whole numbers sign(v) log(1 + |v|); I8 v / 128; F32 as it is, within
 * +-1000. A place on a board is better one U8 with its number than a vector of 0 and 1. */
struct onic_env_field {
    const char *name; /* letters, digits and _ */
    int32_t type;     /* enum onic_env_type */
    int32_t ndim;     /* 1 .. ONIC_ENV_DIMS_MAX */
    int32_t shape[ONIC_ENV_DIMS_MAX];
};

enum onic_env_action_kind {
    ONIC_ENV_DISCRETE,       /* one of n; an action is int32_t[1] */
    ONIC_ENV_MULTI_DISCRETE, /* n choices at once, choice i of choices[i]; int32_t[n] */
    ONIC_ENV_CONTINUOUS      /* n numbers, number i in [low[i], high[i]]; float[n] */
};

struct onic_env_actions {
    int32_t kind; /* enum onic_env_action_kind */
    /* at most 64 with ONIC_ENV_MULTI_DISCRETE and ONIC_ENV_CONTINUOUS; at most ONIC_ENV_OPTIONS_MAX
     * options, all choices together */
    int32_t n;
    const int32_t *choices;   /* [n], ONIC_ENV_MULTI_DISCRETE */
    const float *low, *high;  /* [n], ONIC_ENV_CONTINUOUS; finite, low < high */
    const char *const *names; /* [n], or NULL: "0", "1", ... */
    int32_t masked; /* 1: `mask` says which choices are possible; not ONIC_ENV_CONTINUOUS */
};

/* Constant for the life of the environment and owned by it. */
struct onic_env_spec {
    const struct onic_env_field *fields; /* [nfields] */
    int32_t nfields;
    int32_t max_steps;   /* the environment truncates at this step itself; >= 1 */
    int32_t has_success; /* 1: `success` of a result has a meaning */
    int32_t nstats;      /* numbers that `stats` gives of an episode */
    struct onic_env_actions actions;
    const char *const *stat_names; /* [nstats]; become policy_stats/<name> in metrics */
    const char *default_net;       /* for policy.net=auto; NULL: "mlp", see onic_env_field */
    /* what annotators judge by, deploy/goals/<domain>/<goal>.yaml; NULL: none */
    const char *default_goal;
    int32_t default_count;   /* environments per actor for env.count=0; 0: 16 */
    int32_t reserved;        /* 0 */
    uint64_t snapshot_bytes; /* of save; 0: cannot be saved */
};

/* Outcome of a reset or step; zeroed by onic before the call. */
struct onic_env_result {
    double reward;      /* one that is not finite breaks the episode, and so does an observation */
    uint8_t terminated; /* the task ended: its value is 0 from here on */
    uint8_t truncated;  /* a time limit: what would have come is estimated from this observation */
    uint8_t failed;     /* the environment broke; the episode counts as cut off and is reset */
    uint8_t success;    /* on the last step, where the task has success */
    uint8_t reserved[4];
    /* what happened, in a plain sentence, 0-terminated; NULL or "": nothing. Valid until the next
     * call for this environment. */
    const char *caption;
};

/* An option of the plug-in's own, as text: --plugin.size=8, or `plugin: {size: 8}` in YAML. */
struct onic_env_option {
    const char *key, *value;
};

/* --- what it does ---------------------------------------------------------------------------- */

struct onic_env_api {
    uint32_t abi, api_bytes, spec_bytes, result_bytes; /* ONIC_ENV_HEAD */
    const char *family;       /* ids are "family:name", or "family" for the name "" */
    const char *domain;       /* folder of goals; NULL: the family */
    const char *summary;      /* a line for `onic env list` */
    const char *const *names; /* NULL-terminated */

    /* NULL, and a sentence in error that names what the user can change, when name or options do
     * not fit; unknown keys should be refused. index: number of the environment in this process. */
    void *(*create)(const char *name, const struct onic_env_option *options, int32_t noptions,
                    int32_t index, char error[ONIC_ENV_ERROR_MAX]);
    const struct onic_env_spec *(*spec)(const void *env);
    void (*seed)(void *env, uint64_t seed);
    void (*reset)(void *env, struct onic_env_result *out);
    /* action: as the kind of the action space says; always in range, and possible. */
    void (*step)(void *env, const void *action, struct onic_env_result *out);
    /* Writes the whole array of each field; field[i] belongs to fields[i] of the specification and
     * is aligned for its type. NULL: nobody reads this one. */
    void (*observe)(const void *env, void *const *field);
    void (*free)(void *env);

    /* The rest may be NULL. */
    void (*stats)(const void *env, float *out); /* [nstats], running or just ended */
    /* Called after each reset and step. possible [n], of ONIC_ENV_MULTI_DISCRETE [all choices
     * together], those of the first choice first: 1 = possible. Each choice must keep one, unless
     * the episode is over; else it counts as broken. */
    void (*mask)(const void *env, uint8_t *possible);
    const char *(*mission)(const void *env); /* what to do, shown by `onic play` */
    /* A picture of text for `onic play`, lines end with \n, ANSI colour allowed; at most size bytes
     * with the 0. */
    void (*render)(const void *env, char *text, size_t size);
    /* Everything that decides what follows, [snapshot_bytes]; load of such bytes continues exactly.
     * load returns 0, or -1 when the bytes are no snapshot of this environment. */
    void (*save)(const void *env, void *snapshot);
    int32_t (*load)(void *env, const void *snapshot);
};

/* First members of a struct onic_env_api: static const struct onic_env_api api = {ONIC_ENV_HEAD, */
#define ONIC_ENV_HEAD                                                                              \
    .abi = ONIC_ENV_ABI, .api_bytes = sizeof(struct onic_env_api),                                 \
    .spec_bytes = sizeof(struct onic_env_spec), .result_bytes = sizeof(struct onic_env_result)

/* The one symbol that a shared object exports; what it returns is valid for the life of the
 * process. */
const struct onic_env_api *onic_env(void);

#ifdef __cplusplus
}
#endif

#endif /* ONIC_ENV_H */
