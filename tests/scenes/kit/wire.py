"""Frames as bytes: one MessagePack map, optionally followed by a second one."""
import secrets
import string
import traceback

import msgpack

ALPHABET = string.ascii_letters + string.digits


def new_id():
    return "".join(secrets.choice(ALPHABET) for _ in range(22))


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


def split(frame):
    """(segment 1, segment 2 or None, the raw bytes of segment 2)."""
    unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=1 << 30)
    unpacker.feed(frame)
    main = unpacker.unpack()
    at = unpacker.tell()
    tail = bytes(frame[at:])
    return main, (unpacker.unpack() if tail else None), tail


def reference(target, method, promise="*", **more):
    return {"_rtype": "method", "_rtarget": target, "_rmethod": method, "_rpromise": promise,
            **more}


def error(raised):
    """As the Python client sends an exception."""
    return {"_rtype": "error", "_rvalue": str(raised), "_rtrace": "".join(traceback.format_exception(raised))}
