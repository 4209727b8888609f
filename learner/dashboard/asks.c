/* SPDX-License-Identifier: MIT */
/* asks.c - see asks.h. A process writes into files without names, not into pipes: nobody has to
 * read along, and their size tells when it says too much. */
#define _GNU_SOURCE
#include "learner/dashboard/asks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/paths.h"
#include "common/base/shown.h"
#include "common/base/xmalloc.h"

enum {
    KEY_MAX = 4096,
    WAITING_MAX = 4,
    SAID_MAX = 4096,
    FILE_MAX = HTTP_BODY_MAX + 1, /* one more than is taken shows that it is too long */
    PRIORITY = 10,
    AGAIN_MS = 5000
};

static const char TOO_LONG[] = "it is too long to be shown here";

/* A document, or one that is wanted. */
struct ask {
    char key[KEY_MAX]; /* the words, each with a NUL after it; "" = free */
    size_t key_len;
    struct http_body *body; /* NULL: none yet */
    int64_t made_ms, used_ms;
    bool wanted; /* is to be asked, or being asked */
    bool failed; /* the body is a sentence: asked again soon */
};

struct asks {
    struct http_plane *plane;
    struct ask kept[ASKS_KEPT];
    struct ask *now; /* of the process at work; NULL = none is */
    pid_t pid;
    int out, said; /* its stdout and stderr */
    int64_t begun_ms;
};

struct asks *asks_create(struct http_plane *plane)
{
    struct asks *a = xcalloc(1, sizeof *a);
    a->plane = plane;
    return a;
}

/* --- documents ------------------------------------------------------------------------------- */

/* Of those that are kept, the document that was used longest ago. False: none is. */
static bool drop_oldest(struct asks *a)
{
    struct ask *oldest = NULL;
    for (int i = 0; i < ASKS_KEPT; i++) {
        struct ask *k = &a->kept[i];
        if (k->body && (!oldest || k->used_ms < oldest->used_ms))
            oldest = k;
    }
    if (!oldest)
        return false;
    http_body_free(oldest->body);
    oldest->body = NULL;
    return true;
}

/* Kept documents count as unread: they make room, else nothing would ever be answered again. */
static void keep_body(struct asks *a, struct ask *k, struct buf *text)
{
    static const char no_room[] = "{\"error\":\"too many others do not read what they asked for\"}";
    static const char type[] = "application/json";
    struct http_body *body;
    do
        body = http_body_create(a->plane, type, text);
    while (!body && drop_oldest(a));
    k->failed = !body;
    http_body_free(k->body);
    k->body = body ? body : http_body_static(no_room, sizeof no_room - 1, type, NULL);
    k->made_ms = clock_ms();
    k->wanted = false;
}

static void keep_error(struct asks *a, struct ask *k, const char *sentence)
{
    struct buf b;
    buf_init(&b, 2 * SAID_MAX);
    buf_puts(&b, "{\"error\":");
    buf_json_string(&b, sentence, strlen(sentence));
    buf_puts(&b, "}");
    keep_body(a, k, &b);
    buf_release(&b);
    k->failed = true;
}

static struct ask *find_kept(struct asks *a, const char *key, size_t len)
{
    for (int i = 0; i < ASKS_KEPT; i++)
        if (a->kept[i].key_len == len && memcmp(a->kept[i].key, key, len) == 0)
            return &a->kept[i];
    return NULL;
}

/* The place that was used longest ago becomes that of a new key: WAITING_MAX leaves some. */
static struct ask *take_place(struct asks *a, const char *key, size_t len)
{
    struct ask *oldest = NULL;
    for (int i = 0; i < ASKS_KEPT; i++) {
        struct ask *k = &a->kept[i];
        if (!k->wanted && (!oldest || k->used_ms < oldest->used_ms))
            oldest = k;
    }
    if (!oldest)
        return NULL;
    http_body_free(oldest->body);
    *oldest = (struct ask){.key_len = len};
    memcpy(oldest->key, key, len);
    return oldest;
}

