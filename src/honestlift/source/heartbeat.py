"""Does a database still answer while a query runs: a peer that takes all and says nothing is noticed, and the wait ends in an error."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any
from weakref import ref

EVERY = 30.0
"""Seconds between two beats. The system's keepalives see a host that is gone; a proxy that has lost its server still answers them."""

SILENT = 2
"""Beats in a row that nobody answers, after which nobody will."""


def watch(connection: Any, address: str, limits: Mapping[str, Any], every: float | None = None) -> None:
    """Follow a session with PostgreSQL from a thread of its own, for as long as the session lives.

    While a statement runs, someone knocks at the same address now and then. Any answer will do, a refusal too; when none comes before the
    limit on the wait for a connection, several times in a row, the session's wire is cut, and the statement ends in an error.

    Args:
        connection: the session, of psycopg.
        address: where it was opened; it may hold a password, and goes nowhere else.
        limits: how it was opened.
        every: seconds between two beats.
    """
    knock = _knocker(address, {**limits, "application_name": "honestlift: is it there"})
    wait = EVERY if every is None else every
    threading.Thread(target=_beat, args=(ref(connection), knock, wait), daemon=True, name="honestlift heartbeat").start()


def _knocker(address: str, limits: Mapping[str, Any]) -> Callable[[], bool]:
    psycopg = import_module("psycopg")

    def answered() -> bool:
        try:
            psycopg.connect(address, **limits).close()
        except psycopg.errors.ConnectionTimeout:
            return False
        except psycopg.Error:
            return True
        return True

    return answered


def _beat(held: ref[Any], knock: Callable[[], bool], every: float) -> None:
    missed = 0
    while True:
        time.sleep(every)
        session = held()
        if session is None or session.closed:
            return
        running = session.lock.locked()
        del session  # while it waits, the thread keeps nothing alive
        missed = missed + 1 if running and not knock() else 0
        session = held()
        if missed >= SILENT and session is not None and session.lock.locked():
            with suppress(OSError, import_module("psycopg").Error), socket.socket(fileno=os.dup(session.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)
            return
        del session
