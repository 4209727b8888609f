/* SPDX-License-Identifier: MIT */
/* sock_folder.c - see sock_folder.h. A socket is bound for a trial: some network file systems and
 * shared folders of virtual machines can be written but hold no sockets. */
#include "common/wire/frame/sock_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/shown.h"

static const char longest_name[] = "/learner.weights", folder_prefix[] = "onic-sockets-";

static int try_socket(const char *folder)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = strlen(folder) + strlen(longest_name);
    if (n >= sizeof a.sun_path)
        return ENAMETOOLONG;
    memcpy(a.sun_path, folder, strlen(folder));
    memcpy(a.sun_path + strlen(folder), longest_name, sizeof longest_name);
    for (size_t i = 0, whole; folder[i]; i += whole) /* it stands in an option of each program */
        if (!shown_as_is(folder + i, strlen(folder + i), &whole))
            return EILSEQ;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int rc = bind(fd, (struct sockaddr *)&a, sizeof a) == 0 ? 0 : errno;
    close(fd);
    if (!rc)
        unlink(a.sun_path);
    return rc;
}

int sock_folder_create(struct scratch *s, const char *first, struct onic_err *err)
{
    static const struct scratch_wish wish = {.prefix = folder_prefix,
                                             .what = "sockets",
                                             .path_max = sizeof((struct sockaddr_un *)0)->sun_path -
                                                         sizeof longest_name,
                                             .check = try_socket};
    const char *const places[] = {first, getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp"};
    return scratch_create(s, &wish, places, 4, err);
}

bool sock_folder_holds(const char *address)
{
    static const char ipc[] = "ipc://";
    const char *path = address + sizeof ipc - 1, *name;
    if (strncmp(address, ipc, sizeof ipc - 1) != 0 || !strrchr(path, '/'))
        return false;
    for (name = strrchr(path, '/'); name > path && name[-1] != '/';)
        name--;
    return strncmp(name, folder_prefix, sizeof folder_prefix - 1) == 0;
}
