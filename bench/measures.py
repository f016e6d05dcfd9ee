"""What is measured, a row each: the figure that counts, and how hyphad-bench is called for each server."""
from dataclasses import dataclass


@dataclass
class Measure:
    name: str
    figure: str                        # key of hyphad-bench's JSON
    runs: dict                         # server -> arguments of hyphad-bench
    is_quick: bool = False
    is_fresh: bool = False             # needs a server that has done nothing else


SMALL = ["--pairs", "64", "--size", "128"]


def calls(inflight):
    common = SMALL + ["--inflight", str(inflight)]
    return Measure(f"call-{inflight}", "messages_per_cpu_second",
                   {"hyphad": ["call", *common], "relay": ["echo", *common], "nats": ["nats", *common],
                    "original": ["call", *common]}, is_quick=True)


def same(name, figure, *arguments, fresh=False, original=()):
    """One line for hyphad and the original; `original` replaces what would take the original too long."""
    return Measure(name, figure, {"hyphad": [*arguments], "original": [*arguments, *original]}, is_fresh=fresh)


def against_nginx(name, path, *extra):
    few = ["--connections", "16"]
    return Measure(name, "requests_per_cpu_second",
                   {"hyphad": ["http", *few, *extra], "nginx": ["http", *few, "--path", path],
                    "original": ["http", *few, *extra]})


# A repeated option counts as given last.
FEW = ["--connections", "100"]
MEASURES = [
    calls(1),
    calls(16),
    same("logins", "logins_per_cpu_second", "connect", "--connections", "2000", "--parallel", "16", original=FEW),
    same("idle", "rss_per_connection", "idle", "--connections", "2000", "--parallel", "16", fresh=True,
         original=FEW),
    same("idle-service", "rss_per_connection", "idle", "--connections", "2000", "--parallel", "16", "--service",
         fresh=True, original=FEW),
    same("fanout", "messages_per_cpu_second", "fanout", *FEW),
    same("large", "bytes_per_cpu_second", "large", "--size", "16777216"),
    same("dead", "p50", "dead", fresh=True),
    against_nginx("http-health", "/health/liveness"),
    against_nginx("http-service", "/proxy", "--service"),
]
