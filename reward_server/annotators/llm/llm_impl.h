/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_ANNOTATORS_LLM_LLM_IMPL_H
#define ONIC_REWARD_SERVER_ANNOTATORS_LLM_LLM_IMPL_H

/* llm_impl.h - the parts of the llm annotator, private to this folder.
 *
 *   llm.c        captions in, answers out: the vtable, who is asked what
 *   call.c       one request: reserved, sent, booked
 *   jobs.c       the questions under way: which is asked next, what becomes of each
 *   llm_options.c  options, addresses and the key (llm_options.h)
 *   question.c   a caption or a pair as the question of a prompt file, and the words that answer it
 *   nonce.c      a code that game text cannot hold, which an answer must carry
 *   request.c    a question as JSON in one of the dialects of structured output
 *   omit.c       fields of a request that a server refuses
 *   answer.c     JSON of a server as an answer; what is not exactly a label never becomes one
 *   logprob.c    the probabilities of the answers, read of what a server says
 *   orders.c     pairs whose answers are texts, asked in both orders
 *   margin.c     labels from these probabilities, and what is taken off for no message
 *   probe.c      which dialect a server really obeys, found by asking
 *   endpoint.c   health of one server: window, back-off, circuit breaker
 *   probe_margin.c  whether it tells log-probabilities (probe_impl.h)
 *   faults.c     what people are told of failed requests, and of answers that are no labels
 *   budget.c     tokens, requests and money, kept across restarts
 *   samples.c    conversations kept for people
 *   report.c     its own numbers, its state in one sentence
 *   check.c      what `onic doctor` says of the servers (llm_check.h)
 *
 * Everything runs on the server's loop thread. */

#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/base/rng.h"
#include "common/base/rotated.h"
#include "reward_server/annotators/annotator.h"
#include "reward_server/annotators/llm/llm_options.h"
#include "reward_server/http/http_address.h"
#include "reward_server/http/http_client.h"
#include "reward_server/http/http_policy.h"
#include "reward_server/http/http_text.h"
#include "reward_server/prompts/prompt.h"

enum {
    LLM_JOBS_MAX = 512,
    LLM_BATCH_MAX = CONFIG_MAX_llm_batch,
    LLM_WHY_MAX = 200,
    LLM_TEXT_MAX = 400, /* of an answer, kept for the question that is asked again */
    LLM_WORDS_MAX = 3,
    LLM_KINDS = 2, /* QUESTION_CLASS, QUESTION_PAIR */
    LLM_TOKENS_MAX = LLM_KINDS * LLM_WORDS_MAX,
    LLM_HISTORY = 20,
    LLM_TOP = 20,    /* tokens whose log-probabilities are asked for: the most of OpenAI's chat */
    LLM_TOP_FEW = 5, /* and of its completions */
    LLM_FIRST_MAX = 64,
    LLM_NONCE_MAX = 8,
    LLM_ORDERS_WINDOW = 50,
    LLM_PROOF = 8 /* labels that show that a server works */
};

/* --- questions and answers ------------------------------------------------------------------- */

/* The closed alphabet of answers to one kind of question. */
struct llm_words {
    const char *word[LLM_WORDS_MAX];
    double label[LLM_WORDS_MAX];
    int n, first;                /* first: place of word[0] among the words of all kinds */
    const struct prompt *prompt; /* owned by struct llm; NULL: only a bare word or JSON answers */
    char list[128];              /* "TOV or BEX" */
};

/* What an answer must carry behind its word; "" = nothing. */
struct llm_nonce {
    char code[LLM_NONCE_MAX];
};

struct llm_question {
    char *system, *user; /* UTF-8, owned */
    struct llm_nonce nonce;
};

struct llm;
/* Loads the prompts of both kinds for the goal. ONIC_ECONFIG with file and line. */
int llm_prompts_open(struct llm *l, const struct llm_wording *w, struct onic_err *err);
void llm_prompts_close(struct llm *l);
/* Renders a question (question.h) of kind class or pair, of a pair with its captions exchanged
 * where `exchanged`; release with llm_question_release. */
void llm_question_render(const struct llm *l, const char *question, size_t len, bool exchanged,
                         struct llm_question *out);
