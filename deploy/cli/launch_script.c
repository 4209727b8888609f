/* SPDX-License-Identifier: MIT */
/* launch_script.c - see launch_script.h. Every word that a person or a file chose is quoted; a line
 * of the script is one command. */
#include "deploy/cli/launch_script.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/shell.h"
#include "common/base/xmalloc.h"

enum { LAUNCH_PATH_MAX = 2 * CONFIG_STR_MAX };

/* Variables that a user may have for squeue, scancel and sbatch would make other questions of ours,
 * or have sbatch wait for a job that is not to begin; SLURM_CLUSTERS is what all of them hear.
 * ask: a run has one learner, so what Slurm has in its queue is not submitted again. Only Slurm's
 * word says that a job is gone. All runs are asked for before anything is made.
 * give_up CODE: no learner stays without its actors, and of a launch nothing stays.
 * begin: learners wait until Slurm has taken all jobs, so what an earlier job left, which actors
 * would take for this one's, is removed when nothing can be refused any more. They wait for a time:
 * of a job that is held Slurm does not look whether any node can have it.
 * Their exit codes are read by launch_submit.c. */
static const char FUNCTIONS[] =
    "unset ${!SQUEUE_@} ${!SCANCEL_@} SBATCH_ARRAY_INX SBATCH_WAIT\n"
    "if [ -n \"${SBATCH_CLUSTERS:-}\" ]; then export SLURM_CLUSTERS=$SBATCH_CLUSTERS; fi\n"
    "learner= jobs= dirs=() before=()\n"
    "ask() {\n"
    "  local job= said=\n"
    "  if [ -s \"$1/slurm/job\" ]; then job=$(tr -cd 0-9_ <\"$1/slurm/job\"); fi\n"
    "  if [ -n \"$job\" ]; then\n"
    "    said=$(squeue -a -h -o 'queued %i' -j \"$job\" 2>&1) || case $said in\n"
    "      *'Invalid job id'*) said= ;;\n"
    "      *) echo \"whether $1 is still in the queue, as job $job, squeue does not say: "
    "${said##*$'\\n'}; try again\" >&2\n"
    "        exit 75 ;;\n"
    "    esac\n"
    "    case $said in\n"
    "      *'queued '[0-9]*) echo \"$1 is in the queue already, as job $job; scancel $job takes it "
    "out\" >&2\n"
    "        exit 73 ;;\n"
    "    esac\n"
    "  fi\n"
    "  dirs+=(\"$1\") before+=(\"$job\")\n"
    "}\n"
    "give_up() {\n"
    "  local said i\n"
    "  trap - HUP INT TERM\n"
    "  if [ -z \"$learner\" ]; then exit $1; fi\n"
    "  if said=$(scancel \"$learner\" $jobs 2>&1) || "
    "! grep -qv 'Invalid job id' <<<\"$said\"; then\n"
    "    for i in \"${!dirs[@]}\"; do\n"
    "      if [ -n \"${before[i]}\" ]; then echo \"${before[i]}\" >\"${dirs[i]}/slurm/job\"\n"
    "      else rm -f \"${dirs[i]}/slurm/job\"; fi || true\n"
    "    done\n"
    "    exit $1\n"
    "  fi\n"
    "  echo \"Slurm took a part alone, and scancel does not take it out: ${said##*$'\\n'}; when "
    "Slurm answers: scancel $learner$jobs\" >&2\n"
    "  exit 75\n"
    "}\n"
    "begin() {\n"
    "  local said dir\n"
    "  for dir in \"${dirs[@]}\"; do\n"
    "    rm -f \"$dir/slurm/done\" \"$dir/slurm/learner\" \"$dir/slurm/keys\" || give_up 73\n"
    "  done\n"
    "  trap - HUP INT TERM\n"
    "  if [ \"$1\" = later ]; then return; fi\n"
    "  if said=$(scontrol update JobId=\"$learner\" StartTime=now 2>&1); then return; fi\n"
    "  echo \"Slurm has the jobs and begins them in ten minutes only: ${said##*$'\\n'}; at once: "
    "scontrol update JobId=$learner StartTime=now\" >&2\n"
    "  exit 75\n"
    "}\n";

void launch_add_word(char ***words, const char *text)
{
    int n = 0;
    while (*words && (*words)[n])
        n++;
    *words = xrealloc(*words, ((size_t)n + 2) * sizeof **words);
    (*words)[n] = xstrdup(text);
    (*words)[n + 1] = NULL;
}

