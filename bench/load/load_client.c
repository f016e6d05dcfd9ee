/* The login is two text frames. connection_info is read by key scan: of its JSON three strings
 * matter and none of them can hold an escape. */
#include "load/load_client.h"

#include "load/load_frame.h"
#include "load/load_service.h"
#include "load/load_token.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct conn_ops CLIENT_OPS;

/* The string value of the first "key": in a JSON text; empty when absent. */
static struct text json_string(const uint8_t *data, size_t n, const char *key)
{
    char quoted[64];
    int n_quoted = snprintf(quoted, sizeof(quoted), "\"%s\"", key);
    const char *end = (const char *)data + n;
    const char *p = memmem(data, n, quoted, (size_t)n_quoted);
    if (!p) {
        return (struct text){0};
    }
    p += n_quoted;
    while (p < end && (*p == ' ' || *p == ':')) {
        p++;
    }
    if (p >= end || *p != '"') {
        return (struct text){0};
    }
    p++;
    const char *stop = memchr(p, '"', (size_t)(end - p));
    return stop ? (struct text){p, (size_t)(stop - p)} : (struct text){0};
}

static void copy_text(char *out, size_t n_out, struct text t)
{
    (void)snprintf(out, n_out, "%.*s", (int)t.len, t.len ? t.at : "");
}

static void crowd_advance(struct crowd *cr);

static void become_ready(struct client *c)
{
    c->state = CLIENT_READY;
    c->crowd->n_ready++;
    c->run->n_clients++;
    c->crowd->n_pending--;
    run_sample(c->run, c->started_ns, uv_hrtime());
    crowd_advance(c->crowd);
}

static void on_open(struct conn *conn)
{
    struct client *c = conn->owner;
    struct crowd *cr = c->crowd;
    if (cr->is_plain) {
        become_ready(c);
        return;
    }
    char hello[4096];
    unsigned i = (unsigned)(c - cr->clients);
    const char *token = NULL;
    if (cr->tokens) {
        token = (const char *)cr->tokens[i % c->run->opt.workspaces].data;
    }
    int n =
        c->reconnection_token
            ? snprintf(hello, sizeof(hello),
                       "{\"client_id\":\"%s\",\"workspace\":\"%s\",\"reconnection_token\":\"%s\"}",
                       c->id, c->workspace, c->reconnection_token)
        : token ? snprintf(hello, sizeof(hello), "{\"client_id\":\"%s\",\"token\":\"%s\"}", c->id,
                           token)
                : snprintf(hello, sizeof(hello), "{\"client_id\":\"%s\"}", c->id);
    if (n < 0 || (size_t)n >= sizeof(hello)) {
        conn_close(conn, "token too long for this program");
        return;
    }
    frame_append(&conn->out, FRAME_TEXT, hello, (size_t)n);
}

static void on_text(struct conn *conn, const uint8_t *data, size_t n)
{
    struct client *c = conn->owner;
    struct crowd *cr = c->crowd;
    struct text type = json_string(data, n, "type");
    if (c->state == CLIENT_READY) {
        if (c->on_pong && text_is(type, "pong")) {
            c->on_pong(c);
        }
        return;
    }
    if (!text_is(type, "connection_info")) {
        char why[160];
        (void)snprintf(why, sizeof(why), "login refused: %.*s", (int)(n < 120 ? n : 120),
                       (const char *)data);
        conn_close(conn, why);
        return;
    }
    copy_text(c->workspace, sizeof(c->workspace), json_string(data, n, "workspace"));
    copy_text(c->manager, sizeof(c->manager), json_string(data, n, "manager_id"));
    if (cr->keep_tokens) {
        struct text t = json_string(data, n, "reconnection_token");
        free(c->reconnection_token);
        c->reconnection_token = strndup(t.at ? t.at : "", t.len);
    }
    if (cr->with_service) {
        service_register_builtin(c);
    } else {
        become_ready(c);
    }
}

