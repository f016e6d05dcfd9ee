/* health: what balancers and dashboards ask. The keys are the original's; where there is no Redis,
 * none is spoken of as connected. */
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "api/api_internal.h"
#include "base/clock.h"
#include "config/config.h"
#include "http/request.h"
#include "http/response.h"
#include "store/store.h"

static void answer_json(struct http_request *req, unsigned status, const char *json)
{
    http_respond(req, status, "application/json", slice_of(json), SLICE_LIT(""));
}

void api_on_liveness(struct http_request *req, void *arg)
{
    (void)arg; /* that this loop answers is the proof */
    answer_json(req, 200,
                "{\"status\":\"OK\",\"detail\":{\"store\":\"ready\",\"event_bus_failures\":0,"
                "\"circuit_breaker\":\"closed\","
                "\"pubsub\":\"healthy\",\"last_successful_connection\":null}}");
}

/* Changes of records fail while the Redis they are kept in is away; everything else goes on, so the
 * server is ready. */
static void answer_ready(struct http_request *req, const struct api *a)
{
    bool is_connected = loop_set_sum(a->options.loops, METRIC_REDIS_CONNECTED) > 0;
    bool is_shared = store_is_shared(loop_config(req->loop)->store);
    const char *redis = !is_shared ? "null" : is_connected ? "\"connected\"" : "\"disconnected\"";
    SCRATCH_BUF(b, 0);

    buf_add_fmt(
        &b,
        "{\"status\":\"OK\",\"detail\":{\"store\":\"ready\",\"redis\":%s,\"event_bus\":\"ready\","
        "\"pubsub\":\"healthy\"}}%c",
        redis, '\0');
    answer_json(req, 200, b.ptr);
}

static enum server_phase phase_of(const struct api *a)
{
    return (enum server_phase)atomic_load_explicit(a->options.phase, memory_order_acquire);
}

void api_on_readiness(struct http_request *req, void *arg)
{
    struct api *a = arg;
    enum server_phase phase = phase_of(a);

    req->refused_by = ""; /* nobody: it is what was asked */
    if (phase == SERVER_READY)
        answer_ready(req, a);
    else if (phase == SERVER_STARTING)
        answer_json(req, 503, "{\"status\":\"DOWN\",\"detail\":\"Store is not ready\"}");
    else
        answer_json(req, 503, "{\"status\":\"DOWN\",\"detail\":\"Server is shutting down\"}");
}

/* The machine, as far as one look tells: the load of the last minute stands for the use of its
 * processors. */
static void add_system(struct buf *b, const struct sysinfo *machine)
{
    double load[3] = {0, 0, 0}, used = 0, busy;

    if (getloadavg(load, 3) < 0)
        load[0] = load[1] = load[2] = 0;
    if (machine->totalram)
        used = 100.0 * (double)(machine->totalram - machine->freeram) / (double)machine->totalram;
    busy = 100.0 * load[0] / (double)sysconf(_SC_NPROCESSORS_ONLN);
    buf_add_fmt(b,
                ",\"system\":{\"cpu_percent\":%.1f,\"memory_percent\":%.1f,\"disk_usage\":null,"
                "\"load_average\":[%.2f,%.2f,%.2f]}",
                busy < 100 ? busy : 100.0, used, load[0], load[1], load[2]);
}

void api_on_health(struct http_request *req, void *arg)
{
    struct api *a = arg;
    long virtual_pages, resident_pages;
    double page_bytes = (double)sysconf(_SC_PAGESIZE), page_mb = page_bytes / (1024.0 * 1024.0);
    struct sysinfo machine = {0};
    bool is_ready = phase_of(a) == SERVER_READY;
    char now[CLOCK_ISO_LEN + 1];
    SCRATCH_BUF(b, 0);

    api_memory_pages(&virtual_pages, &resident_pages);
    (void)sysinfo(&machine);
    double total = machine.totalram ? (double)machine.totalram * machine.mem_unit : 1;
    clock_iso(clock_wall_ms(), now);
    buf_add_fmt(&b, "{\"timestamp\":\"%s\",\"status\":\"%s\",\"health_score\":%d,\"issues\":[]",
                now, is_ready ? "HEALTHY" : "WARNING", is_ready ? 100 : 60);
    buf_add_fmt(&b, ",\"memory\":{\"rss_mb\":%.1f,\"vms_mb\":%.1f,\"percent\":%.2f}",
                (double)resident_pages * page_mb, (double)virtual_pages * page_mb,
                100.0 * (double)resident_pages * page_bytes / total);
    buf_add_fmt(&b,
                ",\"connections\":{\"active\":%lld,\"total_created\":%lld.0,\"total_closed\":%lld."
                "0,\"orphaned\":0,\"leaked_handlers\":0}",
                (long long)loop_set_sum(a->options.loops, METRIC_WS_CONNECTIONS),
                (long long)loop_set_sum(a->options.loops, METRIC_WS_ESTABLISHED),
                (long long)(loop_set_sum(a->options.loops, METRIC_WS_ESTABLISHED) -
                            loop_set_sum(a->options.loops, METRIC_WS_CONNECTIONS)));
    buf_add_fmt(&b, ",\"objects\":{\"rpc_objects\":%lld,\"connection_objects\":%lld}",
                (long long)loop_set_sum(a->options.loops, METRIC_DIRECTORY_ENTRIES),
                (long long)loop_set_sum(a->options.loops, METRIC_PEERS));
    buf_add_text(&b, ",\"event_bus\":{\"circuit_breaker_open\":false,\"consecutive_failures\":0,"
                     "\"max_failures\":0,"
                     "\"last_successful_connection\":null}");
    add_system(&b, &machine);
    buf_add_fmt(&b, ",\"tasks\":{\"active\":%u},\"leak_monitor\":{},\"uptime_seconds\":%.1f}",
                atomic_load_explicit(&a->n_calls, memory_order_relaxed),
                (double)(clock_mono_ms() - a->started_ms) / 1000.0);
    http_respond(req, 200, "application/json", buf_slice(&b), SLICE_LIT(""));
}
