/* Scenarios read from top to bottom: they start work, then turn the loop here for as long as a
 * phase lasts. */
#include "load/run.h"

#include "load/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_timer(uv_timer_t *timer)
{
    struct run *r = timer->data;
    r->timer_fired = true;
}

static void tell(struct run *r, const struct point *p, uint64_t now_ns)
{
    uint64_t n = (uint64_t)p->messages;
    double passed = (double)(now_ns - r->told_ns) / 1e9;
    fprintf(stderr, "\r%6.1f s  %s  %u clients  %.0f messages/s  %.1f MB  %llu errors   ", p->at,
            p->is_measured ? "measuring" : "preparing", p->clients,
            r->told_ns ? (double)(n - r->n_told) / passed : 0,
            p->server_rss > 0 ? p->server_rss / 1e6 : 0, (unsigned long long)r->n_errors);
    r->told_ns = now_ns;
    r->n_told = n;
}

/* When the table is full every second point goes and points come half as often: a page shows some
 * hundred points whatever a run takes. */
static void on_watch(uv_timer_t *timer)
{
    struct run *r = timer->data;
    uint64_t now_ns = uv_hrtime();
    if (r->n_points == RUN_MAX_POINTS) {
        for (unsigned i = 0; i < RUN_MAX_POINTS / 2; i++) {
            r->points[i] = r->points[2 * i + 1];
        }
        r->n_points = RUN_MAX_POINTS / 2;
        r->watch_ms *= 2;
        (void)uv_timer_start(timer, on_watch, r->watch_ms, r->watch_ms);
    }
    struct point *p = &r->points[r->n_points++];
    *p = (struct point){.at = (double)(now_ns - r->began_ns) / 1e9,
                        .messages = (double)(r->n_before + r->n_messages),
                        .server_cpu = proc_cpu_seconds(r->opt.pid),
                        .server_rss = proc_rss_bytes(r->opt.pid),
                        .clients = r->n_clients,
                        .is_measured = r->is_measuring};
    if (r->opt.with_progress && now_ns - r->told_ns >= 500000000U) {
        tell(r, p, now_ns);
    }
}

