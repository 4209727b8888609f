/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_ZMTP_H
#define ONIC_TESTS_SUPPORT_ZMTP_H

/* zmtp.h - connections that a test makes by hand, as far as libzmq's first words. */

#include <stddef.h>
#include <stdint.h>

/* Of tcp://127.0.0.1:PORT; -1: it is another address. */
int zmtp_port(const char *address);
/* A connection to this port of the loopback address, on which libzmq's greeting of this mechanism
 * ("NULL", "CURVE") was sent in one piece; mechanism NULL: nothing. flags are those of socket(2);
 * with SOCK_NONBLOCK it may not be there yet, and there can be no greeting. -1: it cannot be made.
 */
int zmtp_connect(int port, const char *mechanism, int flags);
/* The same without keys, as libzmq's 3.0, and ready: it gives itself a name of so many bytes that
 * begins with `first` (0: none), and has sent one message of this one byte. -1: not. */
int zmtp_connect_named(int port, size_t name_len, uint8_t first, uint8_t message);

/* A port of the loopback address where nobody answers but zmtp_answer; its address is written to
 * address. -1: it cannot be made. */
int zmtp_listen(char address[64]);
/* Greets whoever has come there since, or with mechanism NULL ends the connection; the newest one
 * is kept in *held, -1 or the one before, which is closed. */
void zmtp_answer(int listener, const char *mechanism, int *held);

#endif /* ONIC_TESTS_SUPPORT_ZMTP_H */
