/* log: the one place with mutable file-scope state besides main.c, because a log that must be handed around is a log that
 * is missing where it is needed. Lines wait in a bounded queue for the writer thread. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"

enum { LOG_LINE_MAX = 4096, LOG_QUEUE_MAX = 1 << 20, LOG_SITES = 256 };

struct site {                       /* one message's allowance in the current second */
    atomic_uintptr_t message;
    atomic_uint_fast64_t window;    /* second << 32 | lines let through */
    atomic_uint_fast32_t n_dropped;
};

static struct {
    /* const while threads run, except through log_configure: relaxed */
    atomic_int level, format;
    atomic_uint rate_per_s;
    const char *path;
    /* lock class log_queue */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct buf queue;
    uint64_t n_lost;
    bool is_open, is_stopping, wants_reopen;
    int fd;
    pthread_t writer;
    struct site sites[LOG_SITES];
} the = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER, .fd = STDERR_FILENO, .level = LOG_INFO};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static void write_all(int fd, const char *at, size_t n)
{
    while (n) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return;     /* a log that cannot be written has nobody to tell */
        at += done;
        n -= (size_t)done;
    }
}

static int open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    return fd < 0 ? -errno : fd;
}

static void *writer_main(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&the.lock);
    for (;;) {
        while (!the.queue.len && !the.is_stopping && !the.wants_reopen)
            pthread_cond_wait(&the.more, &the.lock);
        struct buf out = the.queue;
        uint64_t lost = the.n_lost;
        bool reopen = the.wants_reopen, stop = the.is_stopping;
        buf_init(&the.queue, LOG_QUEUE_MAX);
        the.n_lost = 0;
        the.wants_reopen = false;
        pthread_mutex_unlock(&the.lock);
        if (out.len)
            write_all(the.fd, out.ptr, out.len);
        buf_deinit(&out);
        if (lost) {
            char line[96];
            int n = snprintf(line, sizeof(line), "level=warn subj=log msg=\"lines lost\" n=%llu\n", (unsigned long long)lost);
            write_all(the.fd, line, (size_t)n);
        }
        int fd = reopen && the.path ? open_file(the.path) : -1;
        if (fd >= 0) {
            close(the.fd);
            the.fd = fd;
        }
        pthread_mutex_lock(&the.lock);
        if (stop && !the.queue.len)
            break;
    }
    pthread_mutex_unlock(&the.lock);
    return NULL;
}

void log_configure(const struct log_options *options)
{
    atomic_store_explicit(&the.level, (int)options->level, memory_order_relaxed);
    atomic_store_explicit(&the.format, (int)options->format, memory_order_relaxed);
    atomic_store_explicit(&the.rate_per_s, options->rate_per_s, memory_order_relaxed);
}

int log_open(const struct log_options *options)
{
    log_configure(options);
    the.path = options->path;
    the.fd = STDERR_FILENO;
    if (the.path) {
        int fd = open_file(the.path);
        if (fd < 0)
            return fd;
        the.fd = fd;
    }
    buf_init(&the.queue, LOG_QUEUE_MAX);
    the.is_stopping = false;
    int r = pthread_create(&the.writer, NULL, writer_main, NULL);
    if (r)
        return -r;
    the.is_open = true;
    return 0;
}

int log_reopen(void)
{
    if (!the.path)
        return 0;
    pthread_mutex_lock(&the.lock);
    the.wants_reopen = true;
    pthread_cond_signal(&the.more);
    pthread_mutex_unlock(&the.lock);
    return 0;
}

void log_close(void)
{
    if (!the.is_open)
        return;
    pthread_mutex_lock(&the.lock);
    the.is_stopping = true;
    pthread_cond_signal(&the.more);
    pthread_mutex_unlock(&the.lock);
    pthread_join(the.writer, NULL);
    the.is_open = false;
    buf_deinit(&the.queue);
    if (the.path)
        close(the.fd);
    the.fd = STDERR_FILENO;
}

bool log_wants(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&the.level, memory_order_relaxed);
}

bool log_level_parse(struct slice text, enum log_level *ret_level)
{
    static const struct {
        const char *name;
        enum log_level level;
    } names[] = {{"debug", LOG_DEBUG}, {"notset", LOG_DEBUG}, {"info", LOG_INFO},      {"warn", LOG_WARN},
                 {"warning", LOG_WARN}, {"error", LOG_ERROR}, {"critical", LOG_ERROR}, {"fatal", LOG_ERROR}};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (slice_is_nocase(text, names[i].name)) {
            *ret_level = names[i].level;
            return true;
        }
    }
    return false;
}

