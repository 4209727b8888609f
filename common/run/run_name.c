/* SPDX-License-Identifier: MIT */
/* run_name.c - where a run goes that was given no --run-dir; see run_dir_name.
 *
 * One configuration is trained in several ways from the command line, to compare them. Those that
 * cannot share a run have directories of their own: another reward model, annotator or goal than
 * the configuration's. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/config/options.h"
#include "common/run/run_dir.h"

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("._-+", c) != NULL || (unsigned char)c >= 0x80;
}

/* The name of a file without folder and extension. */
static void stem(const char *path, char out[CONFIG_STR_MAX])
{
    const char *slash = strrchr(path, '/');
    snprintf(out, CONFIG_STR_MAX, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(out, '.');
    if (dot && dot != out)
        *dot = '\0';
}

/* Standard input, a FIFO and what a shell makes of <(...) have names, but they say nothing: two
 * different configurations would share "63". */
static bool names_a_run(const char *file)
{
    struct stat st;
    if (!file[0] || strcmp(file, CONFIG_STDIN_NAME) == 0 || strncmp(file, "/dev/", 5) == 0 ||
        strncmp(file, "/proc/", 6) == 0)
        return false;
    return stat(file, &st) != 0 || S_ISREG(st.st_mode);
}

/* The last configuration file with a name of its own, or the environment. */
static void put_subject(const struct config *given, struct buf *out)
{
    char what[CONFIG_STR_MAX];
    int last = CONFIG_FILES_MAX - 1;
    while (last > 0 && !names_a_run(given->origin_file[last]))
        last--;
    if (names_a_run(given->origin_file[last]))
        stem(given->origin_file[last], what);
    else
        snprintf(what, sizeof what, "%s", given->env_id);
    for (char *p = what; *p; p++)
        if (*p == ':' || *p == '/')
            *p = '-';
    buf_puts(out, what);
}

/* Is the word of n bytes one that the option's help, which names all its values, contains? */
static bool help_has_word(int option, const char *word, size_t n)
{
    static const char ends[] = " ,.:;()";
    for (const char *p = option_rows[option].help; *p; p += strspn(p, ends)) {
        size_t len = strcspn(p, ends);
        if (len == n && memcmp(p, word, n) == 0)
            return true;
        p += len;
    }
    return false;
}

/* A goal "none" or "rules-of-mine" would name the run of that reward model or annotator. */
static bool reads_as_another_value(const char *goal)
{
    size_t n = strcspn(goal, "-");
    return help_has_word(CONFIG_I_reward_model, goal, n) ||
           help_has_word(CONFIG_I_annotator_id, goal, n) ||
           (n == 4 && memcmp(goal, "goal", n) == 0);
}

/* "-value" when it was given another one than the configuration's; of a path its file's name. */
static void put_difference(const struct config *given, int option, const char *value,
                           struct buf *out)
{
    char part[CONFIG_STR_MAX];
    if (!given->differs[option])
        return;
    if (strchr(value, '/'))
        stem(value, part);
    else
        snprintf(part, sizeof part, "%s", value);
    for (char *p = part; *p; p++)
        if (!is_plain(*p))
            *p = '-';
    bool goal = option == CONFIG_I_annotator_goal && reads_as_another_value(part);
    if (part[0])
        buf_printf(out, "-%s%s", goal ? "goal-" : "", part);
}

int run_dir_name(const struct config *given, char *out, size_t size, struct onic_err *err)
{
    struct buf name;
    buf_init(&name, 8 * CONFIG_STR_MAX);
    if (given->run_dir[0]) {
        buf_puts(&name, given->run_dir);
    } else {
        buf_puts(&name, "runs/");
        put_subject(given, &name);
        put_difference(given, CONFIG_I_reward_model, given->reward_model, &name);
        put_difference(given, CONFIG_I_annotator_id, given->annotator_id, &name);
        put_difference(given, CONFIG_I_annotator_goal, given->annotator_goal, &name);
        buf_printf(&name, "-s%lld", (long long)given->run_seed);
    }
    while (name.len > 1 && name.data[name.len - 1] == '/')
        name.data[--name.len] = '\0';
    int rc = name.len < size ? ONIC_OK
                             : err_set(err, ONIC_ECANTCREATE,
                                       "the run directory's name is too long; give a shorter "
                                       "--run-dir");
    if (!rc)
        memcpy(out, name.data, name.len + 1);
    buf_release(&name);
    return rc;
}
