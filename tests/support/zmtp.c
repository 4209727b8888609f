/* SPDX-License-Identifier: MIT */
/* zmtp.c - see zmtp.h. */
#define _GNU_SOURCE
#include "tests/support/zmtp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int zmtp_port(const char *address)
{
    int port = 0;
    return sscanf(address, "tcp://127.0.0.1:%d", &port) == 1 ? port : -1;
}

/* Version 3.1, as a client. */
static bool zmtp_greet(int fd, const char *mechanism)
{
    uint8_t greeting[64] = {0xff, [9] = 0x7f, [10] = 3, [11] = 1};
    memcpy(greeting + 12, mechanism, strlen(mechanism));
    return send(fd, greeting, sizeof greeting, MSG_NOSIGNAL) == (ssize_t)sizeof greeting;
}

int zmtp_connect(int port, const char *mechanism, int flags)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
    if (fd < 0)
        return -1;
    bool made = connect(fd, (struct sockaddr *)&a, sizeof a) == 0 || errno == EINPROGRESS;
    if (made && (!mechanism || zmtp_greet(fd, mechanism)))
        return fd;
    close(fd);
    return -1;
}

static bool zmtp_send(int fd, const void *bytes, size_t len)
{
    return send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* A command with a length of eight bytes: READY, and its two properties. */
static bool zmtp_ready(int fd, size_t name_len, uint8_t first)
{
    static const char type[] = "\5READY\13Socket-Type\0\0\0\6DEALER\10Identity";
    const size_t types = sizeof type - 1;
    size_t body = types + 4 + name_len;
    uint8_t *command = calloc(1, 9 + body);
    if (!command)
        return false;
    command[0] = 6;
    for (int i = 0; i < 4; i++) {
        command[8 - i] = (uint8_t)(body >> 8 * i);
        command[9 + types + 3 - (size_t)i] = (uint8_t)(name_len >> 8 * i);
    }
    memcpy(command + 9, type, types);
    memset(command + 9 + types + 4, 'n', name_len);
    if (name_len)
        command[9 + types + 4] = first;
    bool sent = zmtp_send(fd, command, 9 + body);
    free(command);
    return sent;
}

/* libzmq closes a connection on which all comes at once. */
static bool zmtp_is_greeted(int fd)
{
    struct timeval patience = {.tv_sec = 60};
    uint8_t greeting[64];
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
           recv(fd, greeting, sizeof greeting, MSG_WAITALL) == (ssize_t)sizeof greeting;
}

int zmtp_connect_named(int port, size_t name_len, uint8_t first, uint8_t message)
{
    const uint8_t bytes[] = {0, 1, message};
    int fd = zmtp_connect(port, "NULL", SOCK_CLOEXEC);
    if (fd < 0)
        return -1;
    if (zmtp_is_greeted(fd) && zmtp_ready(fd, name_len, first) &&
        zmtp_send(fd, bytes, sizeof bytes))
        return fd;
    close(fd);
    return -1;
}

int zmtp_listen(char address[64])
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) != 0) {
        close(fd);
        return -1;
    }
    snprintf(address, 64, "tcp://127.0.0.1:%d", ntohs(a.sin_port));
    return fd;
}

void zmtp_answer(int listener, const char *mechanism, int *held)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        if (mechanism)
            zmtp_greet(fd, mechanism);
        if (*held >= 0)
            close(*held);
        *held = fd;
        if (!mechanism) {
            close(fd);
            *held = -1;
        }
    }
}
