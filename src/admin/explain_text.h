/* explain_text: a decision in words and as data. */
#pragma once

struct buf;
struct explain_case;

/* The decision as one encoded map. */
void explain_add(struct buf *b, const struct explain_case *c);
