/* shares: the places there are for sockets, who holds how many, and who gives way when all are
 * taken.
 *
 * Each accepted socket holds a seat until it is closed. A seat says what its socket is doing:
 *
 *   FRESH --first byte--> HEAD --head complete--> BUSY --answered--> IDLE --first byte--> HEAD
 *
 * BUSY is a request under way, and a client that has come in by it; it is never asked to leave. The
 * others are, least recently useful first and slow heads last, when a place is wanted; nobody is in
 * the first moment of a socket or a head. An address (of IPv6: its /64) holds no more than its
 * share; a proxy that is trusted speaks for many, so only its sockets that have not asked for
 * anything yet are counted for itself, and a request counts for the client it names.
 *
 * When every place is taken by those who stay, a few more seats are the reserve: whoever sits there
 * may ask for health and figures, gives way to the next one, and gets a place for more when there
 * is one by then. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"

struct account;
struct loop_set;
struct metrics;
struct seat;
struct shares;

enum { SHARES_SLACK = 32 }; /* seats of sockets that are being closed for others, at most */
/* for each loop: sockets that may wait for it to read them before no more are let in */
enum { SHARES_WAITING = 128 };

struct shares_options {
    struct loop_set *loops; /* borrowed; may be initialised later */
    unsigned n_loops;
    size_t n_places; /* at least 1 */
    /* of the places, for one address; 100 = no limit but theirs */
    unsigned share_percent;
    size_t n_reserve; /* seats beside the places */
    /* of the accept thread; NULL: who comes into the reserve is not counted */
    struct metrics *metrics;
};

struct shares *shares_new(const struct shares_options *options);
/* before sockets come; keeps the records */
void shares_pay(struct shares *s, struct account *payer);
/* takes NULL; returns NULL; no seat may be left */
struct shares *shares_free(struct shares *s);

/* What SHARES_OK is not. FULL: all places are taken, by nobody who could leave. OVER: the address
 * holds its share. */
enum { SHARES_OK, SHARES_FULL, SHARES_OVER };
/* Accept thread: a socket from `address` came and will live on loop `loop`. OK: *ret is its seat,
 * perhaps one of the reserve. Else no seat is left, not even there. An unknown address (all zero)
 * has no share. */
MUST_CHECK int shares_arrive(struct shares *s, const struct in6_addr *address, bool is_proxy,
                             unsigned loop, struct seat **ret);
/* Accept thread: so many have been asked to leave and have not yet, or wait for their loop, that
 * the next ones had better wait in the kernel's queue for a moment. */
bool shares_must_wait(struct shares *s);
/* Any thread: descriptors, or bytes, are short, so whoever is asked first to leave is asked now.
 * False: there is nobody. */
bool shares_make_room(struct shares *s);

/* The functions below take NULL for a socket that is not counted: OK, false, nothing. */
enum seat_use { SEAT_FRESH, SEAT_IDLE, SEAT_HEAD, SEAT_BUSY };
/* Loop thread: whom to ask for the place. evict: true when the socket is being closed, false when
 * it is of use after all. */
void seat_own(struct seat *seat, bool (*evict)(void *owner), void *owner);
void seat_set(struct seat *seat, enum seat_use use); /* loop thread */
/* Loop thread: something has come on its socket, and the loop has no time for it yet; or it has. */
void seat_wait(struct seat *seat, bool waits);
/* Loop thread: a head is complete and wants more than health. `client`: whom a trusted proxy names,
 * or NULL. OK: the seat is one of the places, and counts for the client until it is not BUSY. */
MUST_CHECK int seat_ask(struct seat *seat, const struct in6_addr *client);
/* Loop thread: memory is short, so whoever is asked first to leave is asked now. */
void seat_make_room(const struct seat *seat);
bool seat_is_fresh(const struct seat *seat); /* loop thread: not a byte has come */
/* loop thread: it is of the reserve */
bool seat_is_spare(const struct seat *seat);
/* the socket is closed; returns NULL. Any thread */
struct seat *seat_free(struct seat *seat);
