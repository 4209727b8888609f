/* SPDX-License-Identifier: MIT */
/* output.c - see output.h. The error mark of the stream stays after a failed write, its reason does
 * not: the reason is only known of the write that fails here. */
#include "common/base/output.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"

/* Asked of the pipe or socket itself, because SIGPIPE may be ignored and the reason be long
 * forgotten. */
static bool reader_left(void)
{
    struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&fd, 1, 0) > 0 && (fd.revents & POLLERR);
}

static int output_lost(struct onic_err *err, int code)
{
    if (reader_left())
        return ONIC_ESTOPPED;
    return code ? err_set(err, ONIC_EIO, "standard output could not be written: %s", strerror(code))
                : err_set(err, ONIC_EIO, "standard output could not be written; is the disk full?");
}

int output_flush(struct onic_err *err)
{
    bool earlier = ferror(stdout) != 0;
    errno = 0;
    if (fflush(stdout) != 0)
        return output_lost(err, errno);
    return earlier ? output_lost(err, 0) : ONIC_OK;
}

int output_end(const char *program, int code)
{
    struct onic_err err = {0};
    int rc = output_flush(&err);
    /* A network file system may keep its refusal until the file is closed. With nothing to write, a
     * descriptor that was closed all along (EBADF) is nobody's loss. */
    if (fclose(stdout) != 0 && !rc && errno != EBADF && errno != EPIPE)
        rc = output_lost(&err, errno);
    if (!rc || rc == ONIC_ESTOPPED || code != 0)
        return code;
    log_say(LOG_ERROR, program, "%s", err.msg);
    return err_exit_code(rc);
}
