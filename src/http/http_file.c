/* http_file: one record per answer, which travels to a worker and back.
 *
 *   LOOK --no such file, not modified, bad range, HEAD--> answered
 *     \--> READ --written--> wait until the client has taken it --> READ ... --> answered
 *
 * A worker opens the file, reads a piece and closes it: slow clients, however many, hold no
 * descriptors. It must be the same file as before, unchanged; else the connection ends, so that the
 * client sees that it has not got all. Where the request has no conditions the first look brings
 * the first piece, and a small file is answered with it.
 *
 * While a worker has the record the client may leave: then it is freed when it comes back. */
#include "http/http_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/held.h"
#include "base/log.h"
#include "config/config.h"
#include "http/beneath.h"
#include "http/condition.h"
#include "http/http_conn.h"
#include "http/location.h"
#include "http/mime.h"
#include "http/request.h"
#include "loop/offload.h"

enum { PIECE_BYTES = 64 * 1024, ETAG_MAX = 48, AGAIN_MS = 100 };

struct file_answer {
    struct job job;
    struct http_ticket ticket;
    struct loop *loop;
    struct account *account; /* the request's; this record holds it */
    struct timer again;      /* running while the workers have too much to do */
    bool is_working;         /* a worker has it */
    bool is_stranger;        /* who asked */
    bool is_abandoned;       /* the client has gone meanwhile */
    struct stat st;          /* as it was found first */
    int error;               /* of the worker: errno, or 0 */
    uint64_t at, end;        /* of the bytes still to be sent */
    char *piece;             /* held; NULL until bytes are read */
    /* of the piece; 0 with an error, or after a look without reading */
    size_t n_read;
    struct http_file file;
    char path[];
};

static void answer_free(struct file_answer *a)
{
    timer_stop(a->loop, &a->again);
    held_free(a->piece);
    held_free(a);
}

static void http_file_on_gone(void *owner)
{
    struct file_answer *a = owner;

    if (a->is_working)
        a->is_abandoned = true;
    else
        answer_free(a);
}

/* ---- on a worker ---- */

static int read_piece(struct file_answer *a, int fd, uint64_t end)
{
    size_t want = end - a->at < PIECE_BYTES ? (size_t)(end - a->at) : PIECE_BYTES;

    while (a->n_read < want) {
        ssize_t n = pread(fd, a->piece + a->n_read, want - a->n_read, (off_t)(a->at + a->n_read));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? errno : ESTALE;
        a->n_read += (size_t)n;
    }
    return 0;
}

static void work_look(struct job *job)
{
    struct file_answer *a = CONTAINER_OF(job, struct file_answer, job);
    int fd = beneath_open(a->file.folder, a->path);

    if (fd < 0) {
        a->error = -fd;
        return;
    }
    a->error = fstat(fd, &a->st) < 0 ? errno : 0;
    if (!a->error && a->piece)
        a->error = read_piece(a, fd, (uint64_t)a->st.st_size);
    close(fd);
}

static bool http_file_is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void work_read(struct job *job)
{
    struct file_answer *a = CONTAINER_OF(job, struct file_answer, job);
    int fd = beneath_open(a->file.folder, a->path);
    struct stat now;

    if (fd < 0) {
        a->error = -fd;
        return;
    }
    if (fstat(fd, &now) < 0)
        a->error = errno;
    else
        a->error = http_file_is_same(&now, &a->st) ? read_piece(a, fd, a->end) : ESTALE;
    close(fd);
}

/* ---- pieces ---- */

/* False: the workers have too much to do. */
static bool file_offload(struct file_answer *a, struct loop *loop, void (*run)(struct job *job),
                         void (*done)(struct job *job))
{
    a->job = (struct job){
        .class = OFFLOAD_BULK, .is_stranger = a->is_stranger, .work = run, .done = done};
    a->is_working = offload(loop, &a->job) == OFFLOAD_OK;
    return a->is_working;
}

/* The record when its client is still there, and the request; else NULL, and it is gone. */
static struct http_request *come_back(struct file_answer *a)
{
    a->is_working = false;
    if (a->is_abandoned) {
        answer_free(a);
        return NULL;
    }
    struct http_request *req = http_request_resume(a->ticket);
    ASSERT(req != NULL);
    return req;
}

static void http_file_on_read(struct job *job);

