/* ws_frame: RFC 6455 framing as pure bytes: headers in and out, masking. No sockets, no state
 * beyond one header. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/msg.h"

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10
};
enum { WS_HEAD_MAX = 14, WS_SERVER_HEAD_MAX = 10 };

struct ws_head {
    bool is_final;
    uint8_t opcode;
    bool is_masked;
    uint8_t mask[4];
    uint64_t payload_len;
    uint8_t head_len; /* bytes the header takes */
};

enum {
    WS_HEAD_OK,
    WS_HEAD_MORE, /* fewer bytes than the header takes */
    /* Reserved bits or opcode, fragmented or long control frame, non-minimal or 2^63 length (RFC
     * 6455 5.2, 5.5). */
    WS_HEAD_BAD,
};
/* Whether a client frame must be masked is the caller's rule (1002): is_masked says what was
 * seen. */
int ws_head_read(const uint8_t *bytes, size_t n_bytes, struct ws_head *ret);
/* An unmasked (server) header; returns its length, 2 to 10. */
size_t ws_head_write(uint8_t out[WS_SERVER_HEAD_MAX], enum ws_opcode opcode, size_t payload_len);
/* XORs in place; `offset` is how far into the payload these bytes begin. Eight bytes a step and
 * wider where the compiler can. */
void ws_unmask(uint8_t *bytes, size_t n_bytes, const uint8_t mask[4], uint64_t offset);
/* Puts the binary-message header of msg_len(m) in front of the head, once, before the msg is
 * shared. */
void ws_seal(struct msg *m);
/* Sec-WebSocket-Accept for a key (RFC 6455 4.2.2): 28 characters and a NUL. */
enum { WS_ACCEPT_LEN = 28 };
void ws_accept_key(struct slice key, char out[WS_ACCEPT_LEN + 1]);
/* Whether a Close code may be sent by an endpoint (RFC 6455 7.4). */
bool ws_close_code_is_valid(unsigned code);