/* Whether this message may pass now; *ret_dropped is what the last window swallowed. */
static bool pass_rate(const char *message, uint32_t *ret_dropped)
{
    unsigned rate = atomic_load_explicit(&the.rate_per_s, memory_order_relaxed);
    uintptr_t key = (uintptr_t)message;
    struct site *site = &the.sites[(key ^ (key >> 9)) % LOG_SITES];
    uint64_t second = clock_mono_ms() / 1000;

    *ret_dropped = 0;
    if (!rate)
        return true;
    if (atomic_exchange_explicit(&site->message, key, memory_order_relaxed) != key)
        atomic_store_explicit(&site->window, second << 32, memory_order_relaxed);
    uint64_t window = atomic_load_explicit(&site->window, memory_order_relaxed);
    if (window >> 32 != second) {
        window = second << 32;
        *ret_dropped = (uint32_t)atomic_exchange_explicit(&site->n_dropped, 0, memory_order_relaxed);
    }
    bool pass = (uint32_t)window < rate;
    atomic_store_explicit(&site->window, window + (pass ? 1 : 0), memory_order_relaxed);
    if (!pass)
        atomic_fetch_add_explicit(&site->n_dropped, 1, memory_order_relaxed);
    return pass;
}

static void add_escaped(struct buf *line, struct slice text)
{
    buf_add_byte(line, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];
        if (c == '"' || c == '\\')
            buf_add_fmt(line, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_add_fmt(line, "\\u%04x", c);
        else
            buf_add_byte(line, c);
    }
    buf_add_byte(line, '"');
}

static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];
        if (c <= 0x20 || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
            return false;
    }
    return text.len > 0;
}

static void add_text_field(struct buf *line, bool is_json, const char *key, struct slice text)
{
    text = slice_utf8_prefix(text, 1024);
    if (!slice_is_utf8(text))
        text = SLICE_LIT("(not utf-8)");
    buf_add_fmt(line, is_json ? ",\"%s\":" : " %s=", key);
    if (!is_json && is_plain(text))
        buf_add_slice(line, text);
    else
        add_escaped(line, text);
}

static void format_line(struct buf *line, enum log_level level, const char *subject, const char *message,
                        const struct log_field *fields, size_t n_fields)
{
    bool is_json = atomic_load_explicit(&the.format, memory_order_relaxed) == LOG_JSON;
    char ts[CLOCK_ISO_LEN + 1];

    clock_iso(clock_wall_ms(), ts);
    buf_add_fmt(line, is_json ? "{\"ts\":\"%s\"" : "ts=%s", ts);
    buf_add_fmt(line, is_json ? ",\"level\":\"%s\",\"subj\":\"%s\"" : " level=%s subj=%s", level_names[level], subject);
    add_text_field(line, is_json, "msg", slice_of(message));
    for (size_t i = 0; i < n_fields && line->len < LOG_LINE_MAX - 1200; i++) {
        if (fields[i].kind == LOG_FIELD_INT)
            buf_add_fmt(line, is_json ? ",\"%s\":%lld" : " %s=%lld", fields[i].key, (long long)fields[i].number);
        else
            add_text_field(line, is_json, fields[i].key, fields[i].text);
    }
    buf_add_text(line, is_json ? "}\n" : "\n");
}

void log_write(enum log_level level, const char *subject, const char *message, const struct log_field *fields, size_t n_fields)
{
    uint32_t dropped = 0;
    struct log_field all[16];
    struct buf line;

    if (!log_wants(level) || !pass_rate(message, &dropped))
        return;
    if (dropped && n_fields < ARRAY_LEN(all)) {
        if (n_fields)
            memcpy(all, fields, n_fields * sizeof(*fields));
        all[n_fields++] = log_int("repeats_dropped", dropped);
        fields = all;
    }
    buf_init(&line, 0);
    format_line(&line, level, subject, message, fields, n_fields);
    if (!the.is_open) {
        write_all(STDERR_FILENO, line.ptr, line.len);
    } else {
        pthread_mutex_lock(&the.lock);
        buf_add_slice(&the.queue, buf_slice(&line));
        if (the.queue.is_failed) {
            the.queue.is_failed = false;
            the.n_lost++;
        }
        pthread_cond_signal(&the.more);
        pthread_mutex_unlock(&the.lock);
    }
    buf_deinit(&line);
}
