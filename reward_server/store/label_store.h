/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_STORE_LABEL_STORE_H
#define ONIC_REWARD_SERVER_STORE_LABEL_STORE_H

/* label_store.h - every label that was ever given, on disk.
 *
 * A question is (annotator, model, goal version, parameters, votes, question bytes); its key is the
 * XXH3-128 of these, each length-prefixed. States: asked (the intent is durable, an answer may be
 * on its way), answered, abstained. Promise: an answer is durable before anybody hears of it, and a
 * durable answer is never asked again (asked_twice stays 0). What was asked and not answered when a
 * process died is asked again, and where that may cost money counted: maybe_paid_twice. An answer
 * needs no intent: an annotator that answers at once leaves none.
 *
 * SQLite with synchronous=FULL; WAL only on file systems known to be local, a rollback journal
 * elsewhere. Every row carries an XXH3-64 of its content: a damaged row is moved to the table
 * `quarantine`, named in the log and counted, never served. A damaged write-ahead file is put right
 * before SQLite would end it at the damage (label_wal.h); what cannot be put right ends the server.
 *
 * One server at a time (a lock beside the file); `onic labels` may read and import meanwhile, but
 * where the write-ahead file is damaged an import takes that lock too, until it is closed.
 * Single-threaded per object. Errors: ONIC_EIO disk full or I/O (the store stays usable for
 * reading; see label_store_probe), ONIC_EDAMAGED not a database or damaged pages, ONIC_ECANTCREATE
 * in use or cannot be created, ONIC_ENOTFOUND no such file (LABEL_STORE_READ). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/data/label.h"

enum { LABEL_ID_FIELD_MAX = 128, LABEL_VOTES_MAX = 99 };

/* What a label is an answer to, besides the question. Strings borrowed, "" allowed, shorter than
 * LABEL_ID_FIELD_MAX (longer ones are refused with ONIC_EINVAL). */
struct label_identity {
    const char *annotator, *model, *goal, *goal_version;
    const char *parameters; /* decoding or noise, for example "noise=0.1" */
    int vote;               /* answers the label is the majority of, 1 = a single answer */
};

struct label_key {
    uint8_t byte[16];
};

struct label_key label_key_make(const struct label_identity *id, const char *question, size_t len);
/* The identity on one line, "rules patterns minigrid/KeyCorridor@1f.. noise=0.1 vote=1". */
void label_identity_text(const struct label_identity *id, char out[192]);

/* Who answered: the annotator of the identity, or, where that is a declared order ("llm>rules"),
 * the one whose id begins `raw` ("rules: pattern 3 matched"). */
void label_origin(const char *annotator, const char *raw, char out[LABEL_SOURCE_MAX]);

/* A label as the database has it. Pointers handed out by the store stay valid until its next call;
 * question and raw are NUL-terminated. The source is not in the row: label_origin tells it. */
struct label_row {
    struct label label;
    struct label_key key;
    struct label_identity identity;
    bool delivered; /* sent to a learner at least once */
    int attempts;   /* times asked */
};

enum label_store_mode {
    LABEL_STORE_SERVER, /* read and write, created when missing, locked against a second server */
    LABEL_STORE_IMPORT, /* read and write beside a running server, created when missing */
    LABEL_STORE_READ    /* read only, must exist; works beside a running server */
};

struct label_store;

/* Small files (<= 64 MiB) are checked whole (integrity_check): ONIC_EDAMAGED for a server, while a
 * reader goes on and says so in label_store_damage. *out is owned by the caller, NULL on
 * failure. */
int label_store_open(struct label_store **out, const char *path, enum label_store_mode mode,
                     struct onic_err *err);
void label_store_close(struct label_store *s); /* NULL is allowed */

struct label_counts {
    uint64_t answered, abstained; /* durable, all identities */
    uint64_t asked;               /* intents without an answer */
    uint64_t delivered;
    uint64_t last_id;
    /* durable answers asked (or answered) again: 0, but for questions that were open while an
     * import answered them */
    uint64_t asked_twice;
    uint64_t maybe_paid_twice; /* intents of a dead process asked again */
    uint64_t quarantined;      /* damaged rows found so far */
    uint64_t store;            /* drawn by lot when the store was made; 0 = not known */
};
int label_store_counts(struct label_store *s, struct label_counts *out, struct onic_err *err);
/* Only last_id, asked_twice, maybe_paid_twice, quarantined and store, which are kept; the others
 * are counted row by row and stay as they are in *out. */
int label_store_counters(struct label_store *s, struct label_counts *out, struct onic_err *err);

/* --- the reward server ----------------------------------------------------------------- */

/* The identity of everything asked and answered from now on. */
int label_store_use(struct label_store *s, const struct label_identity *id, struct onic_err *err);
/* What the annotator keeps with the identity in use, by name; false: nothing, or it cannot be read.
 */
