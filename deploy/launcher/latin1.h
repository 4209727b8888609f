/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_LAUNCHER_LATIN1_H
#define ONIC_DEPLOY_LAUNCHER_LATIN1_H

/* latin1.h - captions are bytes of a game; in JSON each byte is the Latin-1 character of that
 * number (buf_json_string). This is the way back. */

#include <stddef.h>

/* UTF-8 to the bytes of the game; characters above 255 are kept as UTF-8. In place, NUL-terminated;
 * returns the length. */
static inline size_t latin1_from_utf8(char *s)
{
    size_t n = 0;
    for (size_t i = 0; s[i]; i++) {
        unsigned char c = (unsigned char)s[i];
        if ((c == 0xc2 || c == 0xc3) && s[i + 1]) {
            s[n++] = (char)((c & 3) << 6 | ((unsigned char)s[i + 1] & 0x3f));
            i++;
        } else {
            s[n++] = (char)c;
        }
    }
    s[n] = '\0';
    return n;
}

#endif /* ONIC_DEPLOY_LAUNCHER_LATIN1_H */