/* What was begun is gone on with, if later: the client has been told a length. */
static void read_next(struct file_answer *a)
{
    if (!file_offload(a, a->loop, work_read, http_file_on_read))
        timer_start(a->loop, &a->again, AGAIN_MS);
}

static void http_file_on_again(struct timer *t)
{
    read_next(CONTAINER_OF(t, struct file_answer, again));
}

static void http_file_on_drained(struct http_request *req, void *owner)
{
    struct file_answer *a = owner;

    (void)req;
    if (!a->is_working && !timer_is_running(&a->again))
        read_next(a);
}

/* What the worker has read goes to the client. */
static void take_piece(struct file_answer *a, struct http_request *req)
{
    size_t n = a->n_read;
    size_t waiting = http_stream_write(req, slice_make(a->piece, n));

    loop_count(a->loop, METRIC_FILE_BYTES, (int64_t)n);
    a->at += n;
    a->n_read = 0;
    if (a->at == a->end) {
        answer_free(a);
        http_stream_end(req);
    } else if (!waiting) {
        read_next(a);
    }
}

static void http_file_on_read(struct job *job)
{
    struct file_answer *a = CONTAINER_OF(job, struct file_answer, job);
    struct http_request *req = come_back(a);

    if (!req)
        return;
    if (!a->error) {
        take_piece(a, req);
        return;
    }
    LOG(LOG_WARN, "http", "a file cannot be read to its end", log_text("path", a->path),
        log_text("reason", a->error == ESTALE ? "it has changed" : strerror(a->error)));
    answer_free(a);
    http_stream_abort(req);
}

/* ---- the answer's head ---- */

static void take_conditions(struct http_request *req, struct condition *c)
{
    *c = (struct condition){0};
    (void)http_request_header(req, "if-none-match", &c->none_match);
    (void)http_request_header(req, "if-modified-since", &c->modified_since);
    (void)http_request_header(req, "range", &c->range);
    (void)http_request_header(req, "if-range", &c->if_range);
}

static bool has_conditions(struct http_request *req)
{
    struct condition c;

    take_conditions(req, &c);
    return c.none_match.ptr || c.modified_since.ptr || c.range.ptr;
}

static void http_file_add_headers(struct buf *extra, const struct representation *now)
{
    char date[HTTP_DATE_MAX];

    http_date(now->modified_s, date);
    http_header_add(extra, "accept-ranges", SLICE_LIT("bytes"));
    http_header_add(extra, "last-modified", slice_of(date));
    http_header_add(extra, "etag", now->etag);
}

static void respond_busy(struct http_request *req)
{
    req->refused_by = config_names.bulk_queue;
    http_respond(req, 503, "application/json",
                 SLICE_LIT("{\"detail\":\"Too many files are being read, please retry\"}"),
                 SLICE_LIT("retry-after: 1\r\n"));
}

static void respond_no_room(struct http_request *req, const struct account *payer)
{
    struct account_refusal why = account_refusal(payer);

    http_respond_no_room(req, &why, "There is no room for the file");
}

static void send_bytes(struct file_answer *a, struct http_request *req, unsigned status,
                       struct slice extra)
{
    uint64_t n_bytes = a->end - a->at;
    bool has_body = n_bytes && req->method != HTTP_M_HEAD;

    if (has_body && !a->piece && !(a->piece = held_new(PIECE_BYTES, a->account))) {
        respond_no_room(req, a->account);
        answer_free(a);
        return;
    }
    http_stream_begin_sized(req, &(struct http_head){status, a->file.content_type, extra, n_bytes});
    if (!has_body) {
        answer_free(a);
        http_stream_end(req);
    } else if (a->n_read) {
        take_piece(a, req);
    } else {
        read_next(a);
    }
}

static void send_range(struct file_answer *a, struct http_request *req, uint64_t first,
                       uint64_t last, struct buf *extra)
{
    char text[80];
    int n =
        snprintf(text, sizeof(text), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first, last, a->end);

    http_header_add(extra, "content-range", slice_make(text, (size_t)n));
    a->at = first;
    a->end = last + 1;
    send_bytes(a, req, 206, buf_slice(extra));
}

static void refuse_range(struct file_answer *a, struct http_request *req)
{
    SCRATCH_BUF(extra, 0);

    buf_add_fmt(&extra, "content-range: */%" PRIu64 "\r\n", a->end);
    http_respond(req, 416, "text/plain; charset=utf-8", SLICE_LIT(""), buf_slice(&extra));
    answer_free(a);
}

