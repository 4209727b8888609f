/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_TRACE_H
#define ONIC_COMMON_BASE_TRACE_H

/* trace.h - what a process did, event by event, for a checker that reads it afterwards
 * (tests/chaos/README.md). Off, and then free, unless the variable ONIC_TRACE names a folder.
 *
 * One file per process, ROLE-PID-NANOSECONDS.trace, of records of TRACE_RECORD_BYTES bytes that are
 * only appended, each by one write: kill -9 loses none that was begun, and the end of the machine
 * leaves a torn tail that its check tells. A process whose trace cannot be written any more empties
 * the file: no trace is no lie, one with a hole would be. Thread-safe. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* kind, text; beside it the fields that mean something. */
#define TRACE_KINDS(XX)                                                                            \
    XX(PROCESS, "process") /* first of a file: n pid, seq wall clock in ns */                      \
    /* learner; of a trajectory: actor, incarnation, seq, version of its weights */                \
    XX(LIFE, "life")               /* n epoch, incarnation run, seq window, version lag */         \
    XX(SAVED, "saved")             /* books of a checkpoint: seq checksum, version bytes */        \
    XX(RESTORED, "restored")       /* the same, of the checkpoint a life begins with */            \
    XX(OPENED, "opened")           /* actor, incarnation: a lease begins */                        \
    XX(CLOSED, "closed")           /* seq produced, version settled; reason as below */            \
    XX(ABSENT, "absent")           /* the lease has run out */                                     \
    XX(UNREACHABLE, "unreachable") /* its connection is gone */                                    \
    XX(BACK, "back")               /* HELLO again: seq produced, version acknowledged */           \
    XX(UNKNOWN, "unknown")         /* told by a page: seq produced, version acknowledged */        \
    XX(ACCEPTED, "accepted")       /* a trajectory goes into the queue */                          \
    XX(REPEATED, "repeated")       /* settled; it was booked before the checkpoint */              \
    XX(DROPPED, "dropped")         /* reason; n 1: settled by it, 0: from the queue */             \
    XX(ROLLED_BACK, "rolled back") /* up to seq, acknowledged by a life that is undone */          \
    XX(UNDONE, "undone")       /* consumed since the books of checksum seq: lost by a roll-back */ \
    XX(GRANTED, "granted")     /* seq credit until, version acknowledged */                        \
    XX(CONSUMED, "consumed")   /* a trajectory is booked as trained on */                          \
    XX(UPDATED, "updated")     /* version after the update, or at the start of a life */           \
    XX(PUBLISHED, "published") /* version, seq hash of the weights */                              \
    XX(ENDED, "ended")         /* drained, ledger written; n 0: well */                            \
    XX(QUESTION, "question")   /* seq hash of a question that is sent */                           \
    XX(LABEL, "label")         /* its answer: version label id, n value */                         \
    /* actor */                                                                                    \
    XX(WELCOMED, "welcomed") /* actor, incarnation, seq run, n epoch */                            \
    XX(MADE, "made")         /* a trajectory is complete */                                        \
    XX(SENT, "sent")         /* n epoch; reason 1: a SKIP in its place */                          \
    XX(CREDIT, "credit")     /* seq credit until, version acknowledged, n epoch */                 \
    XX(WEIGHTS, "weights")   /* version, seq hash, n epoch: what is played with from now */        \
    XX(LEFT, "left")         /* BYE was answered: seq produced, version acknowledged */            \
    /* reward server: incarnation hash of the labels' identity, seq hash of the question */        \
    XX(STORE, "store")         /* seq last id, version answers when the store was opened */        \
    XX(ASKED, "asked")         /* handed to the annotator */                                       \
    XX(DURABLE, "durable")     /* committed: version label id, n value, reason state */            \
    XX(STORED, "stored")       /* found when it was asked: the same */                             \
    XX(DELIVERED, "delivered") /* about to be sent to learners: the same */

enum trace_kind {
    TRACE_NOTHING,
#define XX(name, text) TRACE_##name,
    TRACE_KINDS(XX)
#undef XX
        TRACE_KIND_END
};

/* `reason` of an account's end and of a trajectory's: an enum ledger_lost or ledger_drop. */
enum { TRACE_DROP = 0x100, TRACE_LOST = 0x200 };

struct trace_event {
    uint32_t check; /* XXH3 of what follows, its lower half */
    uint16_t kind, reason;
    uint32_t actor, n;
    uint64_t time_ns; /* CLOCK_MONOTONIC, stand-stills included: one clock for a machine */
    uint64_t incarnation, seq, version;
};

enum { TRACE_RECORD_BYTES = 48, TRACE_NAME_MAX = 64 };
_Static_assert(sizeof(struct trace_event) == TRACE_RECORD_BYTES, "a record has no padding");

extern atomic_bool trace_on;

/* Does nothing when ONIC_TRACE is not set. The folder is made if it is missing. role: "learner". */
int trace_open(const char *role, struct onic_err *err);
/* The same in a folder that is named; ends the trace that was open before. */
int trace_begin(const char *folder, const char *role, struct onic_err *err);
void trace_end(void);
/* Fills in time_ns where it is 0, and check. */
void trace_write(struct trace_event *e);
/* Of bytes: what stands for a question, an identity or weights. */
uint64_t trace_hash(const void *data, size_t bytes);
uint32_t trace_check(const struct trace_event *e);
/* Bits of a label's value. */
uint32_t trace_value(double value);

/* trace(CONSUMED, .actor = 3, .seq = 17); the arguments are computed only when it is on. */
#define trace(name, ...)                                                                           \
    do {                                                                                           \
        if (trace_on)                                                                              \
            trace_write(&(struct trace_event){.kind = TRACE_##name, __VA_ARGS__});                 \
    } while (0)

#endif /* ONIC_COMMON_BASE_TRACE_H */
