/* rpc_value: the typed maps of the RPC layer (`_rtype`): errors, function references, and the rule
 * that makes references readable from another workspace. Pure; any thread. */
#pragma once
#include "base/buf.h"
#include "base/slice.h"

/* {"_rtype":"error","_rvalue":"<class>: <text>","_rtrace":"<class>: <text>"}; KeyError texts are
 * quoted as Python does; an empty class gives the bare text and an empty trace (the router's
 * sentences). */
void rpc_value_add_error(struct buf *b, const char *class_name, struct slice text);

struct rpc_method_ref {
    struct slice server;    /* _rserver: public base URL; empty = key absent */
    struct slice target;    /* _rtarget */
    struct slice method;    /* _rmethod */
    const char *promise;    /* "*", or NULL for false */
    struct slice name, doc; /* _rname, _rdoc; empty = nil */
    struct slice schema;    /* _rschema: an encoded value; empty = key absent */
};
void rpc_value_add_method(struct buf *b, const struct rpc_method_ref *ref);

/* Copies a value, prefixing every `_rtarget` without '/' of a method or generator map with
 * `workspace/` (3.11, W-068). Everything else is copied byte for byte. */
void rpc_value_expand(struct slice value, struct slice workspace, struct buf *out);
/* Whether a value contains a method or generator map anywhere. */
bool rpc_value_has_method(struct slice value);
/* How a promise of a call wants to be answered. */
struct rpc_promise {
    /* Full method paths at the caller; compact form: empty, use <session>.x. */
    struct slice heartbeat, resolve, reject;
    double interval_s; /* 0: send no heartbeats */
    bool is_present;
    bool is_compact;
};
/* Reads the values of `promise` and `t` of segment 2, which may be absent. Unreadable forms give
 * is_present false. */
void rpc_promise_read(struct slice promise, struct slice t, struct rpc_promise *ret);