static int waiting(const struct asks *a)
{
    int n = 0;
    for (int i = 0; i < ASKS_KEPT; i++)
        n += a->kept[i].wanted;
    return n;
}

void asks_answer(struct asks *a, const char *const *words, int64_t fresh_ms, struct http_reply *out)
{
    char key[KEY_MAX];
    size_t len = 0;
    for (; *words; words++) {
        size_t n = strlen(*words) + 1;
        ONIC_ASSERT(len + n <= sizeof key); /* routes take short words only */
        memcpy(key + len, *words, n);
        len += n;
    }
    out->type = "application/json";
    struct ask *k = find_kept(a, key, len);
    bool full = waiting(a) >= WAITING_MAX && !(k && (k->wanted || k->body));
    if (!k && !full) /* before that nothing is thrown away */
        k = take_place(a, key, len);
    if (!k || full) {
        out->status = 503;
        buf_puts(&out->body, "{\"error\":\"too much is asked at once; try again\"}");
        return;
    }
    int64_t now = clock_ms();
    k->used_ms = now;
    if (!k->body || now - k->made_ms > (k->failed && fresh_ms > AGAIN_MS ? AGAIN_MS : fresh_ms))
        k->wanted = true;
    out->shared = k->body;
    if (k->body)
        return;
    out->status = 202;
    buf_puts(&out->body, "{\"pending\":true}");
}

/* --- the process ----------------------------------------------------------------------------- */

/* What a supervisor gave the learner is the learner's; a sentence is wanted, not a line of JSON. */
static bool is_not_for_asks(const char *variable)
{
    static const char *const not_passed[] = {
        "ONIC_PULSE=", "ONIC_PANEL=", "ONIC_STDERR=", "ONIC_TRACE=", "ONIC_LOG_FORMAT="};
    for (size_t i = 0; i < sizeof not_passed / sizeof *not_passed; i++)
        if (strncmp(variable, not_passed[i], strlen(not_passed[i])) == 0)
            return true;
    return false;
}

static char **environment_for_asks(void)
{
    static char text_log[] = "ONIC_LOG_FORMAT=text";
    int n = 0, kept = 0;
    while (environ[n])
        n++;
    char **out = xcalloc((size_t)n + 2, sizeof *out);
    out[kept++] = text_log;
    for (int i = 0; i < n; i++)
        if (!is_not_for_asks(environ[i]))
            out[kept++] = environ[i];
    return out;
}

/* Its files lie in memory: none may outgrow what is taken of them, however fast it writes. */
static void bound_files(pid_t pid)
{
    struct rlimit limit;
    if (prlimit(pid, RLIMIT_FSIZE, NULL, &limit) != 0 || limit.rlim_cur <= FILE_MAX)
        return;
    limit.rlim_cur = FILE_MAX;
    prlimit(pid, RLIMIT_FSIZE, &limit, NULL);
}

static int spawn_onic(struct asks *a, char **argv, struct onic_err *err)
{
    char program[PATHS_MAX];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, usual;
    int rc = paths_beside_program("onic", program, sizeof program, err);
    if (rc)
        return rc;
    char **env = environment_for_asks();
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, a->out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, a->said, STDERR_FILENO);
    posix_spawnattr_init(&how);
    sigemptyset(&none);
    sigfillset(&usual);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &usual);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int why = posix_spawn(&a->pid, program, &files, &how, argv, env);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    free(env);
    if (why)
        return err_set(err, ONIC_EIO, "%s cannot be started: %s", program, strerror(why));
    setpriority(PRIO_PROCESS, (id_t)a->pid, PRIORITY);
    bound_files(a->pid);
    return ONIC_OK;
}

