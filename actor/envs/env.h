/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_ENV_H
#define ONIC_ACTOR_ENVS_ENV_H

/* env.h - the contract between onic and an environment that is built into it. Outside of this tree
 * an environment is written against onic_env.h, which plugin.c fits to this one.
 *
 * One folder and one line in envs.def per environment family; see actor/envs/README.md and the
 * template actor/envs/corridor/. The caller owns every observation buffer; an environment writes
 * obs_bytes in place and nothing else. An environment is used by one thread at a time; two
 * environments share no mutable state.
 *
 * Life of an episode: env_seed (optional) -> env_reset -> env_step ... until terminated, truncated
 * or failed
 * -> env_reset. The environment never resets itself. After env_seed the next reset starts from that
 * seed; without it a reset continues the environment's own generator. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/bounds.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/config/config.h"
#include "common/picture/pixels.h"
#include "common/policy/action_space.h"
#include "common/policy/obs_spec.h"

/* max_steps of an environment that knows no limit. */
enum { ENV_NO_LIMIT = 1000000000 };
enum { ENV_CAPTION_MAX = BOUND_CAPTION, ENV_STATS_MAX = 12, ENV_ID_MAX = 64 };

/* A key by which a person takes an action: a character (Enter is '\r'), a character with Alt held
 * (0x80 | character), or one of these. */
enum { ENV_KEY_UP = 0x101, ENV_KEY_DOWN, ENV_KEY_RIGHT, ENV_KEY_LEFT };

/* What an environment is; constant for its life, owned by it. */
struct env_spec {
    char id[ENV_ID_MAX]; /* canonical, "minigrid:KeyCorridorS3R3" */
    struct obs_spec obs; /* the fields written, after env.obs */
    struct action_space actions;
    const char *const *action_names; /* [actions.n]: of options, else of the parts */
    const int *action_keys;          /* [actions.n] for `onic play --human`; NULL: 0, 1, ... */
    int max_steps;                   /* step limit; truncated at this step */
    bool no_captions; /* by its own word: there is nothing that an annotator could judge */
    bool has_success; /* env_result.success has a meaning */
    int nstats;       /* task statistics of an episode */
    const char *const *stat_names; /* [nstats], for example "score"; become policy_stats/<name> */
    const char *default_net;       /* encoder for policy.net=auto */
    const char *default_goal; /* goal it is about, for `env describe`, for example "KeyCorridor" */
    int default_count;        /* environments per actor for env.count=0 */
    size_t state_bytes;       /* size of env_save's snapshot; 0 = cannot be saved */
    bool recycle;             /* leaks: replace the process after env.recycle_episodes episodes */
};

/* Outcome of a reset or step. */
struct env_result {
    /* environment units; double so that traces equal the reference implementations to the last
     * bit */
    double reward;
    bool terminated; /* the task ended: do not bootstrap */
    bool truncated;  /* time limit: bootstrap with the value of this observation */
    bool failed;  /* the environment broke; the episode counts as cut off, the caller resets it */
    bool success; /* on the last step of an episode of a task with success */
    const char *fault; /* with failed: why, in a few words; of the environment, NULL: not told */
    int caption_len;
    /* what happened in this step, NUL-terminated, "" = nothing; bytes as in the game */
    char caption[ENV_CAPTION_MAX + 1];
};

struct env; /* first member of each family's own struct */

