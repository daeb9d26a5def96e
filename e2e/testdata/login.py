"""Tries to log in with TLS as old as it is told to use, and says what came of it.

login.py PORT smtp|imap|pop3 VERSION CIPHERS USER PASSWORD

Prints the version and the cipher, and then the server's refusal or "logged in".
"""
import base64
import imaplib
import os
import poplib
import smtplib
import ssl
import sys
import warnings

port, protocol, version, ciphers, user, password = sys.argv[1:]
warnings.simplefilter("ignore", DeprecationWarning)  # of old versions
context = ssl.create_default_context(cafile=os.environ["CA"])
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
context.set_ciphers(ciphers + ":@SECLEVEL=0")


def say(sock):
    print(sock.version(), sock.cipher()[0])


try:
    if protocol == "smtp":
        with smtplib.SMTP("localhost", int(port), timeout=60) as server:
            server.starttls(context=context)
            server.ehlo()
            say(server.sock)
            print("offered" if server.has_extn("auth") else "not offered")
            token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
            code, text = server.docmd("AUTH", "PLAIN " + token)
            print("logged in" if code == 235 else f"{code} {text.decode()}")
    elif protocol == "imap":
        with imaplib.IMAP4("localhost", int(port), timeout=60) as server:
            server.starttls(context)
            say(server.sock)
            print("offered" if "LOGINDISABLED" not in server.capabilities else "not offered")
            server.login(user, password)
            print("logged in")
    else:
        server = poplib.POP3("localhost", int(port), timeout=60)
        server.stls(context)
        say(server.sock)
        print("offered" if "USER" in server.capa() else "not offered")
        server.user(user)
        server.pass_(password)
        print("logged in")
        server.quit()
except (imaplib.IMAP4.error, poplib.error_proto) as refusal:
    print(refusal)
