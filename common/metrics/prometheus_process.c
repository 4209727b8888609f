/* SPDX-License-Identifier: MIT */
/* prometheus_process.c - what Prometheus' client libraries say of every process, under their names;
 * see prometheus.h. What the kernel does not tell is left out. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/metrics/prometheus.h"
#include "generated/onic_version.h"

static void put_process(struct buf *out, const char *name, const char *type, const char *help,
                        double value)
{
    buf_printf(out, "# HELP %s %s.\n# TYPE %s %s\n%s %.12g\n", name, help, name, type, name, value);
}

static void put_memory(struct buf *out)
{
    double size = 0, resident = 0, page = (double)sysconf(_SC_PAGESIZE);
    FILE *f = fopen("/proc/self/statm", "re");
    int n = f ? fscanf(f, "%lf %lf", &size, &resident) : 0;
    if (f)
        fclose(f);
    if (n != 2)
        return;
    put_process(out, "process_virtual_memory_bytes", "gauge", "Virtual memory", size * page);
    put_process(out, "process_resident_memory_bytes", "gauge", "Resident memory", resident * page);
}

static int open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n - 1; /* that of the folder */
}

/* Unix time at which the process began: the 22nd field of its stat, behind a name that may hold
 * anything, is in ticks since the machine's start. */
static double start_time_s(void)
{
    char text[1024];
    unsigned long long ticks = 0;
    double up_s = 0;
    FILE *f = fopen("/proc/self/stat", "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = '\0';
    const char *p = strrchr(text, ')');
    if (!p || sscanf(p + 1,
                     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
                     "%llu",
                     &ticks) != 1)
        return -1;
    f = fopen("/proc/uptime", "re");
    int got = f ? fscanf(f, "%lf", &up_s) : 0;
    if (f)
        fclose(f);
    double age_s = up_s - (double)ticks / (double)sysconf(_SC_CLK_TCK);
    return got == 1 ? clock_wall_s() - age_s : -1;
}

void prometheus_process(struct buf *out)
{
    struct rlimit files;
    double started = start_time_s();
    const struct prometheus_label build[] = {
        {"version", ONIC_VERSION}, {"revision", ONIC_GIT}, {.name = NULL}};
    prometheus_info(out, "onic_build_info", "Which onic this is", build);
    put_process(out, "process_cpu_seconds_total", "counter", "CPU time of this process",
                (double)clock_process_cpu_ns() * 1e-9);
    put_memory(out);
    put_process(out, "process_open_fds", "gauge", "Open files", open_files());
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY)
        put_process(out, "process_max_fds", "gauge", "Files that may be open",
                    (double)files.rlim_cur);
    if (started > 0)
        put_process(out, "process_start_time_seconds", "gauge",
                    "Unix time at which this process began", started);
}
