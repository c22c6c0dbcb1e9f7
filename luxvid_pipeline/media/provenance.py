# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Marks inside a file that say how it came about: XMP for everybody, a C2PA signature where a key is configured.

Belongs here: writing these marks into MP4, JPEG, PNG and WebP without touching picture or sound, and reading them.
Does not belong here: which mark a file gets (``domain/proof.py``), the pages beside the files (``proof_files.py``).

A mark changes a file's bytes: mark first, then take its hash, then write the manifest.
"""

import hashlib
import importlib
import json
import os
import struct
import xml.sax.saxutils
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from luxvid_pipeline.domain.errors import MediaError, SettingsError
from luxvid_pipeline.domain.proof import SourceType

_XMP_BOX = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
_XMP_APP1 = b"http://ns.adobe.com/xap/1.0/\x00"
_PNG = b"\x89PNG\r\n\x1a\n"
_KINDS = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}


def can_be_marked(path: Path) -> bool:
    """Return whether a mark can be written into a file of this name."""
    return path.suffix.lower() in _KINDS


def xmp_packet(source: SourceType, words: str = "", address: str = "") -> bytes:
    """Return the XMP packet that says how media came about.

    Args:
        source: The digital source type.
        words: What is said about it, for people; ``dc:description``.
        address: Where the unaltered originals are; ``xmpRights:WebStatement``.

    Source:
        IPTC Photo Metadata Standard, Digital Source Type: https://iptc.org/std/photometadata/specification/
    """
    rows = [f"<Iptc4xmpExt:DigitalSourceType>{source.value}</Iptc4xmpExt:DigitalSourceType>"]
    if words:
        text = xml.sax.saxutils.escape(words)
        rows.append(f'<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{text}</rdf:li></rdf:Alt></dc:description>')
    if address:
        rows.append(f"<xmpRights:WebStatement>{xml.sax.saxutils.escape(address)}</xmpRights:WebStatement>")
    body = "\n   ".join(rows)
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
   {body}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()


def mark(path: Path, packet: bytes) -> None:
    """Write an XMP packet into a file, in place of one that it has.

    Picture and sound stay as they are, byte for byte. In an MP4 the packet is the last box: nothing before it moves,
    so ``moov`` stays first and every chunk where ``moov`` says it is.

    Raises:
        MediaError: The file is not what its name says, or cannot be written.
    """
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise MediaError(f"{path.name}: no mark can be written into a {path.suffix or 'nameless'} file")
    try:
        if kind.startswith("video/"):
            _mark_mp4(path, packet)
            return
        data = path.read_bytes()
        marked = {"image/jpeg": _marked_jpeg, "image/png": _marked_png, "image/webp": _marked_webp}[kind](data, packet)
        _replace(path, marked)
    except (OSError, ValueError, struct.error, IndexError) as error:
        raise MediaError(f"{path}: no XMP mark could be written into it: {error}") from error


def read_mark(path: Path) -> bytes | None:
    """Return the XMP packet of a file; None if it has none.

    Raises:
        MediaError: The file cannot be read as what its name says.
    """
    kind = _KINDS.get(path.suffix.lower(), "")
    try:
        if kind.startswith("video/"):
            with path.open("rb") as file:
                for start, size, name in boxes(file):
                    if name == b"uuid":
                        file.seek(start + 8)
                        if file.read(16) == _XMP_BOX:
                            return file.read(size - 24)
            return None
        data = path.read_bytes()
        parts = {"image/jpeg": _jpeg_segments, "image/png": _png_chunks, "image/webp": _webp_chunks}[kind](data)
        for name, content in parts:
            if _is_xmp_part(kind, name, content):
                return content[_PREFIX.get(kind, 0) :]
    except (OSError, ValueError, struct.error, IndexError, KeyError) as error:
        raise MediaError(f"{path}: no mark can be read from it: {error}") from error
    return None


def boxes(file: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Yield the outermost boxes of an MP4 as start, size and name, in bytes.

    Raises:
        ValueError: A box is cut off or has an impossible size.
    """
    file.seek(0, os.SEEK_END)
    end = file.tell()
    start = 0
    while start < end:
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            raise ValueError("its last box is cut off")
        size, name = struct.unpack(">I4s", head[:8])
        if size == 1 and len(head) == 16:
            size = struct.unpack(">Q", head[8:])[0]
        elif size == 0:
            size = end - start
        if size < 8 or start + size > end:
            raise ValueError("it is cut off or is no MP4")
        yield start, size, name
        start += size


