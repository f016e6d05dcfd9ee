/* The schema of the built-in service is that of the published Python client, written from a table
 * of its functions. */
#include "load/load_service.h"

#include "load/load_frame.h"

#include <stdio.h>
#include <string.h>

struct parameter {
    const char *name;
    const char *type;
    bool is_required;
};

struct function {
    const char *name;
    const char *description;
    struct parameter parameters[4];
};

static const struct function DIRECT[] = {
    {"ping", "Handle ping.", {{"msg", "string", true}}},
    {"get_service", "Get a local service.", {{"service_id", "string", true}}},
};
static const struct function CACHE[] = {
    {"create",
     "Create a message.",
     {{"key", "string", true}, {"heartbeat", "boolean", false}, {"overwrite", "boolean", false}}},
    {"append",
     "Append a message.",
     {{"key", "string", true}, {"data", "string", true}, {"heartbeat", "boolean", false}}},
    {"set",
     "Append a message.",
     {{"key", "string", true},
      {"index", "integer", true},
      {"data", "string", true},
      {"heartbeat", "boolean", false}}},
    {"process", "Process a message.", {{"key", "string", true}, {"heartbeat", "boolean", false}}},
    {"remove", "Remove a message.", {{"key", "string", true}}},
};
static const struct function ECHO_FN = {
    "echo", "Give back what was given.", {{"x", "string", true}}};

static void pack_function(struct buf *b, const struct function *f)
{
    unsigned n = 0;
    unsigned n_required = 0;
    for (; n < 4 && f->parameters[n].name; n++) {
        n_required += f->parameters[n].is_required;
    }
    pack_str(b, f->name), pack_map(b, 2);
    pack_str(b, "type"), pack_str(b, "function");
    pack_str(b, "function"), pack_map(b, 3);
    pack_str(b, "name"), pack_str(b, f->name);
    pack_str(b, "description"), pack_str(b, f->description);
    pack_str(b, "parameters"), pack_map(b, 3);
    pack_str(b, "type"), pack_str(b, "object");
    pack_str(b, "properties"), pack_map(b, n);
    for (unsigned i = 0; i < n; i++) {
        pack_str(b, f->parameters[i].name), pack_map(b, 2);
        pack_str(b, "type"), pack_str(b, f->parameters[i].type);
        pack_str(b, "description"), pack_str(b, "");
    }
    pack_str(b, "required"), pack_array(b, n_required);
    for (unsigned i = 0; i < n; i++) {
        if (f->parameters[i].is_required) {
            pack_str(b, f->parameters[i].name);
        }
    }
}

/* All of the service record but its schema, of which only the key is written. */
static void pack_record(struct buf *b, const struct client *c, const char *service,
                        const char *type)
{
    char id[CLIENT_MAX_ADDRESS + 32];
    char name[CLIENT_MAX_ADDRESS + 32];
    char address[CLIENT_MAX_ADDRESS];
    client_address(c, address);
    (void)snprintf(id, sizeof(id), "%s:%s", address, service);
    (void)snprintf(name, sizeof(name), "Builtin services for %s", address);
    bool is_builtin = strcmp(type, "built-in") == 0;
    pack_array(b, 1), pack_map(b, 8);
    pack_str(b, "config"), pack_map(b, is_builtin ? 4 : 2);
    if (is_builtin) {
        pack_str(b, "require_context"), pack_bool(b, true);
        pack_str(b, "api_version"), pack_u32(b, 3);
    }
    pack_str(b, "visibility"), pack_str(b, "public");
    pack_str(b, "workspace"), pack_str(b, c->workspace);
    pack_str(b, "id"), pack_str(b, id);
    pack_str(b, "name"), pack_str(b, is_builtin ? name : service);
    pack_str(b, "description"), pack_nil(b);
    pack_str(b, "type"), pack_str(b, type);
    pack_str(b, "docs"), pack_nil(b);
    pack_str(b, "app_id"), pack_str(b, "*");
    pack_str(b, "service_schema");
}

