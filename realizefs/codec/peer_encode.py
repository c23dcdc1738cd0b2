"""Messages of the model as capnp structs: for each type, the name of its field in PeerMessage
and the value for it, nested dicts that pycapnp turns into the message.
"""

from collections.abc import Callable, Sequence
from typing import Any

from realizefs.model import messages as m
from realizefs.model.entries import PeerCard
from realizefs.model.versions import Vector, Version

Field = tuple[str, Any]


def hello(message: m.Hello) -> Field:
    """The field of a Hello."""
    return "hello", {
        "protocol": message.protocol,
        "features": message.features,
        "peer": message.peer,
        "name": message.name,
        "arenas": message.arenas,
        "wallNs": message.wall_ns,
    }


def roster(message: m.Roster) -> Field:
    """The field of a Roster."""
    return "roster", {
        "peers": [card(each) for each in message.peers],
        "removed": [{"peer": each.peer, "edition": each.edition} for each in message.removed],
        "connected": message.connected,
    }


def card(value: PeerCard) -> dict[str, Any]:
    """A Card."""
    return {
        "peer": value.peer,
        "name": value.name,
        "certificate": value.certificate,
        "addresses": value.addresses,
        "arenas": value.arenas,
        "grants": [
            {"arena": grant.arena, "access": int(grant.access), "edition": grant.edition}
            for grant in value.grants
        ],
        "admitted": value.admitted,
        "addressed": value.addressed,
    }


def subscribe(message: m.Subscribe) -> Field:
    """The field of a Subscribe."""
    return "subscribe", {
        "arena": message.arena,
        "replica": message.replica,
        "after": message.after,
    }


def rows(message: m.Rows) -> Field:
    """The field of Rows."""
    return "rows", {
        "arena": message.arena,
        "replica": message.replica,
        "last": message.last,
        "after": message.after,
        "rows": [row(each) for each in message.rows],
        "seen": _counters(message.seen),
        "isAll": message.is_all,
        "isSettled": message.is_settled,
    }


def row(value: m.Row) -> dict[str, Any]:
    """A Row."""
    version = value.version
    fields = _head(version)
    fields["path"] = value.path
    fields["held"] = int(value.held)
    fields["vector"] = _counters(version.vector)
    if version.others:
        fields["others"] = [_head(other) for other in version.others]
    return fields


def _counters(vector: Vector) -> list[dict[str, int]]:
    return [{"peer": author, "count": count} for author, count in vector]


def _head(version: Version) -> dict[str, Any]:
    """What Row and Head share. What equals the schema's default is left out: half the time of
    encoding."""
    fields: dict[str, Any] = {
        "kind": int(version.kind),
        "mode": version.mode,
        "size": version.size,
        "mtimeNs": version.mtime_ns,
        "author": version.author,
    }
    if version.deleted:
        fields["deleted"] = True
    if version.hash:
        fields["hash"] = version.hash
    if version.block_root:
        fields["blockRoot"] = version.block_root
    if version.target:
        fields["target"] = version.target
    if version.replaced:
        fields["replaced"] = b"".join(version.replaced)
    return fields


def ack(message: m.Ack) -> Field:
    """The field of an Ack."""
    return "ack", {"arena": message.arena, "replica": message.replica, "seq": message.seq}


def read(message: m.Read) -> Field:
    """The field of a Read."""
    return "read", _range(message)


def read_delta(message: m.ReadDelta) -> Field:
    """The field of a ReadDelta; its signature goes raw."""
    return "readDelta", {"read": _range(message)}


def read_several(message: m.ReadSeveral) -> Field:
    """The field of a ReadSeveral."""
    return "readSeveral", {
        "request": message.request,
        "arena": message.arena,
        "files": [
            {"path": file.path, "hash": file.hash, "size": file.size} for file in message.files
        ],
    }


def _range(message: m.Read | m.ReadDelta) -> dict[str, Any]:
    return {
        "request": message.request,
        "arena": message.arena,
        "path": message.path,
        "hash": message.hash,
        "start": message.start,
        "length": message.length,
        "bulk": message.bulk,
    }


