"""A token issuer of the test's own: RSA keys, a discovery document and a key set over TLS, with certificates by an authority
that only who is told of it trusts. Everything it was asked is counted."""
import base64
import datetime
import ipaddress
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

AUDIENCE = "https://amun-ai.eu.auth0.com/api/v2/"
NAMESPACE = "https://amun.ai/"


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(n):
    return b64(n.to_bytes((n.bit_length() + 7) // 8, "big"))


class Key:
    def __init__(self, kid, bits=2048):
        self.kid = kid
        self.private = rsa.generate_private_key(65537, bits)
        self.public = self.private.public_key()

    def jwk(self, **changes):
        numbers = self.public.public_numbers()
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": number(numbers.n), "e": number(numbers.e),
                **changes}

    def pem(self):
        return self.public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, signed):
        return self.private.sign(signed, padding.PKCS1v15(), hashes.SHA256())


def _certificates(folder):
    """A CA and a certificate of 127.0.0.1: paths of the CA, the chain and the key."""
    now = datetime.datetime.now(datetime.timezone.utc)

    def make(subject, issuer, key, signer, is_ca):
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
        by = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)])
        builder = (x509.CertificateBuilder().subject_name(name).issuer_name(by).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
                   .not_valid_after(now + datetime.timedelta(days=1))
                   .add_extension(x509.BasicConstraints(is_ca, None), critical=True))
        if not is_ca:
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    files = {"ca.pem": make("scenes CA", "scenes CA", ca_key, ca_key, True),
             "cert.pem": make("127.0.0.1", "scenes CA", key, ca_key, False),
             "key.pem": key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                          serialization.NoEncryption())}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [str(folder / name) for name in files]


class Issuer:
    """Serves on a free port until stop(); after that nobody answers there, until start() again."""

    def __init__(self, folder, has_discovery=True):
        self.ca_file, self._chain, self._key = _certificates(folder)
        self.has_discovery = has_discovery
        self.keys = [Key("first")]
        self.key_set = None             # served instead of the keys, when not None
        self.asked = []                 # paths
        self.port = 0
        self._server = None
        self.start()

    def start(self):
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked.append(self.path)
                body = issuer.answer(self.path)
                self.reply(200 if body is not None else 404, body or b"")

            def do_POST(self):
                issuer.asked.append(self.path)
                self.reply(*issuer.take(self.path, self.rfile.read(int(self.headers["Content-Length"]))))

            def reply(self, status, body):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass                    # who does not trust us ends the handshake

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._chain, self._key)
        self._server = Server(("127.0.0.1", self.port), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def domain(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"https://{self.domain}/"

    def answer(self, path):
        if path == "/.well-known/openid-configuration" and self.has_discovery:
            return json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}keys"}).encode()
        if path == ("/keys" if self.has_discovery else "/.well-known/jwks.json"):
            return json.dumps(self.key_set or {"keys": [k.jwk() for k in self.keys]}).encode()
        return None

    def take(self, path, body):
        """What a POST is answered: status and body."""
        return 404, b""

    def n_key_fetches(self):
        return sum(1 for path in self.asked if "keys" in path or "jwks" in path)

    def token(self, sub, scope="", *, key=None, head=None, sign=None, **claims):
        """A token of this issuer. `claims` override, or with None remove, the usual ones."""
        key = key or self.keys[0]
        now = int(time.time())
        body = {"iss": self.url, "sub": sub, "aud": [AUDIENCE, "other"], "iat": now, "exp": now + 3600, "scope": scope,
                f"{NAMESPACE}roles": [], f"{NAMESPACE}email": f"{sub}@example.org", **claims}
        body = {k: v for k, v in body.items() if v is not None}
        head = {"alg": "RS256", "typ": "JWT", "kid": key.kid, **(head or {})}
        head = {k: v for k, v in head.items() if v is not None}
        signed = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(body).encode())}"
        return f"{signed}.{b64((sign or key.sign)(signed.encode()))}"
