/* SPDX-License-Identifier: MIT */
/* proxy.c - see proxy.h. One loop of poll; what was asked and what was done is in memory that both
 * processes share. */
#define _GNU_SOURCE
#include "tests/chaos/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "tests/chaos/storm.h"

enum { CONNECTIONS_MAX = 32, BYTES = 1 << 16, QUEUE_MAX = 256, DELAY_MS = 60, STALL_MS = 2000 };
#define MS ((uint64_t)1000000)

struct proxy_shared {
    atomic_ullong asked[PROXY_FAULTS], done[PROXY_FAULTS];
};

/* Bytes on their way in one direction. */
struct parcel {
    uint8_t *bytes;
    size_t len, at;
    uint64_t due_ns;
};

struct direction {
    struct parcel queue[QUEUE_MAX];
    int head, count;
    uint64_t delay_ns;
    bool ended; /* nothing is read from its source any more */
    bool flip;  /* the next bytes */
};

struct connection {
    int fd[2];                 /* client, target; -1 = free */
    struct direction way[2];   /* 0: client to target */
    uint64_t cut_ns, stall_ns; /* closed at, nothing before; 0 = not */
};

struct middle {
    int listen_fd;
    char target[108];
    struct proxy_shared *shared;
    struct connection *connection; /* [CONNECTIONS_MAX] */
    struct rng rng;
};

/* --- sockets ------------------------------------------------------------------------------- */

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    return a;
}

static int listen_at(const char *path)
{
    struct sockaddr_un a = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 64) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void drop_queue(struct direction *d)
{
    for (; d->count; d->count--) {
        free(d->queue[d->head].bytes);
        d->head = (d->head + 1) % QUEUE_MAX;
    }
}

static void close_connection(struct connection *c)
{
    for (int i = 0; i < 2; i++) {
        close(c->fd[i]);
        c->fd[i] = -1;
        drop_queue(&c->way[i]);
    }
}

static void accept_one(struct middle *m)
{
    struct sockaddr_un a = address_of(m->target);
    int client = accept4(m->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct connection *c = NULL;
    for (int i = 0; i < CONNECTIONS_MAX && !c; i++)
        c = m->connection[i].fd[0] < 0 ? &m->connection[i] : NULL;
    if (client < 0)
        return;
    int target = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!c || target < 0 || connect(target, (struct sockaddr *)&a, sizeof a) != 0) {
        close(client); /* the target is away: the client tries again */
        close(target);
        return;
    }
    fcntl(target, F_SETFL, O_NONBLOCK);
    memset(c, 0, sizeof *c);
    c->fd[0] = client;
    c->fd[1] = target;
    for (int i = 0; i < 2; i++)
        c->way[i].delay_ns = rng_below(&m->rng, DELAY_MS / 4) * MS;
}

/* --- bytes --------------------------------------------------------------------------------- */

/* False: the connection has ended. */
static bool take_bytes(struct middle *m, struct connection *c, int way)
{
    struct direction *d = &c->way[way];
    if (d->count == QUEUE_MAX || d->ended)
        return true;
    uint8_t *bytes = malloc(BYTES);
    ssize_t n = bytes ? read(c->fd[way], bytes, BYTES) : -1;
    if (n <= 0) {
        free(bytes);
        return n < 0 && errno == EAGAIN;
    }
    if (d->flip) {
        bytes[rng_below(&m->rng, (uint32_t)n)] ^= (uint8_t)(1u << rng_below(&m->rng, 8));
        d->flip = false;
        c->cut_ns = storm_now_ns() + 500 * MS;
        atomic_fetch_add(&m->shared->done[PROXY_FLIP], 1);
    }
    struct parcel *last = d->count ? &d->queue[(d->head + d->count - 1) % QUEUE_MAX] : NULL;
    uint64_t due = storm_now_ns() + d->delay_ns;
    d->queue[(d->head + d->count++) % QUEUE_MAX] =
        (struct parcel){bytes, (size_t)n, 0, last && last->due_ns > due ? last->due_ns : due};
    return true;
}

