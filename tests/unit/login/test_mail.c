#include "login/mail.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/memory.h"
#include "harness/check.h"
#include "wire/json.h"
#include "wire/mp.h"

static const struct code_mail mail = {.kind = MAIL_SIGNUP,
                                      .to = "eve@example.org",
                                      .digits = "012345",
                                      .link = "https://hub.example.org/p/#verify&code=012345",
                                      .minutes = 10};

CASE(a_message_has_its_headers_and_lines_of_crlf)
{
    struct buf b;

    buf_init(&b, 0);
    mail_write(&b, &mail, "The Hub <hub@example.org>", 1767225600000, "abc");
    char *text = buf_take(&b);
    const char *head_end = strstr(text, "\r\n\r\n");
    CHECK(head_end);
    CHECK(strncmp(text, "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n", 38) == 0);
    CHECK(strstr(text, "\r\nFrom: The Hub <hub@example.org>\r\n"));
    CHECK(strstr(text, "\r\nTo: <eve@example.org>\r\n"));
    CHECK(strstr(text, "\r\nSubject: Your verification code\r\n"));
    CHECK(strstr(text, "\r\nMessage-ID: <abc@example.org>\r\n"));
    CHECK(strstr(head_end, "012345"));
    CHECK(strstr(head_end, mail.link));
    for (const char *p = text; *p; p++) {
        CHECK(*p != '\n' || (p > text && p[-1] == '\r'));
        CHECK((unsigned char)*p < 0x7f);
    }
    mem_free(text);
}

CASE(the_body_for_resend_is_json)
{
    char error[JSON_ERROR_MAX];
    struct slice value, to, address, text;
    struct buf b, mp;

    buf_init(&b, 0);
    buf_init(&mp, 0);
    mail_write_json(&b, &mail, "The Hub <hub@example.org>");
    CHECK_INT(json_to_mp(buf_slice(&b), &mp, error), JSON_OK);
    value = buf_slice(&mp);
    CHECK(mp_find_str(value, "from", &text) && slice_is(text, "The Hub <hub@example.org>"));
    CHECK(mp_find(value, "to", &to) && mp_count(to) == 1 && mp_at(to, 0, &address));
    CHECK(mp_get_str(address, &text) && slice_is(text, "eve@example.org"));
    CHECK(mp_find_str(value, "subject", &text));
    CHECK(mp_find_str(value, "html", &text) && memmem(text.ptr, text.len, "&amp;code=", 10));
    CHECK(mp_find_str(value, "text", &text) && memmem(text.ptr, text.len, "012345", 6));
    buf_deinit(&b);
    buf_deinit(&mp);
}

CASE(the_bare_address_is_found)
{
    CHECK(slice_is(mail_address("The Hub <hub@example.org>"), "hub@example.org"));
    CHECK(slice_is(mail_address("hub@example.org"), "hub@example.org"));
}

CASES(RUN(a_message_has_its_headers_and_lines_of_crlf), RUN(the_body_for_resend_is_json),
      RUN(the_bare_address_is_found))
