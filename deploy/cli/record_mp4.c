/* SPDX-License-Identifier: MIT */
/* record_mp4.c - a recording as a video: ffmpeg, where it is installed, reads the pixels from a
 * pipe and writes a file beside the one that is wanted, which gets its name when ffmpeg is content.
 * */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/process.h"
#include "common/base/secrets.h"
#include "common/base/shell.h"
#include "common/base/shown.h"
#include "common/base/xmalloc.h"
#include "deploy/cli/record_output.h"

enum { RGB = 3, EXEC_FAILED = 127 };

struct record_mp4 {
    struct record_output output; /* first */
    char part[PATH_MAX];         /* what ffmpeg writes; "" = nothing */
    pid_t pid;                   /* ffmpeg; 0 = it does not run */
    int pipe;                    /* its pixels, -1 = closed */
    FILE *said;                  /* what it wrote to its stderr */
    uint8_t *rgb;                /* a frame as it goes into the pipe */
};

/* --- ffmpeg ---------------------------------------------------------------------------------- */

/* In the forked child: never returns. In a process group of its own: a Ctrl-C is ours to handle. */
static void mp4_become_ffmpeg(int from, int said, const char *size, const char *rate,
                              const char *part)
{
    char file[PATH_MAX + 8]; /* else 12:30.mp4 is an address of a protocol, -a.mp4 an option */
    snprintf(file, sizeof file, "file:%s", part);
    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    secrets_forget();
    dup2(from, STDIN_FILENO);
    dup2(said, STDOUT_FILENO);
    dup2(said, STDERR_FILENO);
    process_restore_limits();
    execlp("ffmpeg", "ffmpeg", "-loglevel", "error", "-f", "rawvideo", "-pixel_format", "rgb24",
           "-video_size", size, "-framerate", rate, "-i", "pipe:0", "-an", "-pix_fmt", "yuv420p",
           "-movflags", "+faststart", "-f", "mp4", "-y", file, (char *)NULL);
    shown_printf(stderr, "ffmpeg cannot be executed: %s\n", strerror(errno));
    fflush(stderr);
    _exit(EXEC_FAILED);
}

static int mp4_start(struct record_mp4 *m, const struct record_frame *f, struct onic_err *err)
{
    char size[32], rate[32];
    int ends[2];
    snprintf(size, sizeof size, "%dx%d", f->pixels->width, f->pixels->height);
    snprintf(rate, sizeof rate, "%.6g", f->fps);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set(err, ONIC_EAGAIN, "no pipe to ffmpeg: %s", strerror(errno));
    m->pid = fork();
    if (m->pid == 0)
        mp4_become_ffmpeg(ends[0], fileno(m->said), size, rate, m->part);
    close(ends[0]);
    m->pipe = ends[1];
    if (m->pid > 0)
        return ONIC_OK;
    m->pid = 0;
    return err_set(err, ONIC_EAGAIN, "ffmpeg could not be started: %s", strerror(errno));
}

/* The last line that it wrote. */
static void mp4_last_words(struct record_mp4 *m, char *out, size_t size)
{
    char line[400];
    snprintf(out, size, "it said nothing");
    rewind(m->said);
    while (fgets(line, sizeof line, m->said))
        if (line[0] != '\n')
            snprintf(out, size, "%.*s", (int)strcspn(line, "\n"), line);
}

/* Its end, after the last of the pixels. */
static int mp4_wait(struct record_mp4 *m, struct onic_err *err)
{
    int status;
    char words[400];
    if (m->pipe >= 0)
        close(m->pipe);
    m->pipe = -1;
    while (waitpid(m->pid, &status, 0) < 0 && errno == EINTR)
        ;
    m->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return ONIC_OK;
    mp4_last_words(m, words, sizeof words);
    return err_set(err, ONIC_EIO, "%s could not be written by ffmpeg: %s", m->output.path, words);
}

