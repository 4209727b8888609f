/* SPDX-License-Identifier: MIT */
/* program.c - see program.h. */
#define _GNU_SOURCE
#include "tests/support/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/onic_test.h"

extern char **environ;

/* --- programs -------------------------------------------------------------------------------- */

static void drop_options_from_environment(void)
{
    static const char *const kept[] = {"ONIC_CACHE=", "ONIC_BUILD=", "ONIC_SOURCE="};
    for (char **e = environ; *e;) {
        bool keep = strncmp(*e, "ONIC_", 5) != 0;
        for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
            keep |= strncmp(*e, kept[i], strlen(kept[i])) == 0;
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*e, "="), *e);
        if (keep)
            e++;
        else
            unsetenv(name);
    }
}

static void redirect(const struct program *p, const char *dir)
{
    int in = open("/dev/null", O_RDONLY);
    int out = open(p->out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int err = open(p->err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (chdir(dir) != 0 || in < 0 || out < 0 || err < 0)
        _exit(126);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    drop_options_from_environment();
    setenv("XDG_RUNTIME_DIR", dir, 1); /* sockets too are gone with the folder */
}

static void become(const char *path, char *words)
{
    char *argv[PROGRAM_ARGS_MAX + 2] = {(char *)(uintptr_t)path}, *save = NULL;
    int n = 1;
    for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        ONIC_ASSERT(n <= PROGRAM_ARGS_MAX);
        if (n == 1 && w[0] >= 'A' && w[0] <= 'Z' && strchr(w, '='))
            putenv(w);
        else
            argv[n++] = w;
    }
    execv(path, argv);
    _exit(127);
}

static bool leads_its_group(void *ctx)
{
    const pid_t *pid = ctx;
    return getpgid(*pid) == *pid;
}

/* True in the child, which has its group or session, folder, files and environment. */
static bool start_child(struct program *p, const char *dir, const char *tag, bool session)
{
    snprintf(p->err, sizeof p->err, "%s/%s.err", dir, tag);
    snprintf(p->out, sizeof p->out, "%s/%s.out", dir, tag);
    pid_t parent = getpid();
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid) {
        if (session)
            wait_until(leads_its_group, &p->pid, 60000);
        else
            setpgid(p->pid, p->pid);
        return false;
    }
    if (session)
        setsid();
    else
        setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(125);
    redirect(p, dir);
    return true;
}

static void start_program(struct program *p, const char *dir, const char *tag, const char *name,
                          const char *args, bool session)
{
    const char *build = getenv("ONIC_BUILD");
    char path[512], words[4096];
    assert_non_null(build);
    snprintf(path, sizeof path, "%s/%s", build, name);
    snprintf(words, sizeof words, "%s", args);
    if (start_child(p, dir, tag, session))
        become(path, words);
}

void program_start(struct program *p, const char *dir, const char *tag, const char *name,
                   const char *args)
{
    start_program(p, dir, tag, name, args, false);
}

void program_start_session(struct program *p, const char *dir, const char *tag, const char *name,
                           const char *args)
{
    start_program(p, dir, tag, name, args, true);
}

void program_start_shell(struct program *p, const char *dir, const char *tag, const char *line)
{
    if (!start_child(p, dir, tag, false))
        return;
    execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    _exit(127);
}

struct waiting {
    pid_t pid;
    int status;
};

static bool has_ended(void *ctx)
{
    struct waiting *w = ctx;
    return waitpid(w->pid, &w->status, WNOHANG) == w->pid;
}

int program_wait(struct program *p, int timeout_ms)
{
    struct waiting w = {.pid = p->pid};
    assert_true(p->pid > 0);
    if (!wait_until(has_ended, &w, timeout_ms))
        return PROGRAM_STILL_RUNS;
    p->pid = 0;
    return WIFEXITED(w.status) ? WEXITSTATUS(w.status) : -WTERMSIG(w.status);
}

struct processes {
    pid_t pid[64];
    int n;
};

static bool all_gone(void *ctx)
{
    struct processes *p = ctx;
    for (int i = 0; i < p->n; i++)
        if (!process_gone(p->pid[i]))
            return false;
    return true;
}

