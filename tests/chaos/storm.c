/* SPDX-License-Identifier: MIT */
/* storm.c - see storm.h. */
#define _GNU_SOURCE
#include "tests/chaos/storm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/onic_test.h"

enum { ARGS_MAX = 64, LOOK_MS = 5, DRAIN_MS = 120000, DEATHS_MAX = 1000 };

static const char *const programs[TRACE_ROLES] = {"onic-actor", "onic-learner",
                                                  "onic-reward-server", ""};
static const char *const prefixes[TRACE_ROLES] = {"actor", "learner", "reward-server", ""};

uint64_t storm_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

bool storm_fail(struct storm *s, const char *format, ...)
{
    va_list ap;
    if (s->failed)
        return false;
    s->failed = true;
    va_start(ap, format);
    vsnprintf(s->why, sizeof s->why, format, ap);
    va_end(ap);
    return false;
}

static enum trace_role role_of_part(int part)
{
    return part < STORM_ACTORS ? TRACE_ACTOR : part == STORM_LEARNER ? TRACE_LEARNER : TRACE_SERVER;
}

const char *storm_part_name(int part)
{
    static const char *const names[TRACE_ROLES] = {"actor", "learner", "reward server", ""};
    return names[role_of_part(part)];
}

/* --- starting ------------------------------------------------------------------------------ */

bool storm_open(struct storm *s, const char *base, uint64_t seed, const char *options)
{
    memset(s, 0, sizeof *s);
    s->recover_ms = STORM_RECOVER_MS;
    snprintf(s->dir, sizeof s->dir, "%.200s/onic-chaos-XXXXXX", base);
    if (!mkdtemp(s->dir))
        return storm_fail(s, "no folder can be made below %.200s: %s", base, strerror(errno));
    snprintf(s->run, sizeof s->run, "%s/run", s->dir);
    snprintf(s->traces, sizeof s->traces, "%s/traces", s->dir);
    snprintf(s->learner_listen, sizeof s->learner_listen, "ipc://%.100s/l", s->dir);
    snprintf(s->server_listen, sizeof s->server_listen, "ipc://%.100s/r", s->dir);
    memcpy(s->learner_reach, s->learner_listen, sizeof s->learner_reach);
    memcpy(s->server_reach, s->server_listen, sizeof s->server_reach);
    snprintf(s->options, sizeof s->options, "%s", options);
    s->rng = rng_stream(seed, "storm", 0, 0, 0);
    for (int i = 0; i < STORM_PARTS; i++)
        s->part[i] = (struct storm_part){.role = role_of_part(i), .trace_fd = -1};
    return true;
}

static void part_words(const struct storm *s, int part, char *out, size_t size)
{
    if (part == STORM_LEARNER)
        snprintf(out, size, "--run-dir=%s --listen=%s --reward.server=%s %s", s->run,
                 s->learner_listen, s->server_reach, s->options);
    else if (part == STORM_SERVER)
        snprintf(out, size, "--run-dir=%s --listen=%s %s", s->run, s->server_listen, s->options);
    else
        snprintf(out, size, "--learner=%s --actors.id=%d --actors.state_dir=%s/actors %s",
                 s->learner_reach, part, s->run, s->actor_options);
}

/* path: cgroup.procs of a cgroup, or NULL. */
static void join_group(const char *path)
{
    int fd = path ? open(path, O_WRONLY | O_CLOEXEC) : -1;
    if (fd >= 0 && write(fd, "0", 1) != 1)
        _exit(126);
    if (fd >= 0)
        close(fd);
}

static void enter_network(const char *path)
{
    int fd = path[0] ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (path[0] && (fd < 0 || setns(fd, CLONE_NEWNET) != 0))
        _exit(126);
    if (fd >= 0)
        close(fd);
}

/* Never returns. */
static void become(const struct storm *s, int part, pid_t parent)
{
    char path[512], words[4096], log[400], environment[STORM_TEXT_MAX], *argv[ARGS_MAX],
        *save = NULL;
    int n = 1;
    const char *build = getenv("ONIC_BUILD");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(125);
    snprintf(path, sizeof path, "%s/%s", build ? build : "build", programs[s->part[part].role]);
    snprintf(log, sizeof log, "%s/%s-%d.log", s->dir, prefixes[s->part[part].role], part);
    part_words(s, part, words, sizeof words);
    setenv("ONIC_TRACE", s->traces, 1);
    snprintf(environment, sizeof environment, "%s", s->preload[part]);
    for (char *w = strtok_r(environment, " ", &save); w; w = strtok_r(NULL, " ", &save))
        putenv(strdup(w));
    join_group(getenv("CHAOS_GROUP"));
    if (part < STORM_ACTORS)
        enter_network(s->actor_net);
    argv[0] = path;
    for (char *w = strtok_r(words, " ", &save); w && n < ARGS_MAX - 1;
         w = strtok_r(NULL, " ", &save))
        argv[n++] = w;
    argv[n] = NULL;
    int in = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execv(path, argv);
    _exit(127);
}

