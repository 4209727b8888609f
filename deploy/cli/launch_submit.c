/* SPDX-License-Identifier: MIT */
/* launch_submit.c - see launch_submit.h. The script is the whole of it, so that what --dry-run
 * prints is what happens. */
#include "deploy/cli/launch_submit.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/output.h"
#include "common/base/shell.h"

enum { SAID_MAX = 400, EXIT_CANNOT = 73, EXIT_NO_ANSWER = 75, SCRIPT_FD = 63 };

extern char **environ;

/* The script as a file: a command line has a limit that a sweep would pass, and stdin would be read
 * by what the script starts. */
static int start_bash(FILE *script, FILE *said, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    char name[] = "bash", path[32];
    snprintf(path, sizeof path, "/dev/fd/%d", SCRIPT_FD);
    char *const argv[] = {name, path, NULL};
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, fileno(script), SCRIPT_FD);
    posix_spawn_file_actions_adddup2(&files, fileno(said), STDERR_FILENO);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    int code = posix_spawnp(pid, name, &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    return code;
}

/* The first line of what was said, without "sbatch: error: " and its kin; last: the last one, which
 * is the script's own. */
static void read_said(FILE *said, bool last, char out[SAID_MAX])
{
    static const char *const heads[] = {"sbatch: ", "error: "};
    char line[SAID_MAX], kept[SAID_MAX] = "";
    rewind(said);
    while ((last || !kept[0]) && fgets(line, sizeof line, said)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0])
            snprintf(kept, sizeof kept, "%s", line);
    }
    const char *text = kept;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (strncmp(text, heads[i], strlen(heads[i])) == 0)
            text += strlen(heads[i]);
    snprintf(out, SAID_MAX, "%s", text[0] ? text : "it gave no reason");
}

static int say_slurm_refused(const char *said, struct onic_err *err)
{
    static const struct {
        const char *word, *advice;
    } known[] = {
        {"partition", "`sinfo -s` shows the partitions"},
        {"array", "the cluster's MaxArraySize (scontrol show config) bounds --actors and the runs "
                  "of a sweep"},
        {"account", "`sacctmgr show user $USER -s` shows your accounts"},
        {"emory", "--mem and --actor-mem are what is asked for"},
    };
    const char *advice = "nothing was submitted; --dry-run shows the commands";
    if (strstr(said, "imed out")) /* it may have been heard */
        return err_set(err, ONIC_EAGAIN,
                       "Slurm did not answer: %s; `squeue --me` shows whether it took the job all "
                       "the same",
                       said);
    if (strstr(said, "ontact"))
        return err_set(err, ONIC_EAGAIN,
                       "Slurm did not answer: %s; is this a machine of the cluster, and its "
                       "controller up (scontrol ping)?",
                       said);
    if (strstr(said, "dns_srv") || strstr(said, "slurm.conf")) /* asked nobody */
        return err_set(
            err, ONIC_ECONFIG,
            "sbatch is here and knows no cluster (%s): run this on a machine of the "
            "cluster, or name its slurm.conf in SLURM_CONF; --dry-run shows the commands",
            said);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(said, known[i].word)) {
            advice = known[i].advice;
            break;
        }
    return err_set(err, ONIC_ECONFIG, "Slurm refused: %s; %s", said, advice);
}

static int wait_for_bash(pid_t pid, FILE *said, struct onic_err *err)
{
    int status = 0;
    char text[SAID_MAX];
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == 0)
        return ONIC_OK;
    bool own = code == EXIT_CANNOT || code == EXIT_NO_ANSWER;
    read_said(said, own, text);
    if (own)
        return err_set(err, code == EXIT_CANNOT ? ONIC_ECANTCREATE : ONIC_EAGAIN, "%s", text);
    return say_slurm_refused(text, err);
}

int launch_submit(const char *script, struct onic_err *err)
{
    pid_t pid;
    if (!shell_finds("sbatch"))
        return err_set(err, ONIC_ENOTFOUND,
                       "there is no sbatch here: run this on a machine of the Slurm cluster, or "
                       "see with --dry-run what it would submit");
    int rc = output_flush(err);
    if (rc)
        return rc;
    FILE *in = tmpfile(), *said = tmpfile();
    if (!in || !said || fputs(script, in) < 0 || fflush(in) != 0)
        rc =
            err_set(err, ONIC_ECANTCREATE, "no temporary file can be written: %s", strerror(errno));
    if (!rc) {
        int code = start_bash(in, said, &pid);
        rc = code ? limits_no_process("bash", code, err) : wait_for_bash(pid, said, err);
    }
    if (in)
        fclose(in);
    if (said)
        fclose(said);
    return rc;
}
