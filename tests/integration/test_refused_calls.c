/* SPDX-License-Identifier: MIT */
/* test_refused_calls.c - what the system or a library may refuse, and what is said then: calls that
 * fail on no machine when one wants them to are this program's own. One line of a table each. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "actor/envs/nethack/replay_log.h"
#include "common/http/http_plane.h"
#include "common/run/run_id.h"
#include "common/run/run_settle.h"
#include "common/wire/frame/sock.h"
#include "common/wire/rollout/ledger_page.h"
#include "learner/process/place_key.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/said.h"

static const char *refused; /* a call; NULL: none is */
static int refused_why;

static bool refuses(const char *call)
{
    if (!refused || strcmp(refused, call) != 0)
        return false;
    errno = refused_why;
    return true;
}

static void *refused_real(const char *call)
{
    void *f = dlsym(RTLD_NEXT, call);
    assert_non_null(f);
    return f;
}

ssize_t getrandom(void *out, size_t n, unsigned flags)
{
    ssize_t (*f)(void *, size_t, unsigned);
    if (refuses("getrandom"))
        return -1;
    *(void **)&f = refused_real("getrandom");
    return f(out, n, flags);
}

int posix_fallocate(int fd, off_t at, off_t n)
{
    int (*f)(int, off_t, off_t);
    if (refuses("posix_fallocate"))
        return refused_why;
    *(void **)&f = refused_real("posix_fallocate");
    return f(fd, at, n);
}

int rename(const char *from, const char *to)
{
    int (*f)(const char *, const char *);
    const char *name = strrchr(from, '/');
    if (name && strcmp(name, "/config.yaml") == 0 && refuses("rename"))
        return -1;
    *(void **)&f = refused_real("rename");
    return f(from, to);
}

int zmq_connect(void *socket, const char *address)
{
    int (*f)(void *, const char *);
    if (refuses("zmq_connect"))
        return -1;
    *(void **)&f = refused_real("zmq_connect");
    return f(socket, address);
}

struct MHD_Daemon *MHD_start_daemon(unsigned flags, uint16_t port, MHD_AcceptPolicyCallback policy,
                                    void *policy_ctx, MHD_AccessHandlerCallback answer, void *ctx,
                                    ...)
{
    (void)flags, (void)port, (void)policy, (void)policy_ctx, (void)answer, (void)ctx;
    assert_true(refuses("MHD_start_daemon")); /* nobody wants one here */
    return NULL;
}

/* --- who makes these calls ------------------------------------------------------------------- */

static int a_run_id(struct onic_err *err)
{
    uint8_t id[RUN_ID_BYTES];
    return run_id_ensure(files_folder(), id, err);
}

static int a_place_key(struct onic_err *err)
{
    uint8_t key[PLACE_KEY_LEN];
    return place_key_of_run(files_folder(), key, err);
}

static int a_ledger_page(struct onic_err *err)
{
    struct ledger_page *p = NULL;
    struct ledger_page_content before;
    int rc = ledger_page_open(&p, files_folder(), 1, &before, err);
    ledger_page_close(p);
    return rc;
}

static int a_replay_log(struct onic_err *err)
{
    struct replay_log *log = NULL;
    const struct replay_head head = {.capacity = 100};
    int rc = replay_log_open(&log, files_folder(), "1", &head, err);
    if (!rc)
        replay_log_close(log);
    return rc;
}

static int a_broken_config(struct onic_err *err)
{
    files_write(files_in("config.yaml"), "cut off");
    return run_dir_keep_broken_config(files_folder(), err);
}

static int a_connection(struct onic_err *err)
{
    const struct sock_options o = {.hwm = 4, .max_msg_bytes = 1000, .option = "--learner"};
    void *context = zmq_ctx_new(), *s = NULL;
    int rc = sock_connect(&s, context, "ipc://x", &o, err);
    sock_close(s, 0);
    zmq_ctx_term(context);
    return rc;
}

static int a_page(struct onic_err *err)
{
    const struct http_plane_params p = {.listen = "127.0.0.1:*", .option = "--dashboard.listen"};
    struct http_plane *h = NULL;
    int rc = http_plane_create(&h, &p, err);
    http_plane_free(h);
    return rc;
}

static void a_call_that_is_refused_is_said(void **state)
{
    static const struct {
        const char *call;
        int why;
        int (*caller)(struct onic_err *err);
        int code;
        const char *part;
    } rows[] = {
        {"getrandom", ENOSYS, a_run_id, ONIC_EIO,
         "the system gives no random numbers: Function not implemented"},
        {"getrandom", ENOSYS, a_place_key, ONIC_EIO,
         "the system gives no random numbers: Function not implemented"},
        {"posix_fallocate", ENOSPC, a_ledger_page, ONIC_ECANTCREATE,
         "actors.state_dir: cannot reserve space for "},
        {"posix_fallocate", ENOSPC, a_replay_log, ONIC_ECANTCREATE, " cannot be sized: No space"},
        {"rename", EROFS, a_broken_config, ONIC_ECANTCREATE,
         "/config.yaml cannot be renamed: Read-only file system"},
        {"zmq_connect", EPROTONOSUPPORT, a_connection, ONIC_ECONFIG,
         "--learner=ipc://x: cannot connect: Protocol not supported"},
        {"MHD_start_daemon", EMFILE, a_page, ONIC_ECANTCREATE,
         "no page can be served: Too many open files"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct onic_err why = {0};
        refused = rows[i].call;
        refused_why = rows[i].why;
        int rc = rows[i].caller(&why);
        refused = NULL;
        if (rc != rows[i].code || !strstr(why.msg, rows[i].part))
            fail_msg("%s for %s: %d, %s", rows[i].call, rows[i].part, rc, why.msg);
        if (strcmp(rows[i].call, "MHD_start_daemon") != 0)
            assert_ok(rows[i].caller(&err)); /* it was that, and it leaves nothing behind */
    }
}

/* Whoever can read it can have the places of this run's actors. */
static void a_key_of_places_that_others_can_read_is_made_anew(void **state)
{
    uint8_t first[PLACE_KEY_LEN], again[PLACE_KEY_LEN], other[PLACE_KEY_LEN];
    (void)state;
    assert_ok(place_key_of_run(files_folder(), first, &err));
    assert_ok(place_key_of_run(files_folder(), again, &err));
    assert_memory_equal(first, again, sizeof first);
    assert_int_equal(chmod(files_in("places.key"), 0644), 0);
    said_begin(LOG_WARN);
    assert_ok(place_key_of_run(files_folder(), other, &err));
    assert_said(
        "the key of the actors' places cannot be used: it is not ours, not for us alone, or "
        "cut off; a new one is made");
    said_end();
    assert_memory_not_equal(first, other, sizeof first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_call_that_is_refused_is_said, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(a_key_of_places_that_others_can_read_is_made_anew,
                                        files_setup, files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
