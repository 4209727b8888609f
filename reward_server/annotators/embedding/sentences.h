/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_SENTENCES_H
#define ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_SENTENCES_H

/* sentences.h - a caption is what happened in one step, often several sentences: "You kill the
 * newt! The kitten eats a newt corpse." Their vectors blur when embedded together, and far fewer
 * distinct sentences exist than captions; so each is judged alone and the best one counts. */

enum { SENTENCES_MAX = 8 };

/* Cuts text in place after . ! or ? where blanks and then a capital letter, a digit, '$' or '"'
 * follow. What is beyond SENTENCES_MAX stays in the last part. Returns the number of parts, 0 for
 * blank text. */
int sentences_split(char *text, char *part[SENTENCES_MAX]);

#endif /* ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_SENTENCES_H */
