/* rule: what a text must look like, and its normal form. A rule belongs to a row of an options.def;
 * for lists it is asked for each word. The config room's own. */
#pragma once
#include <stdbool.h>

struct arena;

struct rule_case {
    const char *text;     /* NUL-terminated, not empty */
    const char *base_dir; /* absolute: what relative paths are relative to */
    struct arena *arena;  /* for new texts */
    /* outputs */
    const char *normal;  /* the text to keep; preset to `text` */
    const char *want;    /* refused: what it wants, "an address"; printed as (want ...) */
    const char *message; /* refused: the whole message instead, without the value; exit 78 */
};

/* True: the text is good and `normal` set. False: refused, `want` or `message` set. */
bool rule_path(struct rule_case *c);
bool rule_host(struct rule_case *c);
bool rule_cidr(struct rule_case *c);
bool rule_base_path(struct rule_case *c);
bool rule_base_url(struct rule_case *c);
bool rule_https_url(struct rule_case *c);
bool rule_header_name(struct rule_case *c);
bool rule_origin(struct rule_case *c);
bool rule_server_id(struct rule_case *c);
bool rule_data_dir(struct rule_case *c);
bool rule_database(struct rule_case *c);
bool rule_mount(struct rule_case *c);
bool rule_redis_uri(struct rule_case *c);
bool rule_store(struct rule_case *c);
bool rule_root_token(struct rule_case *c);
bool rule_smtp_url(struct rule_case *c);
bool rule_mail_from(struct rule_case *c);
bool rule_log_level(struct rule_case *c);
bool rule_listen(struct rule_case *c);
/* The network a text that passed rule_cidr names. */
struct config_cidr;
bool rule_parse_cidr(const char *text, struct config_cidr *ret_cidr);
