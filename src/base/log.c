/* log: the one place with mutable file-scope state besides main.c, because a log that must be
 * handed around is a log that is missing where it is needed. Lines wait in a bounded queue for the
 * writer thread. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log_line.h"
#include "base/log_rate.h"
#include "base/memory.h"

enum { LOG_QUEUE_MAX = 1 << 20, TELL_MS = 1000, LEVEL_UNSET = -1 };

/* The rooms, and those that have no room: what --log-levels can name. */
static const char *const subjects[] = {
    "log",
#define ROOM(name) #name,
#include "rooms_names.def"
#undef ROOM
};

static struct {
    /* const while threads run, except through log_configure: relaxed */
    atomic_int level, format;
    atomic_int levels[ARRAY_LEN(subjects)]; /* LEVEL_UNSET: as `level` */
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
    /* any thread */
    struct log_rate rate;
    atomic_bool is_started; /* errors are for the log alone from here on */
} the = {.lock = PTHREAD_MUTEX_INITIALIZER,
         .more = PTHREAD_COND_INITIALIZER,
         .fd = STDERR_FILENO,
         .level = LOG_INFO};

atomic_int log_least = LOG_INFO;

static void write_all(int fd, const char *at, size_t n)
{
    while (n) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return; /* a log that cannot be written has nobody to tell */
        at += done;
        n -= (size_t)done;
    }
}

static int log_open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    return fd < 0 ? -errno : fd;
}

static enum log_format format_now(void)
{
    return (enum log_format)atomic_load_explicit(&the.format, memory_order_relaxed);
}

/* What the log says of itself: lines that a full queue lost, messages that came too often and have
 * stopped since. */
static void add_own_lines(struct buf *out, uint64_t n_lost)
{
    unsigned cursor = 0;
    struct log_left_out left;

    if (n_lost) {
        const struct log_field n = log_int("n", (int64_t)n_lost);
        log_line_add(out, format_now(), &(struct log_record){LOG_WARN, "log", "lines lost", &n, 1});
    }
    if (!atomic_load_explicit(&the.rate.has_dropped, memory_order_relaxed))
        return;
    while (log_rate_left_out(&the.rate, &cursor, &left)) {
        const struct log_field fields[] = {log_text("of", left.message),
                                           log_int("repeats_dropped", left.n)};
        log_line_add(out, format_now(),
                     &(struct log_record){left.level, left.subject, "lines left out", fields,
                                          ARRAY_LEN(fields)});
    }
}

/* Until there is something to do, or it is time to tell what was left out. */
static void wait_for_work(void)
{
    struct timespec until;

    while (!the.queue.len && !the.is_stopping && !the.wants_reopen) {
        if (!atomic_load_explicit(&the.rate.has_dropped, memory_order_relaxed)) {
            pthread_cond_wait(&the.more, &the.lock);
            continue;
        }
        int64_t until_ms = clock_wall_ms() + TELL_MS;
        until = (struct timespec){until_ms / 1000, until_ms % 1000 * 1000000};
        if (pthread_cond_timedwait(&the.more, &the.lock, &until) == ETIMEDOUT)
            return;
    }
}