static void on_binary(struct conn *conn, const uint8_t *data, size_t n)
{
    struct client *c = conn->owner;
    if (c->state == CLIENT_LOGGING_IN) {
        if (service_is_registered(c, data, n)) {
            become_ready(c);
        }
    } else if (c->on_message) {
        c->on_message(c, data, n);
    }
}

static void on_close(struct conn *conn, const char *why)
{
    struct client *c = conn->owner;
    struct crowd *cr = c->crowd;
    if (c->state == CLIENT_READY) {
        cr->n_ready--;
        c->run->n_clients--;
    } else {
        cr->n_pending--;
    }
    cr->n_lost++;
    if (!c->run->is_over && !c->is_leaving) {
        run_error(c->run, why);
    }
    c->state = CLIENT_GONE;
    conn_free(conn);
    cr->n_gone++;
    cr->is_empty = cr->n_gone == cr->n_started;
    crowd_advance(cr);
}

static const struct conn_ops CLIENT_OPS = {
    .on_open = on_open,
    .on_text = on_text,
    .on_binary = on_binary,
    .on_close = on_close,
};

static void crowd_advance(struct crowd *cr)
{
    struct run *r = cr->run;
    while (!r->is_over && cr->n_started < cr->n && cr->n_pending < r->opt.parallel) {
        char path[128];
        struct client *c = &cr->clients[cr->n_started];
        c->conn.ops = &CLIENT_OPS;
        c->conn.owner = c;
        c->state = CLIENT_LOGGING_IN;
        c->started_ns = uv_hrtime();
        if (cr->path_of) {
            cr->path_of(cr->n_started, path, sizeof(path));
        }
        cr->n_started++;
        cr->n_pending++;
        int e = conn_start(&c->conn, &r->pool, &r->target, cr->path_of ? path : NULL);
        if (e < 0) {
            run_error(r, uv_strerror(e));
            cr->n_pending--;
            cr->n_lost++;
            cr->n_gone++;
        }
    }
    cr->is_settled = cr->n_started == cr->n && !cr->n_pending;
}

void crowd_init(struct crowd *cr, struct run *r, unsigned n)
{
    *cr = (struct crowd){.run = r, .n = n};
    cr->clients = mem_zeroed(n, sizeof(*cr->clients));
    unsigned salt = (unsigned)(uv_hrtime() / 1000U) & 0xffffffU;
    for (unsigned i = 0; i < n; i++) {
        struct client *c = &cr->clients[i];
        c->run = r;
        c->crowd = cr;
        (void)snprintf(c->id, sizeof(c->id), "bench-%06x-%06u", salt, i);
    }
}

void crowd_start_all(struct crowd *cr)
{
    cr->is_settled = false;
    crowd_advance(cr);
}

int crowd_open(struct crowd *cr, double limit_s)
{
    crowd_start_all(cr);
    if (!run_until(cr->run, &cr->is_settled, limit_s)) {
        run_error(cr->run, "not all clients were admitted in time");
        return -ETIMEDOUT;
    }
    return cr->n_lost ? -ECONNREFUSED : 0;
}

void crowd_close(struct crowd *cr)
{
    cr->run->is_over = true;
    cr->is_empty = cr->n_gone == cr->n_started;
    for (unsigned i = 0; i < cr->n_started; i++) {
        conn_close(&cr->clients[i].conn, "done");
    }
    (void)run_until(cr->run, &cr->is_empty, 30);
}

void crowd_reset(struct crowd *cr)
{
    cr->n_started = cr->n_ready = cr->n_pending = cr->n_lost = cr->n_gone = 0;
    cr->is_settled = cr->is_empty = false;
    cr->run->is_over = false;
    for (unsigned i = 0; i < cr->n; i++) {
        memset(&cr->clients[i].conn, 0, sizeof(cr->clients[i].conn));
        cr->clients[i].state = CLIENT_NEW;
        cr->clients[i].is_leaving = false;
    }
}

