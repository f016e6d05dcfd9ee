/* sender: on whose behalf a browser sends a request. A cookie goes along whoever has made it do so:
 * this site's own page, a link on another site, or a script there. Pure; loop thread of the
 * request. */
#pragma once
#include "http/request.h"

enum http_sender {
    /* a page of this site, the address bar, a program, or an origin that --allow-origins names */
    HTTP_SENT_FROM_HERE,
    /* somebody has followed a link from another site: a GET that opens a document */
    HTTP_SENT_BY_LINK,
    /* by a script, a form or an element of a page of another site, or of another port of this
     * host */
    HTTP_SENT_FROM_ELSEWHERE,
};
/* What the browser says (`Sec-Fetch-Site`), which no page can change, and no `Origin` overrides but
 * one that --allow-origins names. It says so over https and to this machine only; else what
 * `Origin` or `Referer` tell. A link that hides where it stands is not recognized then. */
enum http_sender http_sender_of(const struct http_request *req);