void llm_question_release(struct llm_question *q);
const struct llm_words *llm_words_of(const struct llm *l, const char *question, size_t len);
/* A text that ends in a colon leads to the word: the word comes next, and nothing is said of it. */
bool llm_leads_to_word(const char *text);
/* Word number i of all kinds, NULL at the end. */
const char *llm_word_at(const struct llm *l, int i);

struct llm_style;
/* nonce.c: of a question and a vote, the same for ever; its captions do not hold it. Nothing where
 * the style asks for none, or the prompt leads to the word. */
struct llm_nonce llm_nonce_of(const struct llm *l, const struct llm_style *style,
                              const char *question, size_t len, int vote);
/* "TOV-KQXPB or BEX-KQXPB"; w->list without a nonce. */
void llm_nonce_put_words(struct buf *out, const struct llm_words *w, const struct llm_nonce *n);
/* Cuts it, and what joins it to the word, off the end of a text; false: it is not there. */
bool llm_nonce_cut(const struct llm_nonce *n, const char *text, size_t *len);

enum llm_api { LLM_CHAT, LLM_COMPLETIONS };

enum llm_dialect {
    LLM_STRUCTURED_OUTPUTS, /* vLLM 0.12 and newer */
    LLM_GUIDED_CHOICE,      /* older vLLM */
    LLM_JSON_SCHEMA,        /* OpenAI */
    LLM_JSON_OBJECT,        /* json_object with a schema: llama.cpp */
    LLM_GRAMMAR,            /* GBNF: llama.cpp */
    LLM_LOGIT_BIAS,         /* words that are one token each */
    LLM_PLAIN,              /* nothing but the prompt */
    LLM_DIALECTS
};
const char *llm_dialect_name(enum llm_dialect d);
const char *llm_api_name(enum llm_api a);

/* Fields of a request that a server may refuse and that can be left out. */
enum llm_field {
    LLM_TEMPERATURE,
    LLM_TOP_P,
    LLM_SEED,
    LLM_STREAM,
    LLM_MAX_TOKENS, /* under either of its names */
    LLM_SYSTEM,     /* no field: a message of that role; its text goes before the question */
    LLM_FIELDS
};
const char *llm_field_name(enum llm_field f);

/* What is read of an answer. */
enum llm_reads {
    LLM_READS_TEXT,
    LLM_READS_LOGPROBS, /* "logprobs" of OpenAI's API */
    LLM_READS_N_PROBS   /* "n_probs" of llama.cpp's own /completion */
};

struct llm_style {
    enum llm_reads reads; /* all but text: no dialect binds */
    int top;              /* log-probabilities that are asked for */
    unsigned omit;        /* fields that the server refuses: 1 << enum llm_field */
    bool nonce;           /* of LLM_PLAIN: its model puts the code behind the word */
    enum llm_api api;
    enum llm_dialect dialect;
    bool max_completion_tokens; /* the server wants max_tokens by its newer name */
    int token[LLM_TOKENS_MAX];  /* LLM_LOGIT_BIAS: the token of each word of all kinds */
};

struct llm_ask {
    const struct llm_question *question; /* [n]; n > 1 only for LLM_COMPLETIONS */
    const struct llm_words *words;       /* of all of them */
    const char *before;                  /* an answer that was none, asked again; NULL = first */
    int n;
    int vote; /* another sample for each: part of the seed */
};

/* The body of a request, NUL-terminated; release with free. */
char *llm_request_body(const struct llm_settings *s, const struct llm_style *style,
                       const struct llm_ask *ask);
int llm_request_max_tokens(const struct llm_settings *s, const struct llm_style *style);
/* Below the address; "/completion" is below its root. */
const char *llm_request_path(const struct llm_style *style);

/* Of the first token of an answer. */
struct llm_reading {
    double lp[LLM_WORDS_MAX];  /* log-probability of each word, -20 at least */
    bool answers;              /* all words together are worth 0.01 or more */
    char first[LLM_FIRST_MAX]; /* the token that was written */
};
/* Reads an element of "choices", or the whole of llama.cpp's own answer. False: no
 * log-probabilities, or numbers that are none; why says it, and also why words are no answers. */
