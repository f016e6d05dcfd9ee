/* schema: a service's table written in the two forms others read: the object with function
 * references, and the schema map kept by the registry. Dotted method names become nested maps in
 * both. Pure. */
#include "rpc/schema.h"

#include "base/memory.h"
#include "wire/json.h"
#include "wire/mp.h"

enum { KEY_MAX = 128 };

struct form {
    const struct rpc_service *service;
    struct buf *out;
    /* Writes what stands for one method; name is its last part. */
    void (*add_leaf)(const struct form *f, const struct rpc_method *m, const char *name);
    struct slice server, address;
};

/* ---- parameters ---- */

static const char *const kind_schemas[][2] = {
    [RPC_ANY] = {NULL, NULL},
    [RPC_TEXT] = {"string", NULL},
    [RPC_BOOL] = {"boolean", NULL},
    [RPC_INT] = {"integer", NULL},
    [RPC_NUMBER] = {"number", NULL},
    [RPC_MAP] = {"object", NULL},
    [RPC_LIST] = {"array", NULL},
    [RPC_TEXT_OR_LIST] = {"string", "array"},
    [RPC_TEXT_OR_MAP] = {"string", "object"},
};

static void schema_add_type(struct buf *b, const char *type)
{
    mp_add_map(b, 1);
    mp_add_text(b, "type");
    mp_add_text(b, type);
}

static void schema_add_types(struct mp_open *map, const struct rpc_param *p)
{
    const char *const *types = kind_schemas[p->kind];
    bool takes_nil = p->is_optional && !p->default_json;
    uint32_t n = (types[0] != NULL) + (types[1] != NULL) + takes_nil;

    if (!types[0])
        return;
    if (n == 1) {
        mp_key(map, "type");
        mp_add_text(map->buf, types[0]);
        return;
    }
    mp_key(map, "anyOf");
    mp_add_array(map->buf, n);
    schema_add_type(map->buf, types[0]);
    if (types[1])
        schema_add_type(map->buf, types[1]);
    if (takes_nil)
        schema_add_type(map->buf, "null");
}

static void add_param(struct buf *b, const struct rpc_param *p)
{
    struct mp_open map;

    mp_open_map(&map, b);
    schema_add_types(&map, p);
    if (p->is_optional) {
        mp_key(&map, "default");
        if (!p->default_json)
            mp_add_nil(b);
        else
            ASSERT(json_to_mp(slice_of(p->default_json), b, NULL) == JSON_OK);
    }
    if (p->help) {
        mp_key(&map, "description");
        mp_add_text(b, p->help);
    }
    mp_close(&map);
}

static void add_params(struct buf *b, const struct rpc_method *m)
{
    struct mp_open map, properties;
    uint32_t n_required = 0;
    unsigned n = 0;

    mp_open_map(&map, b);
    mp_key(&map, "properties");
    mp_open_map(&properties, b);
    for (; n < RPC_MAX_PARAMS && m->params[n].name; n++) {
        mp_key(&properties, m->params[n].name);
        add_param(b, &m->params[n]);
        n_required += !m->params[n].is_optional;
    }
    mp_close(&properties);
    if (n_required) {
        mp_key(&map, "required");
        mp_add_array(b, n_required);
    }
    for (unsigned i = 0; i < n; i++) {
        if (!m->params[i].is_optional)
            mp_add_text(b, m->params[i].name);
    }
    mp_key(&map, "type");
    mp_add_text(b, "object");
    mp_close(&map);
}

static void add_function(struct buf *b, const struct rpc_method *m, const char *name)
{
    mp_add_map(b, 3);
    mp_add_text(b, "name");
    mp_add_text(b, name);
    mp_add_text(b, "description");
    mp_add_text(b, m->help ? m->help : "");
    mp_add_text(b, "parameters");
    add_params(b, m);
}

/* ---- the two leaves ---- */

static void schema_add_reference(const struct form *f, const struct rpc_method *m, const char *name)
{
    SCRATCH_BUF(path, 0);
    SCRATCH_BUF(schema, 0);

    buf_add_fmt(&path, "services.%s.%s", f->service->id, m->name);
    add_function(&schema, m, name);
    rpc_value_add_method(f->out, &(struct rpc_method_ref){.server = f->server,
                                                          .target = f->address,
                                                          .method = buf_slice(&path),
                                                          .promise = "*",
                                                          .name = slice_of(name),
                                                          .doc = slice_of(m->help),
                                                          .schema = buf_slice(&schema)});
}

static void add_described(const struct form *f, const struct rpc_method *m, const char *name)
{
    mp_add_map(f->out, 2);
    mp_add_text(f->out, "type");
    mp_add_text(f->out, "function");
    mp_add_text(f->out, "function");
    add_function(f->out, m, name);
}

/* ---- the walk ---- */

static bool is_first_of(const struct rpc_service *service, size_t at, size_t n_prefix)
{
    for (size_t i = 0; i < at; i++) {
        if (strncmp(service->methods[i].name, service->methods[at].name, n_prefix) == 0)
            return false;
    }
    return true;
}

/* All methods whose names begin with the first n_prefix characters of methods[first]'s; names are
 * ours, so nesting is shallow. */
static void add_level(const struct form *f, struct mp_open *map, size_t first, size_t n_prefix)
{
    const struct rpc_service *service = f->service;
    const char *prefix = service->n_methods ? service->methods[first].name : "";

    for (size_t i = first; i < service->n_methods; i++) {
        const char *name = service->methods[i].name;
        if (strncmp(name, prefix, n_prefix) != 0)
            continue;
        const char *rest = name + n_prefix, *dot = strchr(rest, '.');
        if (!dot) {
            mp_key(map, rest);
            f->add_leaf(f, &service->methods[i], rest);
            continue;
        }
        size_t n_group = (size_t)(dot - name) + 1;
        if (!is_first_of(service, i, n_group))
            continue;
        char key[KEY_MAX];
        struct mp_open group;
        ASSERT((size_t)(dot - rest) < sizeof(key));
        memcpy(key, rest, (size_t)(dot - rest));
        key[dot - rest] = '\0';
        mp_key(map, key);
        mp_open_map(&group, f->out);
        add_level(f, &group, i, n_group);
        mp_close(&group);
    }
}

static void add_header(struct mp_open *map, const struct rpc_service *service)
{
    mp_key(map, "id");
    mp_add_text(map->buf, service->id);
    mp_key(map, "name");
    mp_add_text(map->buf, service->name);
    mp_key(map, "description");
    mp_add_text(map->buf, service->description);
    mp_key(map, "type");
    mp_add_text(map->buf, service->type ? service->type : "generic");
    mp_key(map, "config");
    if (service->config.len)
        mp_add_raw(map->buf, service->config);
    else
        mp_add_map(map->buf, 0);
}

void schema_add_object(struct buf *b, const struct rpc_service *service, struct slice server,
                       struct slice address)
{
    struct form f = {.service = service,
                     .out = b,
                     .add_leaf = schema_add_reference,
                     .server = server,
                     .address = address};
    struct mp_open map;

    mp_open_map(&map, b);
    add_header(&map, service);
    add_level(&f, &map, 0, 0);
    mp_close(&map);
}

void rpc_service_schema(const struct rpc_service *service, struct buf *out)
{
    struct form f = {.service = service, .out = out, .add_leaf = add_described};
    struct mp_open map;

    mp_open_map(&map, out);
    add_level(&f, &map, 0, 0);
    mp_close(&map);
}
