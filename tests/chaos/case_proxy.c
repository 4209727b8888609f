/* SPDX-License-Identifier: MIT */
/* case_proxy.c - a bad network between actors and learner, and between learner and reward server.
 *
 * After each fault the run must go on by itself: every actor's trajectories are accepted again, and
 * labels come. A flipped bit must be found by a checksum, else the check of the traces finds what
 * it did. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/chaos/cases.h"

enum { PLANES = 2 };

bool case_between(struct storm *s, struct proxy *p, char listen[128], char reach[128],
                  const char *name, uint64_t seed)
{
    char path[128];
    snprintf(path, sizeof path, "%.100s/%s", s->dir, name);
    snprintf(reach, 128, "ipc://%.120s", path);
    if (!proxy_start(p, path, listen + strlen("ipc://"), seed))
        return storm_fail(s, "the proxy cannot listen at %s: %s", path, strerror(errno));
    return true;
}

int case_proxy(struct chaos_case *k)
{
    struct storm s;
    struct proxy proxy[PLANES] = {{0}};
    bool ok = storm_open(&s, k->base, k->seed, case_options) &&
              case_between(&s, &proxy[0], s.learner_listen, s.learner_reach, "pl", k->seed) &&
              case_between(&s, &proxy[1], s.server_listen, s.server_reach, "pr", k->seed + 1) &&
              storm_start_all(&s);
    for (int i = 0; ok && i < k->faults * PROXY_FAULTS; i++) {
        proxy_ask(&proxy[rng_below(&s.rng, 3) == 0], (enum proxy_fault)(i % PROXY_FAULTS));
        ok = storm_wait_ms(&s, 20 + rng_below(&s.rng, 200)) && case_goes_on(&s);
    }
    int result = case_end(k, &s, ok);
    for (int i = 0; i < PLANES; i++) {
        for (int f = 0; f < PROXY_FAULTS && proxy[i].shared; f++)
            k->injected += proxy_done(&proxy[i], (enum proxy_fault)f);
        proxy_stop(&proxy[i]);
    }
    return result;
}