static void ask_begin(struct asks *a, struct ask *k)
{
    char name[] = "onic", *argv[ASKS_ARGS_MAX + 2] = {name};
    struct onic_err err = {0};
    int n = 1;
    for (size_t at = 0; at < k->key_len; at += strlen(k->key + at) + 1) {
        ONIC_ASSERT(n <= ASKS_ARGS_MAX);
        argv[n++] = k->key + at;
    }
    a->out = memfd_create("onic-answer", MFD_CLOEXEC);
    a->said = memfd_create("onic-said", MFD_CLOEXEC);
    int rc = a->out < 0 || a->said < 0
                 ? err_set(&err, ONIC_EIO, "no file can be made: %s", strerror(errno))
                 : spawn_onic(a, argv, &err);
    a->now = k;
    a->begun_ms = clock_ms();
    if (!rc)
        return;
    a->pid = 0;
    keep_error(a, k, err.msg);
    a->now = NULL;
    close(a->out);
    close(a->said);
}

static size_t size_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? (size_t)st.st_size : 0;
}

/* Its last max bytes. */
static void asks_read_file(int fd, size_t max, struct buf *out)
{
    char chunk[1 << 14];
    size_t end = size_of(fd), at = end > max ? end - max : 0;
    while (at < end) {
        size_t want = end - at < sizeof chunk ? end - at : sizeof chunk;
        ssize_t n = pread(fd, chunk, want, (off_t)at);
        if (n <= 0 || buf_append(out, chunk, (size_t)n) != ONIC_OK)
            break;
        at += (size_t)n;
    }
}

/* The last line that it said, without the name of the command in front. */
static void keep_sentence(struct asks *a, struct ask *k)
{
    struct buf said;
    buf_init(&said, SAID_MAX);
    asks_read_file(a->said, SAID_MAX - 1, &said);
    while (said.len && said.data[said.len - 1] == '\n')
        said.data[--said.len] = '\0';
    char *line = strrchr(said.data, '\n');
    line = line ? line + 1 : said.data;
    char *colon = strncmp(line, "onic ", 5) == 0 ? strstr(line, ": ") : NULL;
    keep_error(a, k, *line ? (colon ? colon + 2 : line) : "onic ended without a word");
    buf_release(&said);
}

static void ask_end(struct asks *a, bool well)
{
    struct ask *k = a->now;
    struct buf text;
    buf_init(&text, HTTP_BODY_MAX);
    bool too_long = size_of(a->out) > HTTP_BODY_MAX;
    if (well && !too_long)
        asks_read_file(a->out, HTTP_BODY_MAX, &text);
    if (too_long)
        keep_error(a, k, TOO_LONG);
    else if (well && text.len && !text.overflow)
        keep_body(a, k, &text);
    else
        keep_sentence(a, k);
    buf_release(&text);
    close(a->out);
    close(a->said);
    a->pid = 0;
    a->now = NULL;
}

static void ask_kill(struct asks *a)
{
    int status;
    kill(a->pid, SIGKILL);
    while (waitpid(a->pid, &status, 0) < 0 && errno == EINTR)
        ;
}

static void asks_look_at_process(struct asks *a)
{
    int status;
    pid_t gone = waitpid(a->pid, &status, WNOHANG);
    if (gone != 0) {
        ask_end(a, gone == a->pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    } else if (clock_ms() - a->begun_ms > ASKS_TIMEOUT_MS || size_of(a->out) > HTTP_BODY_MAX) {
        ask_kill(a);
        keep_error(a, a->now,
                   size_of(a->out) > HTTP_BODY_MAX ? TOO_LONG
                                                   : "it took longer than three minutes");
        close(a->out);
        close(a->said);
        a->pid = 0;
        a->now = NULL;
    }
}

void asks_look(struct asks *a)
{
    struct ask *next = NULL;
    if (a->now)
        asks_look_at_process(a);
    for (int i = 0; i < ASKS_KEPT && !a->now; i++) {
        struct ask *k = &a->kept[i];
        if (k->wanted && (!next || k->used_ms < next->used_ms))
            next = k;
    }
    if (next)
        ask_begin(a, next);
}

void asks_free(struct asks *a)
{
    if (!a)
        return;
    if (a->now) {
        ask_kill(a);
        close(a->out);
        close(a->said);
    }
    for (int i = 0; i < ASKS_KEPT; i++)
        http_body_free(a->kept[i].body);
    free(a);
}
