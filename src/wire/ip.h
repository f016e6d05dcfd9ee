/* ip: network addresses as values, so that two spellings of one address are one key. IPv4 stands in
 * its mapped form ::ffff:a.b.c.d. Pure; any thread. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>

enum { IP_TEXT_MAX = 46 };

/* A dotted quad or an IPv6 address, nothing around it. On false *ret is untouched. */
bool ip_parse(const char *text, struct in6_addr *ret);
/* The usual spelling: a mapped address as a dotted quad. */
void ip_print(const struct in6_addr *ip, char out[IP_TEXT_MAX]);
/* The address in what the system says of a socket; all zero unless that is IPv4 or IPv6. */
struct in6_addr ip_of_socket(const struct sockaddr_storage *from);
/* All zero: nobody's address, which stands for "not known". */
bool ip_is_known(const struct in6_addr *ip);
/* What one person usually has of the addresses: an IPv4 address, or the first 64 bits of an IPv6
 * one. */
struct in6_addr ip_network(const struct in6_addr *ip);
/* That as text: a dotted quad, or what ends in /64. */
void ip_network_print(const struct in6_addr *ip, char out[IP_TEXT_MAX]);
/* An address, which stands for its network, or what ip_network_print writes. On false *ret is
 * untouched. */
bool ip_network_parse(const char *text, struct in6_addr *ret);
bool ip_is_within(const struct in6_addr *ip, const struct in6_addr *net, unsigned n_bits);
