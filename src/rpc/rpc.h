/* rpc: the hub as a participant. A host is one virtual client (`*`/manager, public/<server>, a
 * caller made for one HTTP request): it answers calls to the services it carries, and calls others.
 * Follows exactly the protocol remote clients follow. Everything of one host happens on its
 * loop. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "auth/user.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/slice.h"
#include "loop/loop.h"
#include "router/router.h"
#include "wire/address.h"
#include "wire/rpc_value.h"

struct account;
struct rpc_host;
struct rpc_call;

/* Per loop: which hosts live here, who waits for whom. Created before the loops run, one a loop. */
struct rpc_loop;
struct rpc_settings {     /* const after start; borrowed */
    const char *base_url; /* _rserver of references */
    /* open calls: out, per host; in, per caller and loop */
    size_t max_pending;
    size_t max_chunk_keys, max_chunk_bytes; /* message_cache, per sender */
    uint64_t chunk_ttl_ms;
    /* of one frame; what comes in chunks is bounded by max_chunk_bytes */
    size_t max_message_bytes;
    uint64_t call_timeout_ms; /* 30 s: twice the heartbeat interval asked for */
};
struct rpc_loop *rpc_loop_new(struct loop *loop, struct router *router,
                              const struct rpc_settings *settings);
void rpc_loop_free(struct rpc_loop *rl); /* every host must be closed */
/* A client is gone: every call of this loop's hosts to it fails at once (3.14.6, W-078), its
 * message_cache entries go. */
void rpc_loop_peer_gone(struct rpc_loop *rl, struct slice address);

/* ---- services the host carries ---- */
enum rpc_kind {
    RPC_ANY,
    RPC_TEXT,
    RPC_BOOL,
    RPC_INT,
    RPC_NUMBER,
    RPC_MAP,
    RPC_LIST,
    RPC_TEXT_OR_LIST,
    RPC_TEXT_OR_MAP
};
enum { RPC_MAX_PARAMS = 10 };

struct rpc_param {
    const char *name; /* NULL ends the list */
    /* another kind is refused: TypeError; nil passes when optional */
    enum rpc_kind kind;
    bool is_optional;
    const char *help;
    const char *default_json; /* shown in the schema; NULL = none */
};

/* One row of a service's table. The handler runs at the end of the turn the call came in, and owns
 * the call until it settles it, now or many turns later. */
struct rpc_method {
    const char *name; /* may be dotted: "message_cache.create" */
    const char *help;
    struct rpc_param params[RPC_MAX_PARAMS];
    void (*handle)(struct rpc_call *call, void *arg);
};

struct rpc_service { /* const after start; borrowed */
    const char *id, *name, *description, *type;
    /* Encoded map. Its visibility decides which workspaces reach the service, for get_service and
     * for calls alike: public or unlisted: all; else, absent too: the host's own and
     * authorized_workspaces. */
    struct slice config;
    const struct rpc_method *methods;
    size_t n_methods;
    void *arg; /* for the handlers */
    /* Who of those may call: NULL = anyone. On refusal returns false with a text for
     * PermissionError. */
    bool (*admit)(const struct rpc_call *call, void *arg, char *error, size_t room);
};

struct rpc_host_options {
    /* absolute, copied: "*"/manager-x, public/x, ws/client-xxx */
    struct slice address;
    const struct user *user; /* who it acts as; takes its own reference */
    /* The `ws` it stamps: empty = the target's workspace (the manager, W-075). Copied. */
    struct slice workspace;
    struct account *account; /* charged for what it sends */
    /* it is gone once it has its answers, as the caller of an HTTP request */
    bool is_brief;
};
/* Attaches, binds the address and answers `services.built-in.*`. Loop thread. NULL: its account has
 * no room for it. */
MUST_CHECK struct rpc_host *rpc_host_open(struct rpc_loop *rl,
                                          const struct rpc_host_options *options);
void rpc_host_add(struct rpc_host *h, const struct rpc_service *service);
/* Further calls do not find it; calls under way go on. Harmless when the host does not carry it. */
void rpc_host_remove(struct rpc_host *h, const struct rpc_service *service);
/* Unbinds; calls under way fail at once (RPC_CLOSED: done runs before this returns); answers still
 * owed are given up, their on_gone is called, their handlers must still settle them. Freed when
 * nothing refers to it. */
void rpc_host_close(struct rpc_host *h);
struct slice rpc_host_address(const struct rpc_host *h);
struct loop *rpc_host_loop(const struct rpc_host *h);
/* The encoded map get_service(id) answers with (function references with schemas), encoded once,
 * when first asked for. */
struct slice rpc_host_service_object(const struct rpc_host *h, const char *service_id);
/* The service_schema map of 3.12 for registering it. Appends one value. */
void rpc_service_schema(const struct rpc_service *service, struct buf *out);

