/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_ANNOTATORS_COMMAND_COMMAND_IMPL_H
#define ONIC_REWARD_SERVER_ANNOTATORS_COMMAND_COMMAND_IMPL_H

/* command_impl.h - the parts of the command annotator, private to this folder.
 *
 *   command.c    questions in, answers out: the vtable, who is asked when
 *   program.c    which command lines can be run
 *   protocol.c   a question as a line of JSON, a line of JSON as an answer
 *   life.c       one life of the user's program: process, pipes, lines
 *
 * Everything runs on the server's loop thread. */

#include <uv.h>

#include "reward_server/annotators/annotator.h"

/* --- program.c ------------------------------------------------------------------------------- */

enum { COMMAND_VERSION_MAX = 60 };
/* Of the vtable: whether command.run names something that can be run. */
int command_available(const struct config *config, struct onic_err *err);
/* One program with its arguments: nothing that only a shell understands. */
bool command_is_simple(const char *line);

/* --- protocol.c ------------------------------------------------------------------------------ */

/* {"id":1,"kind":"class","caption":"You see a key.","vote":0,"goal":"minigrid/KeyCorridor",
 * "about":"..."} and its newline; a pair has "caption_b" as well. Release with free. */
char *protocol_question(const struct goal *goal, uint64_t id, const char *question, size_t len,
                        int vote);

struct protocol_answer {
    uint64_t id;
    enum label_state state; /* LABEL_UNKNOWN: `why` says what is wrong; the id may be right */
    double label, confidence;
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

/* Starts /bin/sh -c command in a process group of its own. Lines of its stderr go to the log. */
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

#endif /* ONIC_REWARD_SERVER_ANNOTATORS_COMMAND_COMMAND_IMPL_H */
