"""Mints the tokens scenes log in with: HS256, the claim set of the server's own tokens."""
import base64
import hashlib
import hmac
import json
import secrets
import time

SECRET = "scenes-0123456789abcdef0123456789abcdef"


def _b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def mint(sub, scope="", *, ttl=3600, roles=(), email=None, parent=None, secret=SECRET,
         alg="HS256", **claims):
    """A signed token, no two alike. `claims` override or (with None) remove claims of the usual set."""
    now = int(time.time())
    body = {
        "iss": "https://amun.ai/", "sub": sub, "aud": "https://amun-ai.eu.auth0.com/api/v2/",
        "iat": now, "exp": now + ttl, "scope": scope, "gty": "client-credentials", "jti": secrets.token_hex(8),
        "https://amun.ai/roles": list(roles), "https://amun.ai/email": email,
    }
    if parent is not None:
        body["https://amun.ai/parent"] = parent
    for key, value in claims.items():
        if value is None:
            body.pop(key, None)
        else:
            body[key] = value
    head = _b64(json.dumps({"alg": alg, "typ": "JWT"}).encode())
    signed = f"{head}.{_b64(json.dumps(body).encode())}"
    digest = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_b64(digest)}"


def claims(token):
    """The unverified claims of a token."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