bool llm_logprobs_read(const struct llm_words *words, const json_t *choice, struct llm_reading *out,
                       char why[LLM_WHY_MAX]);

enum llm_verdict {
    LLM_LABEL,
    LLM_NO_LABEL, /* the model answered, but not with a label: ask once more, then abstain */
    LLM_REFUSED,  /* content filter, no probability on a word: asking again does not help */
    LLM_NONSENSE  /* not an answer of such a server: a failure of the server */
};

struct llm_choice {
    enum llm_verdict verdict;
    int word;                   /* of a text that is a label */
    struct llm_reading reading; /* of a style that reads log-probabilities, LLM_LABEL */
    char text[LLM_TEXT_MAX];
    char why[LLM_WHY_MAX]; /* for all but LLM_LABEL */
};

struct llm_answer {
    struct llm_choice choice[LLM_BATCH_MAX];
    int nchoices;
    char model[128]; /* "" when the server does not say */
    bool has_usage;
    int64_t tokens_in, tokens_out;
    char why[LLM_WHY_MAX];
};
/* Reads the body of a 2xx. False: nonsense as a whole (why says what), and no choice is valid. A
 * batch is put in order; an answer without exactly one choice per question is nonsense. nonce:
 * [questions], or NULL = none. */
bool llm_answer_read(const struct llm_style *style, const struct llm_words *words,
                     const struct llm_nonce *nonce, const char *body, size_t len, int questions,
                     struct llm_answer *out);
/* The index of the one word that text is, or -1 and why. nonce: NULL = none. */
int llm_answer_word(const struct llm_words *w, const struct llm_nonce *nonce, const char *text,
                    char why[LLM_WHY_MAX]);

/* --- one server ------------------------------------------------------------------------------ */

enum llm_breaker { LLM_CLOSED, LLM_OPEN, LLM_HALF_OPEN };

struct llm_endpoint {
    struct http_address address;
    char url[LLM_URL_MAX];  /* .../v1, as it is shown */
    char root[LLM_URL_MAX]; /* without /v1 */
    struct llm_style style;
    bool ready;    /* the probe has found a dialect */
    bool gone;     /* the breaker has opened, and nothing has shown since that it works */
    bool lists;    /* takes several prompts in one request, as far as is known */
    int in_flight; /* requests */
    /* its answers */
    int64_t labels;              /* given in this life */
    int64_t label_ms[LLM_PROOF]; /* clock_ms of the last of them, by number modulo LLM_PROOF */
    int bad_row;                 /* answers in a row that are no label */
    uint32_t bad_history;        /* newest in bit 0, 1 = no label */
    int nbad_history;
    bool doubted;              /* the breaker has opened for answers; until LLM_PROOF labels */
    int proof;                 /* labels since then */
    char bad_why[LLM_WHY_MAX]; /* why it opened; until the next label */
    /* health */
    enum llm_breaker breaker;
    int64_t open_until, hold_until; /* clock_ms */
    int opened;                     /* times in a row, for a longer pause each time */
    int failures;                   /* in a row */
    int pauses;                     /* in a row */
    uint32_t history;               /* outcomes, newest in bit 0, 1 = failed */
    int nhistory;
    double window, window_max; /* requests it may have at once */
    double best_ms;            /* latency without load, rises slowly */
    int64_t cut_ms;            /* when the window was last made smaller */
    char why[LLM_WHY_MAX];     /* what is wrong, "" when healthy */
    struct llm_probe *probe;   /* under way */
};

/* The server at an address of llm.url, of which nothing is known yet. */
void llm_endpoint_open(struct llm_endpoint *e, const char *url, int window, int window_max);
/* A request that ended well, after ms. */
void llm_endpoint_success(struct llm_endpoint *e, double ms, int64_t now);
/* A request that failed for a reason that may pass. retry_after_s < 0: it did not say. */
void llm_endpoint_failure(struct llm_endpoint *e, const struct llm_health_options *o,
                          enum http_fault fault, double retry_after_s, struct rng *jitter,
                          int64_t now);