void service_register_builtin(struct client *c)
{
    struct buf b = {0};
    pack_record(&b, c, "built-in", "built-in");
    pack_map(&b, 3);
    for (unsigned i = 0; i < sizeof(DIRECT) / sizeof(DIRECT[0]); i++) {
        pack_function(&b, &DIRECT[i]);
    }
    pack_str(&b, "message_cache"), pack_map(&b, 5);
    for (unsigned i = 0; i < sizeof(CACHE) / sizeof(CACHE[0]); i++) {
        pack_function(&b, &CACHE[i]);
    }
    client_call_manager(c, "register_service", "builtin", &b);
    buf_free(&b);
}

void service_register_named(struct client *c, const char *service, const char *session)
{
    struct buf b = {0};
    pack_record(&b, c, service, "generic");
    pack_map(&b, 1);
    pack_function(&b, &ECHO_FN);
    client_call_manager(c, "register_service", session, &b);
    buf_free(&b);
}

void service_register_bench(struct client *c, const char *session)
{
    service_register_named(c, "bench", session);
}

bool service_is_registered(struct client *c, const uint8_t *data, size_t n)
{
    struct head h;
    if (head_read(data, n, &h) && text_is(h.method, "builtin.reject")) {
        conn_close(&c->conn, "register_service was refused");
    }
    return text_is(h.method, "builtin.resolve");
}

static void pack_service_map(struct buf *b, const struct client *c)
{
    char address[CLIENT_MAX_ADDRESS];
    char id[CLIENT_MAX_ADDRESS + 8];
    client_address(c, address);
    (void)snprintf(id, sizeof(id), "%s:bench", address);
    pack_map(b, 5);
    pack_str(b, "id"), pack_str(b, id);
    pack_str(b, "name"), pack_str(b, "bench");
    pack_str(b, "type"), pack_str(b, "generic");
    pack_str(b, "config"), pack_map(b, 2);
    pack_str(b, "visibility"), pack_str(b, "public");
    pack_str(b, "workspace"), pack_str(b, c->workspace);
    pack_str(b, "echo"), pack_map(b, 5);
    pack_str(b, "_rtype"), pack_str(b, "method");
    pack_str(b, "_rtarget"), pack_str(b, address);
    pack_str(b, "_rmethod"), pack_str(b, "services.bench.echo");
    pack_str(b, "_rpromise"), pack_str(b, "*");
    pack_str(b, "_rname"), pack_str(b, "echo");
}

static const char CACHE_PREFIX[] = "services.built-in.message_cache.";

static bool is_chunk(const struct head *h)
{
    size_t n = strlen(CACHE_PREFIX);
    return h->method.len > n && memcmp(h->method.at, CACHE_PREFIX, n) == 0;
}

bool service_is_last_chunk(const struct head *h)
{
    return is_chunk(h) && text_is((struct text){h->method.at + strlen(CACHE_PREFIX),
                                                h->method.len - strlen(CACHE_PREFIX)},
                                  "process");
}

void service_answer(struct client *c, const uint8_t *data, size_t n)
{
    struct head h;
    bool is_read = head_read(data, n, &h);
    bool is_get = is_read && text_is(h.method, "services.built-in.get_service");
    bool is_echo = is_read && text_is(h.method, "services.bench.echo");
    bool is_cache = is_read && is_chunk(&h);
    char address[CLIENT_MAX_ADDRESS];
    char to[256];
    char method[256];
    if ((!is_get && !is_echo && !is_cache) || h.session.len > 200 || h.from.len >= sizeof(to)) {
        return;
    }
    client_address(c, address);
    (void)snprintf(to, sizeof(to), "%.*s", (int)h.from.len, h.from.at);
    (void)snprintf(method, sizeof(method), "%.*s.resolve", (int)h.session.len, h.session.at);
    struct buf b = {0};
    client_pack_head(&b, 5, address, to, method);
    pack_str(&b, "parent"), pack_str_n(&b, h.session.at, h.session.len);
    pack_map(&b, 1), pack_str(&b, "args"), pack_array(&b, 1);
    if (is_get) {
        pack_service_map(&b, c);
    } else if (is_cache) {
        pack_nil(&b);
    } else {
        pack_str(&b, "echo");
    }
    frame_append(conn_out(&c->conn), FRAME_BINARY, b.data, b.len);
    buf_free(&b);
}
