/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_ANNOTATORS_LLM_PROBE_IMPL_H
#define ONIC_REWARD_SERVER_ANNOTATORS_LLM_PROBE_IMPL_H

/* probe_impl.h - what probe.c (ways of binding a text) and probe_margin.c (ways to be told
 * log-probabilities) share. */

#include "reward_server/annotators/llm/llm_impl.h"

enum { PROBE_TELLING_REASON = 8 }; /* of llm_probe.telling: the refusal gives a reason */

/* How a question about log-probabilities ends: the server is ready as the probe's style says, texts
 * are to be tried, or nothing is, for this reason. */
struct llm_probe_ends {
    void (*found)(struct llm *l, struct llm_endpoint *e);
    void (*texts)(struct llm *l, struct llm_endpoint *e);
    void (*give_up)(struct llm *l, struct llm_endpoint *e, const char *why);
};

struct llm_probe {
    struct llm_style style;
    struct llm_probe_ends ends; /* of probe.c */
    int margin_way;             /* of probe_margin.c; at its end texts are probed */
    int question;
    bool tokens_known, words_are_tokens; /* for logit_bias */
    int token_word, token_path;          /* which is being asked */
    bool chat_works;
    bool asks_nonce; /* nothing binds; whether the model puts a code behind the word is asked */
    char refused[LLM_WHY_MAX]; /* the most telling refusal of all attempts */
    int telling;
};

/* faults.c: keeps a refusal if it tells more than those before. */
void llm_probe_refusal(struct llm_probe *p, int status, const char *text);

/* probe_margin.c: the first way, or none where texts are wanted. */
void llm_probe_margin_start(struct llm *l, struct llm_endpoint *e);
/* A question of probe_margin.c is what the probe is at. */
bool llm_probe_margin_asks(const struct llm_probe *p);
void llm_probe_margin_step(struct llm *l, struct llm_endpoint *e);
/* Another server has settled what labels are made of meanwhile, and this one is found to be
 * otherwise: true, and it is dealt with. */
bool llm_probe_margin_differs(struct llm *l, struct llm_endpoint *e);

#endif /* ONIC_REWARD_SERVER_ANNOTATORS_LLM_PROBE_IMPL_H */