def _mark_mp4(path: Path, packet: bytes) -> None:
    with path.open("r+b") as file:
        found = list(boxes(file))
        if not found or found[0][2] != b"ftyp":
            raise ValueError("it is no MP4")
        last_start, last_size, last_name = found[-1]
        file.seek(last_start + 8)
        end = last_start + last_size
        if last_name == b"uuid" and file.read(16) == _XMP_BOX:
            end = last_start
        elif last_name == b"mdat":
            file.seek(last_start)
            if file.read(4) == b"\x00\x00\x00\x00":  # A box "to the end of the file" would swallow what follows.
                if last_size >= 1 << 32:
                    raise ValueError("its media box has no size")
                file.seek(last_start)
                file.write(struct.pack(">I", last_size))
        file.seek(end)
        file.write(struct.pack(">I4s", 24 + len(packet), b"uuid") + _XMP_BOX + packet)
        file.truncate()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How a file came about, and how that is written into it.

    Attributes:
        source: Its digital source type.
        words: What is said about it, for people.
        address: Where the unaltered originals are; empty for nowhere.
        made_by: Program and version.
        signer: Who signs it with C2PA; None for nobody.
    """

    source: SourceType
    words: str = ""
    address: str = ""
    made_by: str = ""
    signer: "Signer | None" = None

    @property
    def digest(self) -> str:
        """A digest of all that is written; equal digests, equal marks. A key that was replaced signs anew.

        Raises:
            SettingsError: The signer's certificates cannot be read.
        """
        certificates = ""
        if self.signer is not None:
            try:
                certificates = hashlib.sha256(self.signer.certificates.read_bytes()).hexdigest()
            except OSError as error:
                raise SettingsError(f"{self.signer.certificates}: cannot be read: {error.strerror or error}") from error
        packet = hashlib.sha256(xmp_packet(self.source, self.words, self.address)).hexdigest()
        return f"{packet[:32]}{certificates[:32]}"

    def write_into(self, path: Path, *, signed: bool = True) -> bool:
        """Mark a file in place, and sign it where somebody signs; returns whether its kind takes marks at all.

        Args:
            path: The file.
            signed: Whether it may be signed: a signature moves what a playlist of byte ranges points to.

        Raises:
            MediaError: The file cannot be marked or signed.
            SettingsError: The key or certificates cannot be used.
        """
        if not can_be_marked(path):
            return False
        mark(path, xmp_packet(self.source, self.words, self.address))
        if self.signer is not None and signed:
            sign(path, self.signer, self.source, title=path.name, made_by=self.made_by)
        return True


# --- JPEG, PNG, WebP ------------------------------------------------------------------------------------------------

_PREFIX = {"image/jpeg": len(_XMP_APP1), "image/png": len(b"XML:com.adobe.xmp") + 5}


def _is_xmp_part(kind: str, name: bytes, content: bytes) -> bool:
    if kind == "image/jpeg":
        return name == b"\xe1" and content.startswith(_XMP_APP1)
    if kind == "image/png":
        return name == b"iTXt" and content.startswith(b"XML:com.adobe.xmp\x00")
    return name == b"XMP "


def _jpeg_segments(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield markers and contents up to the picture's data, which comes last with an empty marker."""
    if data[:2] != b"\xff\xd8":
        raise ValueError("it is no JPEG")
    at = 2
    while data[at] == 0xFF and data[at + 1] != 0xDA:
        size = struct.unpack(">H", data[at + 2 : at + 4])[0]
        yield data[at + 1 : at + 2], data[at + 4 : at + 2 + size]
        at += 2 + size
    yield b"", data[at:]


def _marked_jpeg(data: bytes, packet: bytes) -> bytes:
    if len(packet) + len(_XMP_APP1) > 65_500:
        raise ValueError("the packet is too long for a JPEG")
    parts = [part for part in _jpeg_segments(data) if not _is_xmp_part("image/jpeg", *part)]
    heads = sum(1 for name, _ in parts if name in (b"\xe0", b"\xe1"))
    parts.insert(heads, (b"\xe1", _XMP_APP1 + packet))
    written = [
        b"\xff" + name + struct.pack(">H", len(content) + 2) + content if name else content for name, content in parts
    ]
    return b"\xff\xd8" + b"".join(written)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if data[:8] != _PNG:
        raise ValueError("it is no PNG")
    at = 8
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        yield name, data[at + 8 : at + 8 + size]
        at += size + 12


def _marked_png(data: bytes, packet: bytes) -> bytes:
    parts = [part for part in _png_chunks(data) if not _is_xmp_part("image/png", *part)]
    parts.insert(1, (b"iTXt", b"XML:com.adobe.xmp" + b"\x00" * 5 + packet))
    return _PNG + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise ValueError("it is no WebP")
    at, end = 12, min(len(data), 8 + struct.unpack("<I", data[4:8])[0])
    while at + 8 <= end:
        name, size = struct.unpack("<4sI", data[at : at + 8])
        yield name, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _marked_webp(data: bytes, packet: bytes) -> bytes:
    parts = [part for part in _webp_chunks(data) if not _is_xmp_part("image/webp", *part)]
    if parts[0][0] != b"VP8X":
        parts.insert(0, (b"VP8X", _plain_webp_head(parts)))
    head = bytearray(parts[0][1])
    head[0] |= 0x04
    parts[0] = (b"VP8X", bytes(head))
    parts.append((b"XMP ", packet))
    body = b"".join(
        struct.pack("<4sI", name, len(content)) + content + b"\x00" * (len(content) % 2) for name, content in parts
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _plain_webp_head(parts: list[tuple[bytes, bytes]]) -> bytes:
    """Return the extended header a plain WebP has not: its size, and whether it has transparency."""
    name, content = parts[0]
    if name == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack("<HH", content[6:10]))
        alpha = False
    elif name == b"VP8L":
        bits = struct.unpack("<I", content[1:5])[0]
        width, height, alpha = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    else:
        raise ValueError("it begins with an unknown WebP chunk")
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes([0x10 if alpha else 0, 0, 0, 0]) + sides


