/* fetch_once: libcurl's easy interface, for a process that does nothing else meanwhile. */
#include "net/fetch_once.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "net/libcurl.h"

enum { DEADLINE_MS = 10000, BODY_MAX = 1 << 20 };

/* A failed option may have been the one that protects the request. */
#define SET(easy, option, value) (libcurl()->easy_setopt((easy), (option), (value)) == CURLE_OK)

static size_t fetch_once_on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
    struct fetch_once *ret = arg;

    buf_add(&ret->body, bytes, size * n);
    if (!ret->body.is_failed)
        return size * n;
    ret->outcome = FETCH_TOO_LARGE;
    return 0;
}

static bool fetch_once_set_headers(CURL *easy, const struct fetch_request *r,
                                   struct curl_slist **list)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        /* A line end in it would make another header of what follows. */
        struct curl_slist *grown = r->headers[i][strcspn(r->headers[i], "\r\n")]
                                       ? NULL
                                       : libcurl()->slist_append(*list, r->headers[i]);
        if (!grown)
            return false;
        *list = grown;
    }
    return SET(easy, CURLOPT_HTTPHEADER, *list);
}

static bool set_all(CURL *easy, const struct fetch_request *r, struct fetch_once *ret, char *error,
                    struct curl_slist **headers)
{
    long deadline = (long)(r->deadline_ms ? r->deadline_ms : DEADLINE_MS);

    return SET(easy, CURLOPT_URL, r->url) && SET(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
           SET(easy, CURLOPT_ERRORBUFFER, error) && SET(easy, CURLOPT_TIMEOUT_MS, deadline) &&
           SET(easy, CURLOPT_NOSIGNAL, 1L) && SET(easy, CURLOPT_PROXY, "") &&
           SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
           SET(easy, CURLOPT_SSL_VERIFYPEER, 1L) && SET(easy, CURLOPT_SSL_VERIFYHOST, 2L) &&
           SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           (!r->ca_file || SET(easy, CURLOPT_CAINFO, r->ca_file)) &&
           SET(easy, CURLOPT_USERAGENT, "hyphad") &&
           SET(easy, CURLOPT_WRITEFUNCTION, fetch_once_on_bytes) &&
           SET(easy, CURLOPT_WRITEDATA, ret) &&
           (!r->body.ptr || (SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len) &&
                             SET(easy, CURLOPT_COPYPOSTFIELDS, r->body.ptr))) &&
           fetch_once_set_headers(easy, r, headers);
}

static void fetch_once_perform(CURL *easy, struct fetch_once *ret)
{
    CURLcode code = libcurl()->easy_perform(easy);
    long status = 0;

    libcurl()->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    ret->status = (unsigned)status;
    if (code == CURLE_OK || ret->outcome != FETCH_OK)
        return;
    ret->outcome = code == CURLE_OPERATION_TIMEDOUT ? FETCH_TIMEOUT : FETCH_FAILED;
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        ret->outcome = FETCH_BAD_REQUEST;
}

void fetch_once(const struct fetch_request *r, struct fetch_once *ret)
{
    char error[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;

    *ret = (struct fetch_once){.outcome = FETCH_OK};
    buf_init(&ret->body, r->max_bytes ? r->max_bytes : BODY_MAX);
    if (!libcurl()) {
        ret->outcome = FETCH_FAILED;
        (void)snprintf(ret->text, sizeof(ret->text), "libcurl.so.4 is not installed");
        return;
    }
    CURL *easy = libcurl()->easy_init();
    if (easy && set_all(easy, r, ret, error, &headers))
        fetch_once_perform(easy, ret);
    else
        ret->outcome = FETCH_BAD_REQUEST;
    if (ret->outcome != FETCH_OK)
        (void)snprintf(ret->text, sizeof(ret->text), "%s",
                       ret->outcome == FETCH_TOO_LARGE ? "the answer is too large"
                       : error[0]                      ? error
                                                       : "the request cannot be made");
    libcurl()->slist_free_all(headers);
    libcurl()->easy_cleanup(easy);
}