static void *writer_main(void *unused)
{
    (void)unused;
    (void)pthread_setname_np(pthread_self(), "log");
    pthread_mutex_lock(&the.lock);
    for (;;) {
        wait_for_work();
        struct buf out = the.queue;
        uint64_t lost = the.n_lost;
        bool reopen = the.wants_reopen, stop = the.is_stopping;
        buf_init(&the.queue, LOG_QUEUE_MAX);
        the.n_lost = 0;
        the.wants_reopen = false;
        pthread_mutex_unlock(&the.lock);
        if (out.len)
            write_all(the.fd, out.ptr, out.len);
        buf_clear(&out);
        add_own_lines(&out, lost);
        if (out.len)
            write_all(the.fd, out.ptr, out.len);
        buf_deinit(&out);
        int fd = reopen && the.path ? log_open_file(the.path) : -1;
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

static int subject_index(struct slice subject)
{
    for (unsigned i = 0; i < ARRAY_LEN(subjects); i++)
        if (slice_is(subject, subjects[i]))
            return (int)i;
    return -1;
}

bool log_subject_is_known(struct slice subject)
{
    return subject_index(subject) >= 0;
}

bool log_levels_parse(struct slice text, struct slice *ret_subject, enum log_level *ret_level)
{
    struct slice level;

    return slice_cut(text, '=', ret_subject, &level) && log_subject_is_known(*ret_subject) &&
           log_level_parse(level, ret_level);
}

static void set_levels(const struct log_options *options)
{
    int least = (int)options->level;

    for (unsigned i = 0; i < ARRAY_LEN(subjects); i++) {
        int level = LEVEL_UNSET;
        for (size_t k = 0; k < options->n_levels; k++) {
            struct slice subject;
            enum log_level given;
            if (log_levels_parse(slice_of(options->levels[k]), &subject, &given) &&
                slice_is(subject, subjects[i]))
                level = (int)given;
        }
        if (level != LEVEL_UNSET && level < least)
            least = level;
        atomic_store_explicit(&the.levels[i], level, memory_order_relaxed);
    }
    atomic_store_explicit(&the.level, (int)options->level, memory_order_relaxed);
    atomic_store_explicit(&log_least, least, memory_order_relaxed);
}

void log_configure(const struct log_options *options)
{
    set_levels(options);
    atomic_store_explicit(&the.format, (int)options->format, memory_order_relaxed);
    atomic_store_explicit(&the.rate_per_s, options->rate_per_s, memory_order_relaxed);
}

int log_open(const struct log_options *options)
{
    log_configure(options);
    the.path = options->path;
    the.fd = STDERR_FILENO;
    if (the.path) {
        int fd = log_open_file(the.path);
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

bool log_wants_of(enum log_level level, const char *subject)
{
    int i = subject_index(slice_of(subject)), own = LEVEL_UNSET,
        all = atomic_load_explicit(&the.level, memory_order_relaxed);

    if (i >= 0)
        own = atomic_load_explicit(&the.levels[i], memory_order_relaxed);
    return (int)level >= (own == LEVEL_UNSET ? all : own);
}

void log_started(void)
{
    atomic_store_explicit(&the.is_started, true, memory_order_relaxed);
}

bool log_level_parse(struct slice text, enum log_level *ret_level)
{
    static const struct {
        const char *name;
        enum log_level level;
    } names[] = {{"debug", LOG_DEBUG},    {"notset", LOG_DEBUG}, {"info", LOG_INFO},
                 {"warn", LOG_WARN},      {"warning", LOG_WARN}, {"error", LOG_ERROR},
                 {"critical", LOG_ERROR}, {"fatal", LOG_ERROR}};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (slice_is_nocase(text, names[i].name)) {
            *ret_level = names[i].level;
            return true;
        }
    }
    return false;
}

static void log_enqueue(const struct buf *line)
{
    pthread_mutex_lock(&the.lock);
    buf_add_slice(&the.queue, buf_slice(line));
    if (the.queue.is_failed) {
        the.queue.is_failed = false;
        the.n_lost++;
    }
    pthread_cond_signal(&the.more);
    pthread_mutex_unlock(&the.lock);
}

void log_write(enum log_level level, const char *subject, const char *message,
               const struct log_field *fields, size_t n_fields)
{
    bool had_dropped = atomic_load_explicit(&the.rate.has_dropped, memory_order_relaxed);
    uint32_t dropped = 0;
    struct log_field all[16];
    SCRATCH_BUF(line, 0);

    if (!log_wants(level, subject))
        return;
    if (!log_rate_pass(&the.rate, subject, message, level,
                       atomic_load_explicit(&the.rate_per_s, memory_order_relaxed), &dropped)) {
        if (!had_dropped) { /* the writer sleeps without a limit until then */
            pthread_mutex_lock(&the.lock);
            pthread_cond_signal(&the.more);
            pthread_mutex_unlock(&the.lock);
        }
        return;
    }
    if (dropped && n_fields < ARRAY_LEN(all)) {
        if (n_fields)
            memcpy(all, fields, n_fields * sizeof(*fields));
        all[n_fields++] = log_int("repeats_dropped", dropped);
        fields = all;
    }
    log_line_add(&line, format_now(),
                 &(struct log_record){level, subject, message, fields, n_fields});
    if (the.is_open)
        log_enqueue(&line);
    /* Why it does not start is for whoever started it, too. */
    if (!the.is_open || (level == LOG_ERROR && the.path &&
                         !atomic_load_explicit(&the.is_started, memory_order_relaxed)))
        write_all(STDERR_FILENO, line.ptr, line.len);
}
