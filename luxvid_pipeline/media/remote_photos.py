"""Photos by reference: fetching what a manifest's ``source_url`` names, and nothing else.

Belongs here: which addresses may be asked, limits of size, time and redirects, keeping what was fetched.
Does not belong here: what the bytes are (``media/photo_decoding.py``), which photos a manifest names.

A manifest is written by somebody else, so its addresses are not trusted. Every hop's host is resolved once, all its
addresses are checked, and the connection goes to the address that was checked: a name that resolves differently a
moment later leads nowhere. Proxies of the environment are not used, since they would resolve the name again.
"""

import asyncio
import hashlib
import ipaddress
import json
import socket
import ssl
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import httpx

from luxvid_pipeline.domain.errors import StorageError
from luxvid_pipeline.domain.listing import PhotoEntry

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to addresses; raises OSError where there is no such host."""

# ``is_global`` of Python's ipaddress follows IANA's registries; these are refused whatever they say: carrier-grade NAT
# (RFC 6598), 6to4 and Teredo, whose inner address leads anywhere, NAT64 (RFC 6052), site-local and documentation
# addresses that Python takes for global, and a cloud's metadata addresses.
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "2002::/16", "2001::/32"),
        *("64:ff9b::/96", "64:ff9b:1::/48", "fec0::/10", "3fff::/20"),
    )
)
_METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "fd00:ec2::254")
)
_PORTS = {"http": 80, "https": 443}
_AGAIN_AFTER_S = (0.5, 1.5)
_BLOCK = 1 << 16


class NotFetchedError(Exception):
    """A photo cannot be fetched; the text is the reason, in words for whoever wrote the manifest."""

    def __init__(self, reason: str, *, again: bool = False) -> None:
        """Keep the reason, and whether trying again may help."""
        super().__init__(reason)
        self.reason = reason
        self.again = again


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPolicy:
    """Which hosts and addresses may be asked for photos.

    Attributes:
        hosts: Hosts allowed, each with its subdomains; empty for any public one.
        also: Networks allowed though they are not public; for tests and nothing else.
    """

    hosts: tuple[str, ...] = ()
    also: tuple[Network, ...] = ()

    def check_host(self, host: str) -> None:
        """Let a host name pass.

        Raises:
            NotFetchedError: It is not on the list.
        """
        name = host.lower().rstrip(".")
        if self.hosts and not any(name == each or name.endswith(f".{each}") for each in self.hosts):
            raise NotFetchedError(f"{host} is not among the hosts photos may come from (LUXVID_SOURCE_HOSTS)")

    def check_address(self, address: Address, host: str) -> None:
        """Let a resolved address pass.

        Raises:
            NotFetchedError: It leads into somebody's own network.
        """
        plain = _plain_address(address)
        if any(plain.version == network.version and plain in network for network in self.also):
            return
        inside = plain in _METADATA or any(plain.version == net.version and plain in net for net in _REFUSED)
        if inside or not plain.is_global or plain.is_multicast or plain.is_reserved or plain.is_unspecified:
            raise NotFetchedError(
                f"{host} is not a public address ({plain}), and only public ones are asked for photos"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far a fetch may go.

    Attributes:
        most_bytes: Size of one photo.
        all_bytes: Size of all photos of a listing together, those fetched before included.
        connect_s: Until a connection stands.
        read_s: Between two pieces of an answer.
        total_s: For one photo, redirects and further tries included.
        all_s: For all photos of a listing.
        redirects: Hops after the first address.
        photos: Of one listing.
        at_once: Photos fetched at the same time.
    """

    most_bytes: int = 100_000_000
    all_bytes: int = 4_000_000_000
    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = 120.0
    all_s: float = 900.0
    photos: int = 200
    redirects: int = 3
    at_once: int = 4


@dataclass(frozen=True, slots=True)
class FetchedPhotos:
    """What came of fetching.

    Attributes:
        files: Local files by the photos' names.
        refused: Reasons by the names of the others.
    """

    files: Mapping[str, Path] = field(default_factory=dict[str, Path])
    refused: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True)
class _Session:
    """One fetch of a listing's photos: who asks, and how many bytes may still come."""

    client: httpx.AsyncClient
    bytes_left: int


