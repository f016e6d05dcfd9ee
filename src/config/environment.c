/* environment: a container's quota is the machine as far as we are concerned, so both versions
 * of cgroups are asked. The values pass through the reader of options like any other text; what
 * they are is then visible in `hyphad config`. */
#include "config/environment.h"

#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config/variables.h"
#include "config/config_file.h"
#include "config/value.h"

enum { DESCRIPTORS_SPARE = 256, CONNECTIONS_MIN = 8, CONNECTIONS_MAX = 1000000, THREADS_MAX = 256 };

#ifndef HYPHAD_PREFIX
#define HYPHAD_PREFIX "/usr/local"
#endif

static const char *environment_keep(struct arena *arena, const char *text)
{
    return text ? arena_text(arena, slice_of(text)) : NULL;
}

void environment_read(struct config_metadata *metadata, char **envp)
{
    char *cwd = get_current_dir_name();
    struct environment *s = &metadata->around;

    s->cwd = environment_keep(&metadata->arena, cwd ? cwd : "/");
    free(cwd);
    s->state_directory = environment_keep(&metadata->arena, variables_get(envp, "STATE_DIRECTORY"));
    s->xdg_state_home = environment_keep(&metadata->arena, variables_get(envp, "XDG_STATE_HOME"));
    s->home = environment_keep(&metadata->arena, variables_get(envp, "HOME"));
    s->allow_origins = environment_keep(&metadata->arena, variables_get(envp, "ALLOW_ORIGINS"));
}

static void set_default(struct config *c, unsigned id, const char *text)
{
    const struct option *o = option_at(id);
    struct setting *s = &c->metadata->settings[id];
    struct value_refusal refusal;
    struct config_list words = {0};

    if (s->words.n_items > 0)
        return;
    arena_list_add(&c->metadata->arena, &words, text);
    ASSERT(value_read(o, &words, &c->metadata->arena, "/", (char *)c + o->offset, &refusal));
    s->words = words;
}

/* A number at the head of a small file of the kernel; 0 when there is none ("max"). */
static unsigned long long read_figure(const char *path, unsigned long long *ret_second)
{
    SCRATCH_BUF(bytes, 4096);
    unsigned long long first = 0;
    char *text, *end;

    if (file_read(path, 4096, &bytes) == FILE_DONE && bytes.len > 0) {
        text = buf_take(&bytes);
        first = strtoull(text, &end, 10);
        if (ret_second)
            *ret_second = strtoull(end, NULL, 10);
        free(text);
    }
    return first;
}

static unsigned usable_cpus(void)
{
    cpu_set_t set;
    unsigned long long period = 0, quota;
    unsigned n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;

    quota = read_figure("/sys/fs/cgroup/cpu.max", &period);
    if (quota == 0 || period == 0) {
        quota = read_figure("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", NULL);
        period = read_figure("/sys/fs/cgroup/cpu/cpu.cfs_period_us", NULL);
        if (quota > (1ULL << 62)) /* -1: no quota */
            quota = 0;
    }
    if (quota > 0 && period > 0 && (quota + period - 1) / period < n)
        n = (unsigned)((quota + period - 1) / period);
    return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : n;
}

static unsigned long long usable_memory(void)
{
    unsigned long long n =
        (unsigned long long)sysconf(_SC_PHYS_PAGES) * (unsigned long long)sysconf(_SC_PAGESIZE);
    unsigned long long limit = read_figure("/sys/fs/cgroup/memory.max", NULL);

    if (limit == 0)
        limit = read_figure("/sys/fs/cgroup/memory/memory.limit_in_bytes", NULL);
    return limit > 0 && limit < n ? limit : n;
}

static unsigned long long usable_connections(void)
{
    struct rlimit limit;
    unsigned long long n = CONNECTIONS_MAX;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max != RLIM_INFINITY)
        n = limit.rlim_max > 2 * DESCRIPTORS_SPARE ? limit.rlim_max - DESCRIPTORS_SPARE
                                                   : limit.rlim_max / 2;
    return n < CONNECTIONS_MIN ? CONNECTIONS_MIN : n > CONNECTIONS_MAX ? CONNECTIONS_MAX : n;
}

/* The default differs per port, so several servers on one machine do not meet. NULL: a temporary
 * folder. */
static void fill_data_dir(struct config *c)
{
    const struct environment *s = &c->metadata->around;
    struct arena *arena = &c->metadata->arena;
    const char *base = NULL;

    c->has_own_data_dir = c->metadata->settings[OPTION_ID_data_dir].source != CONFIG_FROM_DEFAULT;
    if (c->data_dir || c->has_own_data_dir)
        return;
    if (s->state_directory && s->state_directory[0] == '/') {
        struct slice first, rest;
        if (!slice_cut(slice_of(s->state_directory), ':', &first, &rest))
            first = slice_of(s->state_directory);
        set_default(c, OPTION_ID_data_dir, arena_text(arena, first));
        return;
    }
    if (c->port == 0)
        return;
    if (s->xdg_state_home && s->xdg_state_home[0] == '/')
        base = arena_fmt(arena, "%s/hyphad", s->xdg_state_home);
    else if (s->home && s->home[0] == '/')
        base = arena_fmt(arena, "%s/.local/state/hyphad", s->home);
    if (base && file_is_folder_creatable(base))
        set_default(c, OPTION_ID_data_dir, arena_fmt(arena, "%s/%u", base, c->port));
    else
        c->metadata->has_no_state_base = true;
}

/* A share of what all may hold, so that no single one can take it from the others. */
static void fill_share(struct config *c, unsigned id, unsigned long long share,
                       unsigned long long most)
{
    set_default(c, id, arena_fmt(&c->metadata->arena, "%llu", share < most ? share : most));
}

static void fill_shares(struct config *c)
{
    unsigned long long all = c->process_bytes;

    fill_share(c, OPTION_ID_user_bytes, all / 8 * 3, 512ULL << 20);
    fill_share(c, OPTION_ID_workspace_bytes, all / 2, 1ULL << 30);
    fill_share(c, OPTION_ID_person_bytes, all / 2, ULLONG_MAX);
    fill_share(c, OPTION_ID_anonymous_bytes, all / 2, ULLONG_MAX);
    fill_share(c, OPTION_ID_http_bytes, all / 4, ULLONG_MAX);
    fill_share(c, OPTION_ID_http_address_bytes, c->http_bytes / 2, ULLONG_MAX);
}

void environment_fill(struct config *c)
{
    struct arena *arena = &c->metadata->arena;
    unsigned long long bytes = usable_memory() / 4 * 3;

    /* A tiny machine still gets a set of defaults that agree with each other. */
    if (bytes < c->peer_bytes)
        bytes = c->peer_bytes;
    set_default(c, OPTION_ID_threads, arena_fmt(arena, "%u", usable_cpus()));
    set_default(c, OPTION_ID_process_bytes, arena_fmt(arena, "%llu", bytes));
    fill_shares(c);
    set_default(c, OPTION_ID_max_connections, arena_fmt(arena, "%llu", usable_connections()));
    set_default(c, OPTION_ID_metrics, c->admin_listen ? "both" : "main");
    set_default(c, OPTION_ID_web_client_dir, HYPHAD_PREFIX "/share/hyphad/web");
    fill_data_dir(c);
}
