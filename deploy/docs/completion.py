#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Completions of bash, zsh and fish for onic and its programs: completion.py BUILD OUT writes OUT/{onic.bash,_onic,onic.fish}.

Made of what the programs in BUILD say to --help, while onic is built (deploy/CMakeLists.txt). Options come in two steps, since there
are some two hundred: `--` offers a command's flags and the sections, `--train.` the options of one. Standard library only."""
import pathlib
import sys

import programs

BASH = r"""# Completion of bash for onic; made by deploy/docs/completion.py.
@TABLES@
_onic()
{
    local line=${COMP_LINE:0:COMP_POINT} program=${COMP_WORDS[0]##*/} command token words i cut
    token=${line##*[[:space:]]}
    command=$program
    [[ $program == onic ]] && command=${COMP_WORDS[1]}
    COMPREPLY=()
    if [[ $program == onic && ( $COMP_CWORD == 1 || -z $command ) ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$_onic_commands" -- "$token")
        return
    fi
    if [[ $token == --*=* ]]; then
        local value=${token#*=} option=${token%%=*} prefix=
        [[ $COMP_WORDBREAKS == *=* ]] || prefix=$option=
        words=$(_onic_values "$command" "$option" "${COMP_WORDS[0]}")
        if [[ -n $words ]]; then
            mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "$words" -- "$value")
        else
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -P "$prefix" -f -- "$value")
        fi
        if [[ $value == *:* && $COMP_WORDBREAKS == *:* ]]; then
            cut=${value%"${value##*:}"}
            for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]=${COMPREPLY[i]#"$cut"}; done
        fi
    elif [[ $token == -* ]]; then
        words=$(_onic_flags "$command")
        [[ $token == --*.* ]] && words=$(_onic_section "$command" "${token%%.*}")
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$token")
        [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=.] ]] && compopt -o nospace
        [[ ${COMPREPLY[*]} == *=* ]] && compopt -o nospace
    else
        [[ $COMP_CWORD == 2 ]] && words=$(_onic_words "$command")
        if [[ -n $words ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$words" -- "$token")
        else
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$token")
        fi
    fi
    return 0
}
complete -F _onic onic onic-learner onic-actor onic-reward-server
"""

ZSH = r"""#compdef onic onic-learner onic-actor onic-reward-server
# Completion of zsh for onic; made by deploy/docs/completion.py.
@TABLES@
_onic()
{
    local program=${words[1]:t} command=$words[2] token=$words[CURRENT]
    local -a found
    [[ $program == onic ]] || command=$program
    if [[ $program == onic && $CURRENT == 2 ]]; then
        _describe command _onic_described
    elif [[ $token == --*=* ]]; then
        found=(${=$(_onic_values $command ${token%%=*} $words[1])})
        compset -P '*='
        if (( $#found )); then compadd -a found; else _files; fi
    elif [[ $token == --*.* ]]; then
        found=(${=$(_onic_section $command ${token%%.*})})
        compadd -S '' -a found
    elif [[ $token == -* ]]; then
        found=(${=$(_onic_flags $command)})
        compadd -S '' -a found
    else
        [[ $CURRENT == 3 ]] && found=(${=$(_onic_words $command)})
        if (( $#found )); then compadd -a found; else _files; fi
    fi
}
[[ $funcstack[1] == _onic ]] && _onic "$@" || compdef _onic onic onic-learner onic-actor onic-reward-server 2>/dev/null
"""


def one_of(cases, default=":"):
    """The lines of a case of the shell: {pattern: words}, those with the same words together."""
    together = {}
    for pattern, words in cases.items():
        if words:
            together.setdefault(words, []).append(pattern)
    return "".join(f"    {'|'.join(patterns)}) echo '{words}' ;;\n" for words, patterns in together.items()) + f"    *) {default} ;;\n"


def flag_word(name, values):
    return name if values is None else name + "="