/* A failure that only a person can mend: not asked for pause_s. */
void llm_endpoint_stop(struct llm_endpoint *e, double pause_s, int64_t now);
/* A label, and an answer that is none. Of one reply the labels are told last. */
void llm_endpoint_good_answer(struct llm_endpoint *e, int64_t now);
void llm_endpoint_bad_answer(struct llm_endpoint *e);
/* After the answers of a reply: opens the breaker when too many are no labels, and is true then. */
bool llm_endpoint_judge(struct llm_endpoint *e, const struct llm_health_options *o, int64_t now);
/* What becomes of an abstention that its answer at doubted_ms would be. */
enum llm_doubt {
    LLM_DOUBT_OPEN,   /* not settled yet */
    LLM_DOUBT_STANDS, /* the server works: it is the caption */
    LLM_DOUBT_FALLS   /* nothing shows that it works: its answer was none */
};
/* idle: no question is left that it could answer. */
enum llm_doubt llm_endpoint_doubt(const struct llm_endpoint *e, const struct llm_health_options *o,
                                  int64_t doubted_ms, bool idle, int64_t now);
/* clock_ms at which time alone settles it. */
int64_t llm_endpoint_doubt_due(const struct llm_health_options *o, int64_t doubted_ms, bool idle);
/* True when a request may be sent now. An open breaker whose time is over becomes half open: then
 * the server is probed anew. */
bool llm_endpoint_may_ask(struct llm_endpoint *e, int64_t now);
/* clock_ms of the next change that time alone brings, or -1. */
int64_t llm_endpoint_due(const struct llm_endpoint *e, int64_t now);

/* --- budget ---------------------------------------------------------------------------------- */

struct llm_spent {
    int64_t requests, tokens_in, tokens_out;
};

struct llm_budget {
    struct llm_limits limits;
    struct llm_spent spent;    /* all lives */
    struct llm_spent reserved; /* requests under way, at their most */
    struct llm_spent written;  /* in the file: never less than what was spent */
    char path[4096];
    struct stat store; /* st_ino 0: none was there */
    bool full;
    bool broken; /* the file cannot be written: nothing more is spent */
};

/* Reads what earlier lives spent from <store_path>.spent; a damaged file is ONIC_EDAMAGED. That
 * there is none, beside so many labels, is said in the log where something is bounded. */
int llm_budget_open(struct llm_budget *b, const struct llm_limits *limits, const char *store_path,
                    uint64_t labels, struct onic_err *err);
/* True and reserved when a request of at most so many tokens fits; it is durable then. */
bool llm_budget_reserve(struct llm_budget *b, int64_t tokens_in, int64_t tokens_out);
/* What a reserved request has really cost. */
void llm_budget_settle(struct llm_budget *b, const struct llm_spent *reserved,
                       const struct llm_spent *real);
void llm_budget_close(struct llm_budget *b); /* writes exact numbers */
/* A request was refused for lack of budget, and nothing has changed that. */
bool llm_budget_full(const struct llm_budget *b);
/* A sentence: what is used up. */
void llm_budget_text(const struct llm_budget *b, char out[160]);
double llm_budget_cost(const struct llm_budget *b, const struct llm_spent *s);

/* --- samples --------------------------------------------------------------------------------- */

struct llm_samples {
    char path[4096];
    struct rotated_folder folder;
    double interval_ms; /* 0 = none are kept */
    int64_t next_ms;
};
/* per_hour 0: none are kept. */
void llm_samples_open(struct llm_samples *s, int64_t per_hour, const char *store_path);
void llm_samples_close(struct llm_samples *s);
bool llm_samples_want(const struct llm_samples *s, int64_t now);
void llm_samples_keep(struct llm_samples *s, int64_t now, const char *url, const char *request,
                      int status, const char *reply, size_t len, const char *verdict);

/* --- margins --------------------------------------------------------------------------------- */

/* What the labels of an identity are made of; kept in its notes. */
struct llm_calibration {
    bool known, kept;
    bool text;     /* llm.answer=auto has found text */
    double margin; /* of the message without content */
    /* of this life: do the labels tell anything apart? */
    int labels, same;
    double last;
    bool told_same;
};

