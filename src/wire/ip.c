/* ip: the C library parses and prints; what is added is the one form for both families. */
#include "wire/ip.h"

#include <arpa/inet.h>
#include <string.h>

bool ip_parse(const char *text, struct in6_addr *ret)
{
    struct in_addr four;

    if (inet_pton(AF_INET, text, &four) == 1) {
        *ret = (struct in6_addr){0};
        ret->s6_addr[10] = ret->s6_addr[11] = 0xff;
        memcpy(&ret->s6_addr[12], &four, sizeof(four));
        return true;
    }
    return inet_pton(AF_INET6, text, ret) == 1;
}

struct in6_addr ip_of_socket(const struct sockaddr_storage *from)
{
    struct in6_addr ip = {0};

    if (from->ss_family == AF_INET6) {
        ip = ((const struct sockaddr_in6 *)from)->sin6_addr;
    } else if (from->ss_family == AF_INET) {
        ip.s6_addr[10] = ip.s6_addr[11] = 0xff;
        memcpy(&ip.s6_addr[12], &((const struct sockaddr_in *)from)->sin_addr, 4);
    }
    return ip;
}

void ip_print(const struct in6_addr *ip, char out[IP_TEXT_MAX])
{
    bool is_four = IN6_IS_ADDR_V4MAPPED(ip);

    out[0] = '\0';
    /* It always fits: the room is that of the longest address. */
    (void)inet_ntop(is_four ? AF_INET : AF_INET6, is_four ? &ip->s6_addr[12] : ip->s6_addr, out,
                    IP_TEXT_MAX);
}

bool ip_is_known(const struct in6_addr *ip)
{
    return !IN6_IS_ADDR_UNSPECIFIED(ip);
}

void ip_network_print(const struct in6_addr *ip, char out[IP_TEXT_MAX])
{
    struct in6_addr net = ip_network(ip);

    ip_print(&net, out);
    if (!IN6_IS_ADDR_V4MAPPED(ip))
        strcat(out, "/64"); /* the lower half is zero, so there is room */
}

bool ip_network_parse(const char *text, struct in6_addr *ret)
{
    static const char suffix[] = "/64";
    char address[IP_TEXT_MAX] = "";
    size_t n = strlen(text), n_suffix = sizeof(suffix) - 1;
    bool has_suffix = n > n_suffix && strcmp(text + n - n_suffix, suffix) == 0;
    struct in6_addr ip;

    n -= has_suffix ? n_suffix : 0;
    if (n >= sizeof(address))
        return false;
    memcpy(address, text, n);
    if (!ip_parse(address, &ip) || (has_suffix && IN6_IS_ADDR_V4MAPPED(&ip)))
        return false;
    *ret = ip_network(&ip);
    return true;
}

bool ip_is_within(const struct in6_addr *ip, const struct in6_addr *net, unsigned n_bits)
{
    unsigned whole = n_bits / 8, rest = n_bits % 8;

    if (memcmp(ip->s6_addr, net->s6_addr, whole) != 0)
        return false;
    return !rest || ((ip->s6_addr[whole] ^ net->s6_addr[whole]) & (0xff00u >> rest & 0xff)) == 0;
}

struct in6_addr ip_network(const struct in6_addr *ip)
{
    struct in6_addr net = *ip;

    if (!IN6_IS_ADDR_V4MAPPED(ip))
        memset(net.s6_addr + 8, 0, 8);
    return net;
}