bool storm_start(struct storm *s, int part)
{
    struct storm_part *p = &s->part[part];
    pid_t parent = getpid();
    if (p->trace_fd >= 0)
        close(p->trace_fd);
    p->trace_fd = -1;
    p->pid = fork();
    if (p->pid < 0)
        return storm_fail(s, "no process can be made: %s", strerror(errno));
    if (p->pid == 0)
        become(s, part, parent);
    p->faulty = s->preload[part][0] != '\0';
    s->preload[part][0] = '\0';
    return true;
}

pid_t storm_impostor(struct storm *s, int part)
{
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become(s, part, parent);
    if (pid < 0)
        storm_fail(s, "no process can be made: %s", strerror(errno));
    return pid < 0 ? 0 : pid;
}

bool storm_start_all(struct storm *s)
{
    mkdir(s->run, 0700);
    mkdir(s->traces, 0700);
    bool ok = true;
    for (int i = STORM_PARTS - 1; i >= 0; i--) {
        storm_hurt(s, i);
        ok = ok && storm_start(s, i);
    }
    return ok && storm_recover(s);
}

/* --- reading traces ------------------------------------------------------------------------ */

static bool is_trace_of(const char *file, const struct storm_part *p)
{
    char prefix[64];
    int n = snprintf(prefix, sizeof prefix, "%s-%d-", prefixes[p->role], (int)p->pid);
    return strncmp(file, prefix, (size_t)n) == 0;
}

static void find_trace(struct storm *s, struct storm_part *p)
{
    char path[700];
    DIR *d = opendir(s->traces);
    for (struct dirent *e; d && p->trace_fd < 0 && (e = readdir(d));)
        if (is_trace_of(e->d_name, p)) {
            snprintf(path, sizeof path, "%s/%s", s->traces, e->d_name);
            p->trace_fd = open(path, O_RDONLY | O_CLOEXEC);
        }
    if (d)
        closedir(d);
}

static void is_well(struct storm *s, struct storm_part *p, uint64_t at_ns)
{
    struct storm_times *t = &s->times[p->role];
    if (!p->sick || at_ns <= p->hurt_ns)
        return;
    p->sick = false;
    if (t->n < STORM_TIMES_MAX)
        t->s[t->n++] = (double)(at_ns - p->hurt_ns) * 1e-9;
}

/* Useful is: of an actor, a trajectory that was accepted of a new incarnation; of a learner, one
 * that it trained on; of a reward server, a label that is durable. */
static void on_event(struct storm *s, struct storm_part *p, const struct trace_event *e)
{
    if (p->role == TRACE_LEARNER && e->kind == TRACE_ACCEPTED && e->actor < STORM_ACTORS) {
        struct storm_part *actor = &s->part[e->actor];
        actor->incarnation = e->incarnation;
        if (e->incarnation != actor->old_incarnation)
            is_well(s, actor, e->time_ns);
    } else if (p->role == TRACE_LEARNER && e->kind == TRACE_CONSUMED) {
        s->consumed++;
        is_well(s, p, e->time_ns);
    } else if (p->role == TRACE_LEARNER && e->kind == TRACE_UPDATED) {
        s->version = e->version;
    } else if (p->role == TRACE_SERVER && e->kind == TRACE_DURABLE) {
        s->durable++;
        is_well(s, p, e->time_ns);
    }
}

static void follow_trace(struct storm *s, struct storm_part *p)
{
    struct trace_event e[256];
    ssize_t n = 0;
    if (p->pid && p->trace_fd < 0)
        find_trace(s, p);
    while (p->trace_fd >= 0 && (n = read(p->trace_fd, e, sizeof e)) >= (ssize_t)sizeof *e) {
        for (ssize_t i = 0; i < n / (ssize_t)sizeof *e; i++)
            on_event(s, p, &e[i]);
        if (n % (ssize_t)sizeof *e)
            lseek(p->trace_fd, -(off_t)(n % (ssize_t)sizeof *e), SEEK_CUR);
    }
}

/* --- hurting ------------------------------------------------------------------------------- */

void storm_hurt(struct storm *s, int part)
{
    struct storm_part *p = &s->part[part];
    p->old_incarnation = p->incarnation;
    p->sick = true;
    p->hurt_ns = storm_now_ns();
}

void storm_kill(struct storm *s, int part)
{
    struct storm_part *p = &s->part[part];
    if (!p->pid)
        return;
    storm_hurt(s, part);
    kill(p->pid, SIGKILL);
    kill(p->pid, SIGCONT);
    waitpid(p->pid, NULL, 0);
    follow_trace(s, p);
    p->pid = 0;
    storm_start(s, part);
}

