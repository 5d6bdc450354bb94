"""Another user of the machine who means harm: ``intruder.py UID``.

It begins with all rights, for who has none cannot become somebody else; it loads what it needs and
gives them up. Each line that it hears is a JSON list, a command and its arguments; it answers
with a line of JSON.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import zmq
from zmq.utils.monitor import recv_monitor_message

from streaming_core.network.endpoints import DATA_OFFSET, LOOPBACK
from streaming_core.network.transport import new_key_pair
from streaming_core.testing import SHM
from tests.process.programs.stage import Program, Stage

WEB: Final = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
NOBODY: Final = 65534


def done(attempts: Sequence[Callable[[], Any]]) -> int:
    """Try all; return how many were allowed."""
    count = 0
    for attempt in attempts:
        with suppress(OSError):
            attempt()
            count += 1
    return count


def look(prefix: str) -> list[Any]:
    """Return the segments that can be seen, and how many ways there are to get at them."""
    names = [name for name in os.listdir(SHM) if name.startswith(prefix)]
    ways: list[Callable[[], Any]] = []
    for path in (SHM / name for name in names):
        ways += [
            path.read_bytes,
            partial(path.open, "r+b"),
            partial(path.chmod, 0o666),
            partial(os.truncate, path, 0),
            partial(path.rename, SHM / "taken"),
            path.unlink,
        ]
    return [names, done(ways)]


def rummage(*paths: str) -> int:
    """Return how many of these folders can be listed, or files read or replaced."""
    ways: list[Callable[[], Any]] = []
    for path in map(Path, paths):
        ways += [
            partial(os.listdir, path),
            path.read_bytes,
            partial(path.write_bytes, b""),
            path.unlink,
            partial((path / "planted").write_bytes, b""),
        ]
    return done(ways)


def occupy(prefix: str, first: int, last: int) -> int:
    """Plant segments under names that a producer will want; return how many."""
    content = b"PLANECST" + (1).to_bytes(4, sys.byteorder) + bytes(65524)
    count = 0
    for number in range(first, last):
        with suppress(FileExistsError), (SHM / f"{prefix}_{number:x}").open("xb") as file:
            count += bool(file.write(content))
    return count


def vacate(prefix: str) -> int:
    """Remove them."""
    return done([(SHM / name).unlink for name in os.listdir(SHM) if name.startswith(prefix)])


def knock(port: int, viewer_public: str, messages: list[str]) -> list[str]:
    """Speak to a viewer without a key and with one of our own; return what it says."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    poller, made = zmq.Poller(), []
    for kind, at in ((zmq.DEALER, port), (zmq.XPUB, port + DATA_OFFSET)):
        for keyed in (False, True):
            one = context.socket(kind)
            one.linger = 0
            if keyed:
                _show(one, viewer_public)
            one.connect(f"tcp://{LOOPBACK}:{at}")
            poller.register(one, zmq.POLLIN)
            made.append(one)
    for one in made:
        for message in messages:
            one.send(message.encode(), zmq.NOBLOCK)
    heard = [repr(one.recv_multipart()) for one, _ in poller.poll(1500)]
    for one in made:
        one.close()
    context.term()
    return heard


def _show(one: zmq.Socket[bytes], viewer_public: str) -> None:
    pair = new_key_pair()
    one.curve_serverkey = viewer_public.encode()
    one.curve_publickey = pair.public.encode()
    one.curve_secretkey = pair.secret.encode()


class Squatter:
    """Listens on the two ports of a viewer that died.

    Parameters
    ----------
    port
        Of the viewer.
    how
        "curve" (ZeroMQ with a key pair of its own), "null" (ZeroMQ without keys) or "web".
    """

    def __init__(self, port: int, how: str) -> None:
        self.visitors = 0
        self.heard: list[bytes] = []
        self._left = threading.Event()
        serve = self._web if how == "web" else self._zeromq
        self._open: list[Callable[[], None]] = []
        for number, at in enumerate((port, port + DATA_OFFSET)):
            self._open.append(serve(at, (zmq.ROUTER, zmq.SUB)[number], how == "curve"))
        self._threads = [threading.Thread(target=work) for work in self._open]
        for thread in self._threads:
            thread.start()

    def leave(self) -> list[str]:
        """Free the ports; return all that was learnt, as text."""
        self._left.set()
        for thread in self._threads:
            thread.join()
        return [heard.decode("latin1") for heard in self.heard]

    def _web(self, port: int, _kind: int, _keyed: bool) -> Callable[[], None]:
        server = socket.create_server((LOOPBACK, port))
        server.settimeout(0.1)

        def work() -> None:
            with server:
                while not self._left.is_set():
                    with suppress(OSError):
                        one = server.accept()[0]
                        self.visitors += 1
                        with one:
                            one.settimeout(0.5)
                            one.sendall(WEB)
                            self.heard.append(one.recv(65536))

        return work

    def _zeromq(self, port: int, kind: int, keyed: bool) -> Callable[[], None]:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        one = context.socket(kind)
        one.linger = 0
        if kind == zmq.SUB:
            one.setsockopt(zmq.SUBSCRIBE, b"")
        if keyed:
            one.curve_server = True
            pair = new_key_pair()
            one.curve_publickey, one.curve_secretkey = pair.public.encode(), pair.secret.encode()
        monitor = one.get_monitor_socket(zmq.EVENT_ACCEPTED)
        one.bind(f"tcp://{LOOPBACK}:{port}")

        def work() -> None:
            while not self._left.is_set():
                if monitor.poll(20):
                    recv_monitor_message(monitor)
                    self.visitors += 1
                if one.poll(20):
                    self.heard += one.recv_multipart()
            one.disable_monitor()
            monitor.close()
            one.close()
            context.term()

        return work


def main(uid: int) -> None:
    """Become that user, and obey."""
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    squatters: list[Squatter] = []
    commands: dict[str, Callable[..., Any]] = {
        "look": look, "rummage": rummage, "occupy": occupy, "vacate": vacate, "knock": knock,
        "squat": lambda port, how: squatters.append(Squatter(port, how)),
        "visitors": lambda: squatters[-1].visitors,
        "leave": lambda: squatters.pop().leave(),
        "who": os.getuid,
    }  # fmt: skip
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        sys.stdout.write(json.dumps(commands[name](*arguments)) + "\n")
        sys.stdout.flush()


class Intruder:
    """A hand on such a program."""

    def __init__(self, stage: Stage) -> None:
        module = "tests.process.programs.intruder"
        self._program: Program = stage.run([sys.executable, "-m", module, str(NOBODY)])
        assert self("who") == NOBODY

    def __call__(self, command: str, *arguments: object) -> Any:
        """Let it do something; return what came of it."""
        self._program.tell(json.dumps([command, *arguments]))
        return json.loads(self._program.hear())


if __name__ == "__main__":
    main(int(sys.argv[1]))
