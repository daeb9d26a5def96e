"""Writes the newest message of the inbox to standard output, with imaplib.

read_imap.py PORT starttls|tls USER PASSWORD
"""
import imaplib
import os
import ssl
import sys

port, mode, user, password = sys.argv[1:]
context = ssl.create_default_context(cafile=os.environ["CA"])
if mode == "tls":
    server = imaplib.IMAP4_SSL("localhost", int(port), ssl_context=context, timeout=60)
else:
    server = imaplib.IMAP4("localhost", int(port), timeout=60)
    server.starttls(context)
with server:
    server.login(user, password)
    server.select("INBOX", readonly=True)
    _, (numbers,) = server.search(None, "ALL")
    _, ((_, message), *_) = server.fetch(numbers.split()[-1], "(BODY.PEEK[])")
    sys.stdout.buffer.write(message)