void crowd_deinit(struct crowd *cr)
{
    for (unsigned i = 0; i < cr->n; i++) {
        free(cr->clients[i].reconnection_token);
        conn_free(&cr->clients[i].conn);
    }
    free(cr->clients);
    for (unsigned i = 0; cr->tokens && i < cr->run->opt.workspaces; i++) {
        buf_free(&cr->tokens[i]);
    }
    free(cr->tokens);
    *cr = (struct crowd){0};
}

void client_address(const struct client *c, char out[CLIENT_MAX_ADDRESS])
{
    (void)snprintf(out, CLIENT_MAX_ADDRESS, "%s/%s", c->workspace, c->id);
}

void client_pack_head(struct buf *b, unsigned n_pairs, const char *from, const char *to,
                      const char *method)
{
    pack_map(b, n_pairs);
    pack_str(b, "type"), pack_str(b, "method");
    pack_str(b, "from"), pack_str(b, from);
    pack_str(b, "to"), pack_str(b, to);
    pack_str(b, "method"), pack_str(b, method);
}

void client_pack_promise(struct buf *b)
{
    pack_str(b, "promise"), pack_str(b, "*");
    pack_str(b, "t"), pack_f64(b, 15.0);
}

void client_call_manager(struct client *c, const char *fn, const char *session,
                         const struct buf *args)
{
    struct buf b = {0};
    char method[128];
    char to[CLIENT_MAX_ID + 2];
    char from[CLIENT_MAX_ADDRESS];
    (void)snprintf(method, sizeof(method), "services.default.%s", fn);
    (void)snprintf(to, sizeof(to), "*/%s", c->manager);
    client_address(c, from);
    client_pack_head(&b, 5, from, to, method);
    pack_str(&b, "session"), pack_str(&b, session);
    pack_map(&b, args ? 3 : 2);
    if (args) {
        pack_str(&b, "args");
        buf_append(&b, args->data, args->len);
    }
    client_pack_promise(&b);
    frame_append(&c->conn.out, FRAME_BINARY, b.data, b.len);
    buf_free(&b);
}

/* Waiting for one string from the manager. */
struct client_request {
    bool is_answered;
    struct buf answer;
};

static void on_token_answer(struct client *c, const uint8_t *data, size_t n)
{
    struct client_request *ask = c->owner;
    struct head h;
    const uint8_t *arg;
    const uint8_t *arg_end;
    struct text t = {0};
    if (!head_read(data, n, &h) || !text_is(h.method, "ask.resolve")) {
        if (h.method.len && !text_is(h.method, "ask.heartbeat")) {
            run_error(c->run, "generate_token was refused");
            ask->is_answered = true;
        }
        return;
    }
    if (tail_first_arg(h.tail, data + n, &arg, &arg_end) && pack_read_str(arg, arg_end, &t)) {
        buf_append(&ask->answer, t.at, t.len);
        *buf_reserve(&ask->answer, 1) = '\0';
    }
    ask->is_answered = true;
}

int crowd_authorize(struct crowd *cr, struct client *helper)
{
    struct run *r = cr->run;
    cr->tokens = mem_zeroed(r->opt.workspaces, sizeof(*cr->tokens));
    for (unsigned i = 0; r->opt.jwt_secret && i < r->opt.workspaces; i++) {
        char user[32];
        (void)snprintf(user, sizeof(user), "u%u", i + 1);
        int e = token_mint(&cr->tokens[i], r->opt.jwt_secret, user);
        if (e < 0) {
            return e;
        }
    }
    if (r->opt.jwt_secret) {
        return 0;
    }
    struct client_request ask = {0};
    helper->owner = &ask;
    helper->on_message = on_token_answer;
    client_call_manager(helper, "generate_token", "ask", NULL);
    conn_flush(&helper->conn);
    (void)run_until(r, &ask.is_answered, 30);
    helper->on_message = NULL;
    for (unsigned i = 0; i < r->opt.workspaces; i++) {
        buf_append(&cr->tokens[i], ask.answer.data, ask.answer.len + (ask.answer.len ? 1 : 0));
    }
    bool is_good = ask.answer.len > 0;
    buf_free(&ask.answer);
    return is_good ? 0 : -EACCES;
}
