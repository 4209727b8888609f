/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_ANNOTATORS_ANNOTATOR_H
#define ONIC_REWARD_SERVER_ANNOTATORS_ANNOTATOR_H

/* annotator.h - the contract of an annotator: one folder, one line in annotators.def.
 *
 * An annotator answers questions (question.h), each at its own pace, and never makes the server
 * wait: submit queues, poll hands over what is done. It may use threads of its own; these only ever
 * call `wake`. Everything else is called from the server's loop thread. Answers depend on the
 * question, the goal and the parameters in the identity, on nothing else: a label is kept for ever.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/config/config.h"
#include "common/data/label.h"
#include "reward_server/goals/goal.h"

/* The answer to the question that was submitted with this ticket: state (LABEL_ANSWERED or
 * LABEL_ABSTAINED), value, confidence and raw of the label are filled in, it is borrowed for the
 * call. */
typedef void (*annotator_done)(void *ctx, uint64_t ticket, const struct label *label);

/* An answer that waits, with its own copy of `raw`; registry.c. */
struct annotator_answer {
    uint64_t ticket;
    struct label label; /* its raw is not set: it would not survive a copy of this struct */
    char raw[LABEL_RAW_MAX];
};
/* Keeps the answer; raw longer than LABEL_RAW_MAX - 1 is cut, between
 * characters. */
void annotator_answer_keep(struct annotator_answer *to, uint64_t ticket, const struct label *label);
/* The label with its raw, borrowed from `a`. */
struct label annotator_answer_label(const struct annotator_answer *a);

enum { ANNOTATOR_NOTE_MAX = 200 };

/* What an annotator must know again in its next life for its labels to be of one kind; kept with
 * the identity of the labels. Both may be called from when the loop runs. NULL: nothing is kept. */
struct annotator_notes {
    bool (*get)(void *ctx, const char *name, char out[ANNOTATOR_NOTE_MAX]); /* false: none */
    bool (*put)(void *ctx, const char *name, const char *text); /* false: not kept, try again */
    void *ctx;
};

struct annotator_setup {
    const struct config *config; /* borrowed for the call of create */
    const struct goal *goal;     /* borrowed for the annotator's life */
    uint64_t answered_before;    /* labels in the store: what is left of a first burst */
    /* uv_loop_t of the server: outlives the annotator, is run once more after its free so that
     * handles can close */
    struct uv_loop_s *loop;
    /* label store; what an annotator keeps lies beside it; borrowed for the call of create */
    const char *store_path;
    struct annotator_notes notes;
    void (*wake)(void *ctx); /* poll has something to hand over; called from any thread */
    void *wake_ctx;
    bool
        /* only its identity is wanted: it starts no work of its own; freed without a question */
        idle;
};

/* Whether it can answer anything at present. A used-up budget is no illness: asking pauses. */
enum annotator_health {
    ANNOTATOR_AVAILABLE,
    ANNOTATOR_UNAVAILABLE, /* nothing it is asked would be answered */
    ANNOTATOR_PROBING      /* it was away; the answer to one question would show that it is back */
};

/* What a question that is lost between asking and answer costs. */
enum annotator_effort {
    ANNOTATOR_AT_ONCE,    /* nothing: its answers are there with the next poll */
    ANNOTATOR_TAKES_TIME, /* time, in this process; what is asked may be open for long */
    ANNOTATOR_MAY_COST    /* money, or somebody's time: it is asked outside of this process */
};

struct annotator; /* a plug-in's own struct starts with this one */

