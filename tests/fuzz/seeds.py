"""Writes the first corpus of the fuzz targets from the golden traffic: seeds.py (no arguments, run anywhere).

Inputs that a fuzzer found are added beside the seeds by hand and never removed.
"""
import hashlib
import json
import pathlib

HERE = pathlib.Path(__file__).parent
WIRE = HERE.parent / "wire"
MASK = bytes.fromhex("a1b2c3d4")

ADDRESSES = [
    "bob\nws-a\ncalc\n*", "ws-b/bob\nws-a\nws-a/c:calc@app\np*q*", "*\nws-a\n~\na*", "ws-a/*\nws-a\nws/~\n", "*/manager-srv1\n*\n*/x\n**",
    "ws-b/*\nws-a\nws/client:other/x:name\n*a*b*", "a/b/c\n\na:b:c\n?", "\u00e9t\u00e9\nws-user-anonymouz-x|9\nx@\n*\u00e9",
]
TARGETS = [
    "/ws", "/rpc?client_id=py1&workspace=ws-a", "/ws-a/services/c:calc/add?a=5&b=3.5&_mode=random", "http://h:1/p%2Fq?x=%E2%82%AC+1#f",
    "*", "/a?&&=&a&a=%zz%&a=%C0%80", "/%ff%fe/+?a=b=c;d", "http://h?q=aGVsbG8_-w", "/x?u=http://h/&a=e30=",
]
TEXTS = [
    "\ufeff[1, -2.5, 1e300, 123456789012345678901234567890, -0.0]", '{"a":{"b":[{},[],"\\u0000\\ud83d\\ude00"]},"a":null}',
    "[" * 64 + "]" * 64, '"\\"99999999999999999999"', '[5e-324,1.7976931348623157e308,9223372036854775807,9223372036854775808]',
]


def masked_frame(opcode, payload, final=True):
    n = len(payload)
    size = bytes([0x80 | n]) if n < 126 else b"\xfe" + n.to_bytes(2, "big") if n < 65536 else b"\xff" + n.to_bytes(8, "big")
    body = bytes(b ^ MASK[i % 4] for i, b in enumerate(payload))
    return bytes([opcode | (0x80 if final else 0)]) + size + MASK + body


WS_STREAMS = [
    masked_frame(1, "h\u00e9llo".encode()) + masked_frame(2, b"x" * 300) + masked_frame(8, b"\x03\xe8bye"),
    masked_frame(1, b"a\xc3", False) + masked_frame(9, b"ping") + masked_frame(0, b"\xa9", False) + masked_frame(10, b"") + masked_frame(0, b"!"),
    masked_frame(2, b"y" * 601), masked_frame(1, b"\xff\xfe"), b"\x82\x01z", b"\x83\x80abcd", masked_frame(0, b"?"),
    masked_frame(2, b"", False) + masked_frame(2, b""), masked_frame(8, b"\x03"), masked_frame(8, b"\x03\xed") + masked_frame(2, b"late"),
    masked_frame(2, b"z" * 500, False) + masked_frame(0, b"z" * 101), masked_frame(2, b"w" * 126) + masked_frame(8, b""),
]


def keep(target, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ("seed-" + hashlib.sha1(data).hexdigest()[:12])).write_bytes(data)


def golden(kinds, largest, per_file):
    for path in sorted(WIRE.glob("*.jsonl")):
        n = 0
        for line in path.read_text().splitlines():
            rec = json.loads(line)
            data = bytes.fromhex(rec["hex"]) if "hex" in rec else rec["text"].encode()
            if rec["kind"] in kinds and len(data) <= largest and n < per_file:
                n += 1
                yield data


def main():
    for i, frame in enumerate(golden({"binary"}, 1200, 6)):
        keep("rpc_header", frame)
        if i % 4 == 0:
            keep("mp", frame[frame.find(b"\xa4args") - 1:] if b"\xa4args" in frame else frame)
            keep("frame", masked_frame(2, frame[:400], False) + masked_frame(9, b"ping") + masked_frame(0, frame[400:]))
    for text in golden({"text"}, 1200, 3):
        keep("json", text)
    for text in TEXTS:
        keep("json", text.encode())
    keep("frame", b"\x82\x7e\x00\x7e" + b"x" * 126 + b"\x88\x02\x03\xe8")
    for start in b"\x02\x07\x3f\x46\x85\xc4":
        for stream in WS_STREAMS:
            keep("ws", bytes([start]) + stream)
    for text in ADDRESSES:
        keep("address", text.encode())
    for text in TARGETS:
        keep("url", text.encode("latin-1"))


if __name__ == "__main__":
    main()
