/* Lines: an address, the sender's workspace, a service id, a pattern. What is accepted keeps its
 * promises. */
#include "fuzz/fuzz.h"
#include "wire/address.h"

static void check_address(struct slice to, struct slice own)
{
    struct address a, again;

    switch (address_resolve(to, own, &a)) {
    case ADDRESS_CLIENT:
        ASSERT(a.client.len && !slice_has_byte(a.client, '/') && !slice_has_byte(a.client, '*'));
        break;
    case ADDRESS_BROADCAST:
        ASSERT(slice_is(a.client, "*") && slice_eq(a.workspace, own));
        break;
    case ADDRESS_FOREIGN_BROADCAST:
        ASSERT(slice_is(a.client, "*") && !slice_eq(a.workspace, own));
        break;
    }
    if (address_split(to, &again))
        ASSERT(again.workspace.len + again.client.len + 1 == to.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct slice in = slice_make(bytes, n_bytes);
    struct slice to = fuzz_line(&in), own = fuzz_line(&in), service = fuzz_line(&in),
                 pattern = fuzz_line(&in);
    struct service_id id;
    struct address a;

    check_address(to, own);
    if (service_id_parse(service, &id) == SERVICE_ID_OK)
        ASSERT(id.name.len && id.client.len && id.app.len &&
               (!id.is_manager || slice_is(id.name, "~")));
    if (service_id_split_registered(service, &id))
        ASSERT(id.workspace.len + id.client.len + id.name.len < service.len);
    if (client_id_is_valid(to))
        ASSERT(to.len <= CLIENT_ID_MAX && slice_is_utf8(to) &&
               address_resolve(to, own, &a) == ADDRESS_CLIENT);
    if (workspace_id_check(own, true) == WORKSPACE_ID_OK)
        ASSERT(own.len && own.len <= WORKSPACE_ID_MAX && !slice_has_byte(own, '/'));
    ASSERT(glob_match(SLICE_LIT("*"), service));
    if (!glob_is(pattern))
        ASSERT(glob_match(pattern, service) == slice_eq(pattern, service));
    (void)glob_match(pattern, to);
    return 0;
}