/* A pair is asked in both orders: what is known after the first. */
struct llm_halves {
    int n;
    struct llm_reading first; /* of log-probabilities */
    double label;             /* of a text */
    char text[200];
};

struct llm_margin_label {
    double label, confidence;
    char raw[LABEL_RAW_MAX];
};

extern const char llm_no_content[]; /* "N/A." */
/* What an earlier life decided, if it did. */
void llm_margin_recall(struct llm *l);
/* Settles what labels are made of, for all servers and lives; what is known stays. */
void llm_margin_decide(struct llm *l, bool text, double margin);
/* The answer about nothing leaves no room for the other word. */
bool llm_margin_is_one_sided(const struct llm *l, const struct llm_reading *nothing);
void llm_margin_one_sided_text(const struct llm *l, double margin, char out[LLM_WHY_MAX]);
/* A usable reading of a question. False: a pair, of which the other order is asked next. */
bool llm_margin_take(struct llm *l, enum question_kind kind, const struct llm_reading *r,
                     struct llm_halves *h, struct llm_margin_label *out);

/* --- both orders of pairs whose answers are texts -------------------------------------------- */

/* What they have shown in this life. */
struct llm_orders {
    uint64_t pairs, all_differ, decided, first_place; /* the last two: answers that were no tie */
    bool differs[LLM_ORDERS_WINDOW]; /* of pair number i at i % LLM_ORDERS_WINDOW */
    bool told;
};

/* This question is asked in both orders: the same for ever, by the seed. */
bool llm_orders_both(const struct llm *l, const struct llm_style *style, const char *question,
                     size_t len);
/* The answer to the next order of such a pair, as it was asked. False: the other order is asked
 * next. True: *out is the label, or, where *differs, why there is none. */
bool llm_orders_take(struct llm *l, struct llm_halves *h, double label, const char *text,
                     struct llm_margin_label *out, bool *differs);
void llm_orders_report(const struct llm *l, void (*put)(void *ctx, const char *name, double value),
                       void *ctx);

/* --- the annotator --------------------------------------------------------------------------- */

/* LLM_DOUBTED: it would be abstained from if its server is known to work; endpoint.c. */
enum llm_job_state { LLM_FREE, LLM_WAITING, LLM_FLYING, LLM_DOUBTED };

struct llm_job {
    enum llm_job_state state;
    uint64_t ticket, order;
    size_t len;
    char question[QUESTION_MAX];
    int vote;
    int64_t due_ms;              /* not asked before */
    int alone;                   /* failures while the same server answered others */
    bool again, single;          /* asked again; never in a batch */
    char previous[LLM_TEXT_MAX]; /* the answer that was none */
    int server;                  /* who gave it, or is doubted */
    int64_t doubted_ms;
    int rounds; /* doubts that fell */
    struct llm_halves halves;
    char doubt[LABEL_RAW_MAX];
};

struct llm {
    struct annotator base;
    const struct goal *goal;
    struct prompt *prompt[LLM_KINDS];
    struct llm_words words[LLM_KINDS];
    struct llm_settings settings;
    struct llm_endpoint endpoint[LLM_ENDPOINTS_MAX];
    int nendpoints;
    struct llm_budget budget;
    struct llm_samples samples;
    struct llm_calibration calibration;
    struct llm_orders orders_asked;
    struct annotator_notes notes;
    struct http_client *http;
    uv_loop_t *loop;
    uv_timer_t *timer;
    void (*wake)(void *ctx);
    void *wake_ctx;
    struct rng jitter;
    char model[64], parameters[128];
    struct llm_job job[LLM_JOBS_MAX];
    int njobs;
    uint64_t orders;
    struct annotator_answer ready[LLM_JOBS_MAX];
    int ready_head, nready;
    struct llm_call *calls;
    void (*ask_next)(struct llm *l); /* of llm.c: a request or a probe has ended */
    double tokens_per_byte;          /* the most seen, for what a request may cost */
    bool ratio_known;
    uint64_t labels, abstained, retries, asked_again, unusable, requests;
};

/* llm_options.c: the parts of an address; paths that people copy with it are cut off. */
void llm_address_read(struct http_address *out, const char *url, size_t len);