static void last_words(const struct storm *s, int part, char *out, size_t size)
{
    char log[400];
    snprintf(log, sizeof log, "%s/%s-%d.log", s->dir, prefixes[s->part[part].role], part);
    FILE *f = fopen(log, "re");
    out[0] = '\0';
    if (!f)
        return;
    while (fgets(out, (int)size, f))
        ;
    fclose(f);
}

/* What `onic train` would start again: killed, I/O, temporary, fenced. */
static bool may_start_again(const struct storm *s, int status, const struct storm_part *p)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (p->faulty)
        return (code != 64 || s->may_refuse) && code != 76 && code != 78;
    return code < 0 || code == 74 || code == 75 || (code == 76 && p->role == TRACE_ACTOR) ||
           (code == 73 && p->deaths);
}

static bool reap(struct storm *s, int part)
{
    struct storm_part *p = &s->part[part];
    int status;
    char words[400];
    if (!p->pid || waitpid(p->pid, &status, WNOHANG) != p->pid)
        return true;
    follow_trace(s, p);
    p->pid = 0;
    if (s->may_end && WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
        (p->role == TRACE_LEARNER || p->role == TRACE_ACTOR)) { /* told by the learner's drain */
        s->ended |= p->role == TRACE_LEARNER;
        p->sick = false;
        return true;
    }
    p->deaths++;
    if (may_start_again(s, status, p) && p->deaths < DEATHS_MAX) {
        if (!p->sick)
            storm_hurt(s, part);
        return storm_start(s, part);
    }
    last_words(s, part, words, sizeof words);
    return storm_fail(s, "%s %d ended by itself, %s %d: %.300s", storm_part_name(part), part,
                      WIFEXITED(status) ? "code" : "signal",
                      WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), words);
}

bool storm_look(struct storm *s)
{
    for (int i = 0; i < STORM_PARTS && !s->failed; i++) {
        follow_trace(s, &s->part[i]);
        reap(s, i);
        struct storm_part *p = &s->part[i];
        if (p->sick && storm_now_ns() - p->hurt_ns > (uint64_t)s->recover_ms * 1000000u)
            storm_fail(s, "%s %d has not recovered within %d s", storm_part_name(i), i,
                       s->recover_ms / 1000);
    }
    return !s->failed;
}

bool storm_wait_ms(struct storm *s, int64_t ms)
{
    uint64_t end = storm_now_ns() + (uint64_t)ms * 1000000u;
    while (storm_look(s) && storm_now_ns() < end)
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
    return !s->failed;
}

bool storm_recover(struct storm *s)
{
    for (;;) {
        bool any = false;
        if (!storm_wait_ms(s, LOOK_MS))
            return false;
        for (int i = 0; i < STORM_PARTS; i++)
            any |= s->part[i].sick;
        if (!any)
            return true;
    }
}

/* --- the end ------------------------------------------------------------------------------- */

static bool wait_for_end(struct storm *s, int part)
{
    struct storm_part *p = &s->part[part];
    uint64_t end = storm_now_ns() + (uint64_t)DRAIN_MS * 1000000u;
    int status = 0;
    char words[400];
    while (p->pid && waitpid(p->pid, &status, WNOHANG) != p->pid) {
        if (storm_now_ns() > end)
            return storm_fail(s, "%s %d does not drain", storm_part_name(part), part);
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
    }
    follow_trace(s, p);
    p->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    last_words(s, part, words, sizeof words);
    return storm_fail(s, "%s %d drained with %d: %.300s", storm_part_name(part), part,
                      WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), words);
}

bool storm_drain(struct storm *s)
{
    if (s->failed)
        return false;
    if (s->part[STORM_LEARNER].pid)
        kill(s->part[STORM_LEARNER].pid, SIGTERM);
    bool ok = !s->part[STORM_LEARNER].pid || wait_for_end(s, STORM_LEARNER);
    for (int i = 0; i < STORM_ACTORS; i++) {
        if (s->part[i].pid)
            kill(s->part[i].pid, SIGTERM);
        ok = ok && (!s->part[i].pid || wait_for_end(s, i));
    }
    if (s->part[STORM_SERVER].pid)
        kill(s->part[STORM_SERVER].pid, SIGTERM);
    return ok && wait_for_end(s, STORM_SERVER);
}

void storm_close(struct storm *s, bool keep)
{
    for (int i = 0; i < STORM_PARTS; i++) {
        struct storm_part *p = &s->part[i];
        if (p->pid > 0) {
            kill(p->pid, SIGKILL);
            waitpid(p->pid, NULL, 0);
        }
        if (p->trace_fd >= 0)
            close(p->trace_fd);
        p->pid = 0;
    }
    if (!keep && s->dir[0])
        temp_dir_remove(s->dir);
}

static int by_size(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

double storm_quantile(struct storm_times *t, double q)
{
    if (!t->n)
        return 0;
    qsort(t->s, (size_t)t->n, sizeof *t->s, by_size);
    int i = (int)(q * (double)t->n);
    return t->s[i < t->n ? i : t->n - 1];
}