struct annotator_vtable {
    const char *id, *summary;
    unsigned kinds;  /* bit set 1 << enum question_kind: what it answers */
    bool needs_goal; /* goes by the goal file; the others work in an environment without one */
    bool reads_pool; /* and by the pool of captions, where there is one */
    /* ONIC_OK when create can work here, else the reason in one sentence. Cheap. */
    int (*available)(const struct config *config, struct onic_err *err);
    /* True when another vote may have another answer; NULL = never. */
    bool (*varies)(const struct config *config);
    /* Beyond ANNOTATOR_AT_ONCE each question is on disk before it is asked (its intent), so that
     * one that was open when the process died is asked again whoever is there to ask for it. NULL =
     * ANNOTATOR_AT_ONCE. */
    enum annotator_effort (*effort)(const struct config *config);
    /* True when it can be away, so that others are worth naming behind it; NULL = whenever it has a
     * health. */
    bool (*may_leave)(const struct config *config);
    /* Something outside answers that may get worse without a word: a model behind a server, a
     * program. Canaries are asked unless the options say otherwise. */
    bool may_worsen;
    /* Noise of its own option, beside annotator.noise; NULL = none. */
    double (*own_noise)(const struct config *config);
    /* True when an option of its section does nothing because of another one; NULL = never. */
    bool (*idle_option)(const struct config *config, const char *name);
    /* What would make its answers vary, as a remedy for annotator.vote; NULL = annotator.noise. */
    const char *vary_hint;
    int (*create)(struct annotator **out, const struct annotator_setup *setup,
                  struct onic_err *err);
    void (*free)(struct annotator *a); /* forgets what was not handed over */
    /* model and parameters of the labels' identity; pointers live as long as the annotator */
    void (*identity)(const struct annotator *a, const char **model, const char **parameters);
    int (*window)(const struct annotator *a); /* questions it wants at once, >= 1 */
    /* Copies the question, of one of its kinds. At most `window` are submitted and not answered.
     * vote: which of several independent answers is wanted, from 0; where `varies`, its chance is
     * drawn anew for each. */
    void (*submit)(struct annotator *a, uint64_t ticket, const char *question, size_t len,
                   int vote);
    /* Hands over what is done; returns how many. */
    int (*poll)(struct annotator *a, annotator_done done, void *ctx);
    /* clock_ms() at which poll should be called next; -1 = wake will say. */
    int64_t (*due_ms)(const struct annotator *a);
    /* Takes back what no answer is being made for; each ticket is called once. Returns how many. */
    int (*cancel)(struct annotator *a, void (*taken)(void *ctx, uint64_t ticket), void *ctx);
    /* NULL: always well. While it is away, cancel gives back what it has, or will soon. */
    enum annotator_health (*health)(const struct annotator *a);
    /* "" when ready, else what it is doing; a broken annotator returns its code and sentence. */
    int (*status)(const struct annotator *a, char text[160], struct onic_err *err);
    /* Its own numbers for annot/... metrics (names of a-z, 0-9 and _, at most
     * WIRE_LABELS_NUMBERS_MAX); NULL when it has none. */
    void (*report)(const struct annotator *a,
                   void (*put)(void *ctx, const char *name, double value), void *ctx);
};

struct annotator {
    const struct annotator_vtable *v;
};

/* registry.c */
/* How it is; one without `health` is always well. */
enum annotator_health annotator_health_of(const struct annotator *a);
const struct annotator_vtable *annotator_find(const char *id); /* NULL when unknown */
const struct annotator_vtable *annotator_at(int index);        /* NULL at the end */

/* --- stack.c: annotators in the order and with the wrappers that the options ask for ---------- */

enum { ANNOTATOR_ORDER_MAX = 8, ANNOTATOR_NAMES_MAX = 128 };

/* An annotator with what its own options say of it. */
struct annotator_member {
    const struct annotator_vtable *v;
    bool varies, may_leave;       /* as in its vtable */
    enum annotator_effort effort; /* as in its vtable */
    double own_noise;             /* probability; 0 = none */
    double canary_rate;           /* canaries asked per question; 0 = none */
};

/* Who is asked, in this order, and how: annotator_options.h makes it of the options. */
struct annotator_order {
    struct annotator_member member[ANNOTATOR_ORDER_MAX];
    int n;        /* >= 1 */
    int vote;     /* votes asked of each that varies, >= 1 */
    double noise; /* probability that an answer is turned into its opposite; 0 = none of all */
    int64_t seed; /* of the noise */
    const char *canaries;    /* file of the user, "" = that of the goal (canaries.h); borrowed */
    bool canaries_are_meant; /* the options ask for them: having none is an error */
    const struct config *config; /* borrowed; for the functions of the members alone */
};

/* ONIC_ECONFIG when one of the others cannot work here, or votes, noise or the others do not fit
 * the first. */
int annotator_order_check(const struct annotator_order *o, struct onic_err *err);
/* Their ids, "llm>embedding>rules", for the labels' identity. */
void annotator_names(const struct annotator_order *o, char out[ANNOTATOR_NAMES_MAX]);
/* ONIC_ECONFIG when one of them does not answer questions of this kind, which `who` asks. */
int annotator_check_kind(const struct annotator_order *o, enum question_kind kind, const char *who,
                         struct onic_err *err);
/* What all of them answer: bit set 1 << enum question_kind. */
unsigned annotator_kinds(const struct annotator_order *o);
/* The greatest of them. */
enum annotator_effort annotator_effort_of(const struct annotator_order *o);
/* Creates it, inside the wrappers that noise, votes and the others ask for; the config of `setup`
 * is that of the order. Only what struct annotator_vtable has from `free` on may be called of a
 * wrapped one. */
int annotator_open(struct annotator **out, const struct annotator_order *o,
                   const struct annotator_setup *setup, struct onic_err *err);
/* Loads the goal that is chosen. Where none is named, none is there for the environment and nobody
 * in the order goes by one, it is goal_unstated. Errors as goal_load; *out is owned by the caller.
 */
int annotator_goal(struct goal **out, const struct annotator_order *o,
                   const struct goal_choice *choice, struct onic_err *err);
/* goal_is_foreign, where somebody in the order goes by the goal. */
bool annotator_goal_is_foreign(const struct annotator_order *o, const struct goal *g,
                               const struct goal_choice *choice, char why[ONIC_ERR_MSG_MAX]);

#endif /* ONIC_REWARD_SERVER_ANNOTATORS_ANNOTATOR_H */
