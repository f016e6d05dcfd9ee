#include "manager/service_cache.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/memory.h"
#include "harness/check.h"
#include "registry/registry.h"
#include "wire/mp.h"

static struct service registration(char *full_id, uint64_t number)
{
    return (struct service){.full_id = full_id, .number = number};
}

/* {"id": "x", "f": [{"_rtype": "method", "_rmethod": method}], "blob": n bytes} */
static struct slice object_with(struct buf *b, const char *method, size_t n)
{
    char *blob = mem_new(n + 1);

    buf_clear(b);
    mp_add_map(b, 3);
    mp_add_text(b, "id");
    mp_add_text(b, "x");
    mp_add_text(b, "f");
    mp_add_array(b, 1);
    mp_add_map(b, 2);
    mp_add_text(b, "_rtype");
    mp_add_text(b, "method");
    mp_add_text(b, "_rmethod");
    mp_add_text(b, method);
    mp_add_text(b, "blob");
    mp_add_str(b, slice_make(blob, n));
    mem_free(blob);
    return buf_slice(b);
}

CASE(an_object_belongs_to_one_registration)
{
    char id[] = "w/c:s";
    struct service first = registration(id, 1), second = registration(id, 2);
    struct service_cache c;
    struct buf b;

    buf_init(&b, 0);
    service_cache_init(&c);
    struct slice object = object_with(&b, "services.s.f", 3);
    CHECK_INT(service_cache_find(&c, &first).len, 0);
    service_cache_put(&c, &first, object);
    struct slice kept = service_cache_find(&c, &first);
    CHECK_BYTES(kept.ptr, kept.len, object.ptr, object.len);
    CHECK(kept.ptr != object.ptr);
    CHECK_INT(service_cache_find(&c, &second).len, 0);
    CHECK_INT(c.entries.n_entries, 0); /* what is of no use is not kept */
    CHECK_INT(c.n_bytes, 0);
    service_cache_put(&c, &second, object);
    service_cache_put(&c, &second, object);
    CHECK_INT(c.entries.n_entries, 1);
    service_cache_deinit(&c);
    buf_deinit(&b);
}

CASE(functions_of_one_answer_are_not_kept)
{
    char id[] = "w/c:s";
    struct service s = registration(id, 1);
    struct service_cache c;
    struct buf b;

    buf_init(&b, 0);
    service_cache_init(&c);
    service_cache_put(&c, &s, object_with(&b, "services.s.f", 3));
    CHECK(service_cache_find(&c, &s).len);
    /* nor what was kept before it */
    service_cache_put(&c, &s, object_with(&b, "session-1.f", 3));
    CHECK_INT(service_cache_find(&c, &s).len, 0);
    service_cache_deinit(&c);
    buf_deinit(&b);
}

CASE(the_oldest_make_room)
{
    struct service_cache c;
    struct buf b;
    char id[32];

    buf_init(&b, 0);
    service_cache_init(&c);
    struct slice object = object_with(&b, "services.s.f", 3);
    for (unsigned i = 0; i < SERVICE_CACHE_ENTRIES + 10; i++) {
        snprintf(id, sizeof(id), "w/c:%u", i);
        struct service s = registration(id, i);
        service_cache_put(&c, &s, object);
    }
    CHECK_INT(c.entries.n_entries, SERVICE_CACHE_ENTRIES);
    struct service gone = registration(strcpy(id, "w/c:9"), 9);
    CHECK_INT(service_cache_find(&c, &gone).len, 0);
    struct service here = registration(strcpy(id, "w/c:10"), 10);
    CHECK(service_cache_find(&c, &here).len);
    service_cache_deinit(&c);
    buf_deinit(&b);
}

CASE(bytes_are_bounded)
{
    struct service_cache c;
    struct buf b;
    char id[32];
    size_t most = 0;

    buf_init(&b, 0);
    service_cache_init(&c);
    struct slice object = object_with(&b, "services.s.f", SERVICE_CACHE_VALUE_BYTES - 100);
    for (unsigned i = 0; i < 400; i++) {
        snprintf(id, sizeof(id), "w/c:%u", i);
        struct service s = registration(id, i);
        service_cache_put(&c, &s, object);
        most = c.n_bytes > most ? c.n_bytes : most;
        CHECK(service_cache_find(&c, &s).len);
    }
    CHECK(most <= SERVICE_CACHE_BYTES && most > SERVICE_CACHE_BYTES / 2);
    struct service large = registration(strcpy(id, "w/c:large"), 1000);
    service_cache_put(&c, &large, object_with(&b, "services.s.f", SERVICE_CACHE_VALUE_BYTES));
    CHECK_INT(service_cache_find(&c, &large).len, 0);
    service_cache_deinit(&c);
    CHECK_INT(c.n_bytes, 0);
    buf_deinit(&b);
}

CASES(RUN(an_object_belongs_to_one_registration), RUN(functions_of_one_answer_are_not_kept),
      RUN(the_oldest_make_room), RUN(bytes_are_bounded))
