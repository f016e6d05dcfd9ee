"""The people scenes speak of: users with tokens of their own, members of a workspace, root."""
from . import tokens
from .golden import ROOT_TOKEN

ROOT_ARGS = ("--root-token", ROOT_TOKEN)


def login(name, scope=None, **claims):
    """The login token of a person: admin on the personal workspace, bound to none."""
    claims.setdefault("email", f"{name}@example.org")
    return tokens.mint(name, f"ws:ws-user-{name}#a" if scope is None else scope, **claims)


async def user(hub, name, client_id=None, **first):
    return await hub.raw(client_id or hub.name(name), token=login(name), **first)


async def root(hub, **first):
    """Of a server started with ROOT_ARGS."""
    return await hub.raw(hub.name("root"), token=ROOT_TOKEN, **first)


async def member(hub, owner, permission="read_write", client_id=None, **config):
    """A client inside the owner's workspace, by a token the owner minted. A reader may not register `built-in`."""
    token = await owner.manage("generate_token", {"permission": permission, **config})
    return await hub.raw(client_id or hub.name("member"), token=token, workspace=owner.workspace,
                         is_registered=permission != "read")


async def refusal_of(call):
    """The text of the error a manager call ends with."""
    from .raw import RpcError
    try:
        value = await call
    except RpcError as error:
        return str(error)
    raise AssertionError(f"not refused: {value!r}")