static bool pass_bytes(struct connection *c, int way)
{
    struct direction *d = &c->way[way];
    uint64_t now = storm_now_ns();
    while (d->count && d->queue[d->head].due_ns <= now && now >= c->stall_ns) {
        struct parcel *p = &d->queue[d->head];
        ssize_t n = send(c->fd[!way], p->bytes + p->at, p->len - p->at, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN;
        p->at += (size_t)n;
        if (p->at < p->len)
            return true;
        free(p->bytes);
        d->head = (d->head + 1) % QUEUE_MAX;
        d->count--;
    }
    return true;
}

static void turn_connection(struct middle *m, struct connection *c)
{
    bool alive = true;
    for (int way = 0; way < 2 && alive; way++)
        alive = take_bytes(m, c, way) && pass_bytes(c, way);
    if (!alive || (c->cut_ns && storm_now_ns() > c->cut_ns))
        close_connection(c);
}

/* --- faults -------------------------------------------------------------------------------- */

static struct connection *any_connection(struct middle *m)
{
    int open[CONNECTIONS_MAX], n = 0;
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (m->connection[i].fd[0] >= 0 && !m->connection[i].cut_ns)
            open[n++] = i;
    return n ? &m->connection[open[rng_below(&m->rng, (uint32_t)n)]] : NULL;
}

static void do_fault(struct middle *m, enum proxy_fault fault, struct connection *c)
{
    uint64_t now = storm_now_ns();
    int way = (int)rng_below(&m->rng, 2);
    switch (fault) {
    case PROXY_DELAY:
        for (int i = 0; i < 2; i++)
            c->way[i].delay_ns = rng_below(&m->rng, DELAY_MS) * MS;
        break;
    case PROXY_STALL:
        c->stall_ns = now + rng_below(&m->rng, STALL_MS) * MS;
        break;
    case PROXY_FLIP:
        c->way[way].flip = true; /* counted when there are bytes */
        return;
    case PROXY_CUT:
        close_connection(c);
        break;
    default:
        c->way[way].ended = true;
        drop_queue(&c->way[way]);
        shutdown(c->fd[!way], SHUT_WR);
        c->cut_ns = now + 3000 * MS;
    }
    atomic_fetch_add(&m->shared->done[fault], 1);
}

static void do_asked(struct middle *m, uint64_t taken[PROXY_FAULTS])
{
    for (int f = 0; f < PROXY_FAULTS; f++) {
        struct connection *c = NULL;
        while (taken[f] < atomic_load(&m->shared->asked[f]) && (c = any_connection(m))) {
            taken[f]++;
            do_fault(m, (enum proxy_fault)f, c);
        }
    }
}

static void be_proxy(struct middle *m)
{
    uint64_t taken[PROXY_FAULTS] = {0};
    for (;;) {
        struct pollfd fds[1 + 2 * CONNECTIONS_MAX] = {{.fd = m->listen_fd, .events = POLLIN}};
        for (int i = 0; i < CONNECTIONS_MAX; i++)
            for (int k = 0; k < 2; k++)
                fds[1 + 2 * i + k] = (struct pollfd){
                    .fd = m->connection[i].way[k].ended ? -1 : m->connection[i].fd[k],
                    .events = POLLIN};
        poll(fds, 1 + 2 * CONNECTIONS_MAX, 2);
        if (fds[0].revents)
            accept_one(m);
        for (int i = 0; i < CONNECTIONS_MAX; i++)
            if (m->connection[i].fd[0] >= 0)
                turn_connection(m, &m->connection[i]);
        do_asked(m, taken);
    }
}

/* --- life ---------------------------------------------------------------------------------- */

bool proxy_start(struct proxy *p, const char *listen_path, const char *target_path, uint64_t seed)
{
    struct middle m = {.listen_fd = listen_at(listen_path),
                       .rng = rng_stream(seed, "proxy", 0, 0, 0)};
    pid_t parent = getpid();
    *p = (struct proxy){0};
    snprintf(m.target, sizeof m.target, "%s", target_path);
    if (m.listen_fd < 0)
        return false;
    m.shared =
        mmap(NULL, sizeof *m.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    m.connection = calloc(CONNECTIONS_MAX, sizeof *m.connection);
    if (m.shared == MAP_FAILED || !m.connection)
        return false;
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        m.connection[i].fd[0] = m.connection[i].fd[1] = -1;
    p->shared = m.shared;
    p->pid = fork();
    if (p->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            be_proxy(&m);
        _exit(0);
    }
    free(m.connection);
    close(m.listen_fd);
    return p->pid > 0;
}

void proxy_ask(struct proxy *p, enum proxy_fault fault)
{
    atomic_fetch_add(&p->shared->asked[fault], 1);
}

uint64_t proxy_done(const struct proxy *p, enum proxy_fault fault)
{
    return atomic_load(&p->shared->done[fault]);
}

void proxy_stop(struct proxy *p)
{
    if (p->pid > 0) {
        kill(p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
    }
    if (p->shared)
        munmap(p->shared, sizeof *p->shared);
    *p = (struct proxy){0};
}
