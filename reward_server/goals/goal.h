/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_GOALS_GOAL_H
#define ONIC_REWARD_SERVER_GOALS_GOAL_H

/* goal.h - what the agent should be praised for, as a file a person edits.
 *
 *   goals/<domain>/<goal>.yaml   goals/<domain>/pool.txt
 *
 * One file serves every annotator: anchor sentences for the sentence model, patterns for the rules.
 * The version is a hash of the goal file and of the pool, and part of a label's identity: editing
 * either asks every caption anew and never mixes old labels with new ones.
 *
 *   description: one sentence for people
 *   environments: ["minigrid:KeyCorridor*"]   # annotator.goal=auto: the longest match wins
 *   positive: [...]                           # anchor sentences, at least one
 *   negative: [...]                           # at least one
 *   threshold: 0.05                           # margin above which a caption is labelled 1
 *   rules:                                    # first match wins; no match = 0
 *     - "You pick up the * key.": 1          # glob over the whole caption: * and ?
 *     - "/gold pieces?[.!]$/": 1             # POSIX extended regular expression between slashes
 *     - "*": abstain                         # no answer
 *   preference: none                         # instead of anchors and rules: nothing is better
 *
 * pool.txt: one caption per line, '#' starts a comment line; the sentence model is centred on their
 * mean, nobody else reads it. It lies beside the goal file, else in the domain's folder; without
 * one the sentence model is centred on the anchors. Immutable after loading, so threads may read
 * it. */

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

enum {
    GOAL_NAME_MAX = 64,
    GOAL_REF_MAX = 512,
    GOAL_TEXTS_MAX = 8192,
    GOAL_FILE_MAX_BYTES = 1 << 20
};
enum { GOAL_NO_RULE = -1 };

struct goal_rule {
    char *pattern; /* as written */
    bool is_regex;
    regex_t regex; /* valid when is_regex */
    int label;     /* 0, 1, or GOAL_RULE_ABSTAIN */
};
enum { GOAL_RULE_ABSTAIN = -1 };

struct goal {
    char domain[GOAL_NAME_MAX], name[GOAL_NAME_MAX];
    char path[4096];      /* of the goal file, "" for goal_unstated */
    char pool_path[4096]; /* "" = there is none */
    /* why npool is 0 although there is one, "" = all is well */
    char pool_trouble[ONIC_ERR_MSG_MAX];
    char version[33];
    char *description;
    bool no_preference;
    char **environments;
    int nenvironments;
    char **positive, **negative; /* [npositive] and [nnegative] anchor sentences, UTF-8 */
    int npositive, nnegative;
    double threshold;
    struct goal_rule *rules;
    int nrules;
    char **pool; /* [npool] captions, UTF-8 */
    int npool;
};

/* Loads <dir>/<domain>/<name>.yaml, or the file `name` itself (goal_is_file) with the pool beside
 * it, else that of <dir>/<domain>. ONIC_ECONFIG with file and line; an unknown domain or goal lists
 * the known ones. A pool that is no good is left out (pool_trouble): not everyone reads it. *out is
 * owned by the caller, NULL on failure. */
int goal_load(struct goal **out, const char *dir, const char *domain, const char *name,
              struct onic_err *err);
void goal_free(struct goal *g); /* NULL is allowed */
/* True for a path: it holds a '/' or ends in .yaml or .yml. */
bool goal_is_file(const char *name);
/* The goal of an environment that has no goal files: no text, no anchors, no rules. For annotators
 * that go by none. Owned by the caller. */
struct goal *goal_unstated(const char *domain);

/* Which goal: goal_options.h makes it of the options. */
struct goal_choice {
    char dir[4096];                                 /* holds a folder per domain */
    char domain[GOAL_NAME_MAX], name[GOAL_REF_MAX]; /* as goal_load takes them, or "auto" */
    bool env_given;            /* somebody said which environment it is; else env_id is a default */
    char env_id[GOAL_REF_MAX]; /* what auto goes by */
};

/* Replaces "auto": domain = the family of env_id, name = the goal whose `environments` fits best.
 * ONIC_ENOTFOUND: name is auto and there is no goal for env_id. */
int goal_choose(struct goal_choice *c, struct onic_err *err);
/* True when the goal that was loaded by this choice is of another domain than the environment, so
 * that what it praises is never said there: by its `environments`, else by the name of its folder;
 * why: one sentence with the option to change. One without a preference fits everywhere. */
bool goal_is_foreign(const struct goal *g, const struct goal_choice *c, char why[ONIC_ERR_MSG_MAX]);

/* The first rule that matches, or GOAL_NO_RULE. caption is NUL-terminated. */
int goal_match(const struct goal *g, const char *caption);
bool goal_glob(const char *pattern, const char *text);
/* Captions are bytes of a game (Latin-1); the sentence model reads UTF-8. Valid UTF-8 stays as it
 * is. out needs 2 * len + 1 bytes. */
void goal_utf8(const char *bytes, size_t len, char *out);

#endif /* ONIC_REWARD_SERVER_GOALS_GOAL_H */