static int mp4_put(struct record_mp4 *m, size_t bytes, struct onic_err *err)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = write(m->pipe, m->rgb + done, bytes - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) { /* it has ended, and says why */
            int rc = mp4_wait(m, err);
            return rc ? rc
                      : err_set(err, ONIC_EIO, "ffmpeg ended before the last picture of %s",
                                m->output.path);
        }
        done += (size_t)n;
    }
    return ONIC_OK;
}

/* --- the output ------------------------------------------------------------------------------ */

static int record_mp4_frame(struct record_output *self, const struct record_frame *f,
                            struct onic_err *err)
{
    struct record_mp4 *m = (struct record_mp4 *)self;
    size_t n = (size_t)f->pixels->width * (size_t)f->pixels->height;
    int rc = ONIC_OK;
    if (!m->pid) {
        m->rgb = xrealloc(m->rgb, n * RGB);
        rc = mp4_start(m, f, err);
    }
    for (size_t i = 0; i < n; i++)
        pixels_rgb(f->pixels->at[i], m->rgb + i * RGB);
    for (int64_t i = 0; !rc && i < f->periods; i++)
        rc = mp4_put(m, n * RGB, err);
    return rc;
}

static int record_mp4_finish(struct record_output *self, struct onic_err *err)
{
    struct record_mp4 *m = (struct record_mp4 *)self;
    int rc = mp4_wait(m, err);
    if (!rc)
        rc = record_check_absent(self->path, self->force, err);
    if (!rc && rename(m->part, self->path) != 0)
        rc = err_set(err, ONIC_EIO, "%s could not be written: %s", self->path, strerror(errno));
    if (!rc)
        m->part[0] = '\0';
    return rc;
}

static void record_mp4_free(struct record_output *self)
{
    struct record_mp4 *m = (struct record_mp4 *)self;
    if (m->pid) {
        kill(m->pid, SIGKILL);
        mp4_wait(m, NULL);
    }
    if (m->part[0])
        unlink(m->part);
    fclose(m->said);
    free(m->rgb);
    free(m);
}

/* A new file of our own beside the one that is wanted. */
static int mp4_make_part(struct record_mp4 *m, const char *path, struct onic_err *err)
{
    if (snprintf(m->part, sizeof m->part, "%s.XXXXXX", path) >= (int)sizeof m->part) {
        m->part[0] = '\0';
        return err_set(err, ONIC_ECONFIG, "the path of --mp4 is too long");
    }
    int fd = mkostemp(m->part, O_CLOEXEC);
    if (fd < 0) {
        m->part[0] = '\0';
        return err_set(err, ONIC_ECANTCREATE, "%s cannot be written: %s", path, strerror(errno));
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask);
    close(fd);
    return ONIC_OK;
}

int record_mp4_open(struct record_output **out, const char *path, bool force, struct onic_err *err)
{
    int rc = record_check_path("--mp4", path, force, err);
    if (!rc && !shell_finds("ffmpeg"))
        rc = err_set(err, ONIC_ECONFIG,
                     "--mp4 is made by ffmpeg, which is not installed here (no such program in "
                     "PATH): install it, or record --gif or --cast");
    if (rc)
        return rc;
    struct record_mp4 *m = xcalloc(1, sizeof *m);
    m->output = (struct record_output){.path = path,
                                       .force = force,
                                       .frame = record_mp4_frame,
                                       .finish = record_mp4_finish,
                                       .free = record_mp4_free};
    m->pipe = -1;
    m->said = tmpfile();
    if (!m->said) {
        free(m);
        return err_set(err, ONIC_ECANTCREATE, "no temporary file can be made: %s", strerror(errno));
    }
    signal(SIGPIPE, SIG_IGN); /* an ffmpeg that ended is an error of write */
    rc = mp4_make_part(m, path, err);
    if (rc)
        record_mp4_free(&m->output);
    else
        *out = &m->output;
    return rc;
}
