/* payers: who pays for what HTTP connections hold: each client address has an account below the one for all of them, and each
 * connection a leaf of it. One address is one IPv4 address, or an IPv6 network of 64 bits, as providers hand them out. An entry
 * is there while somebody holds it. Any thread. */
#pragma once
#include <netinet/in.h>
#include <stddef.h>

struct account;
struct http_payer;
struct http_payers;

/* Takes its own reference to http, the account for all. */
struct http_payers *http_payers_new(struct account *http, size_t address_bytes);
struct http_payers *http_payers_free(struct http_payers *p);        /* takes NULL; returns NULL; nobody may hold an entry */
/* One that is not known: NULL, whose account is the one for all. */
struct http_payer *http_payer_take(struct http_payers *p, const struct in6_addr *address);
struct http_payer *http_payer_leave(struct http_payer *payer);      /* takes NULL; returns NULL */
/* Borrowed. */
struct account *http_payer_account(struct http_payers *p, struct http_payer *payer);
