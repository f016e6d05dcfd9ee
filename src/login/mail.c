/* mail: texts and transports. The two things a stranger chooses, address and code link, cannot
 * break out of their place: an address is ASCII without blanks, quotes or brackets (email_read),
 * the link is percent-encoded by whoever makes it, and neither a person's name nor anything else a
 * stranger writes stands in a mail, so that nobody can have us send their words. */
#include "login/mail.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "config/config.h"
#include "loop/loop.h"
#include "net/fetch_mail.h"
#include "wire/json.h"
#include "wire/url.h"

/* Somebody waits for it, and a server that stops waits for them: shorter than it waits. */
enum { DEADLINE_MS = 15000 };

struct mailer {
    struct loop *loop;
    struct fetcher *fetcher;
    const struct config *config;
    char *smtp_url;        /* owned: without user and password; NULL = no SMTP */
    char *user, *password; /* owned, decoded; or NULL */
    char *from;            /* owned: the bare address */
};

/* ---- texts ---- */

static const struct {
    const char *subject, *title, *reason;
} texts[] = {
    [MAIL_SIGNUP] = {"Your verification code", "Your verification code is",
                     "Somebody, probably you, signed up with this address. If it was not you, "
                     "ignore this mail: without the code there is no account."},
    [MAIL_RESET] = {"Your password reset code", "Your code to choose another password is",
                    "Somebody, probably you, asked to reset the password of this account. If it "
                    "was not you, ignore this mail: the password stays as it is."},
};

static void mail_add_text(struct buf *b, const struct code_mail *mail, const char *eol)
{
    buf_add_fmt(b, "%s:%s%s    %s%s%s", texts[mail->kind].title, eol, eol, mail->digits, eol, eol);
    buf_add_fmt(b, "It is good for %u minutes. You can also open this link:%s%s%s%s%s",
                mail->minutes, eol, eol, mail->link, eol, eol);
    buf_add_fmt(b, "%s%s", texts[mail->kind].reason, eol);
}

static void add_html(struct buf *b, const struct code_mail *mail)
{
    buf_add_fmt(b, "<p>%s:</p><p style=\"font-size:2em;letter-spacing:.2em\"><b>%s</b></p>",
                texts[mail->kind].title, mail->digits);
    buf_add_fmt(b, "<p>It is good for %u minutes. You can also <a href=\"", mail->minutes);
    for (const char *p = mail->link; *p; p++) {
        if (*p == '&')
            buf_add_text(b, "&amp;");
        else
            buf_add_byte(b, (uint8_t)*p);
    }
    buf_add_fmt(b, "\">open this link</a>.</p><p>%s</p>", texts[mail->kind].reason);
}

