/* server: the main thread's life. It binds before it does any work, so that a busy port fails
 * first; it accepts while the hub is still opening, so that health can say "not yet"; then it
 * waits. */
#include "server/server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "net/listener.h"
#include "server/admin_port.h"
#include "server/drain.h"
#include "server/ready.h"
#include "server/reload.h"
#include "server/signals.h"
#include "server/wiring.h"
#include "version.h"

void server_raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        /* the soft limit stays, and max-connections follows it */
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

struct log_options server_log_options(const struct config *c)
{
    return (struct log_options){.level = (enum log_level)c->loglevel,
                                .format = (enum log_format)c->log_format,
                                .path = c->log_file,
                                .rate_per_s = (uint32_t)c->log_rate,
                                .levels = c->log_levels.items,
                                .n_levels = c->log_levels.n_items};
}

void server_wake(struct server *s)
{
    uint64_t one = 1;

    (void)!write(s->wake_fd, &one, sizeof(one)); /* a full counter has woken it already */
}

void server_wait(struct server *s, int timeout_ms)
{
    struct pollfd fd = {.fd = s->wake_fd, .events = POLLIN};
    uint64_t n;

    if (poll(&fd, 1, timeout_ms) > 0)
        (void)!read(s->wake_fd, &n, sizeof(n));
}

/* One line for all that has no effect: an environment made for the original has many such names. */
static void log_idle(const struct config *c)
{
    SCRATCH_BUF(names, 0);

    for (size_t i = 0; i < c->n_notes; i++) {
        if (c->notes[i].kind == CONFIG_NOTE_IDLE)
            buf_add_fmt(&names, "%s%s", names.len ? ", " : "", c->notes[i].name);
    }
    if (names.len)
        LOG(LOG_INFO, "config", "notice", log_slice("name", buf_slice(&names)),
            log_text("text", "no effect here; hyphad check tells why"));
}

static void log_start(const struct config *c)
{
    struct rlimit limit = {0};

    (void)getrlimit(RLIMIT_NOFILE, &limit);
    LOG(LOG_INFO, "server", "starting", log_text("version", HYPHAD_VERSION),
        log_text("commit", HYPHAD_COMMIT), log_int("pid", getpid()), log_int("threads", c->threads),
        log_int("descriptors", (int64_t)limit.rlim_cur),
        log_int("memory", (int64_t)c->process_bytes));
    log_idle(c);
    for (size_t i = 0; i < c->n_notes; i++) {
        const struct config_note *n = &c->notes[i];
        if (n->kind == CONFIG_NOTE_OPTION)
            LOG(LOG_INFO, "config", "option", log_text("name", n->name), log_text("value", n->text),
                log_text("from", n->from));
        else if (n->kind == CONFIG_NOTE_NOTICE)
            LOG(LOG_INFO, "config", "notice", log_text("name", n->name), log_text("text", n->text));
        else if (n->kind == CONFIG_NOTE_WARN)
            LOG(LOG_WARN, "config", "check", log_text("name", n->name), log_text("text", n->text));
    }
}

/* One signal. True when it asked to stop. */
static void on_signal(struct server *s, struct drain *drain, struct config **config, int number)
{
    switch (number) {
    case SIGHUP:
        reload(s, config);
        break;
    case SIGUSR1:
        /* never fails before it tries, which is on the log's own thread */
        (void)log_reopen();
        break;
    case SIGTERM:
    case SIGINT:
    case SIGUSR2:
        drain_request(drain, s, number);
        break;
    default:
        break;
    }
}

/* The shorter of two waits, of which -1 is for ever. */
static int server_main_sooner(int a_ms, int b_ms)
{
    if (a_ms < 0 || b_ms < 0)
        return a_ms < 0 ? b_ms : a_ms;
    return a_ms < b_ms ? a_ms : b_ms;
}

static int server_main_loop(struct server *s, struct config **config, int signal_fd)
{
    struct drain drain = {0};
    bool is_announced = false;

    for (;;) {
        struct listener *admin = admin_port_listener(s);
        int wait_ms = server_main_sooner(drain_wait_ms(&drain),
                                         server_main_sooner(listener_wait_ms(s->listener),
                                                            admin ? listener_wait_ms(admin) : -1));
        struct pollfd fds[] = {{.fd = listener_fd(s->listener), .events = POLLIN},
                               {.fd = signal_fd, .events = POLLIN},
                               {.fd = s->wake_fd, .events = POLLIN},
                               {.fd = admin ? listener_fd(admin) : -1, .events = POLLIN}};
        if (poll(fds, ARRAY_LEN(fds), wait_ms) < 0 && errno != EINTR)
            return 1;
        if (fds[3].revents)
            listener_accept(admin);
        if (fds[0].revents)
            listener_accept(s->listener);
        if (fds[2].revents)
            server_wait(s, 0);
        for (int number; fds[1].revents && (number = signals_take(signal_fd));)
            on_signal(s, &drain, config, number);
        if (server_phase(s) == SERVER_FAILED)
            return 1;
        if (server_phase(s) == SERVER_READY && !is_announced) {
            is_announced = true;
            ready_announce(s);
        }
        if (drain.is_active && drain_step(&drain, s))
            return 0;
    }
}

static void server_main_stop(struct server *s)
{
    uint64_t began = clock_mono_ms();

    ready_withdraw(s);
    s->listener = listener_close(s->listener);
    admin_port_stop_listening(s);
    drain_cut(s);
    server_close_hub(s);
    while (!atomic_load_explicit(&s->hub_is_closed, memory_order_acquire))
        server_wait(s, 100);
    loop_set_stop(&s->loops);
    LOG(LOG_INFO, "server", "stopped", log_int("ms", (int64_t)(clock_mono_ms() - began)));
}

/* Loops close what they hold by running, also those that never served. */
static void run_down(struct server *s)
{
    if (s->loops.loops && loop_set_start(&s->loops) == 0)
        loop_set_stop(&s->loops);
}

static int server_main_run(struct server *s, struct config **config, int signal_fd)
{
    if (!server_bind(s) || !server_open_data(s) ||
        !pid_file_open(s->config->pid_file, &s->pid_file))
        return 1;
    if (!server_wire(s)) {
        run_down(s);
        return 1;
    }
    if (loop_set_start(&s->loops) != 0) {
        LOG(LOG_ERROR, "server", "no threads", log_int("wanted", s->loops.n_loops));
        return 1;
    }
    server_open_hub(s);
    int status = server_main_loop(s, config, signal_fd);
    server_main_stop(s);
    return status;
}

int server_run(struct config **config)
{
    struct config *c = *config;
    struct log_options log = server_log_options(c);
    struct server s = {.config = c,
                       .first_config = c,
                       .started_ms = clock_mono_ms(),
                       .wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    int signal_fd = signals_open();
    int r = log_open(&log);

    mem_tune();
    s.data_dir.lock_fd = -1;
    s.pid_file.fd = -1;
    if (r < 0 || signal_fd < 0 || s.wake_fd < 0) {
        LOG(LOG_ERROR, "server", "cannot start",
            log_text("reason", r < 0 ? strerror(-r) : strerror(errno)),
            log_text("log_file", r < 0 && c->log_file ? c->log_file : ""));
        return 1;
    }
    log_start(c);
    int status = server_main_run(&s, config, signal_fd);
    pid_file_close(&s.pid_file);
    server_unwire(&s);
    if (*config != c)
        config_free(c);
    signals_close(signal_fd);
    close(s.wake_fd);
    log_close();
    return status;
}
