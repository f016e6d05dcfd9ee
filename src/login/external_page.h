/* external_page: the pages while a client offers the login service in our place. Any loop. */
#pragma once

struct http_request;
struct login;

/* Answers as the client does that offers the login service in our place. */
void page_other(struct login *l, struct http_request *req);
