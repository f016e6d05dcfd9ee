/* run: one measurement: its options, the loop, what is counted, and the clock of its phases. A
 * scenario is a row of SCENARIOS in scenarios.c: a function that connects what it needs, measures
 * and adds figures. */
#pragma once

#include "load/load_conn.h"
#include "load/hist.h"

struct options {
    const char *url;
    const char *jwt_secret; /* NULL: the first client asks the server for a token */
    const char *http_path;
    /* reconnect; its first line of output is the new process id */
    const char *restart_command;
    const char *html_path;    /* NULL: no page */
    const char *profile_path; /* mixed; NULL: its own blend */
    const char *op;           /* registry */
    int pid;                  /* 0: no figures about the server process */
    unsigned pairs;
    unsigned inflight;
    unsigned connections;
    unsigned parallel; /* logins under way at once */
    unsigned workspaces;
    unsigned rate; /* calls per second over all pairs, open loop; 0: closed loop */
    size_t size;
    double warmup;
    double seconds;
    bool is_json;
    bool with_service;
    bool with_stall; /* flood */
    bool with_progress;
};

enum { RUN_MAX_FIGURES = 64, RUN_MAX_POINTS = 1200 };

struct figure {
    const char *name;
    const char *unit;
    double value;
};

/* What a page draws over time. Totals, so that a rate is a difference of two points. */
struct point {
    double at; /* seconds since the program began */
    double messages;
    double server_cpu;
    double server_rss;
    unsigned clients;
    bool is_measured;
};

struct run {
    struct options opt;
    struct target target;
    uv_loop_t loop;
    uv_timer_t timer;
    uv_timer_t watch; /* takes points; runs only for a page or progress */
    struct conn_pool pool;
    bool is_measuring; /* samples count only then */
    bool is_over;      /* scenarios stop issuing work */
    bool timer_fired;
    uint64_t n_messages; /* relayed by the server and received here */
    uint64_t n_bytes;
    uint64_t n_errors;
    unsigned n_clients; /* ready and connected */
    char first_error[200];
    struct hist latency;
    double measured_seconds;
    double server_cpu;
    double own_cpu;
    struct figure figures[RUN_MAX_FIGURES];
    unsigned n_figures;
    struct point *points;
    unsigned n_points;
    unsigned watch_ms;
    uint64_t began_ns;
    uint64_t n_before; /* messages of phases whose counter was reset */
    uint64_t told_ns;  /* progress */
    uint64_t n_told;
};

struct scenario {
    const char *name;
    const char *what;
    int (*run)(struct run *r); /* 0, or negative after run_error */
};
extern const struct scenario SCENARIOS[]; /* ends with a row without name */

void run_init(struct run *r, const struct options *opt);
void run_deinit(struct run *r);
/* counts it; the first is kept for the report */
void run_error(struct run *r, const char *why);
void run_wait(struct run *r, double seconds); /* turns the loop for that long */
/* Turns the loop until *flag, at most limit_s seconds; false when the time is up. */
bool run_until(struct run *r, const bool *flag, double limit_s);
void run_sample(struct run *r, uint64_t from_ns, uint64_t to_ns);
/* Marks start and end of what is measured: resets counters, takes CPU time of server and
 * generator. */
void run_measure_begin(struct run *r);
void run_measure_end(struct run *r);
void run_warm_and_measure(struct run *r); /* warm-up, begin, the seconds asked for, end */
void run_figure(struct run *r, const char *name, const char *unit, double value);
void run_finish(struct run *r); /* adds the figures that every scenario has */
void run_report(struct run *r, const char *scenario);
