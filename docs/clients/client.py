#!/usr/bin/env python3
"""Sends one signed request to a platform's gate and prints the answer.

  client.py --url https://HOST/xc/v1/requests --key agency.pem --keyid ID --body request.json

--ticket "$XC_REQUEST" instead of --body asks for the result; --ca ca.pem trusts those
certificates alone.  Python 3.8 and python3-cryptography.  Exit status: 0 if it was allowed, 1 if
not, 2 if there was no answer, which is no refusal: what is wrong is told.
"""
import argparse
import base64
import hashlib
import http.client
import secrets
import ssl
import sys
import time
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def signed(key, keyid, method, url, headers):
    """The headers, and those that sign the request (RFC 9421) with a new nonce."""
    authority = url.hostname
    if url.port not in (None, 443):
        authority += f":{url.port}"

    covered = [("@method", method), ("@authority", authority), ("@path", url.path)]
    if url.query:
        covered.append(("@query", "?" + url.query))
    covered += [(name.lower(), value) for name, value in headers.items()]

    names = " ".join(f'"{name}"' for name, _ in covered)
    params = (f'({names});created={int(time.time())};keyid="{keyid}"'
              f';nonce="{secrets.token_urlsafe(18)}"')
    covered.append(("@signature-params", params))
    base = "\n".join(f'"{name}": {value}' for name, value in covered)

    signature = base64.b64encode(key.sign(base.encode())).decode()
    return {**headers, "Signature-Input": f"sig={params}",
            "Signature": f"sig=:{signature}:"}


def main():
    parser = argparse.ArgumentParser()
    for name in ("--url", "--key", "--keyid"):
        parser.add_argument(name, required=True)
    for name in ("--body", "--ticket", "--ca"):
        parser.add_argument(name)
    args = parser.parse_args()

    url = urlsplit(args.url)
    if url.scheme != "https":
        parser.error("--url must begin with https://")
    with open(args.key, "rb") as file:
        key = load_pem_private_key(file.read(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{args.key} is no Ed25519 key")

    method, body, headers = "GET", None, {}
    if args.ticket:
        headers["XC-Request"] = args.ticket
    if args.body:
        method, body = "POST", open(args.body, "rb").read()
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        headers["Content-Type"] = "application/json"
        headers["Content-Digest"] = f"sha-256=:{digest}:"  # RFC 9530

    connection = http.client.HTTPSConnection(
        url.hostname, url.port or 443, timeout=60,
        context=ssl.create_default_context(cafile=args.ca))
    connection.request(method, url.path + ("?" + url.query if url.query else ""),
                       body, signed(key, args.keyid, method, url, headers))
    answer = connection.getresponse()

    print("HTTP", answer.status)
    for name in ("XC-Record", "XC-Request", "Retry-After"):
        print(f"{name}: {answer.getheader(name, '')}")
    print("\n" + answer.read().decode())
    return 0 if answer.status < 300 else 1


try:
    sys.exit(main())
except Exception as error:  # whatever it is, nothing was answered
    print(f"{sys.argv[0]}: no answer: {error}", file=sys.stderr)
    sys.exit(2)
