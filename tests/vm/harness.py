# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Machines for the boot tests: start one, read its console, stop at the first text that decides the test.

    boot(machine, until=[...])  ->  Console

A machine is only a command line with a time limit; machines.py makes them. Emulation on a loaded build machine now and
then hangs before anything was said, so a boot that showed none of the `until` texts is started once more, and only
then.
"""

import dataclasses
import os
import re
import selectors
import signal
import subprocess
import time
import unittest
from pathlib import Path

# Firmware paints its screen: colours, cursor moves, carriage returns.
_TERMINAL_CODES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[()][A-Z0-9]|[=>78])|\r")

# In the folder of the logs, a line `kind<TAB>test` for each boot, or `unexpected<TAB>test`. figures.py counts them.
TALLY = "boots"

# After the deciding text a machine may still say what a test wants to see or not to see.
_SETTLE_SECONDS = 3.0


@dataclasses.dataclass(frozen=True)
class Machine:
    """A command that boots something with its console on stdout."""

    command: tuple
    timeout_seconds: float  # on a machine with nothing else to do
    environment: tuple = ()
    settle_seconds: float = _SETTLE_SECONDS
    typed: tuple = ()  # (regular expression, bytes): once the console shows the one, the other is typed; in order

    @property
    def kind(self):
        if any("if=pflash" in part for part in self.command):
            return "QEMU with Secure Boot firmware"
        return "QEMU" if any("qemu-system" in part for part in self.command) else "user-mode Linux"


@dataclasses.dataclass(frozen=True)
class Console:
    """What a machine said, without terminal codes."""

    text: str
    decided: bool  # one of the `until` texts was seen
    ended: bool  # the machine stopped by itself
    seconds: float
    log: Path

    def value(self, name):
        """The value of `SEALROOT-CHECK name=value`, None if the guest did not print it."""
        found = re.search(rf"^SEALROOT-CHECK {re.escape(name)}=(.*)$", self.text, re.MULTILINE)
        return found and found.group(1)


def plain_text(raw):
    return _TERMINAL_CODES.sub("", raw.decode("utf-8", "replace"))


def _stop(process):
    """Ends the machine with all its helper processes (user-mode Linux runs guest processes as host processes)."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _read_chunk(selector, stream, deadline):
    """Next bytes of the console: empty at its end, None if the deadline came first."""
    remaining = deadline - time.monotonic()
    if remaining <= 0 or not selector.select(remaining):
        return None
    return os.read(stream.fileno(), 65536)


def _patience():
    """How much longer everything takes because others use the processors too; the load of the last minute does not yet
    know of a machine that has just been started."""
    return max(2.0, os.getloadavg()[0] / os.cpu_count())


def _start(machine):
    return subprocess.Popen(
        machine.command,
        stdin=subprocess.PIPE,  # open and silent: a console at end of file makes some guests spin
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **dict(machine.environment)},
        start_new_session=True,
    )


def cut_power(machine, after_seconds, milestone=None):
    """Starts a machine and ends it after this time at the latest, or as soon as the console shows `milestone`."""
    deadline = time.monotonic() + after_seconds
    process, raw = _start(machine), b""
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while chunk := _read_chunk(selector, process.stdout, deadline):
                raw += chunk
                if milestone and re.search(milestone, plain_text(raw)):
                    break
    finally:
        _stop(process)
        process.stdin.close()
        process.stdout.close()


def _run_once(machine, until, log):
    wanted = re.compile("|".join(f"(?:{text})" for text in until), re.MULTILINE)
    started = time.monotonic()
    deadline, decided, ended, raw = started + machine.timeout_seconds * _patience(), False, False, b""
    typed = list(machine.typed)
    process = _start(machine)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while (chunk := _read_chunk(selector, process.stdout, deadline)) is not None:
                if not chunk:
                    ended = True
                    break
                raw += chunk
                while typed and re.search(typed[0][0], plain_text(raw)):
                    process.stdin.write(typed.pop(0)[1])
                    process.stdin.flush()
                if not decided and wanted.search(plain_text(raw)):
                    decided = True
                    deadline = min(deadline, time.monotonic() + machine.settle_seconds)
    finally:
        _stop(process)
        process.stdin.close()
        process.stdout.close()
    log.write_bytes(raw)
    return Console(plain_text(raw), decided, ended, time.monotonic() - started, log)


def boot(machine, until, log):
    """Runs `machine` until a text of `until` (regular expressions) or its end; the raw console is kept in `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    console = _run_once(machine, until, log)
    return console if console.decided else _run_once(machine, until, log)


class BootTest(unittest.TestCase):
    """Base of the boot tests: rows say what a console must and must not show; a failing row names its log."""

    logs = Path(os.environ.get("SEALROOT_VM_LOGS", "vm-logs"))

    def boot(self, machine, until, row=""):
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", f"{self._testMethodName}-{row}" if row else self._testMethodName)
        self._tally(machine.kind)
        return boot(machine, until, self.logs / f"{name}.log")

    def boot_once(self, machine, until, row):
        """For machines that keep what they write: what a second start needs, only the test knows."""
        self._tally(machine.kind)
        return _run_once(machine, until, self.logs / f"{self._testMethodName}-{row}.log")

    def check(self, console, shown=(), hidden=()):
        """Every text of `shown` is on the console and none of `hidden`; all are regular expressions."""
        for text in shown:
            if not re.search(text, console.text, re.MULTILINE):
                self.fail(self._explain(console, f"the console never showed: {text}"))
        for text in hidden:
            if found := re.search(text, console.text, re.MULTILINE):
                self.fail(self._explain(console, f"the console must not show: {found.group(0)}"))
        console.log.unlink(missing_ok=True)

    def _tally(self, what):
        self.logs.mkdir(parents=True, exist_ok=True)
        with Path(self.logs, TALLY).open("a") as tally:
            tally.write(f"{what}\t{self._testMethodName}\n")

    def _explain(self, console, reason):
        self._tally("unexpected")
        tail = "\n".join(console.text.splitlines()[-25:])
        state = "stopped by itself" if console.ended else "was stopped"
        return f"{reason}\nmachine {state} after {console.seconds:.1f} s; console log: {console.log}\n...\n{tail}"
