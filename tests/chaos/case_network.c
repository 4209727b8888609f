/* SPDX-License-Identifier: MIT */
/* case_network.c - actors in a network of their own, and what happens to its only cable: partition,
 * one direction lost, random loss, resets, a slow line. By network namespaces, nft and tc; skipped,
 * with the reason, where they may not be used. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/chaos/cases.h"

enum { COMMAND_MAX = 400, CUT_SHORT_MS = 2000, CUT_MS = 9000 };

struct cable {
    char id[16]; /* of namespace, devices and table */
    int net;     /* third byte of its addresses */
};

/* Words of a shell; what it says is nobody's business. */
static bool run_command(const char *format, const struct cable *c, const char *more)
{
    char line[COMMAND_MAX], all[COMMAND_MAX + 32];
    snprintf(line, sizeof line, "id=%s net=%d; %s%s", c->id, c->net, format, more);
    snprintf(all, sizeof all, "{ %s; } >/dev/null 2>&1", line);
    return system(all) == 0;
}

static bool lay_cable(struct cable *c)
{
    c->net = (int)(getpid() % 250) + 1;
    snprintf(c->id, sizeof c->id, "oc%d", (int)(getpid() % 100000));
    return run_command("ip netns add $id && ip link add ${id}a type veth peer name ${id}b && "
                       "ip link set ${id}b netns $id && ip addr add 10.231.$net.1/24 dev ${id}a && "
                       "ip link set ${id}a up && ",
                       c,
                       "ip netns exec $id ip addr add 10.231.$net.2/24 dev ${id}b && "
                       "ip netns exec $id ip link set ${id}b up && "
                       "ip netns exec $id ip link set lo up && nft list tables");
}

static void remove_cable(struct cable *c)
{
    run_command("nft delete table inet $id; ip link del ${id}a; ip netns del $id", c, "");
}

/* One fault; ended by mend. */
static bool break_cable(struct cable *c, int kind)
{
    static const char *const rules[] = {
        "iifname ${id}a drop; oifname ${id}a drop",       /* partition */
        "iifname ${id}a drop",                            /* what actors say is lost */
        "oifname ${id}a drop",                            /* what they hear */
        "iifname ${id}a numgen random mod 100 < 20 drop", /* one packet of five */
        "iifname ${id}a tcp dport 1-65535 reject with tcp reset",
    };
    char nft[COMMAND_MAX];
    if (kind == 5)
        return run_command("tc qdisc add dev ${id}a root tbf rate 2mbit burst 32kbit latency 400ms",
                           c, "");
    snprintf(
        nft, sizeof nft,
        "nft \"add table inet $id; add chain inet $id i { type filter hook input priority 0; }; "
        "add chain inet $id o { type filter hook output priority 0; }\" && ");
    char rule[COMMAND_MAX / 2], *save = NULL;
    snprintf(rule, sizeof rule, "%s", rules[kind]);
    for (char *one = strtok_r(rule, ";", &save); one; one = strtok_r(NULL, ";", &save)) {
        size_t n = strlen(nft);
        snprintf(nft + n, sizeof nft - n, "nft \"add rule inet $id %s %s\" && ",
                 strstr(one, "oifname") ? "o" : "i", one);
    }
    return run_command(nft, c, "true");
}

static void mend_cable(struct cable *c)
{
    run_command("nft delete table inet $id; tc qdisc del dev ${id}a root; true", c, "");
}

static bool network_storm(struct chaos_case *k, struct storm *s, struct cable *c)
{
    bool ok = storm_open(s, k->base, k->seed, case_options);
    int port = 20000 + (int)(getpid() % 20000);
    snprintf(s->learner_listen, sizeof s->learner_listen, "tcp://10.231.%d.1:%d", c->net, port);
    memcpy(s->learner_reach, s->learner_listen, sizeof s->learner_reach);
    snprintf(s->options + strlen(s->options), sizeof s->options - strlen(s->options),
             " --security.allow_insecure=true");
    snprintf(s->actor_net, sizeof s->actor_net, "/var/run/netns/%s", c->id);
    ok = ok && storm_start_all(s);
    for (int i = 0; ok && i < k->faults; i++) {
        if (!break_cable(c, i % 6))
            return storm_fail(s, "nft or tc refuses fault %d", i % 6);
        k->injected++;
        ok = storm_wait_ms(s, 200 + rng_below(&s->rng, k->faults < 6 ? CUT_SHORT_MS : CUT_MS));
        mend_cable(c);
        ok = ok && case_goes_on(s);
    }
    return ok;
}

int case_network(struct chaos_case *k)
{
    struct storm s;
    struct cable c;
    if (!lay_cable(&c)) {
        remove_cable(&c);
        return case_skip(k, "network namespaces, nft or tc may not be used here");
    }
    int result = case_end(k, &s, network_storm(k, &s, &c));
    remove_cable(&c);
    return result;
}