struct env_family {
    const char *family;  /* "minigrid" */
    const char *domain;  /* goal and caption-pool folder, "minigrid" */
    const char *summary; /* one line for `onic env list` */
    /* Names without the family prefix, NULL-terminated; a family with one environment lists "" (id
     * = family). */
    const char *const *names;
    bool open; /* any other name may be one too; `names` are examples */
    /* ONIC_OK, or why an environment of this family cannot be made here (missing wheel ...). NULL =
     * always available. */
    int (*available)(const struct config *cfg, struct onic_err *err);
    /* Reads its options here; cfg is not kept. name: one of names. index: number of the
     * environment in this process (private folders, streams). */
    int (*create)(struct env **out, const struct env_family *family, const char *name,
                  const struct config *cfg, int index, struct onic_err *err);
    void (*free)(struct env *e); /* NULL is allowed */
    void (*seed)(struct env *e, uint64_t seed);
    /* Both fill *out completely; obs [obs_bytes] is written. On an error code the environment is
     * unusable and is freed by the caller; a broken episode is not an error but out->failed. */
    int (*reset)(struct env *e, uint8_t *obs, struct env_result *out, struct onic_err *err);
    /* NULL, or: the step with this action, [spec.actions.n], may begin; env_step with the same
     * action, which comes next for this environment, gives what came of it. So a vector of
     * environments can be stepped at the same time. */
    void (*begin)(struct env *e, const union action_cell *action);
    /* With one choice per action; NULL in a family without such an environment. */
    int (*step)(struct env *e, int action, uint8_t *obs, struct env_result *out,
                struct onic_err *err);
    /* The same with several choices or with numbers, [spec.actions.n], each in range. */
    int (*step_many)(struct env *e, const union action_cell *action, uint8_t *obs,
                     struct env_result *out, struct onic_err *err);
    /* With spec.actions.masked: possible [all options] is written, 1 = possible now, at least one
     * of each choice unless the episode is over. Else NULL. */
    void (*mask)(const struct env *e, uint8_t *possible);
    /* Statistics of the running or just-ended episode, [nstats] in stat_names order. NULL when
     * nstats = 0. */
    void (*stats)(const struct env *e, float *out);
    /* Text picture for `onic play`: lines separated by \n, ANSI colour allowed. NULL: the fields of
     * the observation are shown. */
    void (*render)(const struct env *e, struct buf *out);
    /* The picture in pixels for `onic record`, of any size. NULL: the text of `render` is drawn. */
    void (*draw)(const struct env *e, struct pixels *out);
    /* Seeds of the running episode for traces and replays: number written (0..3) to seeds, names
     * "core","disp","lgen". NULL = none. */
    int (*seeds)(const struct env *e, uint64_t seeds[3]);
    /* Exact snapshot of the whole environment, [state_bytes]; load makes step continue bit for bit.
     * NULL = not offered (deterministic resume then needs another environment). */
    void (*save)(const struct env *e, uint8_t *state);
    int (*load)(struct env *e, const uint8_t *state, uint8_t *obs, struct onic_err *err);
};

/* Common head of every environment struct. */
struct env {
    const struct env_family *family;
    struct env_spec spec; /* filled by create */
};

/* registry.c */
int env_family_count(void);
const struct env_family *env_family_at(int i);
/* The family and the name within it (in an open family a part of id) for an id; ONIC_ECONFIG
 * naming the nearest id when unknown. */
int env_find(const char *id, const struct env_family **family, const char **name,
             struct onic_err *err);
/* Creates by id; *out is freed with env_free. ONIC_ECONFIG naming the member when a plug-in left
 * out what is not optional above. */
int env_create(struct env **out, const char *id, const struct config *cfg, int index,
               struct onic_err *err);
void env_free(struct env *e);
/* "forward"; of several parts their names and values, "gas 2, wheel -0.25". */
void env_action_text(const struct env_spec *spec, const union action_cell *action, struct buf *out);
/* step or step_many, whichever the kind of the actions asks for. */
int env_step(struct env *e, const union action_cell *action, uint8_t *obs, struct env_result *out,
             struct onic_err *err);
/* Loads the shared object at path (env.plugin; once per path, nothing when empty), which is written
 * against onic_env.h. env_create does this itself; call it to list or find its family. */
int env_plugin_load(const char *path, struct onic_err *err);

/* env_fields.c. Field selection shared by all families: true when `field` is wanted by env.obs
 * ("auto" or "" = in auto_fields, a comma-separated list; "all"; or an explicit list). */
bool env_wants_field(const char *env_obs, const char *field, const char *auto_fields);
/* ONIC_ECONFIG when an explicit env.obs names a field that the environment does not have.
 * env_create calls it. */
int env_check_fields(const char *env_obs, const struct env_spec *spec, struct onic_err *err);

#endif /* ONIC_ACTOR_ENVS_ENV_H */