static void answer_found(struct file_answer *a, struct http_request *req)
{
    char etag[ETAG_MAX];
    int n =
        snprintf(etag, sizeof(etag), "\"%llx-%llx-%llx\"", (unsigned long long)a->st.st_mtim.tv_sec,
                 (unsigned long long)a->st.st_mtim.tv_nsec, (unsigned long long)a->st.st_size);
    const struct representation now = {(uint64_t)a->st.st_size, (int64_t)a->st.st_mtim.tv_sec,
                                       slice_make(etag, (size_t)n)};
    struct condition conditions;
    SCRATCH_BUF(extra, 0);
    uint64_t first, last;

    http_file_add_headers(&extra, &now);
    take_conditions(req, &conditions);
    a->at = 0;
    a->end = now.n_bytes;
    switch (condition_decide(&conditions, &now, &first, &last)) {
    case CONDITION_WHOLE:
        send_bytes(a, req, 200, buf_slice(&extra));
        break;
    case CONDITION_PART:
        send_range(a, req, first, last, &extra);
        break;
    case CONDITION_UNCHANGED:
        http_respond(req, 304, NULL, SLICE_LIT(""), buf_slice(&extra));
        answer_free(a);
        break;
    case CONDITION_OUTSIDE:
        refuse_range(a, req);
        break;
    }
}

/* A page finds what lies beside it only when its address ends as a folder's. */
static void answer_with_slash(struct http_request *req)
{
    struct location to;

    location_here(&to, req);
    location_add_path(&to, req->path);
    location_add_slash(&to);
    location_add_query(&to, req->query);
    http_respond_redirect(req, 307, &to);
}

static void answer_absent(struct http_request *req, const struct http_file *file)
{
    http_respond_error(req, 404, file->family, slice_of(file->absent));
}

static void on_looked(struct job *job)
{
    struct file_answer *a = CONTAINER_OF(job, struct file_answer, job);
    struct http_request *req = come_back(a);

    if (!req)
        return;
    if (!a->error && a->file.is_at_folder) {
        answer_with_slash(req);
        answer_free(a);
        return;
    }
    if (!a->error) {
        loop_count(req->loop, METRIC_FILES_SERVED, 1);
        answer_found(a, req);
        return;
    }
    if (a->error != ENOENT)
        LOG(LOG_WARN, "http", "a file cannot be read", log_text("folder", a->file.folder),
            log_text("path", a->path), log_text("reason", strerror(a->error)));
    if (a->error == ENOENT || a->error == EACCES)
        answer_absent(req, &a->file);
    else
        http_respond_error(req, 503, HTTP_F2, SLICE_LIT("The file cannot be read now"));
    answer_free(a);
}

/* What no file has, and what would be resolved against something else. */
static bool is_sound(struct slice path)
{
    struct slice part, rest = path;

    if (!path.len || path.ptr[0] == '/' || slice_has_byte(path, '\0'))
        return false;
    while (slice_cut(rest, '/', &part, &rest)) {
        if (slice_is(part, ".."))
            return false;
    }
    return rest.len && !slice_is(rest, "..");
}

void http_file_respond(struct http_request *req, const struct http_file *file)
{
    struct account *account = req->account;
    struct file_answer *a;

    if (!is_sound(file->path)) {
        answer_absent(req, file);
        return;
    }
    a = held_new(sizeof(*a) + file->path.len + 1, account);
    if (!a) {
        respond_no_room(req, account);
        return;
    }
    memcpy(a->path, file->path.ptr, file->path.len);
    a->loop = req->loop;
    a->is_stranger = !req->is_verified;
    a->account = account;
    timer_init(&a->again, http_file_on_again);
    a->file = *file;
    if (!a->file.content_type)
        a->file.content_type = mime_of(file->path);
    a->file.path = slice_make(a->path, file->path.len);
    if (req->method == HTTP_M_GET && !has_conditions(req))
        /* NULL: asked for again when the file is there */
        a->piece = held_new(PIECE_BYTES, account);
    if (!file_offload(a, req->loop, work_look, on_looked)) {
        answer_free(a);
        respond_busy(req);
        return;
    }
    a->ticket = http_request_park(req, &(struct http_watch){.owner = a,
                                                            .on_gone = http_file_on_gone,
                                                            .on_drained = http_file_on_drained});
}