def _replace(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.marking")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


# --- C2PA -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signs: the operator's certificate chain and key.

    Attributes:
        certificates: PEM file, the signer's certificate first, then those that vouch for it.
        key: PEM file of its private key, PKCS #8.
    """

    certificates: Path
    key: Path


def sign(path: Path, signer: Signer, source: SourceType, *, title: str, made_by: str) -> None:
    """Sign a file with a C2PA manifest that says how it came about, in place.

    Nothing is asked of the network: the signature carries no time stamp of an authority. An XMP mark that the file has
    stays and is covered by the signature; sign last.

    Args:
        path: MP4, JPEG, PNG or WebP.
        signer: Certificates and key.
        source: The digital source type.
        title: What the file is called.
        made_by: Program and version, as in ``LuxVid 0.1.0``.

    Raises:
        SettingsError: ``c2pa-python`` is not installed, or the key or certificates cannot be used.
        MediaError: The file cannot be signed.
    """
    c2pa = _c2pa()
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise MediaError(f"{path.name}: a {path.suffix or 'nameless'} file cannot be signed")
    with _native_signer(c2pa, signer) as native:
        beside = path.with_name(f".{path.stem}.signing{path.suffix}")
        try:
            with c2pa.Builder(json.dumps(_claim(source, title, made_by))) as builder:
                builder.sign_file(path, beside, native)
            beside.replace(path)
        except c2pa.C2paError.Signature as error:
            raise SettingsError(_unusable(signer, error)) from error
        except (c2pa.C2paError, OSError) as error:
            raise MediaError(f"{path}: cannot be signed with C2PA: {error}") from error
        finally:
            beside.unlink(missing_ok=True)


def read_signature(path: Path) -> dict[str, Any] | None:
    """Return the C2PA manifest store of a file with the state of its validation; None if it has none.

    A signer that nobody on this machine vouches for is reported as such in ``validation_status`` and is no error.

    Raises:
        SettingsError: ``c2pa-python`` is not installed.
        MediaError: The file cannot be read.
    """
    c2pa = _c2pa()
    try:
        with c2pa.Reader(path) as reader:
            return json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return None
    except (c2pa.C2paError, OSError, ValueError) as error:
        raise MediaError(f"{path}: its C2PA manifest cannot be read: {error}") from error


def _claim(source: SourceType, title: str, made_by: str) -> dict[str, Any]:
    name, _, version = made_by.rpartition(" ")
    return {
        "title": title,
        "claim_generator_info": [{"name": name or made_by, "version": version}],
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": source.value}]},
            }
        ],
    }


def _c2pa() -> Any:
    try:
        return importlib.import_module("c2pa")
    except ImportError as error:
        raise SettingsError(
            "a C2PA key is set, but c2pa-python is not installed; run: pip install 'luxvid-pipeline[c2pa]'"
        ) from error


def _native_signer(c2pa: Any, signer: Signer) -> Any:
    try:
        certificates, key = signer.certificates.read_text(), signer.key.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the C2PA key or certificates cannot be read as PEM: {error}") from error
    try:
        info = c2pa.C2paSignerInfo(_algorithm(signer, key), certificates.encode(), key.encode(), None)
        return c2pa.Signer.from_info(info)
    except (c2pa.C2paError, ValueError) as error:
        raise SettingsError(_unusable(signer, error)) from error


def _unusable(signer: Signer, error: Exception) -> str:
    return (
        f"{signer.certificates.name} and {signer.key.name} cannot sign with C2PA: {error}; "
        "give the chain and its PKCS #8 key as PEM"
    )


def _algorithm(signer: Signer, key: str) -> str:
    """Return the C2PA name of the algorithm that a key signs with."""
    serialization: Any = importlib.import_module("cryptography.hazmat.primitives.serialization")
    try:
        loaded: Any = serialization.load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{signer.key.name}: no private key without a passphrase can be read from it") from error
    kind = type(loaded).__name__
    if kind.startswith("EC"):
        return {256: "es256", 384: "es384", 521: "es512"}.get(loaded.key_size, "es256")
    if kind.startswith("Ed25519"):
        return "ed25519"
    if kind.startswith("RSA"):
        return "ps256"
    raise SettingsError(f"{signer.key.name}: C2PA knows no keys of this kind; make one on the curve P-256")
