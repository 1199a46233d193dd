"""A guest's write, as a client of the real daemon makes it: one NBD connection, one request.

Source: the NBD protocol, fixed newstyle handshake, simple replies. Only what a write needs.
"""

from __future__ import annotations

import socket
import struct

from blockjob_fsm.conformance.daemon import PATIENCE_S

_OPTION = b"IHAVEOPT"
_NO_ZEROES = 3  #: fixed newstyle, and no padding after the handshake
_GO, _ACK, _FIRST_ERROR = 7, 1, 1 << 31
_REQUEST, _WRITE, _DISCONNECT = 0x25609513, 1, 2


def write(path: str, export: str, offset: int, data: bytes) -> int:
    """Write to an export of the server at a Unix socket; 0, or the errno of the answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_S)
        connection.connect(path)
        _take(connection, 18)
        name = export.encode()
        connection.sendall(struct.pack(">I", _NO_ZEROES))
        go = struct.pack(f">I{len(name)}sH", len(name), name, 0)
        connection.sendall(_OPTION + struct.pack(">II", _GO, len(go)) + go)
        kind = None
        while kind != _ACK:
            _, _, kind, length = struct.unpack(">QIII", _take(connection, 20))
            told = _take(connection, length)
            assert kind < _FIRST_ERROR, f"no export {export}: {told!r}"
        connection.sendall(_request(_WRITE, offset, len(data)) + data)
        _, errno, _ = struct.unpack(">IIQ", _take(connection, 16))
        connection.sendall(_request(_DISCONNECT, 0, 0))
        return int(errno)


def _request(kind: int, offset: int, length: int) -> bytes:
    return struct.pack(">IHHQQI", _REQUEST, 0, kind, 0, offset, length)


def _take(connection: socket.socket, length: int) -> bytes:
    taken = bytearray()
    while len(taken) < length:
        received = connection.recv(length - len(taken))
        assert received, "the daemon hung up"
        taken += received
    return bytes(taken)
