/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_CONFIG_CONFIG_H
#define ONIC_COMMON_CONFIG_CONFIG_H

/* config.h - every options.def as a struct: default < YAML files in order < environment < command
 * line.
 *
 * Unknown key or bad value is ONIC_ECONFIG with file, line (or flag) and the nearest known name.
 * YAML subset: no anchors, aliases or tags, at most 1 MiB, depth 2, no key twice in a file. A
 * failed read changes nothing. The struct is plain data: copy it freely. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/bounds.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/config/choice.h"

enum { CONFIG_STR_MAX = 512, CONFIG_FILES_MAX = 16 };

enum config_origin {
    CONFIG_DEFAULT,
    CONFIG_FILE,
    CONFIG_ENV,
    CONFIG_CLI,
    CONFIG_PEER,
    CONFIG_AUTO
};

enum config_index {
#define OPT_INT(section, name, def, lo, hi, who, help) CONFIG_I_##section##_##name,
#define OPT_REAL(section, name, def, lo, hi, who, help) CONFIG_I_##section##_##name,
#define OPT_BOOL(section, name, def, who, help) CONFIG_I_##section##_##name,
#define OPT_STR(section, name, def, who, help) CONFIG_I_##section##_##name,
#define OPT_CHOICE(section, name, def, words, who, help) CONFIG_I_##section##_##name,
#include "generated/options.def"
#undef OPT_INT
#undef OPT_REAL
#undef OPT_BOOL
#undef OPT_STR
#undef OPT_CHOICE
    CONFIG_COUNT
};

/* enum config_run_on_exists { CONFIG_run_on_exists_resume, ... } */
#define OPT_INT(section, name, def, lo, hi, who, help)
#define OPT_REAL(section, name, def, lo, hi, who, help)
#define OPT_BOOL(section, name, def, who, help)
#define OPT_STR(section, name, def, who, help)
#define OPT_CHOICE(section, name, def, words, who, help)                                           \
    enum config_##section##_##name{                                                                \
        CHOICE_CONSTANTS(CONFIG_##section##_##name##_, CHOICE_WORDS words)};
#include "generated/options.def"
#undef OPT_INT
#undef OPT_REAL
#undef OPT_BOOL
#undef OPT_STR
#undef OPT_CHOICE

/* CONFIG_MAX_train_window: the largest value of a whole number, INT32_MAX where that is less. */
enum config_max {
#define OPT_INT(section, name, def, lo, hi, who, help)                                             \
    CONFIG_MAX_##section##_##name = (hi) > INT32_MAX ? INT32_MAX : (hi),
#define OPT_REAL(section, name, def, lo, hi, who, help)
#define OPT_BOOL(section, name, def, who, help)
#define OPT_STR(section, name, def, who, help)
#define OPT_CHOICE(section, name, def, words, who, help)
#include "generated/options.def"
#undef OPT_INT
#undef OPT_REAL
#undef OPT_BOOL
#undef OPT_STR
#undef OPT_CHOICE
};

struct config {
#define OPT_INT(section, name, def, lo, hi, who, help) int64_t section##_##name;
#define OPT_REAL(section, name, def, lo, hi, who, help) double section##_##name;
#define OPT_BOOL(section, name, def, who, help) bool section##_##name;
#define OPT_STR(section, name, def, who, help) char section##_##name[CONFIG_STR_MAX];
#define OPT_CHOICE(section, name, def, words, who, help)                                           \
    enum config_##section##_##name section##_##name;
#include "generated/options.def"
#undef OPT_INT
#undef OPT_REAL
#undef OPT_BOOL
#undef OPT_STR
#undef OPT_CHOICE
    uint8_t origin[CONFIG_COUNT];                       /* enum config_origin of each option */
    char origin_file[CONFIG_FILES_MAX][CONFIG_STR_MAX]; /* YAML files read, in order */
    uint8_t origin_which[CONFIG_COUNT];                 /* index into origin_file for CONFIG_FILE */
    /* environment or command line gave another value than defaults and files; set by config_load */
    bool differs[CONFIG_COUNT];
};

void config_defaults(struct config *c);

/* One option by its dotted key ("train.lr"). where: for the sentence, e.g. "--train.lr" or
 * "file.yaml:3". */
int config_set(struct config *c, const char *key, const char *value, enum config_origin origin,
               const char *where, struct onic_err *err);
/* What the user wrote as env.id, gym:MODULE:NAME, says that MODULE may be imported: adds it to
 * gym.modules. config_load does this itself; never call it for what a file or a peer says. */
int config_name_module(struct config *c, struct onic_err *err);
/* The value as text, as config_set would read it back; ONIC_ENOTFOUND for an unknown key. */
int config_get(const struct config *c, const char *key, char *out, size_t out_size);
enum config_origin config_origin_of(const struct config *c, const char *key);

/* "-" is standard input, which origin_file and sentences call by this name. */
#define CONFIG_STDIN_NAME "standard input"
int config_read_file(struct config *c, const char *path, struct onic_err *err);
/* YAML text from a peer (WELCOME) or a stored run; name is used in sentences. */
int config_read_text(struct config *c, const char *text, size_t len, const char *name,
                     enum config_origin origin, struct onic_err *err);
/* The same for a configuration that onic itself wrote (run directory, checkpoint), perhaps an older
 * version: options it no longer knows are named in the log and left out. Origin: CONFIG_FILE. */
int config_read_stored(struct config *c, const char *text, size_t len, const char *name,
                       struct onic_err *err);
int config_read_env(struct config *c, struct onic_err *err); /* ONIC_SECTION_NAME */

/* Command line of a program: handles --section.name=value, --section.name value, the short forms of
 * deploy/interface.md (--frames, --seed, --run-dir, --deterministic, --on-exists, --listen,
 * --learner, --orphan-timeout), YAML files as positional arguments (read first, in order), --help,
 * --version. Whatever it does not know is an error, unless `extra` lists it: "--greedy" takes no
 * value, "--episodes=" takes one, "--json=-" takes none or the word "-" (standard output, said or
 * not); NULL-terminated; on_extra is called with the name without dashes and '=' ("episodes") and
 * the value (NULL when it takes none; then --greedy=false or --greedy false is as if it were not
 * there). who and rows select what --help lists: see config_help. usage: first lines of --help.
 * From then on log.level says which lines are written. Returns ONIC_OK, or ONIC_ESTOPPED when
 * --help or --version was printed to stdout (exit 0), ONIC_EIO when that could not be written. */
struct config_cli {
    char who;
    const char *program; /* "onic train" */
    const char *usage;
    const char *rows; /* options this command acts on, for --help; NULL: all of who */
    /* Options whose default is another one here, "reward.batch=1024 run.seed=7", for --help too;
     * NULL: none. Their origin is CONFIG_DEFAULT. */
    const char *defaults;
    const char *const *extra;
    int (*on_extra)(void *ctx, const char *name, const char *value, struct onic_err *err);
    /* NULL: positionals are YAML files */
    int (*on_positional)(void *ctx, const char *arg, struct onic_err *err);
    void *ctx;
};
int config_load(struct config *c, int argc, char **argv, const struct config_cli *cli,
                struct onic_err *err);

/* log.level and log.format as c has them: config_load does it, and who goes on with the options of
 * a stored run. */
void config_use_log(const struct config *c);

/* The value of a flag that on_extra receives ("episodes", "1e3"), read as an option of that kind
 * would be. ONIC_ECONFIG, *out as it was: no number, or out of range. */
int config_flag_int(const char *flag, const char *value, int64_t min, int64_t max, int64_t *out,
                    struct onic_err *err);
int config_flag_real(const char *flag, const char *value, double min, double max, double *out,
                     struct onic_err *err);

/* Resolved YAML, each value with its origin as a comment. */
void config_dump(const struct config *c, struct buf *out);
/* The same of the options that `wanted` holds for. */
void config_dump_some(const struct config *c, bool (*wanted)(int i), struct buf *out);
/* The option rows of --help, with their values in `defaults`: those of a program (who:
 * 'A','L','R','F'); rows, when not NULL, narrows them to words separated by spaces, each a section
 * ("env") or an option ("run.seed"). what: "all", a section or an option; NULL: where there are
 * many, the most used of them and the names of the sections. Lines have at most 100 columns.
 * ONIC_ECONFIG: `what` is none of these. */
int config_help(char who, const char *rows, const char *what, const struct config *defaults,
                struct buf *out, struct onic_err *err);
void config_reference(struct buf *out); /* all options as Markdown: deploy/options.md */
void config_version(struct buf *out);   /* version, git, compiler, CPU path */

#endif /* ONIC_COMMON_CONFIG_CONFIG_H */
