/* digest: hashes and base64, by mbedTLS. Pure; any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

void digest_sha1(struct slice bytes, uint8_t out[20]);
void digest_sha256(struct slice bytes, uint8_t out[32]);
/* 2n characters and a NUL */
void digest_hex(const uint8_t *bytes, size_t n_bytes, char *out);
void base64_encode(struct slice bytes, struct buf *out);
/* Standard or URL alphabet, padding optional. False, out as before, for anything else. */
MUST_CHECK bool base64_decode(struct slice text, struct buf *out);