/* ---- answering ---- */
struct rpc_call {
    /* const for the handler */
    struct rpc_host *host;
    /* who calls, as the router stamped it; borrowed from the call */
    struct address from;
    struct slice from_text; /* the same, absolute */
    struct slice workspace; /* `ws`: the caller's context workspace */
    struct user *user;      /* the caller; owned by the call */
    struct slice session;   /* empty when no answer is wanted */
    const struct rpc_method *method;
    /* encoded values by parameter; len 0 = not given (or nil for an optional one) */
    struct slice args[RPC_MAX_PARAMS];
    void *arg;   /* of the service */
    void *state; /* the handler's own, for calls that take several turns */
    /* the caller left: the handler may stop early; it must still settle */
    void (*on_gone)(struct rpc_call *call);
};
/* Each settles the call exactly once and frees it. Value: one encoded value; len 0 = nil. Texts are
 * cut at RPC_ERROR_MAX: they often repeat what the caller sent. */
enum { RPC_ERROR_MAX = 4096 };
void rpc_resolve(struct rpc_call *call, struct slice value);
/* takes the bytes over: a long value is not copied */
void rpc_resolve_owned(struct rpc_call *call, struct buf *value);
void rpc_reject(struct rpc_call *call, const char *class_name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void rpc_reject_text(struct rpc_call *call, const char *class_name, struct slice text);
/* A RuntimeError: what the call takes was refused to whoever pays for it, which is told with the
 * option that stands in the way. */
void rpc_reject_no_room(struct rpc_call *call, const struct account_refusal *why, const char *fmt,
                        ...) PRINTF_LIKE(3, 4);
/* Passes a remote error on unchanged: an encoded {"_rtype":"error",...}. */
void rpc_reject_value(struct rpc_call *call, struct slice error);
/* Who pays for what is kept or asked on behalf of the caller: any thread may charge it. Lives as
 * long as the call. */
struct account *rpc_call_payer(const struct rpc_call *call);
/* Heartbeats are sent by the call itself at the caller's interval until it settles. */

/* ---- calling ---- */
enum rpc_outcome {
    RPC_RESOLVED, /* value: the encoded result */
    RPC_REJECTED, /* value: the encoded error argument */
    /* neither heartbeat nor answer for call_timeout_ms (or the deadline passed); text says which */
    RPC_TIMED_OUT,
    RPC_GONE,       /* target not connected, or disconnected while waiting; text */
    RPC_CLOSED,     /* the host was closed */
    RPC_OVERLOADED, /* too many pending, or no memory */
};
struct rpc_reply {
    enum rpc_outcome outcome;
    /* borrowed for the callback; of RPC_RESOLVED empty when the answer had no argument (nil) */
    struct slice value;
    /* what the value lies in: a reference keeps it longer; NULL when there is none */
    struct msg *msg;
    /* in the value, those inside others included: how long it takes to look at it */
    size_t n_values;
    struct slice text; /* a sentence for people, in the wording of 3.6 / 2.6; borrowed */
    /* of RPC_OVERLOADED: the option in the way, without its dashes, or another word for the log; a
     * literal */
    const char *rule;
};
typedef void rpc_done(const struct rpc_reply *reply, void *arg);

enum rpc_promise_form { RPC_PROMISE_COMPACT, RPC_PROMISE_FULL, RPC_PROMISE_NONE };
struct rpc_request {
    struct slice target; /* absolute address */
    struct slice method; /* path at the target */
    struct slice args;   /* encoded array; len 0 = none */
    bool with_kwargs;
    /* what args lie in, so that long ones are not copied; NULL = they are copied. Borrowed */
    struct blob *args_blob;
    /* an answer of any length; else one too long for a loop to look at is an error */
    bool takes_long;
    enum rpc_promise_form promise;
    struct slice parent;  /* when invoking a received callback; else empty */
    uint64_t deadline_ms; /* total, heartbeats or not; 0 = none */
    /* Functions handed over with this call (3.10, W-076): its methods answer at `<session>.<name>`,
     * to the target alone and only until the call settles; what is unsettled then must still be
     * settled. Borrowed until done. NULL = none. */
    const struct rpc_service *callbacks;
    /* Whom it is asked for, who pays for the frames: any thread may charge it. NULL = the host.
     * Borrowed for the call. */
    struct account *payer;
    /* Of rpc_session_id(): the args name it in their references (rpc_value_add_method). NULL = one
     * is made. */
    const char *session;
};
enum { RPC_SESSION_ROOM = 23 };
void rpc_session_id(char out[RPC_SESSION_ROOM]);
/* Sends; done comes exactly once, never before this returns (not for RPC_PROMISE_NONE). Returns an
 * id for rpc_cancel. A frame above the limit of 2.9 travels in chunks; each step answered counts as
 * a sign of life. */
uint64_t rpc_request(struct rpc_host *h, const struct rpc_request *request, rpc_done *done,
                     void *arg);
/* done will not be called; harmless when already done */
void rpc_cancel(struct rpc_host *h, uint64_t id);
/* "services.x.y" and an encoded reference: fills target, method and promise from
 * {"_rtype":"method"|"generator",...}; a bare _rtarget is expanded with the workspace. False when
 * it is no reference. Slices borrow from ref and *scratch. */
bool rpc_request_from_ref(struct slice ref, struct slice workspace, struct buf *scratch,
                          struct rpc_request *ret);
