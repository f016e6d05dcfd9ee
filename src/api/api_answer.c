/* api_answer: whatever way it is written, by this loop or beside it, it ends here. */
#include "api/api_answer.h"

#include "api/beside.h"
#include "config/config.h"
#include "http/request.h"
#include "http/response.h"

static void api_answer_on_written(struct caller *c, struct http_request *req,
                                  enum beside_outcome outcome, struct held_buf *text)
{
    char room[ACCOUNT_REFUSAL_MAX];

    if (outcome == BESIDE_NO_ROOM) {
        caller_answer_no_room(c, req, text->b.account, "There is no room for the answer");
        return;
    }
    if (outcome == BESIDE_BUSY)
        req->refused_by = config_names.bulk_queue;
    if (outcome != BESIDE_OK) {
        caller_answer_error(c, req, outcome == BESIDE_BUSY ? 503 : 500,
                            beside_error(outcome, text, room));
        return;
    }
    http_respond_owned(req, 200, c->wants_msgpack ? "application/msgpack" : "application/json",
                       &text->b, SLICE_LIT(""));
    caller_free(c);
}

void answer_value(struct caller *c, struct http_request *req, struct slice value, struct msg *msg)
{
    static const char nil[] = {(char)0xc0};

    if (!value.len)
        value = slice_make(nil, 1);
    beside_write(c, req,
                 &(struct beside_value){.value = value, .msg = msg, .refuses_functions = true},
                 api_answer_on_written);
}
