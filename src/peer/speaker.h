/* speaker: who may act for a connection. Ids are public, so nothing that a listing shows proves
 * anything.
 *
 *   over a WebSocket             -> its socket: nobody else writes to it
 *   stream opened with a token   -> that very token, as long as it has not expired; when it is
 *                                   revoked, the stream is closed
 *   stream opened without one    -> the cookie its own response has set, once the client has sent
 *                                   it back; a client that keeps no cookies (Node.js, a page of
 *                                   another origin) holds nothing that others do not see: it is
 *                                   known by its address alone
 *
 * From an address that is blocked nobody acts, whatever they show.
 *
 * Asked before a batch has any effect, whichever transport it came by (peer/inbound.h). Loop of the
 * peer. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/slice.h"

struct buf;
struct http_request;
struct peer;
struct token_keys;

enum { SPEAKER_OK, SPEAKER_STRANGER, SPEAKER_EXPIRED, SPEAKER_BLOCKED };

/* Somebody else may have set cookies of the same name, for another path or domain: the right one is
 * looked for among so many. */
enum { SPEAKER_COOKIES_MAX = 4 };

/* What a request shows. Digests are kept and compared, not secrets: how far two of them agree tells
 * nothing about either. */
struct speaker_proof {
    uint8_t token[32], cookies[SPEAKER_COOKIES_MAX][32]; /* SHA-256 */
    bool has_token;
    uint8_t n_cookies;
    struct in6_addr address; /* of the client; all zero: not known */
};

/* What a stream's posts must show. */
struct speaker {
    /* SHA-256: what it was opened with, and what its response has set */
    uint8_t token[32], cookie[32];
    bool has_token, has_cookie;
    bool keeps_cookies;      /* the client has sent one of ours back */
    struct in6_addr address; /* it was opened from */
    int64_t expires_at;      /* of the token, Unix seconds; 0 = never */
};

/* ret_token: the token's text, empty when there is none; lives as long as the request. */
void speaker_read(struct http_request *req, struct speaker_proof *ret, struct slice *ret_token);
/* The cookies too, of the stream that is reached at this address ("workspace/client"). */
void speaker_read_cookies(const struct http_request *req, struct slice address,
                          struct speaker_proof *ret);
/* Before it is known whose the stream is: what it is opened with. ret_token: as above. */
void speaker_open(struct speaker *s, struct http_request *req, struct slice *ret_token);
/* The stream of p begins: adds the headers that set its cookie, if it needs one and the client may
 * show it, and drop those of streams that have ended. */
void speaker_begin(struct speaker *s, const struct peer *p, const struct http_request *req,
                   struct buf *headers);
/* shown: NULL for what came over the peer's own socket. */
MUST_CHECK int speaker_may_act(const struct peer *p, const struct speaker_proof *shown);
/* Milliseconds until the token expires: 0 = it has; UINT64_MAX = never. */
uint64_t speaker_remaining_ms(const struct speaker *s, const struct token_keys *keys);
