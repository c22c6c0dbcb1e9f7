"""Whether a package may go out: what is wrong with its files, each question answered from the files themselves.

Belongs here: looking through finished files, remembering what was looked at.
Does not belong here: the checks' names and severity (``checks.py``), making files (``package_maker.py``), how a name or
a logo is found (``media/branding_check.py``).
"""

import hashlib
import json
from collections.abc import Iterator, Sequence

from luxvid_pipeline.assets.package_maker import RIGHT, TABLE, Brand, Disclosure, Package, prefix
from luxvid_pipeline.domain.delivery_plan import FULL_PX, Shape
from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.keys import digest
from luxvid_pipeline.domain.proof import FileFacts, SourceType, source_type
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.media.branding_check import BrandingSearch
from luxvid_pipeline.media.memory import memory_reused
from luxvid_pipeline.media.overlays import Overlay
from luxvid_pipeline.media.provenance import can_be_marked, read_mark

_CODE_VERSION = "1"
_FEW, _MANY = 5, 14
_LOOKED_THROUGH = frozenset(("film", "teaser", "poster", "stream", "clip"))


def off_table(package: Package) -> dict[str, str]:
    """Return the finished films and teasers that are not as platforms take them, each with what is wrong."""
    told = {file.name: str(file.measures.get(TABLE, RIGHT)) for file in package.facts.files}
    return {name: wrong for name, wrong in told.items() if wrong != RIGHT}


def names_in_unbranded(
    store: MediaStore, listing: str, package: Package, brand: Brand, identity: Sequence[str]
) -> tuple[str, ...]:
    """Return what in the unbranded files says who sells the property, one sentence each.

    Names and all bytes are looked through in every file; pictures for cards and captions too, more of them in the
    films of full size than in what is made of the same packets. The logo is looked for anywhere in the wide film, of
    which all other shapes and lengths show a part. A file that was looked through is not opened again until it or the
    brand changes.

    Raises:
        DamagedMediaError: A file is not the one that was recorded.
        MediaError: A file cannot be read.
    """
    key = f"{prefix(listing)}/parts/unbranded.json"
    known: dict[str, list[str]] = {}
    if store.find(key) is not None and store.is_whole(key):
        known = json.loads(store.read_bytes(key))
    wanted = _brand_digest(brand, identity)
    searches: dict[str, BrandingSearch] = {}
    wide = next((file.name for file in package.facts.files if _shows_all(file)), "")
    found: dict[str, list[str]] = {}
    with memory_reused():
        for file in package.facts.files:
            if file.branded or file.kind not in _LOOKED_THROUGH:
                continue
            seen = digest([file.name, file.sha256, wanted])
            if seen not in known:
                if file.shape not in searches:
                    searches[file.shape] = _search(brand, identity, Shape(file.shape))
                search = searches[file.shape]
                is_whole = _is_whole(file)
                findings = search.findings(
                    store.open(f"{prefix(listing)}/{file.name}"),
                    pictures=_MANY if is_whole else _FEW,
                    for_logo=file.name == wide,
                )
                known[seen] = [str(finding) for finding in findings]
            found[seen] = known[seen]
    store.put_bytes(json.dumps(found, indent=1, sort_keys=True).encode(), key)
    return tuple(said for findings in found.values() for said in findings)


def _is_whole(file: FileFacts) -> bool:
    return file.kind == "film" and min(file.width_px, file.height_px) == FULL_PX


def _shows_all(file: FileFacts) -> bool:
    return _is_whole(file) and not file.branded and file.shape == Shape.WIDE.value


def unmarked(store: MediaStore, listing: str, package: Package, disclosure: Disclosure) -> tuple[str, ...]:
    """Return what of a generated package does not say so: files without their mark, a page that is missing.

    Raises:
        DamagedMediaError: A file is not the one that was recorded.
    """
    return tuple(_unmarked(store, listing, package, disclosure))


def _unmarked(store: MediaStore, listing: str, package: Package, disclosure: Disclosure) -> Iterator[str]:
    for file in package.facts.files:
        source = source_type(package.facts, file)
        path = store.workshop(f"{prefix(listing)}/{file.name}")
        if source is SourceType.CAPTURED or not can_be_marked(path):
            continue
        if not path.is_file():  # A remote store: the file is in its cache.
            path = store.open(f"{prefix(listing)}/{file.name}")
        try:
            packet = read_mark(path)
        except MediaError as error:
            yield str(error)
            continue
        if packet is None or source.value.encode() not in packet:
            yield f"{file.name}: it carries no mark that says {source.value.rpartition('/')[2]}"
    if disclosure.facts.altered_scenes and "disclosure/index.html" not in {file.name for file in package.proof}:
        yield "there is no page of the unaltered originals"


def _search(brand: Brand, identity: Sequence[str], shape: Shape) -> BrandingSearch:
    captions = [brand.captions[place] for place in brand.captions if place[1] is shape]
    card = brand.cards.get(shape)
    return BrandingSearch(identity, logo=brand.logo, cards=[card] if card is not None else [], overlays=captions)


def _brand_digest(brand: Brand, identity: Sequence[str]) -> str:
    def shown(overlay: Overlay) -> str:
        return hashlib.sha256(overlay.tobytes()).hexdigest()

    return digest(
        {
            "identity": list(identity),
            "logo": shown(brand.logo.rgba) if brand.logo is not None else "",
            "cards": [[shape.value, shown(card)] for shape, card in sorted(brand.cards.items())],
            "captions": [[*place, shown(overlay)] for place, overlay in sorted(brand.captions.items())],
            "code": _CODE_VERSION,
        }
    )


def films_of(package: Package) -> list[FileFacts]:
    """Return the package's finished films."""
    return [file for file in package.facts.files if file.kind == "film"]
