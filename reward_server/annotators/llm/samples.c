/* SPDX-License-Identifier: MIT */
/* samples.c - some conversations, kept for people who wonder what the model is asked; see
 * llm_impl.h.
 *
 * One JSON object per line in <run>/log/conversations.jsonl (beside the label store when that is
 * elsewhere), at most llm.samples_per_hour of them, evenly spaced. At 8 MiB the file becomes
 * conversations.jsonl.1 and a new one begins. The key is in a header and never here. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/plain_file.h"
#include "reward_server/annotators/llm/llm_impl.h"

enum { FILE_MAX = 8 << 20, LINE_MAX_BYTES = 1 << 18, REPLY_MAX = 16384 };

void llm_samples_open(struct llm_samples *s, int64_t per_hour, const char *store_path)
{
    const char *slash = strrchr(store_path, '/');
    char folder[4000];
    struct onic_err err = {0};
    *s = (struct llm_samples){0};
    if (per_hour <= 0)
        return;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - store_path) : 1,
             slash ? store_path : ".");
    snprintf(s->path, sizeof s->path, "%s/log", folder);
    if (plain_folder_make(s->path, &err) != ONIC_OK) {
        log_warn("conversations cannot be kept", kv("file", (const char *)s->path),
                 kv("why", (const char *)err.msg));
        s->path[0] = '\0';
        return;
    }
    snprintf(s->path, sizeof s->path, "%s/log/conversations.jsonl", folder);
    s->folder = rotated_folder_of(s->path);
    s->interval_ms = 3600e3 / (double)per_hour;
}

void llm_samples_close(struct llm_samples *s)
{
    if (s->path[0])
        rotated_folder_forget(&s->folder);
}

bool llm_samples_want(const struct llm_samples *s, int64_t now)
{
    return s->interval_ms > 0 && now >= s->next_ms;
}

static void rotate(const char *path)
{
    struct stat st;
    char old[4200];
    if (stat(path, &st) != 0 || st.st_size < FILE_MAX)
        return;
    snprintf(old, sizeof old, "%s.1", path);
    rename(path, old);
}

void llm_samples_keep(struct llm_samples *s, int64_t now, const char *url, const char *request,
                      int status, const char *reply, size_t len, const char *verdict)
{
    struct buf b;
    bool here = rotated_folder_is(&s->folder, s->path); /* else it may be another run's by now */
    s->next_ms = now + (int64_t)s->interval_ms;
    if (here)
        rotate(s->path);
    buf_init(&b, LINE_MAX_BYTES);
    buf_puts(&b, "{\"time\":");
    buf_json_number(&b, clock_wall_s(), 13);
    buf_puts(&b, ",\"url\":");
    buf_json_string(&b, url, strlen(url));
    buf_printf(&b, ",\"request\":%s,\"status\":%d,\"reply\":", request, status);
    buf_json_string(&b, reply, len < REPLY_MAX ? len : REPLY_MAX);
    buf_puts(&b, ",\"verdict\":");
    buf_json_string(&b, verdict, strlen(verdict));
    buf_puts(&b, "}\n");
    int fd = b.overflow || !here
                 ? -1
                 : plain_file_open_own(s->path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    FILE *f = fd >= 0 ? fdopen(fd, "a") : NULL;
    if (f) {
        fwrite(b.data, 1, b.len, f);
        if (fclose(f) != 0)
            f = NULL;
    }
    if (!f && !b.overflow) {
        log_warn("conversations cannot be kept", kv("file", (const char *)s->path));
        s->interval_ms = 0;
    }
    buf_release(&b);
}