/* RFC 5322 wants English names, whatever the locale. */
static void mail_add_date(struct buf *b, int64_t wall_ms)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t s = (time_t)(wall_ms / 1000);
    struct tm t;

    gmtime_r(&s, &t);
    buf_add_fmt(b, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[t.tm_wday], t.tm_mday,
                months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

struct slice mail_address(const char *from)
{
    struct slice s = slice_of(from), head, tail;

    if (slice_cut(s, '<', &head, &tail))
        return slice_to(tail, tail.len - 1);
    return s;
}

void mail_write(struct buf *b, const struct code_mail *mail, const char *from, int64_t wall_ms,
                const char *message_id)
{
    struct slice name, host = mail_address(from);

    (void)slice_cut(host, '@', &name, &host);
    mail_add_date(b, wall_ms);
    buf_add_fmt(b, "From: %s\r\nTo: <%s>\r\nSubject: %s\r\n", from, mail->to,
                texts[mail->kind].subject);
    buf_add_fmt(b, "Message-ID: <%s@" SLICE_FMT ">\r\n", message_id, SLICE_ARG(host));
    buf_add_text(b, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
                    "Content-Transfer-Encoding: 7bit\r\nAuto-Submitted: auto-generated\r\n\r\n");
    mail_add_text(b, mail, "\r\n");
}

static void add_json(struct buf *b, const char *before, struct slice text)
{
    buf_add_text(b, before);
    json_add_text(b, text);
}

void mail_write_json(struct buf *b, const struct code_mail *mail, const char *from)
{
    SCRATCH_BUF(part, 0);

    add_json(b, "{\"from\":", slice_of(from));
    add_json(b, ",\"to\":[", slice_of(mail->to));
    add_json(b, "],\"subject\":", slice_of(texts[mail->kind].subject));
    add_html(&part, mail);
    add_json(b, ",\"html\":", buf_slice(&part));
    buf_clear(&part);
    mail_add_text(&part, mail, "\n");
    add_json(b, ",\"text\":", buf_slice(&part));
    buf_add_byte(b, '}');
}

/* ---- the mailer ---- */

static char *mail_decoded(struct slice text)
{
    struct buf b;

    buf_init(&b, 0);
    url_decode(text, false, &b);
    return buf_take(&b);
}

/* smtp[s]://[user:password@]host[:port][/...]: the authority may hold '@' only once, before the
 * host; what is ahead of it is percent-encoded. */
static void read_smtp_url(struct mailer *m, const char *url)
{
    struct slice scheme, rest, login, host, user, password;
    struct buf b;

    (void)slice_cut(slice_of(url), ':', &scheme, &rest);
    rest = slice_from(rest, 2);
    host = rest;
    if (slice_cut(rest, '@', &login, &host)) {
        password = SLICE_LIT("");
        user = login;
        (void)slice_cut(login, ':', &user, &password);
        m->user = mail_decoded(user);
        m->password = mail_decoded(password);
    }
    buf_init(&b, 0);
    buf_add_fmt(&b, SLICE_FMT "://" SLICE_FMT, SLICE_ARG(scheme), SLICE_ARG(host));
    m->smtp_url = buf_take(&b);
}

struct mailer *mailer_new(struct loop *loop, struct fetcher *fetcher)
{
    struct mailer *m = MEM_NEW(struct mailer);
    const struct config *config = loop_config(loop);
    struct slice from = mail_address(config->verification_from_email);

    m->loop = loop;
    m->fetcher = fetcher;
    m->config = config;
    m->from = mem_copy(from.ptr, from.len);
    if (config->smtp_url)
        read_smtp_url(m, config->smtp_url);
    if (mailer_is_dev(m))
        LOG(LOG_WARN, "login",
            "no mail transport: verification codes are logged and told to whoever asks; "
            "for development only, set --smtp-url or --resend-api-key");
    return m;
}

void mailer_free(struct mailer *m)
{
    if (!m)
        return;
    if (m->password)
        explicit_bzero(m->password, strlen(m->password));
    mem_free(m->smtp_url);
    mem_free(m->user);
    mem_free(m->password);
    mem_free(m->from);
    mem_free(m);
}

bool mail_is_configured(const struct config *config)
{
    return config->smtp_url || config->resend_api_key;
}

bool mailer_is_dev(const struct mailer *m)
{
    return !mail_is_configured(m->config);
}

struct sending {
    struct loop *loop;
    mail_done *done;
    void *arg;
    bool is_http;
};

static void mail_on_reply(const struct fetch_reply *reply, void *arg)
{
    struct sending *s = arg;
    bool is_sent = reply->outcome == FETCH_OK &&
                   (!s->is_http || (reply->status >= 200 && reply->status < 300));

    loop_count(s->loop, is_sent ? METRIC_CODE_MAILS : METRIC_CODE_MAILS_FAILED, 1);
    if (!is_sent)
        LOG(LOG_WARN, "login", "mail not sent", log_text("by", s->is_http ? "resend" : "smtp"),
            log_int("status", reply->status), log_text("reason", reply->text));
    s->done(is_sent ? MAIL_SENT : MAIL_FAILED, s->arg);
    mem_free(s);
}

static void send_smtp(struct mailer *m, const struct code_mail *mail, struct sending *s)
{
    char id[RANDOM_ID_LEN + 1];
    SCRATCH_BUF(b, 0);

    random_id(id);
    mail_write(&b, mail, m->config->verification_from_email, clock_wall_ms(), id);
    struct fetch_mail request = {.url = m->smtp_url,
                                 .from = m->from,
                                 .to = mail->to,
                                 .user = m->user,
                                 .password = m->password,
                                 .text = buf_slice(&b),
                                 .allow_plain = m->config->smtp_allow_plain,
                                 .deadline_ms = DEADLINE_MS};
    (void)fetch_send_mail(m->fetcher, &request, mail_on_reply, s);
}

static void send_resend(struct mailer *m, const struct code_mail *mail, struct sending *s)
{
    SCRATCH_BUF(body, 0);
    SCRATCH_BUF(key, 0);

    mail_write_json(&body, mail, m->config->verification_from_email);
    buf_add_fmt(&key, "Authorization: Bearer %s", m->config->resend_api_key);
    buf_add_byte(&key, 0);
    const char *const headers[] = {key.ptr, "Content-Type: application/json"};
    struct fetch_request request = {.method = "POST",
                                    .url = m->config->resend_url,
                                    .headers = headers,
                                    .n_headers = 2,
                                    .body = buf_slice(&body),
                                    .deadline_ms = DEADLINE_MS};
    s->is_http = true;
    (void)fetch_start(m->fetcher, &request, mail_on_reply, s);
    explicit_bzero(key.ptr, key.len);
}

void mail_code(struct mailer *m, const struct code_mail *mail, mail_done *done, void *arg)
{
    if (mailer_is_dev(m)) {
        LOG(LOG_WARN, "login", "verification code, for development only",
            log_text("email", mail->to), log_text("code", mail->digits));
        done(MAIL_SENT, arg);
        return;
    }
    struct sending *s = MEM_NEW(struct sending);
    *s = (struct sending){.loop = m->loop, .done = done, .arg = arg};
    if (m->smtp_url)
        send_smtp(m, mail, s);
    else
        send_resend(m, mail, s);
}
