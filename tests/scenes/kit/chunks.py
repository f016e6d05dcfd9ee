"""Chunked messages: the sending side, and the `message_cache` a raw client offers as receiver."""
import asyncio

from . import wire

CHUNK = 262144


def offer_cache(raw):
    """Makes a raw client able to receive chunked messages; counts the calls it gets."""
    cache, counts = {}, {"create": 0, "append": 0, "set": 0, "process": 0, "remove": 0}

    def create(key, heartbeat=False, overwrite=False):
        counts["create"] += 1
        cache[key] = {}

    def put(key, index, data, heartbeat=False):
        counts["set"] += 1
        cache[key][index] = data

    def append(key, data, heartbeat=False):
        counts["append"] += 1
        cache[key][len(cache[key])] = data

    async def process(key, heartbeat=False):
        counts["process"] += 1
        parts = cache.pop(key)
        assert sorted(parts) == list(range(len(parts)))
        whole = b"".join(parts[i] for i in range(len(parts)))
        main, extra, tail = wire.split(whole)
        if not await raw._serve(main, extra or {}):
            raw.frames.append((main, extra, tail, whole))
            async with raw._news:
                raw._news.notify_all()

    def remove(key):
        counts["remove"] += 1
        cache.pop(key, None)

    for name, function in (("create", create), ("set", put), ("append", append),
                           ("process", process), ("remove", remove)):
        raw.functions[f"services.built-in.message_cache.{name}"] = function
    return counts


def parts_of(frame, size=CHUNK):
    return [frame[i:i + size] for i in range(0, len(frame), size)]


async def send_chunked(raw, to, frame, key=None, how="set", heartbeat=False):
    """Sends a whole frame through the receiver's cache; returns the key."""
    key = key or wire.new_id()
    prefix = "services.built-in.message_cache"
    await raw.call(f"{prefix}.create", key, heartbeat, to=to)
    if how == "set":
        await asyncio.gather(*(raw.call(f"{prefix}.set", key, i, part, heartbeat, to=to, timeout=40)
                               for i, part in enumerate(parts_of(frame))))
    else:
        for part in parts_of(frame):
            await raw.call(f"{prefix}.append", key, part, heartbeat, to=to, timeout=40)
    await raw.call(f"{prefix}.process", key, heartbeat, to=to, timeout=40)
    return key