void program_kill(struct program *p)
{
    struct processes children;
    if (p->pid <= 0)
        return;
    children.n = process_children(p->pid, children.pid, 64);
    kill(-p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    p->pid = 0;
    assert_true(wait_until(all_gone, &children, 30000)); /* what they hold is free only then */
}

int program_run(struct program *p, const char *dir, const char *tag, const char *name,
                const char *args, int timeout_ms)
{
    program_start(p, dir, tag, name, args);
    int code = program_wait(p, timeout_ms);
    program_kill(p);
    return code;
}

const char *program_text(const char *path)
{
    static char text[PROGRAM_TEXT_MAX];
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = '\0';
    return text;
}

int program_lines(const struct program *p)
{
    int n = 0;
    for (const char *s = program_text(p->err); *s; s += strcspn(s, "\n"), s += *s == '\n')
        n += *s != '\n';
    return n;
}

/* --- processes ------------------------------------------------------------------------------- */

/* State letter and parent of a process; false when it is gone. */
static bool process_stat(pid_t pid, char *state, pid_t *parent)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    char *got = fgets(line, sizeof line, f);
    fclose(f);
    char *end = got ? strrchr(line, ')') : NULL; /* the name may hold blanks and brackets */
    int ppid;
    if (!end || sscanf(end + 1, " %c %d", state, &ppid) != 2)
        return false;
    *parent = ppid;
    return true;
}

static int threads_of(pid_t pid)
{
    char path[64];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *d = opendir(path);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

/* The first thread may be a zombie while others still hold the files of the process. */
bool process_gone(pid_t pid)
{
    char state;
    pid_t parent;
    return !process_stat(pid, &state, &parent) ||
           ((state == 'Z' || state == 'X') && threads_of(pid) <= 1);
}

int process_children(pid_t parent, pid_t *out, int max)
{
    int n = 0;
    DIR *d = opendir("/proc");
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e && n < max; e = readdir(d)) {
        pid_t pid = atoi(e->d_name), ppid;
        char state;
        if (pid > 0 && process_stat(pid, &state, &ppid) && ppid == parent && !process_gone(pid))
            out[n++] = pid;
    }
    closedir(d);
    return n;
}

static bool command_has(pid_t pid, const char *word)
{
    char path[64], line[8192];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(line, 1, sizeof line - 1, f) : 0;
    if (f)
        fclose(f);
    line[n] = '\0';
    for (size_t i = 0; i + 1 < n; i++)
        if (!line[i])
            line[i] = ' ';
    return strstr(line, word) != NULL;
}

pid_t process_child(pid_t parent, const char *word)
{
    pid_t all[64], found = 0;
    int n = process_children(parent, all, 64);
    for (int i = 0; i < n; i++)
        if (command_has(all[i], word))
            found = all[i];
    return found;
}

/* --- metrics --------------------------------------------------------------------------------- */

/* Copies line i (from 0), or the last whole one when i < 0; returns how many whole lines there are.
 */
static int read_line(const char *run, int i, char *out, size_t size)
{
    char path[512];
    static char line[1 << 15];
    int n = 0;
    out[0] = '\0';
    snprintf(path, sizeof path, "%s/metrics.jsonl", run);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        if (!strchr(line, '\n'))
            break;
        if (i < 0 || n == i)
            snprintf(out, size, "%s", line);
        n++;
    }
    if (f)
        fclose(f);
    return n;
}

static double number_of(const char *line, const char *key)
{
    char quoted[128];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(line, quoted);
    if (!at || strncmp(at + strlen(quoted), "null", 4) == 0)
        return (double)NAN;
    return strtod(at + strlen(quoted), NULL);
}

double metrics_at(const char *run, int i, const char *key)
{
    static char line[1 << 15];
    read_line(run, i, line, sizeof line);
    return number_of(line, key);
}

double metrics_last(const char *run, const char *key)
{
    return metrics_at(run, -1, key);
}

int metrics_lines(const char *run)
{
    char none[1];
    return read_line(run, -2, none, sizeof none);
}

struct goal {
    const struct program *p;
    const char *run, *key;
    double above;
};

static bool goal_is_reached_or_given_up(void *ctx)
{
    const struct goal *g = ctx;
    return metrics_last(g->run, g->key) > g->above || process_gone(g->p->pid);
}

void program_train_until(struct program *p, const char *dir, const char *args, const char *key,
                         double above)
{
    char line[1400], run[400];
    snprintf(run, sizeof run, "%s/run", dir);
    snprintf(line, sizeof line, "train --run-dir=run --frames=1000000000 --metrics.every_s=0.2 %s",
             args);
    program_start(p, dir, "train", "onic", line);
    struct goal g = {p, run, key, above};
    bool reached = wait_until(goal_is_reached_or_given_up, &g, 2 * TEST_PATIENCE_MS);
    kill(p->pid, SIGINT);
    int code = program_wait(p, TEST_PATIENCE_MS);
    if (!reached || code != 0)
        fail_msg("%s is at %g, exit code %d: %s", key, metrics_last(run, key), code,
                 program_text(p->err));
}