/* One request under way; llm.c and probe.c. */
struct llm_call {
    struct llm *l;
    struct llm_endpoint *e;
    struct llm_call *prev, *next;
    struct http_call *http;
    struct llm_spent reserved;
    char *body;
    size_t prompt_bytes;
    int job[LLM_BATCH_MAX]; /* indices; n = 0 for a probe */
    int n;
    void (*done)(struct llm_call *call, const struct http_reply *reply);
};
/* Takes body over. False: the budget does not allow it (body is freed). */
bool llm_send(struct llm *l, struct llm_endpoint *e, const char *path, char *body,
              size_t prompt_bytes, int max_tokens, const int *jobs, int n,
              void (*done)(struct llm_call *call, const struct http_reply *reply));
void llm_call_end(struct llm_call *call); /* forgets it; the request has ended */
/* Books what a reply cost. */
void llm_book(struct llm_call *call, const struct http_reply *reply, const struct llm_answer *a);

/* jobs.c */
/* What the annotator says of a question: value and confidence count where it is answered. */
void llm_job_answer(struct llm *l, struct llm_job *j, enum label_state state, double label,
                    double confidence, const char *raw);
/* An answer of e that is no label, for the second time: why and text say what it is. Settled by
 * llm_jobs_settle, or asked again when e proves to be no good. */
void llm_job_doubt(struct llm *l, struct llm_job *j, const struct llm_endpoint *e, const char *why,
                   const char *text);
void llm_jobs_settle(struct llm *l, int64_t now);
/* The breaker of e has opened: what was doubted because of its answers is asked anew. */
void llm_jobs_put_back(struct llm *l, const struct llm_endpoint *e);
/* Doubts that fell and wait for their time: they take no room of others. */
int llm_jobs_resting(const struct llm *l, int64_t now);
/* Asked again, not before due (clock_ms). */
void llm_job_wait(struct llm *l, struct llm_job *j, int64_t due);
/* The oldest job that may be asked now, beside `first` (a request has one seed) unless that is
 * NULL; -1 when there is none. */
int llm_jobs_next(const struct llm *l, int64_t now, const struct llm_job *first);
/* clock_ms at which time alone lets a job be asked or settled, -1 when none waits for it. */
int64_t llm_jobs_due(const struct llm *l, int64_t now);

/* faults.c */
/* The reason that a reply gives, "" when it gives none. The key is never in it. */
void llm_error_text(const struct llm *l, const struct http_reply *reply, char out[LLM_WHY_MAX]);
/* Notes the failure in the endpoint, with a sentence for people. */
void llm_failed(struct llm *l, struct llm_endpoint *e, const struct http_reply *reply);

/* Why a question as such was refused. People are told of it while the server has labelled none. */
void llm_refused(const struct llm *l, struct llm_endpoint *e, const struct http_reply *reply,
                 char why[LLM_WHY_MAX]);
/* omit.c: true when the reply refuses a field of the call's request by name and the same question
 * can be asked without it: style leaves the field out from now on, and people are told once. sure:
 * only where the name is meant without doubt. */
bool llm_omit_refused(struct llm_call *call, struct llm_style *style, const struct http_reply *r,
                      bool sure);
/* A reply has been taken, c is one of its answers that are no label: when too many are none, the
 * server is left alone, people are told, and its questions of the stretch are asked again. */
void llm_judge(struct llm *l, struct llm_endpoint *e, const struct llm_choice *c);

/* report.c: two of the vtable */
void llm_report(const struct annotator *a, void (*put)(void *ctx, const char *name, double value),
                void *ctx);
int llm_status(const struct annotator *a, char text[160], struct onic_err *err);

/* probe.c, below it probe_margin.c */
void llm_probe_start(struct llm *l, struct llm_endpoint *e);
/* faults.c */
void llm_probe_free(struct llm_endpoint *e);
/* Refuses a server that serves another model; true when it does. */
bool llm_wrong_model(struct llm *l, struct llm_endpoint *e, const char *served);

#endif /* ONIC_REWARD_SERVER_ANNOTATORS_LLM_LLM_IMPL_H */
