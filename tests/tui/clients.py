"""Two terminals with a database client in each, and a person who does what the scripts say."""

from __future__ import annotations

import asyncio
import re
from asyncio.subprocess import PIPE, STDOUT, Process, create_subprocess_exec
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

PATIENCE_S = 20


class Terminal:
    """One client at its script, with all that it has printed."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.printed = ""
        self._read_to = 0
        self._asked = 0
        self._more = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while data := await self.process.stdout.read(65536):
            self.printed += data.decode()
            self._more.set()
        self._more.set()

    async def _until(self, pattern: str, start: int) -> re.Match[str]:
        async with asyncio.timeout(PATIENCE_S):
            while not (found := re.compile(pattern).search(self.printed, start)):
                assert not self._reading.done(), f"it ended before it said {pattern}:\n{self.printed}"
                self._more.clear()
                await self._more.wait()
        return found

    async def press_enter(self) -> None:
        """Once it asks for it."""
        self._asked = (await self._until(r"Press Enter when .+? says so: ", self._asked)).end()
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")

    async def told(self) -> tuple[str, bool]:
        """Whom to change to, empty at the end; and whether because the statement that comes waits."""
        found = await self._until(
            r">>> (?:Now change to (\S+),|This one waits for .*?: change to (\S+?)\. It|That was the last)",
            self._read_to,
        )
        self._read_to = found.end()
        return found[1] or found[2] or "", bool(found[2])

    async def end(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self._reading
            await self.process.wait()


async def follow(
    files: Mapping[str, str],
    folder: Path,
    command: Sequence[str],
    environment: Mapping[str, str],
    waits: Callable[[str], Awaitable[None]],
    own: Mapping[str, Mapping[str, str]],
) -> dict[str, Terminal]:
    """Run the scripts as they say; returns the terminals, all of which have ended.

    Args:
        command: with ``{file}`` where the script's name is to be.
        waits: comes back when a session's statement waits on the server; called whenever a script says that one will.
        own: by session, what else is in its client's environment.
    """
    terminals: dict[str, Terminal] = {}
    for name, text in files.items():
        (folder / name).write_text(text)
        process = await create_subprocess_exec(
            *(part.format(file=name) for part in command),
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            env={**environment, "PGAPPNAME": name.removesuffix(".sql"), **own.get(name.removesuffix(".sql"), {})},
            cwd=folder,
        )
        terminals[name.removesuffix(".sql")] = Terminal(process)
    try:
        at = next(iter(terminals))
        while True:
            following, waiting = await terminals[at].told()
            if not following:
                break
            if waiting:
                async with asyncio.timeout(PATIENCE_S):
                    await waits(at)
            await terminals[following].press_enter()
            at = following
        for terminal in terminals.values():
            await terminal.end()
    finally:
        for terminal in terminals.values():
            assert terminal.process.stdin is not None
            terminal.process.stdin.close()  # A shell that the client has started reads from it too.
            if terminal.process.returncode is None:
                terminal.process.kill()
                await terminal.process.wait()
    return terminals