bool label_store_note(struct label_store *s, const char *name, char *out, size_t size);
/* Durable when it returns ONIC_OK. */
int label_store_put_note(struct label_store *s, const char *name, const char *text,
                         struct onic_err *err);
/* State of a question under the identity in use; *row (may be NULL) is filled unless LABEL_UNKNOWN.
 * A damaged row is quarantined and reads as LABEL_UNKNOWN. Negative code on I/O errors. */
int label_store_find(struct label_store *s, const char *question, size_t len, struct label_row *row,
                     struct onic_err *err);

/* Durable intents of questions, one commit; nothing is changed on failure. Sets the state of each:
 * LABEL_ASKED, or that of an answer that is already there, which is counted in asked_twice and not
 * to be asked. paid: asking may cost money, so what a dead process had asked is counted in
 * maybe_paid_twice. */
int label_store_ask(struct label_store *s, struct label *l, int n, bool paid, struct onic_err *err);
/* Takes back intents that no annotator has seen. */
int label_store_forget(struct label_store *s, const struct label *l, int n, struct onic_err *err);

/* Takes the question, state (LABEL_ANSWERED or LABEL_ABSTAINED), value, confidence and raw (cut at
 * LABEL_RAW_MAX) of each, which have no fault (label_fault); asked_at is when, 0 = unknown, and
 * becomes that of the intent if it is later. Sets id and answered_at. Durable when it returns
 * ONIC_OK: one commit for the whole group. Nothing is changed on failure. An answer to a question
 * already answered is ignored, gets what is stored and is counted in asked_twice. */
int label_store_answer(struct label_store *s, struct label *l, int n, struct onic_err *err);
/* Bookkeeping only: rides on the next commit, so a crash may lose it. */
void label_store_delivered(struct label_store *s, uint64_t id);

/* Questions of the identity in use that were asked and not answered (by a process that is gone).
 * Newest first, at most max; each is called once. Returns how many, or a negative code. */
int label_store_unanswered(struct label_store *s, int max,
                           void (*each)(void *ctx, const char *question, size_t len), void *ctx,
                           struct onic_err *err);
/* After ONIC_EIO: reopens if it must and commits something small. ONIC_OK = writing works again. */
int label_store_probe(struct label_store *s, struct onic_err *err);

/* --- `onic labels` --------------------------------------------------------------------- */

/* Answered and abstained rows of all identities in id order, after the id `after` (0 = all). each
 * returns 0 to go on, anything else stops and is returned. Damaged rows are skipped and counted in
 * label_counts.quarantined: see label_store_damage. A reader passes over pages that are damaged,
 * too; what comes behind one need not be in order. */
int label_store_each(struct label_store *s, uint64_t after,
                     int (*each)(void *ctx, const struct label_row *row), void *ctx,
                     struct onic_err *err);
/* After reading: ONIC_EDAMAGED, with what of it could not be read as one sentence, or ONIC_OK. */
int label_store_damage(struct label_store *s, struct onic_err *err);

enum { LABEL_VERDICT_MAX = 256 };
struct label_verdict {
    uint64_t settled, asked;       /* rows that match their checks */
    uint64_t damaged;              /* rows that do not */
    uint64_t set_aside;            /* damaged answers that a server has moved to `quarantine` */
    uint64_t missing;              /* numbers given to answers that are in neither */
    bool counter_behind;           /* answers have numbers above the last one given */
    int identities, notes;         /* damaged */
    char pages[LABEL_VERDICT_MAX]; /* of SQLite, "" = nothing is wrong */
    int log_frames;                /* damaged ones of the write-ahead file */
    int log_commits;               /* that depend on them */
    bool log_hopeless;             /* and cannot be read */
    bool log_unfinished;           /* the last commit is no whole one */
};
/* Reads everything (LABEL_STORE_READ). each, which may be NULL: of every damaged row. */
int label_store_verify(struct label_store *s, struct label_verdict *out,
                       void (*each)(void *ctx, const struct label_key *key, uint64_t id), void *ctx,
                       struct onic_err *err);

/* Labels and abstentions of a source (the annotator that answered, as label_origin tells it, or the
 * model of the identity) are moved to `quarantine`: kept for people, never served, and their
 * questions are open again. *n = how many; remove false: counts alone. One commit. */
int label_store_distrust(struct label_store *s, const char *source, bool remove, uint64_t *n,
                         struct onic_err *err);

/* One line of `onic labels export` (deploy/interface.md section 7, and what import needs to restore
 * the identity: kind, parameters, vote, state), with its newline. */
int label_row_json(const struct label_row *row, struct buf *out);
/* Adds answered rows of any identity in one commit; id, key and delivered are ignored. A question
 * that has an answer keeps it. *added (may be NULL) = rows that were new. ONIC_ECONFIG: one of them
 * is no question, or a label that nobody takes. */
int label_store_import(struct label_store *s, const struct label_row *rows, int n, int *added,
                       struct onic_err *err);

#endif /* ONIC_REWARD_SERVER_STORE_LABEL_STORE_H */
