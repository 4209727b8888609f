/* SPDX-License-Identifier: MIT */
/* compare_png.c - see compare_png.h. What runs say of themselves reaches gnuplot in single quotes
 * alone, where it looks for no commands, and with no markup. The picture comes through its standard
 * output, so no name of a file does. */
#define _GNU_SOURCE /* pipe2 */
#include "deploy/cli/compare_png.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/secrets.h"
#include "common/base/shown.h"
#include "common/base/xmalloc.h"
#include "deploy/cli/compare_svg.h"

extern char **environ;

enum { PNG_SCRIPT_MAX = 64 << 20, PNG_W = 560, PNG_H = 460, PNG_ABREAST = 2 };

static const char *const PNG_COLOURS[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                          "#b8860b", "#4aa3df", "#1c1f23", "#8a8f98"};

static void plot_quote(struct buf *out, const char *text)
{
    char *clean = xstrdup(text);
    shown_clean_line(clean, strlen(clean));
    buf_puts(out, "'");
    for (const char *p = clean; *p; p++)
        buf_append(out, *p == '\'' ? "''" : p, *p == '\'' ? 2 : 1);
    buf_puts(out, "'");
    free(clean);
}

static void plot_data(const struct compare_row *row, int number, struct buf *out)
{
    buf_printf(out, "$d%d << END\n", number);
    for (int i = 0; i < row->points; i++)
        buf_printf(out, "%.9g %.9g %.9g %.9g\n", row->x[i], row->y[i].mid, row->y[i].lo,
                   row->y[i].hi);
    buf_puts(out, "END\n");
}

static void plot_panel(const struct compare_report *r, const struct compare_panel *p, int first,
                       struct buf *out)
{
    const struct compare_box box = compare_bounds(p);
    buf_puts(out, "set title ");
    plot_quote(out, p->env);
    buf_puts(out, "\nset ylabel ");
    plot_quote(out, p->what);
    buf_printf(out, "\nset xlabel '%s'\nset xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\nplot ",
               r->wish.x == COMPARE_FRAMES ? "environment frames" : "seconds of training", box.x_lo,
               box.x_hi, box.y_lo, box.y_hi);
    for (int k = 0; k < p->rows; k++) {
        const struct compare_row *row = &p->row[k];
        const char *colour =
            PNG_COLOURS[(size_t)row->colour % (sizeof PNG_COLOURS / sizeof *PNG_COLOURS)];
        buf_printf(out,
                   "%s$d%d using 1:3:4 with filledcurves fs transparent solid 0.18 noborder lc "
                   "rgb '%s' notitle, $d%d using 1:2 with lines lw 2 lc rgb '%s' title ",
                   k ? ", " : "", first + k, colour, first + k, colour);
        plot_quote(out, row->label);
    }
    buf_puts(out, "\n");
}

static void plot_script(const struct compare_report *r, struct buf *out)
{
    int panels = 0, number = 0;
    for (int i = 0; i < r->panels; i++)
        for (int k = 0; k < r->panel[i].rows && r->panel[i].has_curves; k++)
            plot_data(&r->panel[i].row[k], number++, out);
    for (int i = 0; i < r->panels; i++)
        panels += r->panel[i].has_curves;
    int across = panels > PNG_ABREAST ? PNG_ABREAST : panels > 0 ? panels : 1;
    int down = panels > 0 ? (panels + across - 1) / across : 1;
    buf_printf(out,
               "set terminal pngcairo noenhanced size %d,%d font 'sans,11' background '#ffffff'\n"
               "set multiplot layout %d,%d\nset grid lc rgb '#e3e6ea'\n"
               "set key below vertical maxcols 1 noenhanced\nset format x '%%.1s%%c'\n",
               across * PNG_W, down * PNG_H, down, across);
    number = 0;
    for (int i = 0; i < r->panels; i++)
        if (r->panel[i].has_curves) {
            plot_panel(r, &r->panel[i], number, out);
            number += r->panel[i].rows;
        }
    buf_puts(out, "unset multiplot\n");
}

static void plot_feed(int fd, const struct buf *script)
{
    for (size_t done = 0; done < script->len;) {
        ssize_t n = write(fd, script->data + done, script->len - done);
        if (n <= 0 && errno != EINTR)
            return; /* it has ended: its exit code tells */
        done += n > 0 ? (size_t)n : 0;
    }
}

/* Its standard input is a pipe, which is returned in *in. */
static int plot_start(pid_t *pid, int out, int *in, struct onic_err *err)
{
    static char name[] = "gnuplot";
    char *argv[] = {name, NULL};
    posix_spawn_file_actions_t files;
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return err_set(err, ONIC_EIO, "no pipe for gnuplot: %s", strerror(errno));
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, fds[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    secrets_forget();
    int code = posix_spawnp(pid, name, &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    close(fds[0]);
    *in = fds[1];
    if (!code)
        return ONIC_OK;
    close(fds[1]);
    return err_set(err, ONIC_ENOTFOUND,
                   "a PNG is drawn by gnuplot, which is not installed (Debian: gnuplot-nox); "
                   "--out=FILE.svg needs nothing");
}

int compare_png(const struct compare_report *r, int fd, struct onic_err *err)
{
    struct buf script;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    pid_t pid;
    int in = -1, status = 0;
    int rc = plot_start(&pid, fd, &in, err);
    if (rc)
        return rc;
    buf_init(&script, PNG_SCRIPT_MAX);
    plot_script(r, &script);
    sigaction(SIGPIPE, &ignore, &before);
    plot_feed(in, &script);
    close(in);
    sigaction(SIGPIPE, &before, NULL);
    buf_release(&script);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? ONIC_OK
               : err_set(err, ONIC_EIO,
                         "gnuplot drew no picture (what it said is above); "
                         "--out=FILE.svg needs no gnuplot");
}
