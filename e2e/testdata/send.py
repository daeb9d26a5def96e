"""Sends the message on standard input with smtplib.

send.py PORT clear|starttls|tls USER PASSWORD FROM TO [MAIL-OPTION...]
An empty USER does not log in. Prints what the server refused.
"""
import os
import smtplib
import ssl
import sys

port, mode, user, password, sender, recipient, *options = sys.argv[1:]
message = sys.stdin.buffer.read()
context = ssl.create_default_context(cafile=os.environ["CA"])

if mode == "tls":
    server = smtplib.SMTP_SSL("localhost", int(port), context=context, timeout=60)
else:
    server = smtplib.SMTP("localhost", int(port), timeout=60)
with server:
    if mode == "starttls":
        server.starttls(context=context)
    if user:
        server.login(user, password)
    server.sendmail(sender, [recipient], message, mail_options=options)
