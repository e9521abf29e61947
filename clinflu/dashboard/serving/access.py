"""Who may reach the page, and what opens it."""

import ipaddress
import os
import socket
import stat
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from clinflu.errors import DataError

LOOPBACK = "127.0.0.1"
PASSWORD_VARIABLE = "CLINFLU_PASSWORD"  # noqa: S105
SHORTEST_PASSWORD = 12
CLOSED = (
    "{} can be reached from other machines: give a password (--password-file FILE, or the variable "
    f"{PASSWORD_VARIABLE}) or say behind which TLS proxy the page stands (--proxy https://...), or leave out --host"
)
UNENCRYPTED = (
    "what is sent to and from {} is not encrypted: whoever is on that network can read it; let a TLS proxy on this "
    "machine face the network instead (--proxy https://..., without --host)"
)


@dataclass(frozen=True)
class Access:
    """Where the page is reached and what opens it: a token in its address, unless there is a password.

    Parameters
    ----------
    host : str
        The address to listen on.
    password : str, optional
        Takes the place of the token.
    proxy : str, optional
        The public address of a TLS proxy in front of the page, such as ``https://audit.hospital.org``.
    """

    host: str = LOOPBACK
    password: str | None = field(default=None, repr=False)
    proxy: str | None = None

    @property
    def note(self) -> str | None:
        """What whoever starts the page must know about its address."""
        return None if _is_loopback(self.host) else UNENCRYPTED.format(self.host)

    def url(self, port: int, token: str) -> str:
        """Return the address to open, with the token if that is what opens it."""
        base = self.proxy or f"http://{_named(self.host)}:{port}"
        return f"{base}/" if self.password else f"{base}/?token={token}"


LOCAL = Access()


def granted(host: str = LOOPBACK, password_file: Path | None = None, proxy: str | None = None) -> Access:
    """Return the access that was asked for.

    Parameters
    ----------
    host : str
        The address to listen on.
    password_file : Path, optional
        By default the variable CLINFLU_PASSWORD holds the password, if there is one.
    proxy : str, optional
        The public address of a TLS proxy in front of the page.

    Raises
    ------
    DataError
        It would leave the page open, or its parts make no sense.
    """
    password = _usable(_read(password_file) if password_file else os.environ.get(PASSWORD_VARIABLE))
    access = Access(host.strip().strip("[]"), password, None if proxy is None else _origin(proxy))
    if not access.host:
        raise DataError("--host is empty; give the address to listen on, or leave it out")
    if not _is_loopback(access.host) and not (access.password or access.proxy):
        raise DataError(CLOSED.format(access.host))
    return access


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or bool(address and address.is_loopback)


def _named(host: str) -> str:
    """Return a host as it stands in an address; where all of this machine's listen, by its name."""
    address = _address(host)
    if address and address.is_unspecified:
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _usable(password: str | None) -> str | None:
    """Return a password as a browser sends it, without blanks around it, or raise DataError."""
    if password is None:
        return None
    password = password.strip()
    if len(password) < SHORTEST_PASSWORD or not password.isprintable():
        raise DataError(f"a password is one line of {SHORTEST_PASSWORD} characters or more; give a longer one")
    return password


def _read(file: Path) -> str:
    """Return what is in a file that nobody but its owner can read."""
    try:
        with file.open(encoding="utf-8") as stream:
            status = os.fstat(stream.fileno())
            if os.name == "posix" and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise DataError(f"others can read {file.name}; close it with: chmod 600 {file.name}")
            return stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"no password can be read from {file.name}; give a text file of your own") from error


def _origin(proxy: str) -> str:
    """Return the origin of a public address, as browsers write it, or raise DataError."""
    try:
        parts = urlsplit(proxy.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme != "https" or parts.username or parts.path.strip("/") or parts.query or parts.fragment:
        raise DataError("--proxy wants the address of the TLS proxy and nothing behind it, such as https://audit.org")
    return f"https://{_named(host)}" if port in (None, 443) else f"https://{_named(host)}:{port}"
