"""A mail server for scenes: speaks enough SMTP to take a mail, and remembers it."""
import asyncio
import email
import email.policy
import re


class Mailbox:
    """`async with Mailbox() as box`: `box.url` is for --smtp-url, `box.code(address)` waits."""

    def __init__(self):
        self.mails = []         # (envelope sender, envelope recipients, parsed message)
        self.refuses = False    # answers 550 to every recipient
        self._news = asyncio.Condition()
        self._read = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"smtp://127.0.0.1:{self.port}"
        self.options = ("--smtp-url", self.url, "--smtp-allow-plain",
                        "--mail-from", "The Hub <hub@example.org>")
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _serve(self, reader, writer):
        sender, recipients = None, []

        def say(line):
            writer.write(line.encode() + b"\r\n")
        say("220 scenes")
        while line := (await reader.readline()).decode():
            verb = line.strip().upper()
            if verb.startswith("MAIL FROM:"):
                sender, recipients = re.search("<(.*?)>", line)[1], []
                say("250 ok")
            elif verb.startswith("RCPT TO:"):
                recipients.append(re.search("<(.*?)>", line)[1])
                say("550 no such mailbox" if self.refuses else "250 ok")
            elif verb == "DATA":
                say("354 go on")
                raw = await reader.readuntil(b"\r\n.\r\n")
                raw = raw[:-3].replace(b"\r\n..", b"\r\n.")
                mail = email.message_from_bytes(raw, policy=email.policy.default)
                async with self._news:
                    self.mails.append((sender, recipients, mail))
                    self._news.notify_all()
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                break
            else:
                say("250 ok")
        writer.close()

    async def next(self, timeout=15):
        """The next mail that was not asked for yet."""
        async with self._news:
            await asyncio.wait_for(self._news.wait_for(lambda: len(self.mails) > self._read),
                                   timeout)
        self._read += 1
        return self.mails[self._read - 1]

    async def code(self, address):
        """The code of the next mail, which must be for that address."""
        _, recipients, mail = await self.next()
        assert recipients == [address], recipients
        return re.search(r"^\s+(\d{6,8})\s*$", mail.get_content(), re.M)[1]

    async def link(self):
        """The link in the next mail."""
        return re.search(r"^http\S+", (await self.next())[2].get_content(), re.M)[0]