class RemotePhotos:
    """Fetched photos, kept by address: a photo is fetched once, and again only if its file is gone or damaged."""

    def __init__(
        self,
        into: Path,
        policy: AddressPolicy,
        limits: Limits | None = None,
        *,
        resolve: Resolve | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """Keep photos in a local directory, made when it is needed.

        Args:
            into: The directory.
            policy: Which hosts and addresses may be asked.
            limits: How far a fetch may go.
            resolve: Who knows hosts' addresses; by default the operating system.
            trust: Whose certificates are believed; by default those of Mozilla's list.
        """
        self._into = into
        self._policy = policy
        self._limits = limits or Limits()
        self._lookup = resolve or _system_addresses
        self._trust = trust

    def fetch(self, photos: Sequence[PhotoEntry]) -> FetchedPhotos:
        """Fetch what is not here yet; one photo's trouble is not another's.

        Raises:
            StorageError: The directory cannot be written.
        """
        files: dict[str, Path] = {}
        refused: dict[str, str] = {}
        missing: list[PhotoEntry] = []
        bytes_left = self._limits.all_bytes
        for photo in photos[self._limits.photos :]:
            refused[photo.file] = f"only the first {self._limits.photos} photos by reference are fetched"
        for photo in photos[: self._limits.photos]:
            kept = self._kept(photo)
            if kept is None:
                missing.append(photo)
            else:
                files[photo.file] = kept
                bytes_left -= kept.stat().st_size
        if missing:
            # A loop of its own, in a thread of its own: whoever calls may run in one already.
            with ThreadPoolExecutor(1, "fetch-photos") as pool:
                for photo, found in pool.submit(asyncio.run, self._fetch_all(missing, bytes_left)).result():
                    if isinstance(found, Path):
                        files[photo.file] = found
                    else:
                        refused[photo.file] = found
        return FetchedPhotos(files, refused)

    def _kept(self, photo: PhotoEntry) -> Path | None:
        record, file = self._record(photo), self._file(photo)
        try:
            known = json.loads(record.read_text())
            content = file.read_bytes()
        except (OSError, ValueError):
            return None
        whole = known.get("url") == photo.source_url and known.get("sha256") == hashlib.sha256(content).hexdigest()
        return file if whole else None

    async def _fetch_all(self, photos: Sequence[PhotoEntry], bytes_left: int) -> list[tuple[PhotoEntry, Path | str]]:
        gate = asyncio.Semaphore(self._limits.at_once)
        client = httpx.AsyncClient(
            verify=self._trust or True,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(self._limits.read_s, connect=self._limits.connect_s),
            # A connection is made to one checked address and used for one photo.
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"User-Agent": "luxvid", "Accept": "image/*", "Accept-Encoding": "identity"},
        )

        session = _Session(client, bytes_left)
        end = asyncio.get_running_loop().time() + self._limits.all_s

        async def one(photo: PhotoEntry) -> tuple[PhotoEntry, Path | str]:
            async with gate:
                if asyncio.get_running_loop().time() > end:
                    return photo, f"the photos before it took more than {self._limits.all_s:g} seconds to fetch"
                try:
                    return photo, await self._with_patience(session, photo)
                except NotFetchedError as error:
                    return photo, f"it could not be fetched: {error.reason}"

        async with client:
            return await asyncio.gather(*(one(photo) for photo in photos))

    async def _with_patience(self, session: _Session, photo: PhotoEntry) -> Path:
        try:
            async with asyncio.timeout(self._limits.total_s):
                for pause_s in (*_AGAIN_AFTER_S, None):
                    try:
                        return await self._follow(session, photo)
                    except NotFetchedError as error:
                        if not error.again or pause_s is None:
                            raise
                        await asyncio.sleep(pause_s)
        except TimeoutError as error:
            raise NotFetchedError(f"it did not come within {self._limits.total_s:g} seconds") from error
        raise NotFetchedError("it was not asked for")

    async def _follow(self, session: _Session, photo: PhotoEntry) -> Path:
        url = photo.source_url or ""
        for _ in range(self._limits.redirects + 1):
            onward = await self._ask(session, url, photo)
            if isinstance(onward, Path):
                return onward
            url = onward
        raise NotFetchedError(f"it is redirected more than {self._limits.redirects} times")

    async def _ask(self, session: _Session, url: str, photo: PhotoEntry) -> Path | str:
        """Ask once; returns the file, or where it is said to be."""
        asked = _checked(url)
        self._policy.check_host(asked.host)
        address = await self._resolve(asked)
        pinned = asked.copy_with(host=str(address))
        request = session.client.build_request(
            "GET", pinned, headers={"Host": asked.netloc.decode()}, extensions={"sni_hostname": asked.raw_host.decode()}
        )
        try:
            answer = await session.client.send(request, stream=True)
        except httpx.TransportError as error:
            refused = isinstance(error.__cause__, ssl.SSLError) or "CERTIFICATE" in str(error)
            said = str(error) or type(error).__name__
            raise NotFetchedError(f"{asked.host} is not reached ({said})", again=not refused) from error
        try:
            if answer.is_redirect:
                return str(asked.join(answer.headers.get("location", "")))
            self._check_answer(asked.host, answer)
            return await self._receive(session, answer, photo)
        except httpx.InvalidURL as error:
            raise NotFetchedError(f"{asked.host} redirects to something that is no address") from error
        except httpx.TransportError as error:
            raise NotFetchedError(
                f"{asked.host} broke off ({str(error) or type(error).__name__})", again=True
            ) from error
        finally:
            await answer.aclose()

    async def _resolve(self, url: httpx.URL) -> Address:
        try:
            literal = ipaddress.ip_address(url.host)
        except ValueError:
            pass
        else:
            self._policy.check_address(literal, url.host)
            return literal
        try:
            found = await self._lookup(url.raw_host.decode(), url.port or _PORTS[url.scheme])
            addresses = [ipaddress.ip_address(each.split("%")[0]) for each in found]
        except (OSError, UnicodeError) as error:
            raise NotFetchedError(f"there is no host {url.host}", again=True) from error
        for address in addresses:  # one address inside is enough to refuse the name
            self._policy.check_address(address, url.host)
        if not addresses:
            raise NotFetchedError(f"there is no host {url.host}", again=True)
        return next((address for address in addresses if address.version == 4), addresses[0])

    def _check_answer(self, host: str, answer: httpx.Response) -> None:
        if answer.status_code != 200:
            raise NotFetchedError(f"{host} answers {answer.status_code}", again=answer.status_code >= 500)
        kind = answer.headers.get("content-type", "").split(";")[0].strip().lower()
        if not kind.startswith("image/"):
            raise NotFetchedError(f"{host} sends {kind or 'something of no type'}, not a picture")
        if answer.headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
            raise NotFetchedError(f"{host} sends it compressed, which was not asked for")
        length = answer.headers.get("content-length", "")
        if length.isdigit() and int(length) > self._limits.most_bytes:
            raise self._too_large()

    async def _receive(self, session: _Session, answer: httpx.Response, photo: PhotoEntry) -> Path:
        target = self._file(photo)
        part = target.with_name(f".{uuid.uuid4().hex}")
        seen = hashlib.sha256()
        size, kept = 0, False
        try:
            self._into.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as stream:
                async for piece in answer.aiter_raw(_BLOCK):
                    size += len(piece)
                    session.bytes_left -= len(piece)
                    if size > self._limits.most_bytes:
                        raise self._too_large()
                    if session.bytes_left < 0:
                        raise self._too_much()
                    seen.update(piece)
                    stream.write(piece)
            if size == 0:
                raise NotFetchedError("it is empty")
            part.replace(target)
            known: dict[str, Any] = {"url": photo.source_url, "sha256": seen.hexdigest(), "bytes": size}
            part.write_text(json.dumps(known))
            part.replace(self._record(photo))
            kept = True
        except OSError as error:
            raise StorageError(
                f"{target}: a fetched photo cannot be kept: {error.strerror or error}; free some space"
            ) from error
        finally:
            if not kept:
                session.bytes_left += size
            with suppress(OSError):
                part.unlink(missing_ok=True)
        return target

    def _too_large(self) -> NotFetchedError:
        return NotFetchedError(f"it is larger than {self._limits.most_bytes / 1e6:g} MB")

    def _too_much(self) -> NotFetchedError:
        return NotFetchedError(
            f"with it, the listing's photos by reference exceed {self._limits.all_bytes / 1e6:g} MB together; "
            "name fewer of them, or smaller ones"
        )

    def _file(self, photo: PhotoEntry) -> Path:
        """The ending is the name's: formats that their bytes do not tell are told by it."""
        return self._into / f"{_short(photo)}{PurePosixPath(photo.file).suffix.lower()[:8]}"

    def _record(self, photo: PhotoEntry) -> Path:
        return self._into / f"{_short(photo)}.record"


async def _system_addresses(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _checked(url: str) -> httpx.URL:
    try:
        asked = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise NotFetchedError("source_url is no address; write https://…") from error
    if asked.scheme not in _PORTS or not asked.host:
        raise NotFetchedError("source_url is no web address; write https://…")
    if asked.userinfo:
        raise NotFetchedError("its address holds a user name or a password, which LuxVid does not send")
    return asked


def _plain_address(address: Address) -> Address:
    """An IPv4 address written as an IPv6 one is that IPv4 address."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _short(photo: PhotoEntry) -> str:
    return hashlib.sha256((photo.source_url or "").encode()).hexdigest()[:32]