def values_of(all_commands):
    """What an option takes, in every command the same, or it is of a command's own: {COMMAND=OPTION pattern: words}"""
    cases = {}
    for c in all_commands:
        for name, values in c.flags.items():
            if values:
                cases[f"{c.name or c.program}={name}"] = " ".join(values)
        for option in c.options:
            if option.choices():
                cases[f"*=--{option.name}"] = " ".join(option.choices())
    return cases


def tables(all_commands):
    """Functions that bash and zsh both understand."""
    flags, words, sections = {}, {}, {}
    for c in all_commands:
        key = c.name or c.program
        names = {o.name.partition(".")[0] for o in c.options}
        flags[key] = " ".join([*(flag_word(*f) for f in sorted(c.flags.items())), *(f"--{n}." for n in sorted(names))])
        words[key] = " ".join(c.words)
        for name in names:
            sections[f"{key}=--{name}"] = " ".join(f"--{o.name}=" for o in c.options if o.name.startswith(name + "."))
    environments = '"$3" env list 2>/dev/null | sed -n "s/^  \\([^ ]*\\) .*/\\1/p"'
    return (f"_onic_flags()\n{{\n    case $1 in\n{one_of(flags)}    esac\n}}\n"
            f"_onic_words()\n{{\n    case $1 in\n{one_of(words)}    esac\n}}\n"
            f"_onic_section()\n{{\n    case $1=$2 in\n{one_of(sections)}    esac\n}}\n"
            f"_onic_values()\n{{\n    case $1=$2 in\n    *=--env.id) {environments} ;;\n{one_of(values_of(all_commands))}    esac\n}}\n")


def bash(all_commands):
    names = " ".join(c.name for c in all_commands if c.name) + " --help --version"
    return BASH.replace("@TABLES@", f"_onic_commands='{names}'\n" + tables(all_commands))


def zsh(all_commands):
    described = "\n".join("    '" + f"{c.name}:{c.summary}".replace("'", "'\\''") + "'" for c in all_commands if c.name)
    return ZSH.replace("@TABLES@", f"_onic_described=(\n{described}\n)\n" + tables(all_commands))


def fish_word(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def short(text):
    """As much of a help text as fits beside a word."""
    text = text.split(";")[0]
    return text if len(text) <= 72 else text[:69].rsplit(" ", 1)[0] + " ..."


def fish_option(program, condition, name, values, text):
    takes = "" if values is None else "-x -a " + fish_word(" ".join(values)) if values else "-r -F"
    return " ".join(filter(None, ["complete", "-c", program, condition and f"-n {fish_word(condition)}", "-l", name, takes, "-d", fish_word(short(text))]))


def fish(all_commands):
    out = ["# Completion of fish for onic; made by deploy/docs/completion.py."]
    shared = {}
    for c in all_commands:
        if c.name:
            out.append(f"complete -c onic -f -n __fish_use_subcommand -a {c.name} -d {fish_word(short(c.summary))}")
        condition = f"__fish_seen_subcommand_from {c.name}" if c.name else ""
        for word in c.words:
            out.append(f"complete -c onic -n {fish_word(condition)} -a {word}")
        for name, values in sorted(c.flags.items()):
            out.append(fish_option(c.program, condition, name[2:], values, ""))
        for option in c.options:
            shared.setdefault((c.program, option.name, option.values, option.text), []).append(c.name)
    for (program, name, _, text), names in shared.items():
        option = programs.Option(name, _, text)
        condition = "__fish_seen_subcommand_from " + " ".join(names) if names[0] else ""
        if name == "env.id":
            out.append(f"complete -c {program} " + (f"-n {fish_word(condition)} " if condition else "") +
                       f"-l env.id -x -a '(onic env list 2>/dev/null | string match -rg \"^  (\\S+)\")' -d {fish_word(short(text))}")
        else:
            out.append(fish_option(program, condition, name, option.choices(), text))
    return "\n".join(out) + "\n"


def main():
    build, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    all_commands = programs.read(build)
    out.mkdir(parents=True, exist_ok=True)
    for name, make in (("onic.bash", bash), ("_onic", zsh), ("onic.fish", fish)):
        (out / name).write_text(make(all_commands), encoding="utf-8")


if __name__ == "__main__":
    main()