void launch_free_words(char **words)
{
    for (int i = 0; words && words[i]; i++)
        free(words[i]);
    free(words);
}

/* A word of a command: an option keeps its dashes, of which shell_put would think as of a file. */
static void put_launch_word(struct buf *out, const char *text)
{
    size_t dashes = strspn(text, "-");
    buf_printf(out, " %.*s", (int)dashes, text);
    if (!dashes || text[dashes])
        shell_put(out, text + dashes);
}

static void put_launch_words(struct buf *out, char *const *words)
{
    for (int i = 0; words && words[i]; i++)
        put_launch_word(out, words[i]);
}

/* " --name=value", where there is a value. */
static void put_slurm_option(struct buf *out, const char *name, const char *value)
{
    if (!value[0])
        return;
    buf_printf(out, " --%s=", name);
    shell_put(out, value);
}

/* Slurm reads %j and the like in names of files. */
static void put_log_option(struct buf *out, const char *dir, const char *name)
{
    char path[LAUNCH_PATH_MAX];
    size_t n = 0;
    for (const char *c = dir; *c && n + 3 < sizeof path; c++) {
        if (*c == '%')
            path[n++] = '%';
        path[n++] = *c;
    }
    path[n] = '\0';
    buf_puts(out, " --output=");
    shell_put(out, path);
    buf_puts(out, name);
}

static void put_common_options(struct buf *out, const struct launch_wish *w)
{
    buf_puts(out, " --nodes=1 --ntasks=1 --requeue --open-mode=append --export=ALL");
    put_slurm_option(out, "time", w->time);
    put_slurm_option(out, "partition", w->partition);
    put_slurm_option(out, "account", w->account);
    put_slurm_option(out, "qos", w->qos);
    put_launch_words(out, w->both);
}

static void put_name_option(struct buf *out, const struct launch *l, const char *ending)
{
    char name[CONFIG_STR_MAX + 32];
    snprintf(name, sizeof name, "onic-%s%s", l->name, ending);
    put_slurm_option(out, "job-name", name);
}

/* A time that a user gives (--begin) is when they begin. */
static bool launch_has_begin(const struct launch_wish *w)
{
    char **const lists[] = {w->both, w->learner};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (char **word = lists[i]; word && *word; word++)
            if (strncmp(*word, "--begin", 7) == 0 || strncmp(*word, "-b", 2) == 0)
                return true;
    return false;
}

/* "sbatch ..." of a learner, up to its script. */
static void put_learner_command(struct buf *out, const struct launch *l,
                                const struct launch_wish *w)
{
    buf_puts(out, "sbatch --parsable");
    put_name_option(out, l, "");
    put_log_option(out, l->dir, l->sweep ? "/log/slurm-%A-%a.log" : "/slurm/learner-%j.log");
    buf_printf(out, "%s --cpus-per-task=%" PRId64 " --signal=B:USR1@120",
               launch_has_begin(w) ? "" : " --begin=now+600", w->cpus);
    put_slurm_option(out, "mem", w->mem);
    put_common_options(out, w);
    put_launch_words(out, w->learner);
}

static void put_learner_job(struct buf *out, const struct launch *l, const struct launch_wish *w,
                            const char *scripts)
{
    buf_puts(out, "learner=$(");
    put_learner_command(out, l, w);
    buf_puts(out, " ");
    shell_put(out, scripts);
    buf_puts(out, "/onic.sbatch");
    put_launch_words(out, l->run[0].learner);
    buf_puts(out, ")\n");
}

/* The learners of a sweep: what each task runs is in Slurm's hands, not in a file of the folder. */
static void put_learner_array(struct buf *out, const struct launch *l, const struct launch_wish *w,
                              const char *scripts)
{
    buf_puts(out, "learner=$(");
    put_learner_command(out, l, w);
    buf_puts(out, " --array=");
    for (int i = 0; i < l->n; i++)
        buf_printf(out, "%s%d", i ? "," : "", l->run[i].index);
    if (w->jobs)
        buf_printf(out, "%%%" PRId64, w->jobs);
    buf_puts(out, " <<'ONIC_JOB'\n#!/usr/bin/env bash\ncase $SLURM_ARRAY_TASK_ID in\n");
    for (int i = 0; i < l->n; i++) {
        buf_printf(out, "  %d) set --", l->run[i].index);
        put_launch_words(out, l->run[i].learner);
        buf_puts(out, " ;;\n");
    }
    buf_puts(out, "  *) exit 64 ;;\nesac\nexec ");
    shell_put(out, scripts);
    buf_puts(out, "/onic.sbatch \"$@\"\nONIC_JOB\n)\n");
}