def read_blocks(message: m.ReadBlocks) -> Field:
    """The field of a ReadBlocks."""
    return "readBlocks", {
        "request": message.request,
        "arena": message.arena,
        "path": message.path,
        "hash": message.hash,
        "start": message.start,
        "length": message.length,
    }


def pin(message: m.Pin) -> Field:
    """The field of a Pin."""
    return "pin", {
        "request": message.request,
        "arena": message.arena,
        "path": message.path,
        "hash": message.hash,
    }


def take(message: m.Take) -> Field:
    """The field of a Take."""
    return "take", {"request": message.request, "arena": message.arena, "path": message.path}


def data(message: m.Data) -> Field:
    """The field of Data; the bytes travel beside the message."""
    return "data", message.request


def packed(message: m.Packed) -> Field:
    """The field of a Packed; its payload goes raw."""
    return "packed", {"request": message.request, "size": message.size}


def delta(message: m.Delta) -> Field:
    """The field of a Delta; its payload goes raw."""
    return "delta", {"request": message.request, "size": message.size}


def failure(message: m.Failure) -> Field:
    """The field of a Failure."""
    return "failure", {
        "request": message.request,
        "code": message.code,
        "detail": _sentence(message.detail),
    }


def cancel(message: m.Cancel) -> Field:
    """The field of a Cancel."""
    return "cancel", message.request


def ping(message: m.Ping) -> Field:
    """The field of a Ping."""
    return "ping", message.token


def pong(message: m.Pong) -> Field:
    """The field of a Pong."""
    return "pong", message.token


def join(message: m.Join) -> Field:
    """The field of a Join."""
    return "join", {"secret": message.secret, "card": card(message.card)}


def welcome(message: m.Welcome) -> Field:
    """The field of a Welcome."""
    return "welcome", {
        "roster": [card(each) for each in message.roster],
        "arenas": _shared(message.arenas),
    }


def pair_start(message: m.PairStart) -> Field:
    """The field of a PairStart."""
    return "pairStart", {"commitment": message.commitment, "card": card(message.card)}


def pair_answer(message: m.PairAnswer) -> Field:
    """The field of a PairAnswer."""
    return "pairAnswer", {"nonce": message.nonce, "name": message.name}


def pair_reveal(message: m.PairReveal) -> Field:
    """The field of a PairReveal."""
    return "pairReveal", message.nonce


def pair_agreed(message: m.PairAgreed) -> Field:
    """The field of a PairAgreed."""
    return "pairAgreed", None


def pair_invited(message: m.PairInvited) -> Field:
    """The field of a PairInvited."""
    return "pairInvited", {"secret": message.secret, "arenas": _shared(message.arenas)}


def _shared(arenas: Sequence[m.SharedArena]) -> list[dict[str, Any]]:
    return [{"arena": each.arena, "name": each.name} for each in arenas]


def refused(message: m.Refused) -> Field:
    """The field of a Refused."""
    return "refused", _sentence(message.reason)


def _sentence(text: str) -> str:
    """Sentences quote file names, which needn't be UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


ENCODERS: dict[type[Any], Callable[[Any], Field]] = {
    m.Hello: hello,
    m.Roster: roster,
    m.Subscribe: subscribe,
    m.Rows: rows,
    m.Ack: ack,
    m.Read: read,
    m.ReadBlocks: read_blocks,
    m.ReadSeveral: read_several,
    m.Pin: pin,
    m.Take: take,
    m.Data: data,
    m.Packed: packed,
    m.ReadDelta: read_delta,
    m.Delta: delta,
    m.Failure: failure,
    m.Cancel: cancel,
    m.Ping: ping,
    m.Pong: pong,
    m.Join: join,
    m.Welcome: welcome,
    m.Refused: refused,
    m.PairStart: pair_start,
    m.PairAnswer: pair_answer,
    m.PairReveal: pair_reveal,
    m.PairAgreed: pair_agreed,
    m.PairInvited: pair_invited,
}