void run_init(struct run *r, const struct options *opt)
{
    memset(r, 0, sizeof(*r));
    r->opt = *opt;
    (void)uv_loop_init(&r->loop);
    (void)uv_timer_init(&r->loop, &r->timer);
    r->timer.data = r;
    conn_pool_init(&r->pool, &r->loop);
    r->began_ns = uv_hrtime();
    r->watch_ms = 50;
    (void)uv_timer_init(&r->loop, &r->watch);
    r->watch.data = r;
    if (opt->html_path || opt->with_progress) {
        r->points = mem_zeroed(RUN_MAX_POINTS, sizeof(*r->points));
        (void)uv_timer_start(&r->watch, on_watch, 0, r->watch_ms);
    }
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

void run_deinit(struct run *r)
{
    uv_walk(&r->loop, close_handle, NULL);
    (void)uv_run(&r->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&r->loop);
    conn_pool_free(&r->pool);
    free(r->points);
}

void run_error(struct run *r, const char *why)
{
    if (!r->n_errors++) {
        (void)snprintf(r->first_error, sizeof(r->first_error), "%s", why);
    }
}

bool run_until(struct run *r, const bool *flag, double limit_s)
{
    r->timer_fired = false;
    (void)uv_timer_start(&r->timer, on_timer, (uint64_t)(limit_s * 1000), 0);
    while (!r->timer_fired && !*flag) {
        (void)uv_run(&r->loop, UV_RUN_ONCE);
    }
    (void)uv_timer_stop(&r->timer);
    return *flag;
}

void run_wait(struct run *r, double seconds)
{
    bool never = false;
    (void)run_until(r, &never, seconds);
}

void run_sample(struct run *r, uint64_t from_ns, uint64_t to_ns)
{
    if (r->is_measuring) {
        hist_add(&r->latency, to_ns > from_ns ? to_ns - from_ns : 0);
    }
}

void run_measure_begin(struct run *r)
{
    hist_reset(&r->latency);
    r->n_before += r->n_messages;
    r->n_messages = 0;
    r->n_bytes = 0;
    r->is_measuring = true;
    r->server_cpu = proc_cpu_seconds(r->opt.pid);
    r->own_cpu = proc_self_cpu_seconds();
    r->measured_seconds = (double)uv_hrtime() / 1e9;
}

void run_measure_end(struct run *r)
{
    r->measured_seconds = (double)uv_hrtime() / 1e9 - r->measured_seconds;
    r->own_cpu = proc_self_cpu_seconds() - r->own_cpu;
    double cpu = proc_cpu_seconds(r->opt.pid);
    r->server_cpu = r->server_cpu >= 0 && cpu >= 0 ? cpu - r->server_cpu : -1;
    r->is_measuring = false;
}

void run_warm_and_measure(struct run *r)
{
    run_wait(r, r->opt.warmup);
    run_measure_begin(r);
    run_wait(r, r->opt.seconds);
    run_measure_end(r);
    r->is_over = true;
}

void run_figure(struct run *r, const char *name, const char *unit, double value)
{
    if (r->n_figures < RUN_MAX_FIGURES) {
        r->figures[r->n_figures++] = (struct figure){name, unit, value};
    }
}

void run_finish(struct run *r)
{
    static const struct {
        const char *name;
        double q;
    } QUANTILES[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99_9", 0.999}, {"max", 1.0}};
    if (r->n_messages) {
        run_figure(r, "messages", "", (double)r->n_messages);
        run_figure(r, "messages_per_second", "/s", (double)r->n_messages / r->measured_seconds);
        if (r->server_cpu > 0) {
            run_figure(r, "messages_per_cpu_second", "/s", (double)r->n_messages / r->server_cpu);
        }
    }
    if (r->n_bytes && r->server_cpu > 0) {
        run_figure(r, "bytes_per_cpu_second", "B/s", (double)r->n_bytes / r->server_cpu);
    }
    for (unsigned i = 0; r->latency.n && i < sizeof(QUANTILES) / sizeof(QUANTILES[0]); i++) {
        run_figure(r, QUANTILES[i].name, "us",
                   (double)hist_quantile(&r->latency, QUANTILES[i].q) / 1000);
    }
    run_figure(r, "measured", "s", r->measured_seconds);
    if (r->server_cpu >= 0) {
        run_figure(r, "server_cpu", "s", r->server_cpu);
        run_figure(r, "server_rss", "B", proc_rss_bytes(r->opt.pid));
    }
    run_figure(r, "generator_cpu", "s", r->own_cpu);
    run_figure(r, "errors", "", (double)r->n_errors);
}

/* The first error may hold what a server sent: only characters that need no escape in JSON go
 * out. */
static void print_plain(const char *text)
{
    for (; *text; text++) {
        (void)putchar(*text < ' ' || *text == '"' || *text == '\\' || *text == 127 ? '.' : *text);
    }
}

void run_report(struct run *r, const char *scenario)
{
    if (r->opt.with_progress) {
        fprintf(stderr, "\r%*s\r", 90, "");
    }
    if (!r->opt.is_json) {
        printf("%s %s\n", scenario, r->opt.url);
        for (unsigned i = 0; i < r->n_figures; i++) {
            printf("  %-26s %16.2f %s\n", r->figures[i].name, r->figures[i].value,
                   r->figures[i].unit);
        }
        if (r->n_errors) {
            printf("  first error: ");
            print_plain(r->first_error);
            printf("\n");
        }
        return;
    }
    printf("{\"scenario\":\"%s\",\"pairs\":%u,\"inflight\":%u,\"size\":%zu", scenario, r->opt.pairs,
           r->opt.inflight, r->opt.size);
    for (unsigned i = 0; i < r->n_figures; i++) {
        printf(",\"%s\":%.6g", r->figures[i].name, r->figures[i].value);
    }
    printf(",\"first_error\":\"");
    print_plain(r->first_error);
    printf("\"}\n");
}