static void put_actor_array(struct buf *out, const struct launch *l, const struct launch_run *r,
                            const struct launch_wish *w, const char *scripts)
{
    buf_puts(out, "actors=$(sbatch --parsable");
    put_name_option(out, l, "-actors");
    put_log_option(out, r->dir, "/slurm/actor-%A-%a.log");
    buf_printf(out,
               " --cpus-per-task=1 --signal=B:USR1@60 --array=1-%" PRId64
               " --dependency=after:\"$learner\"",
               w->actors);
    if (l->sweep)
        buf_printf(out, "_%d", r->index);
    put_slurm_option(out, "mem", w->actor_mem);
    put_common_options(out, w);
    put_launch_words(out, w->actor);
    buf_puts(out, " ");
    shell_put(out, scripts);
    buf_puts(out, "/actors.sbatch");
    put_launch_words(out, r->actor);
    buf_puts(out, ") || give_up 1\njobs=\"$jobs ${actors%%;*}\"\n");
}

/* Slurm keeps the variables of a job, and gives them to it: those of an actor hold no key. */
static const char WITHOUT_API_KEYS[] =
    "for name in $(compgen -e); do case $name in *_API_KEY) unset \"$name\" ;; esac; done\n";

/* Questions first: where one of them is answered badly, nothing has been touched. */
static void put_run_folders(struct buf *out, const struct launch *l)
{
    for (int i = 0; i < l->n; i++) {
        buf_puts(out, "ask ");
        shell_put(out, l->run[i].dir);
        buf_puts(out, "\n");
    }
    buf_puts(out, "for dir in \"${dirs[@]}\"; do mkdir -p \"$dir/slurm\" || exit 73; done\n");
    if (l->sweep) { /* for the learners' logs */
        buf_puts(out, "mkdir -p ");
        shell_put(out, l->dir);
        buf_puts(out, "/log || exit 73\n");
    }
}

/* echo "JOB, without the end of its quotes. */
static void put_learner_number(struct buf *out, const struct launch *l, const struct launch_run *r)
{
    buf_puts(out, "echo \"${learner}");
    if (l->sweep)
        buf_printf(out, "_%d", r->index);
}

/* As soon as there is one: whatever happens then, the next launch asks for it. */
static void put_job_file(struct buf *out, const struct launch *l, const struct launch_run *r)
{
    put_learner_number(out, l, r);
    buf_puts(out, "\" >");
    shell_put(out, r->dir);
    buf_puts(out, "/slurm/job || give_up 73\n");
}

static void put_launch_results(struct buf *out, const struct launch *l)
{
    buf_puts(out, "set -- $jobs\n");
    for (int i = 0; i < l->n; i++) {
        put_learner_number(out, l, &l->run[i]);
        buf_printf(out, " ${%d}\" ", i + 1);
        shell_put(out, l->run[i].dir);
        buf_puts(out, "\n");
    }
}

void launch_script(const struct launch *l, const struct launch_wish *w, const char *bin,
                   const char *scripts, struct buf *out)
{
    buf_printf(out,
               "#!/usr/bin/env bash\n"
               "# %d run%s with %" PRId64 " actors each; prints the learner's and the actors' job "
               "and the run directory of each\n"
               "set -eu\nexport ONIC_BIN=",
               l->n, l->n == 1 ? "" : "s", w->actors);
    shell_put(out, bin);
    buf_puts(out, "\n");
    buf_puts(out, FUNCTIONS);
    put_run_folders(out, l);
    buf_puts(out, "trap 'give_up 130' HUP INT TERM\n");
    if (l->sweep)
        put_learner_array(out, l, w, scripts);
    else
        put_learner_job(out, l, w, scripts);
    buf_puts(out, "learner=${learner%%;*}\n"); /* "12;cluster" where there are several */
    for (int i = 0; i < l->n; i++)
        put_job_file(out, l, &l->run[i]);
    buf_puts(out, WITHOUT_API_KEYS);
    for (int i = 0; i < l->n; i++)
        put_actor_array(out, l, &l->run[i], w, scripts);
    buf_printf(out, "begin %s\n", launch_has_begin(w) ? "later" : "now");
    put_launch_results(out, l);
}
