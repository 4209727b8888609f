/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_CONFIG_CHOICE_H
#define ONIC_COMMON_CONFIG_CHOICE_H

/* choice.h - the words of an OPT_CHOICE row, (a, b, c), as constants of an enum and as text.
 *
 * The preprocessor makes both of the one list, so that code compares constants and a word that is
 * misspelt in code does not compile. At most eight words, each a C identifier that is no macro. */

#define CHOICE_WORDS(...) __VA_ARGS__ /* CHOICE_WORDS words: the list without its parentheses */
/* CONFIG_run_on_exists_resume, CONFIG_run_on_exists_fail, ... */
#define CHOICE_CONSTANTS(prefix, ...) CHOICE_EACH(CHOICE_CONSTANT, prefix, __VA_ARGS__)
/* "|resume|fail|overwrite" */
#define CHOICE_TEXT(...) CHOICE_EACH(CHOICE_WORD, , __VA_ARGS__)

#define CHOICE_CONSTANT(prefix, word) prefix##word,
#define CHOICE_WORD(prefix, word) "|" #word

#define CHOICE_EACH(f, p, ...)                                                                     \
    CHOICE_NINTH(__VA_ARGS__, CHOICE_8, CHOICE_7, CHOICE_6, CHOICE_5, CHOICE_4, CHOICE_3,          \
                 CHOICE_2, CHOICE_1, 0)                                                            \
    (f, p, __VA_ARGS__)
#define CHOICE_NINTH(a, b, c, d, e, f, g, h, ninth, ...) ninth
#define CHOICE_1(f, p, a) f(p, a)
#define CHOICE_2(f, p, a, ...) f(p, a) CHOICE_1(f, p, __VA_ARGS__)
#define CHOICE_3(f, p, a, ...) f(p, a) CHOICE_2(f, p, __VA_ARGS__)
#define CHOICE_4(f, p, a, ...) f(p, a) CHOICE_3(f, p, __VA_ARGS__)
#define CHOICE_5(f, p, a, ...) f(p, a) CHOICE_4(f, p, __VA_ARGS__)
#define CHOICE_6(f, p, a, ...) f(p, a) CHOICE_5(f, p, __VA_ARGS__)
#define CHOICE_7(f, p, a, ...) f(p, a) CHOICE_6(f, p, __VA_ARGS__)
#define CHOICE_8(f, p, a, ...) f(p, a) CHOICE_7(f, p, __VA_ARGS__)

#endif /* ONIC_COMMON_CONFIG_CHOICE_H */
