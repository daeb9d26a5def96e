"""Uses every port of `letterlock demo` as a mail program would.

demo.py ADDRESS
"""
import imaplib
import poplib
import smtplib
import socket
import ssl
import sys

ADDRESS = sys.argv[1]
USER = PASSWORD = "demo"

# The demo makes its own certificate, which no CA has signed.
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def letter(subject):
    return f"From: <me@example.net>\r\nTo: <demo@example.com>\r\nSubject: {subject}\r\n\r\nHello\r\n.dot\r\n"



def refused(what, *args):
    """The call has to fail, as TLS has not started."""
    try:
        what(*args)
    except (smtplib.SMTPException, imaplib.IMAP4.error, poplib.error_proto):
        return
    raise AssertionError(f"{what} has succeeded without TLS")


def smtp():
    with smtplib.SMTP(ADDRESS, 10025, timeout=60) as server:
        server.sendmail("me@example.net", ["demo@example.com"], letter("without TLS"))
        refused(server.login, USER, PASSWORD)
        server.starttls(context=context)
        server.sendmail("me@example.net", ["demo@example.com"], letter("smtp"))


def submission():
    with smtplib.SMTP(ADDRESS, 10587, timeout=60) as server:
        refused(server.sendmail, "me@example.net", ["demo@example.com"], letter("never"))
        server.starttls(context=context)
        refused(server.login, USER, "wrong")
        server.login(USER, PASSWORD)
        server.sendmail("me@example.net", ["demo@example.com"], letter("submission"))


def submissions():
    with smtplib.SMTP_SSL(ADDRESS, 10465, context=context, timeout=60) as server:
        server.login(USER, PASSWORD)
        server.sendmail("me@example.net", ["demo@example.com"], letter("submissions"))


def subjects_imap(server):
    with server:
        server.login(USER, PASSWORD)
        server.select("INBOX", readonly=True)
        _, parts = server.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        return {part[1].decode().strip() for part in parts if isinstance(part, tuple)}


def imap():
    server = imaplib.IMAP4(ADDRESS, 10143, timeout=60)
    refused(server.login, USER, PASSWORD)
    server.starttls(context)
    return subjects_imap(server)


def imaps():
    return subjects_imap(imaplib.IMAP4_SSL(ADDRESS, 10993, ssl_context=context, timeout=60))


def subjects_pop3(server):
    server.user(USER)
    server.pass_(PASSWORD)
    found = set()
    for number in range(1, server.stat()[0] + 1):
        lines = server.retr(number)[1]
        found |= {line.decode() for line in lines if line.startswith(b"Subject:")}
    server.quit()
    return found


def pop3():
    server = poplib.POP3(ADDRESS, 10110, timeout=60)
    refused(server.user, USER)
    server.stls(context)
    return subjects_pop3(server)


def pop3s():
    return subjects_pop3(poplib.POP3_SSL(ADDRESS, 10995, context=context, timeout=60))


class Sieve:
    """A client that is just able to."""

    def __init__(self):
        self.socket = socket.create_connection((ADDRESS, 14190), timeout=60)
        self.file = self.socket.makefile("rb")
        assert b'"STARTTLS"' in self.hear()
        assert self.say('AUTHENTICATE "PLAIN" "AGRlbW8AZGVtbw=="').startswith(b"NO (ENCRYPT-NEEDED)")
        assert self.say("STARTTLS").startswith(b"OK")
        self.socket = context.wrap_socket(self.socket)
        self.file = self.socket.makefile("rb")
        self.hear()

    def hear(self):
        heard = b""
        while True:
            line = self.file.readline()
            assert line, "the connection has ended"
            heard += line
            if line.split()[:1] and line.split()[0] in (b"OK", b"NO", b"BYE"):
                return heard

    def say(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.hear()


def sieve():
    client = Sieve()
    script = "keep;\r\n"
    for line in (
        'AUTHENTICATE "PLAIN" "AGRlbW8AZGVtbw=="',
        f'PUTSCRIPT "mine" {{{len(script)}+}}\r\n{script}',
        'SETACTIVE "mine"',
    ):
        reply = client.say(line)
        assert reply.startswith(b"OK"), reply
    scripts = client.say("LISTSCRIPTS")
    assert b'"mine" ACTIVE' in scripts, scripts


smtp()
submission()
submissions()
sent = {f"Subject: {name}" for name in ("without TLS", "smtp", "submission", "submissions")}
for read in (imap, imaps, pop3, pop3s):
    found = read()
    assert sent <= found, f"{read.__name__} finds {found}"
    assert "Subject: never" not in found
sieve()
