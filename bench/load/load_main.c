/* hyphad-bench: load for any server that speaks the protocol, ours or the original. One loop on
 * one thread: it is to be pinned to another core than the server. See bench/README.md. */
#include "load/load_page.h"
#include "load/run.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct option_row {
    struct option opt;
    const char *argument;
    const char *help;
};

static const struct option_row OPTIONS[] = {
    {{"url", required_argument, NULL, 'u'},
     "URL",
     "http://host:port (then /ws is added) or ws://host:port/path"},
    {{"pid", required_argument, NULL, 'p'},
     "PID",
     "process id of the server, for its CPU time and memory"},
    {{"jwt-secret", required_argument, NULL, 'j'},
     "TEXT",
     "sign tokens with this; else the server is asked for one"},
    {{"pairs", required_argument, NULL, 'n'}, "N", "callers, each with its own callee (64)"},
    {{"inflight", required_argument, NULL, 'i'}, "N", "calls in flight per caller (1)"},
    {{"rate", required_argument, NULL, 'r'},
     "N",
     "calls per second over all pairs, whatever the answers do (open loop)"},
    {{"restart", required_argument, NULL, 'R'},
     "CMD",
     "reconnect: restarts the server on its port and prints its new process id"},
    {{"size", required_argument, NULL, 's'}, "BYTES", "payload of a call (128)"},
    {{"connections", required_argument, NULL, 'c'}, "N", "clients of connect and idle (1000)"},
    {{"parallel", required_argument, NULL, 'P'}, "N", "logins under way at once (8)"},
    {{"workspaces", required_argument, NULL, 'w'},
     "N",
     "workspaces the clients are spread over (1)"},
    {{"service", no_argument, NULL, 'S'},
     "",
     "connect, idle: clients also register their built-in service; http: call one"},
    {{"path", required_argument, NULL, 'H'}, "PATH", "what http asks for (/health/liveness)"},
    {{"stall", no_argument, NULL, 'T'}, "", "flood: the receiver stops reading"},
    {{"op", required_argument, NULL, 'O'}, "NAME", "registry: get, register or list (get)"},
    {{"profile", required_argument, NULL, 'F'},
     "FILE",
     "mixed: lines WEIGHT ACTION [BYTES] (a blend of its own)"},
    {{"html", required_argument, NULL, 'L'}, "FILE", "write a page with plots"},
    {{"progress", no_argument, NULL, 'g'}, "", "tell how it goes, also when stderr is no terminal"},
    {{"seconds", required_argument, NULL, 't'}, "S", "measured time (3)"},
    {{"warmup", required_argument, NULL, 'W'}, "S", "time before it (1)"},
    {{"json", no_argument, NULL, 'J'}, "", "one JSON object instead of a table"},
    {{"help", no_argument, NULL, 'h'}, "", "this text"},
};
enum { N_OPTIONS = sizeof(OPTIONS) / sizeof(OPTIONS[0]) };

static void print_help(FILE *out)
{
    fprintf(out, "usage: hyphad-bench SCENARIO --url URL [options]\n\nscenarios\n");
    for (const struct scenario *s = SCENARIOS; s->name; s++) {
        fprintf(out, "  %-12s %s\n", s->name, s->what);
    }
    fprintf(out, "\noptions\n");
    for (unsigned i = 0; i < N_OPTIONS; i++) {
        fprintf(out, "  --%-12s %-6s %s\n", OPTIONS[i].opt.name, OPTIONS[i].argument,
                OPTIONS[i].help);
    }
}

static void fail(const char *what, const char *value)
{
    fprintf(stderr, "hyphad-bench: %s: %s (try --help)\n", what, value);
    exit(2);
}

static double number(const char *name, const char *text, double min, double max)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= min && value <= max)) {
        fail(name, text);
    }
    return value;
}

static void take_option(struct options *o, int c, const char *v)
{
    switch (c) {
    case 'u':
        o->url = v;
        break;
    case 'p':
        o->pid = (int)number("--pid", v, 1, 1 << 22);
        break;
    case 'j':
        o->jwt_secret = v;
        break;
    case 'n':
        o->pairs = (unsigned)number("--pairs", v, 1, 30000);
        break;
    case 'i':
        o->inflight = (unsigned)number("--inflight", v, 1, 65536);
        break;
    case 's':
        o->size = (size_t)number("--size", v, 0, 1 << 26);
        break;
    case 'c':
        o->connections = (unsigned)number("--connections", v, 1, 60000);
        break;
    case 'P':
        o->parallel = (unsigned)number("--parallel", v, 1, 60000);
        break;
    case 'w':
        o->workspaces = (unsigned)number("--workspaces", v, 1, 10000);
        break;
    case 't':
        o->seconds = number("--seconds", v, 0.01, 3600);
        break;
    case 'W':
        o->warmup = number("--warmup", v, 0, 3600);
        break;
    case 'S':
        o->with_service = true;
        break;
    case 'H':
        o->http_path = v;
        break;
    case 'r':
        o->rate = (unsigned)number("--rate", v, 1, 10000000);
        break;
    case 'R':
        o->restart_command = v;
        break;
    case 'T':
        o->with_stall = true;
        break;
    case 'O':
        o->op = v;
        break;
    case 'F':
        o->profile_path = v;
        break;
    case 'L':
        o->html_path = v;
        break;
    case 'g':
        o->with_progress = true;
        break;
    case 'J':
        o->is_json = true;
        break;
    case 'h':
        print_help(stdout);
        exit(0);
    default:
        exit(2);
    }
}

static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static const struct scenario *scenario_find(const char *name)
{
    for (const struct scenario *s = SCENARIOS; s->name; s++) {
        if (strcmp(s->name, name) == 0) {
            return s;
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct option longs[N_OPTIONS + 1] = {0};
    struct options o = {.pairs = 64,
                        .inflight = 1,
                        .size = 128,
                        .connections = 1000,
                        .parallel = 8,
                        .workspaces = 1,
                        .http_path = "/health/liveness",
                        .op = "get",
                        .with_progress = isatty(STDERR_FILENO) == 1,
                        .warmup = 1,
                        .seconds = 3};
    for (unsigned i = 0; i < N_OPTIONS; i++) {
        longs[i] = OPTIONS[i].opt;
    }
    int c;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        take_option(&o, c, optarg);
    }
    if (optind + 1 != argc || !o.url) {
        print_help(stderr);
        return 2;
    }
    const struct scenario *s = scenario_find(argv[optind]);
    if (!s) {
        fail("unknown scenario", argv[optind]);
    }
    struct run r;
    (void)signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    run_init(&r, &o);
    if (target_parse(o.url, &r.target) < 0) {
        fail("--url", o.url);
    }
    int e = s->run(&r);
    run_finish(&r);
    run_report(&r, s->name);
    if (o.html_path && page_write(&r, s->name) < 0) {
        run_error(&r, "the page could not be written");
        e = -1;
    }
    if (e < 0 && r.n_errors) {
        fprintf(stderr, "hyphad-bench: %s\n", r.first_error);
    }
    run_deinit(&r);
    return e < 0 || r.n_errors ? 1 : 0;
}
