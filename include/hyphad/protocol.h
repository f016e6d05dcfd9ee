/* protocol: names and numbers of the wire shared by the server, the bench and the tests. */
#pragma once

#define HYPHA_WS_PATH "/ws"
#define HYPHA_CHUNK_BYTES 262144u
#define HYPHA_CHUNK_SLACK 1024u
#define HYPHA_FRAME_MAX (HYPHA_CHUNK_BYTES + HYPHA_CHUNK_SLACK)
#define HYPHA_API_VERSION 3

enum hypha_close {
    HYPHA_CLOSE_NORMAL = 1000,
    HYPHA_CLOSE_GOING_AWAY = 1001,
    HYPHA_CLOSE_PROTOCOL = 1002,
    HYPHA_CLOSE_UNSUPPORTED = 1003,
    HYPHA_CLOSE_POLICY = 1008,
    HYPHA_CLOSE_TOO_BIG = 1009,
    HYPHA_CLOSE_TRY_AGAIN = 1013,
};
enum { HYPHA_CLOSE_REASON_MAX = 123 };
