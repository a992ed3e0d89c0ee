"""Addresses of databases: credentials come from the environment, and what is shown of an address holds none."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from honestlift.errors import ReachError

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.*", re.DOTALL)
_FILES = {"file", "s3", "gs", "gcs", "az", "abfss", "http", "https", "hf"}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET = re.compile(r"pass|pwd|secret|token|credential|private|api_?key|access_?key", re.IGNORECASE)
_NO_SECRET = {"passfile"}
_PLAIN = re.compile(r"[^\s@/?#\\]*")
HIDDEN = "•••"


@dataclass(frozen=True, slots=True)
class Address:
    """An address whose variables are filled in.

    Attributes:
        url: with its credentials: for the driver only.
        secrets: what must not be shown, as it stands and in percent code.
    """

    url: str
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"

    @property
    def scheme(self) -> str:
        """What kind of database."""
        return self.url.partition("://")[0].lower()

    @property
    def shown(self) -> str:
        """Scheme, host and database: no user, no password, no options."""
        return shown(self.url)

    def hidden(self, text: str) -> str:
        """A message without the secrets that it may repeat."""
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return text


def is_address(text: str) -> bool:
    """Whether this is the address of a database, and no path or address of a file."""
    return bool(_ADDRESS.match(text)) and text.partition("://")[0].lower() not in _FILES


def shown(text: str) -> str:
    """An address without user, password and options; one that cannot be read is not repeated."""
    parts = _parts(text)
    if parts is None:
        return "the database"
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def holds_secret(text: str) -> bool:
    """Whether a password or the like is written out, instead of naming a variable of the environment."""
    if not _ADDRESS.match(text):
        return False
    parts = _parts(text)
    if parts is None:
        return "@" in text
    written = [parts.netloc.rpartition("@")[0].partition(":")[2]]
    written += [value for name, value in parse_qsl(parts.query) if _SECRET.search(name) and name not in _NO_SECRET]
    return any(_VARIABLE.sub("", value) for value in written)


def filled(text: str, environment: Mapping[str, str] | None = None) -> Address:
    """The address with the variables that it names, ``${NAME}``, in percent code; one that is a variable is taken as it is.

    Raises:
        ReachError: if a variable is not set, or the address cannot be read.
    """
    environment = os.environ if environment is None else environment
    taken: list[str] = []

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in environment:
            raise ReachError.no_such_variable(name)
        taken.append(environment[name])
        return environment[name]

    whole = _VARIABLE.fullmatch(text)
    url = value(whole) if whole else _VARIABLE.sub(lambda found: quote(value(found), safe=""), text)
    parts = _parts(url)
    if parts is None:
        raise ReachError.not_an_address()
    secrets = [] if whole else [v for v in taken if v not in parts.netloc.rpartition("@")[2] and v not in parts.path]
    password = parts.netloc.rpartition("@")[0].partition(":")[2]
    secrets += [password, *(v for name, v in parse_qsl(parts.query) if _SECRET.search(name))]
    both = {form for secret in secrets for form in (secret, unquote(secret), quote(unquote(secret), safe="")) if form}
    return Address(url, tuple(sorted(both, key=len, reverse=True)))


def _parts(text: str) -> Any:
    """The parts of an address, or None where a driver might take them apart otherwise, and show a password as a host."""
    try:
        parts = urlsplit(text)
        user, _, host = parts.netloc.rpartition("@")
        ports = [one.rpartition(":")[2] for one in host.split(",") if ":" in one and not one.endswith("]")]
        sane = bool(parts.scheme) and "://" in text and not parts.fragment
        sane = sane and "@" not in user and "@" not in parts.path and all(p.isdigit() or not p for p in ports)
    except ValueError:
        return None
    return parts if sane and _PLAIN.fullmatch(user) and not any(sign.isspace() for sign in text) else None
