"""What may go at any time is never kept by a bare pointer: requests, peers, clients, services, workspaces.

Whoever keeps one of them past the end of a turn keeps what can be asked for it again (a ticket, a handle, an id), and then has it
or knows that it has gone. So their pointers are members of no struct but those named here, each with the reason why it cannot be
stale. A request is kept by nobody outside its room.
"""
import re
import sys
from pathlib import Path

SRC = Path(__file__).resolve().parent.parent / "src"
MORTALS = ("http_request", "peer", "client", "service", "workspace")
TURN = "filled and used up in one call"
KEEPERS = {
    "http/conn_state.h http_conn.req": "the connection owns its request",
    "http/parse.c http_parser.req": "the parser owns the request it reads",
    "manager/bookmarks.c wanted.home": TURN,
    "manager/cleanup.c cleanup.workspace": "held (workspace_hold)",
    "manager/evict.c emptying.workspace": "held (workspace_hold)",
    "manager/manager_internal.h manager.client": "a virtual client, there as long as the manager",
    "manager/search_index.c indexed.service": "its registry_watch takes out those that go; service_is_here until then",
    "manager/service_glob.c glob.candidates": "its registry_watch takes out those that go; service_is_here until then",
    "manager/service_choice.h service_choice.service": TURN,
    "manager/service_choice.h service_set.items": TURN,
    "peer/access.h access_decision.owned": "valid for the turn of the hub loop it was made in, as its header says",
    "peer/access.h access_decision.service": "the same",
    "peer/access.h access_question.service": TURN,
    "peer/access.h access_question.workspace": TURN,
    "peer/connect_request.h connect_request.hypothetical": "owned",
    "peer/stream_peer.h stream_peer.peer": "a part of that peer, which frees it first",
    "peer/uploads.c upload_call.p": TURN,
    "peer/uploads.c uploads.peer": "the peer forgets its uploads before it goes",
    "peer/watch.c watch.peer": "the peer forgets its watches before it goes",
    "peer/watch.c watch_key.peer": "a key of the watches, which the peer forgets before it goes",
    "registry/registry.h client.built_in": "the registry removes services before their client",
    "registry/registry.h client.workspace": "the registry removes clients before their workspace",
    "registry/registry.h registry.roster": "a client takes itself out before it goes (roster_take)",
    "registry/registry.h service.client": "the registry removes services before their client",
}


def members():
    """Every member that is a pointer to a mortal, as "file struct.member"."""
    kinds = "|".join(MORTALS)
    for path in sorted(SRC.rglob("*.[ch]")):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
        for struct, body in re.findall(r"struct (\w*) ?\{(.*?)\n\}", text, re.S):
            for line in body.split("\n"):
                if "(" not in line:
                    for name in re.findall(rf"\bstruct (?:{kinds})\s*\*+\s*(?:_Atomic\s*)?(\w+)", line):
                        yield f"{path.relative_to(SRC)} {struct}.{name}"


def main():
    found = set(members())
    problems = [f"src/{one}: keeps a pointer to what may have gone (tests/lifetimes.py says what to keep)"
                for one in sorted(found - KEEPERS.keys())]
    problems += [f"tests/lifetimes.py: {one} is there no more" for one in sorted(KEEPERS.keys() - found)]
    for one in problems:
        print(one)
    print(f"lifetimes: {len(found)} keepers, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
