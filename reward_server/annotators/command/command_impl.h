/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_ANNOTATORS_COMMAND_COMMAND_IMPL_H
#define ONIC_REWARD_SERVER_ANNOTATORS_COMMAND_COMMAND_IMPL_H

/* command_impl.h - the parts of the command annotator, private to this folder.
 *
 *   command.c    the vtable: options, identity, what it says of itself
 *   jobs.c       the questions under way: who is asked when, and what a failure means
 *   program.c    which command lines can be run
 *   protocol.c   a question as a line of JSON, a line of JSON as an answer
 *   life.c       one life of the user's program: process, pipes, lines
 *
 * Everything runs on the server's loop thread. */

#include <uv.h>

#include "reward_server/annotators/annotator.h"

/* --- program.c ------------------------------------------------------------------------------- */

enum { COMMAND_VERSION_MAX = 60 };
/* Whether the command line (command.run) names something that can be run. */
int command_check_program(const char *line, struct onic_err *err);
/* One program with its arguments: nothing that only a shell understands. */
bool command_is_simple(const char *line);

/* --- protocol.c ------------------------------------------------------------------------------ */

/* {"id":1,"kind":"class","caption":"You see a key.","vote":0,"goal":"minigrid/KeyCorridor",
 * "about":"..."} and its newline; a pair has "caption_b" as well. Release with free. */
char *protocol_question(const struct goal *goal, uint64_t id, const char *question, size_t len,
                        int vote);

struct protocol_answer {
    uint64_t id;
    struct label label; /* LABEL_UNKNOWN: `why` says what is wrong; the id may be right */
    char raw[LABEL_RAW_MAX];
    char why[160];
};
/* Reads the id; false: not an answer at all, and why. */
bool protocol_read(const char *line, size_t len, struct protocol_answer *out);
/* True when it is an answer to a question of this kind, else why. */
bool protocol_fits(struct protocol_answer *a, enum question_kind kind);

/* --- life.c ---------------------------------------------------------------------------------- */

struct life;
enum { LIFE_WORDS_MAX = 160 };

struct life_events {
    void (*line)(void *ctx, const char *line, size_t len); /* of its stdout, without the newline */
    void (*ended)(void *ctx, const char *why);             /* the last event; call life_end */
    void *ctx;
};

/* Starts /bin/sh -c command in a process group of its own. Lines of its stderr go to the log. The
 * calling process ignores SIGPIPE from then on. */
int life_start(struct life **out, uv_loop_t *loop, const char *command,
               const struct life_events *events, struct onic_err *err);
void life_write(struct life *l, char *text); /* takes text over */
/* The last line of its stderr that is not empty, as life_printable makes it; "" when it has said
 * nothing. Borrowed until life_end. */
const char *life_last_words(const struct life *l);
/* Bytes as text for a terminal: control bytes are blanks, none at the ends; NUL-terminated. */
void life_printable(char *out, size_t size, const char *bytes, size_t len);
/* Ends the process group: its stdin is closed and it has patience_ms to end before it is killed.
 * No event comes after this. The memory goes when the loop has closed the handles. */
void life_end(struct life *l, int patience_ms);

/* --- jobs.c ---------------------------------------------------------------------------------- */

enum { COMMAND_JOBS_MAX = 2 * CONFIG_MAX_command_window };
enum command_state { COMMAND_FREE, COMMAND_WAITING, COMMAND_FLYING };

struct command_job {
    enum command_state state;
    uint64_t ticket, order, id; /* id: of the last time it was asked */
    int64_t sent_ms;
    int vote, tries;      /* tries: failures that count */
    uint64_t proofs_then; /* when it failed last */
    bool control;         /* nobody waits for its answer */
    bool alone;           /* never beside another one; after two failures first thing in a life */
    size_t len;
    char question[QUESTION_MAX];
};

struct command {
    struct annotator base;
    const struct goal *goal;
    uv_loop_t *loop;
    uv_timer_t *timer;
    void (*wake)(void *ctx);
    void *wake_ctx;
    char line[CONFIG_STR_MAX + 8], model[64], parameters[128];
    int window;
    int64_t timeout_ms;
    double backoff_s;

    struct life *life; /* NULL: none, until start_ms */
    int64_t start_ms, heard_ms;
    int64_t asked, answers;     /* in this life; answers: labels and abstentions */
    uint64_t labels, abstained; /* in all lives */
    uint64_t proofs;            /* that it works: questions answered, more for a control */
    int unusable;               /* answers in a row that were none */
    uint32_t history;           /* of this life, newest in bit 0, 1 = no answer */
    int nhistory;
    int failures;                   /* lives in a row without an answer */
    char why[400];                  /* what is wrong, "" when all is well */
    char strange[200], reason[160]; /* reason: of the last abstention */
    int64_t strange_said, deaths_said;

    size_t control_len; /* of the last question that got a label; 0 = none yet */
    int control_vote;
    char control[QUESTION_MAX];
    struct command_job job[COMMAND_JOBS_MAX];
    struct annotator_answer ready[COMMAND_JOBS_MAX];
    int flying, ready_head, nready;
    uint64_t orders, ids;
};

/* Hands over an answer to a job, which is free then. */
void command_settle(struct command *c, struct command_job *j, const struct label *label);
/* Starts the program, asks it and sets the timer, as far as there is something to do. */
void command_dispatch(struct command *c);

#endif /* ONIC_REWARD_SERVER_ANNOTATORS_COMMAND_COMMAND_IMPL_H */
