/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_ANNOTATORS_LLM_LLM_OPTIONS_H
#define ONIC_REWARD_SERVER_ANNOTATORS_LLM_LLM_OPTIONS_H

/* llm_options.h - the options of the llm annotator, read once and checked: what its parts are told
 * instead of the configuration. Plain values; nothing here owns memory. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/config/config.h"
#include "reward_server/http/http_address.h"
#include "reward_server/http/http_policy.h"

enum { LLM_ENDPOINTS_MAX = 16, LLM_URL_MAX = HTTP_ADDRESS_MAX };

/* Pauses and deadlines of one server; endpoint.c. */
struct llm_health_options {
    double backoff_s, breaker_s, deadline_s;
};

/* What a request says, and of what answers are taken. */
struct llm_settings {
    char model[CONFIG_STR_MAX];
    char key[HTTP_KEY_MAX]; /* never shown; wiped in the end */
    bool key_of_file;       /* llm.api_key_file, not the environment */
    double temperature, top_p, deadline_s;
    int max_tokens, batch;
    int64_t seed;
    unsigned omit;         /* llm.omit: 1 << enum llm_field */
    bool any_model, first; /* llm.order=first */
    int api;               /* enum llm_api, or -1 = auto */
    int dialect;           /* enum llm_dialect, or -1 = auto */
    int answer;            /* enum config_llm_answer: which may be tried; auto only if both may */
    bool calibrate;        /* llm.calibration=message */
    bool nonce;            /* llm.nonce */
    double both_orders;    /* share of pairs, where answers are texts */
    struct llm_health_options health;
};

/* What may be spent; 0 = no limit. Prices are of a million tokens. */
struct llm_limits {
    int64_t max_tokens, max_requests;
    double max_cost, price_in, price_out;
};

/* Which prompt files are asked with. */
struct llm_wording {
    char name[CONFIG_STR_MAX], dir[CONFIG_STR_MAX]; /* dir "": deploy/prompts beside the programs */
};

struct llm_options {
    struct llm_settings settings;
    struct llm_limits limits;
    struct llm_wording wording;
    int64_t samples_per_hour;
    /* as given: scheme and host, with or without /v1, perhaps a query */
    char address[LLM_ENDPOINTS_MAX][LLM_URL_MAX];
    int naddresses;
    int window, window_max; /* requests at once per address */
    char ca_file[CONFIG_STR_MAX], proxy[CONFIG_STR_MAX];
    char proxy_auth[HTTP_KEY_MAX]; /* "user:password" or ""; never shown; wiped in the end */
    int connect_ms, first_byte_ms;
};

/* ONIC_ECONFIG names the option that is wrong. Whoever keeps *out wipes it in the end; after an
 * error it holds no key. */
int llm_options_read(struct llm_options *out, const struct config *c, struct onic_err *err);
void llm_options_wipe(struct llm_options *o); /* its secrets */
/* The same answers to a question can differ: votes are worth asking. */
bool llm_options_vary(const struct config *c);

#endif /* ONIC_REWARD_SERVER_ANNOTATORS_LLM_LLM_OPTIONS_H */
