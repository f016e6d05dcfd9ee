#include "world.h"

static struct world w;

static struct question *fetch(struct rpc_host *from, const char *id)
{
    struct question *q = question_new(from, "*/bob", "services.built-in.get_service");

    q->rq.promise = RPC_PROMISE_FULL;
    mp_add_array(&q->args, 1);
    mp_add_text(&q->args, id);
    question_ask(&w, q);
    return q;
}

static void check_member(struct slice map, const char *key, const char *want)
{
    struct slice text;

    CHECK(mp_find_str(map, key, &text));
    check_slice(text, want);
}

static void check_reference(struct slice ref, const char *method, const char *name)
{
    struct slice schema, parameters;

    check_member(ref, "_rtype", "method");
    check_member(ref, "_rserver", "https://h.example");
    check_member(ref, "_rtarget", "*/bob");
    check_member(ref, "_rmethod", method);
    check_member(ref, "_rpromise", "*");
    check_member(ref, "_rname", name);
    CHECK(mp_find(ref, "_rschema", &schema));
    check_member(schema, "name", name);
    CHECK(mp_find(schema, "parameters", &parameters));
    check_member(parameters, "type", "object");
}

/* Same keys as the recorded reply of the original (captures, connect-call). req: W-060 W-069 */
CASE(a_service_comes_as_its_functions)
{
    struct slice v, deep, schema, parameters, required, properties, b;
    bool is_async = false;

    world_open(&w);
    struct question *q = fetch(w.alice, "calc");
    CHECK_INT(q->outcome, RPC_RESOLVED);
    v = buf_slice(&q->value);
    check_member(v, "id", "calc");
    check_member(v, "type", "generic");
    CHECK(mp_find(v, "config", &deep) && mp_is(deep, MP_MAP));
    CHECK(mp_find(v, "description", &deep) && mp_is(deep, MP_NIL));
    CHECK(mp_find(v, "add", &deep));
    check_reference(deep, "services.calc.add", "add");
    CHECK(mp_find_bool(deep, "_rasync", &is_async) && is_async);
    check_member(deep, "_rdoc", "Adds two numbers.");
    CHECK(mp_find(deep, "_rschema", &schema) && mp_find(schema, "parameters", &parameters));
    CHECK(mp_find(parameters, "required", &required) && mp_count(required) == 1);
    CHECK(mp_find(parameters, "properties", &properties) && mp_find(properties, "b", &b));
    check_member(b, "type", "integer");
    int64_t default_b = 0;
    CHECK(mp_find(b, "default", &deep) && mp_get_int(deep, &default_b) && default_b == 100);
    CHECK(mp_find(v, "deep", &deep) && mp_count(deep) == 2);
    CHECK(mp_find(deep, "boom", &b));
    check_reference(b, "services.calc.deep.boom", "boom");
    question_free(q);
    world_close(&w);
}

/* req: W-073 */
CASE(every_host_has_the_built_in_service)
{
    static const char *const cache[] = {"create", "append", "set", "process", "remove"};
    struct slice v, config, member;
    int64_t version = 0;
    char path[80];

    world_open(&w);
    struct question *q = fetch(w.carol, "built-in");
    CHECK_INT(q->outcome, RPC_RESOLVED);
    CHECK(mp_find(buf_slice(&q->value), "config", &config));
    CHECK(mp_find(config, "api_version", &member) && mp_get_int(member, &version));
    CHECK_INT(version, 3);
    CHECK(mp_find(buf_slice(&q->value), "message_cache", &v) && mp_count(v) == ARRAY_LEN(cache));
    for (unsigned i = 0; i < ARRAY_LEN(cache); i++) {
        snprintf(path, sizeof(path), "services.built-in.message_cache.%s", cache[i]);
        CHECK(mp_find(v, cache[i], &member));
        check_reference(member, path, cache[i]);
    }
    question_free(q);
    q = question_new(w.bob, "wa/alice", "services.built-in.ping");
    mp_add_array(&q->args, 1);
    mp_add_text(&q->args, "ping");
    question_ask(&w, q);
    CHECK(mp_get_str(buf_slice(&q->value), &v));
    check_slice(v, "pong");
    question_free(q);
    world_close(&w);
}

CASE(a_protected_service_is_not_shown_to_strangers)
{
    world_open(&w);
    struct question *q = fetch(w.alice, "secret");
    check_rejected(q, "PermissionError: Permission denied for getting protected service: secret, "
                      "workspace mismatch: * != wa");
    question_free(q);
    q = fetch(w.alice, "absent");
    check_rejected(q, "KeyError: 'Service not found: absent'");
    question_free(q);
    world_close(&w);
}

CASE(the_schema_for_the_registry_is_nested_too)
{
    struct slice v, function;
    struct buf b;

    buf_init(&b, 0);
    rpc_service_schema(&(struct rpc_service){.id = "calc",
                                             .methods = calc_methods,
                                             .n_methods = ARRAY_LEN(calc_methods)},
                       &b);
    CHECK(mp_find(buf_slice(&b), "deep", &v) && mp_find(v, "whoami", &v));
    check_member(v, "type", "function");
    CHECK(mp_find(v, "function", &function));
    check_member(function, "name", "whoami");
    buf_deinit(&b);
}

/* req: W-068 W-074 */
CASE(a_reference_becomes_a_request)
{
    struct rpc_request rq;
    struct buf ref, scratch;

    buf_init(&ref, 0);
    buf_init(&scratch, 0);
    rpc_value_add_method(&ref, &(struct rpc_method_ref){.target = SLICE_LIT("js1"),
                                                        .method = SLICE_LIT("services.a.b"),
                                                        .promise = "*"});
    CHECK(rpc_request_from_ref(buf_slice(&ref), SLICE_LIT("wa"), &scratch, &rq));
    check_slice(rq.target, "wa/js1");
    check_slice(rq.method, "services.a.b");
    CHECK_INT(rq.promise, RPC_PROMISE_COMPACT);
    buf_clear(&ref);
    rpc_value_add_method(
        &ref, &(struct rpc_method_ref){.target = SLICE_LIT("wb/py"), .method = SLICE_LIT("s.o")});
    CHECK(rpc_request_from_ref(buf_slice(&ref), SLICE_LIT("wa"), &scratch, &rq));
    check_slice(rq.target, "wb/py");
    CHECK_INT(rq.promise, RPC_PROMISE_NONE);
    buf_clear(&ref);
    mp_add_text(&ref, "no reference");
    CHECK(!rpc_request_from_ref(buf_slice(&ref), SLICE_LIT("wa"), &scratch, &rq));
    buf_deinit(&ref);
    buf_deinit(&scratch);
}

CASES(RUN(a_service_comes_as_its_functions), RUN(every_host_has_the_built_in_service),
      RUN(a_protected_service_is_not_shown_to_strangers),
      RUN(the_schema_for_the_registry_is_nested_too), RUN(a_reference_becomes_a_request))
