/* Key sets as issuers publish them, and as nobody should. */
#include "auth/jwks.h"

#include "base/buf.h"
#include "base/memory.h"
#include "harness/check.h"
#include "unit/auth/vectors.h"

#define KEY(id, more)                                                                              \
    "{\"kty\":\"RSA\",\"kid\":\"" id "\",\"n\":\"" VECTOR_N "\",\"e\":\"AQAB\"" more "}"
#define SET(keys) "{\"keys\":[" keys "]}"

static struct jwks *read(const char *json)
{
    struct jwks *set = NULL;

    CHECK_INT(jwks_read(slice_of(json), &set), JWKS_OK);
    CHECK(set != NULL);
    return set;
}

static void refused(const char *json)
{
    struct jwks *set = (struct jwks *)json;

    CHECK_INT(jwks_read(slice_of(json), &set), JWKS_BAD);
    CHECK(!set);
}

CASE(keys_are_found_by_their_id)
{
    struct jwks *set = read(SET(KEY("a", ",\"use\":\"sig\",\"alg\":\"RS256\"") "," KEY("b", "")));

    CHECK_INT(set->n_keys, 2);
    CHECK_TEXT(jwks_find(set, SLICE_LIT("b"))->id, "b");
    CHECK_INT(jwks_find(set, SLICE_LIT("a"))->rsa.n_len, 256);
    CHECK_INT(jwks_find(set, SLICE_LIT("a"))->rsa.e_len, 3);
    CHECK(!jwks_find(set, SLICE_LIT("c")) && !jwks_find(set, SLICE_LIT("")) &&
          !jwks_find(NULL, SLICE_LIT("a")));
    mem_free(set);
}

CASE(what_is_no_rsa_signing_key_is_passed_over)
{
    struct jwks *set = read(SET("1,null,[],{},\"x\"," KEY("enc", ",\"use\":\"enc\"") "," KEY(
        "512",
        ",\"alg\":\"RS512\"") "," KEY("", "") "," KEY("nul\\u0000",
                                                      "") ","
                                                          "{\"kty\":\"EC\",\"kid\":\"ec\",\"n\":"
                                                          "\"" VECTOR_N "\",\"e\":\"AQAB\"},"
                                                          "{\"kty\":\"oct\",\"kid\":\"oct\",\"k\":"
                                                          "\"AAAA\"},"
                                                          "{\"kty\":\"RSA\",\"n\":\"" VECTOR_N
                                                          "\",\"e\":\"AQAB\"},"
                                                          "{\"kty\":\"RSA\",\"kid\":\"short\","
                                                          "\"n\":\"" VECTOR_SMALL_N
                                                          "\",\"e\":\"AQAB\"},"
                                                          "{\"kty\":\"RSA\",\"kid\":\"even\",\"n\":"
                                                          "\"" VECTOR_N "\",\"e\":\"AQAA\"},"
                                                          "{\"kty\":\"RSA\",\"kid\":\"one\",\"n\":"
                                                          "\"" VECTOR_N "\",\"e\":\"AQ\"},"
                                                          "{\"kty\":\"RSA\",\"kid\":\"none\",\"n\":"
                                                          "\"" VECTOR_N "\",\"e\":\"\"},"
                                                          "{\"kty\":\"RSA\",\"kid\":\"text\",\"n\":"
                                                          "7,\"e\":\"AQAB\"},"
                                                          "{\"kty\":\"RSA\",\"kid\":\"bad64\","
                                                          "\"n\":\"" VECTOR_N
                                                          "*\",\"e\":\"AQAB\"}," KEY("good", "")));

    CHECK_INT(set->n_keys, 1);
    CHECK_TEXT(set->keys[0].id, "good");
    mem_free(set);
}

CASE(of_two_with_one_id_the_first_counts)
{
    struct jwks *set = read(
        SET("{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"" VECTOR_N "\",\"e\":\"Aw\"}," KEY("a", "")));

    CHECK_INT(set->n_keys, 1);
    CHECK_INT(set->keys[0].rsa.e_len, 1);
    mem_free(set);
}

CASE(what_is_no_key_set_is_refused)
{
    refused("");
    refused("[]");
    refused("{}");
    refused("{\"keys\":{}}");
    refused("{\"keys\":[]}");
    refused("{\"keys\":[");
    refused(SET(KEY("enc", ",\"use\":\"enc\"")));
}

CASE(keys_and_bytes_are_bounded)
{
    struct buf b;
    struct jwks *set;

    buf_init(&b, 0);
    buf_add_text(&b, "{\"keys\":[");
    for (int i = 0; i < JWKS_KEYS_MAX + 5; i++)
        buf_add_fmt(&b, "%s{\"kty\":\"RSA\",\"kid\":\"k%d\",\"n\":\"" VECTOR_N "\",\"e\":\"AQAB\"}",
                    i ? "," : "", i);
    buf_add_text(&b, "]}");
    CHECK_INT(jwks_read(buf_slice(&b), &set), JWKS_OK);
    CHECK_INT(set->n_keys, JWKS_KEYS_MAX);
    CHECK(!jwks_find(set, SLICE_LIT("k64")));
    mem_free(set);
    while (b.len <= JWKS_BYTES_MAX)
        buf_add_byte(&b, ' ');
    CHECK_INT(jwks_read(buf_slice(&b), &set), JWKS_BAD);
    buf_deinit(&b);
}

CASE(a_discovery_document_names_issuer_and_keys)
{
    char name[JWKS_URL_MAX], url[JWKS_URL_MAX];

    CHECK(jwks_discovery_read(
        SLICE_LIT("{\"issuer\":\"https://i\",\"jwks_uri\":\"https://i/k\",\"x\":1}"), name, url));
    CHECK_TEXT(name, "https://i");
    CHECK_TEXT(url, "https://i/k");
    CHECK(!jwks_discovery_read(SLICE_LIT("{\"issuer\":\"https://i\"}"), name, url));
    CHECK(
        !jwks_discovery_read(SLICE_LIT("{\"issuer\":7,\"jwks_uri\":\"https://i/k\"}"), name, url));
    CHECK(!jwks_discovery_read(SLICE_LIT("{\"issuer\":\"a\\u0000b\",\"jwks_uri\":\"https://i/k\"}"),
                               name, url));
    CHECK(!jwks_discovery_read(SLICE_LIT("<html>"), name, url));
}

CASES(RUN(keys_are_found_by_their_id), RUN(what_is_no_rsa_signing_key_is_passed_over),
      RUN(of_two_with_one_id_the_first_counts), RUN(what_is_no_key_set_is_refused),
      RUN(keys_and_bytes_are_bounded), RUN(a_discovery_document_names_issuer_and_keys))
