/* /proc/<pid>/stat counts user and system time of the whole thread group. The name field may hold
 * blanks and brackets, so fields are counted from the last closing bracket. */
#include "load/proc.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int read_small(const char *path, char *out, size_t n_out)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        return -1;
    }
    size_t n = fread(out, 1, n_out - 1, f);
    (void)fclose(f);
    out[n] = '\0';
    return n ? 0 : -1;
}

double proc_cpu_seconds(int pid)
{
    char path[64];
    char text[1024];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (pid <= 0 || read_small(path, text, sizeof(text)) < 0) {
        return -1;
    }
    const char *rest = strrchr(text, ')');
    unsigned long user = 0;
    unsigned long system = 0;
    if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                        &system) != 2) {
        return -1;
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

double proc_rss_bytes(int pid)
{
    char path[64];
    char text[256];
    (void)snprintf(path, sizeof(path), "/proc/%d/statm", pid);
    unsigned long pages = 0;
    if (pid <= 0 || read_small(path, text, sizeof(text)) < 0 ||
        sscanf(text, "%*u %lu", &pages) != 1) {
        return -1;
    }
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

double proc_self_cpu_seconds(void)
{
    struct rusage use;
    if (getrusage(RUSAGE_SELF, &use) < 0) {
        return -1;
    }
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}
