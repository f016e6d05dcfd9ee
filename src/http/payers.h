/* payers: who pays for what HTTP connections hold: each client address has an account below the one
 * for all strangers, and each connection a leaf of it; requests that show a token of this server
 * have another one for their address, below the one for all of HTTP, so that strangers cannot take
 * all. One address is one IPv4 address, or an IPv6 network of 64 bits, as providers hand them out.
 * An entry is there while somebody holds it. Any thread. */
#pragma once
#include <netinet/in.h>
#include <stddef.h>

struct account;
struct http_payer;
struct http_payers;

struct http_payers_options {
    struct account *http;      /* for all */
    struct account *strangers; /* below it: who has shown no token */
    /* for who needs little, when strangers have filled theirs */
    struct account *door;
    size_t address_bytes; /* of one address */
};

/* Takes its own references. */
struct http_payers *http_payers_new(const struct http_payers_options *options);
/* takes NULL; returns NULL; nobody may hold an entry */
struct http_payers *http_payers_free(struct http_payers *p);
enum http_payer_of { HTTP_PAYER_STRANGERS, HTTP_PAYER_KNOWN };
/* One that is not known: NULL, whose account is the one for all strangers. */
struct http_payer *http_payer_take(struct http_payers *p, const struct in6_addr *address,
                                   enum http_payer_of of);
/* takes NULL; returns NULL */
struct http_payer *http_payer_leave(struct http_payer *payer);
/* Borrowed, both. */
struct account *http_payer_account(struct http_payers *p, struct http_payer *payer);
/* For a head, or what needs no more: the door, when it is others who leave no room for it in the
 * account of the payer. */
struct account *http_payer_account_for_little(struct http_payers *p, struct http_payer *payer);
struct account *http_payers_door(struct http_payers *p);
