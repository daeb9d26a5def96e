"""Writes the newest message to standard output, with poplib.

read_pop3.py PORT starttls|tls USER PASSWORD
"""
import os
import poplib
import ssl
import sys

port, mode, user, password = sys.argv[1:]
context = ssl.create_default_context(cafile=os.environ["CA"])
if mode == "tls":
    server = poplib.POP3_SSL("localhost", int(port), context=context, timeout=60)
else:
    server = poplib.POP3("localhost", int(port), timeout=60)
    server.stls(context)
server.user(user)
server.pass_(password)
_, lines, _ = server.retr(server.stat()[0])
sys.stdout.buffer.write(b"".join(line + b"\r\n" for line in lines))
server.quit()
