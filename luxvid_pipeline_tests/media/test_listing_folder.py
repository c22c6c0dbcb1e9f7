import os
import unicodedata
from pathlib import Path

import pytest

from luxvid_pipeline.domain.errors import InputError, ListingError
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.media.listing_folder import DEEPEST_LEVEL, read_listing_folder, shown_name

JPEG = b"\xff\xd8\xff\xe0" + bytes(60)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "villa"
    folder.mkdir()
    return folder


def put(home: Path, *names: str, content: bytes = JPEG) -> None:
    for name in names:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)


def photos(home: Path) -> list[str]:
    return [file.as_posix() for file in read_listing_folder(home).photo_files]


def test_photos_come_in_an_order_that_does_not_depend_on_the_disk(home):
    put(home, "b.JPG", "a.jpg", "sub/c.heic", "Ä.png", "Z.webp")
    assert photos(home) == photos(home) == sorted(photos(home), key=str.casefold)
    assert len(photos(home)) == 5


def test_a_subfolder_marked_as_no_photos_is_not_looked_into(home):
    put(home, "a.jpg", "truth/b.jpg", "truth/more/c.jpg", "sub/d.jpg", "sub/truth/e.jpg")
    put(home, "truth/.nomedia", "sub/truth/.nomedia", ".nomedia", content=b"")
    assert photos(home) == ["a.jpg", "sub/d.jpg"]


@pytest.mark.parametrize(
    "litter",
    [
        ".DS_Store",
        ".hidden.jpg",
        "._IMG_1.jpg",
        "Thumbs.db",
        "desktop.ini",
        "__MACOSX/IMG_1.jpg",
        "@eaDir/a.jpg",
        ".git/a.jpg",
    ],
)
def test_litter_is_not_looked_at(home, litter):
    put(home, "a.jpg", litter)
    folder = read_listing_folder(home)
    assert ([file.name for file in folder.photo_files], folder.other_files) == (["a.jpg"], ())


@pytest.mark.parametrize(
    ("name", "content", "is_photo"),
    [
        pytest.param("a.jpg", b"nonsense", True, id="the-name-claims-a-photo"),
        pytest.param("IMG_0001", JPEG, True, id="no-ending-but-a-jpeg"),
        pytest.param("photo.txt", b"\x89PNG\r\n\x1a\n" + bytes(20), True, id="a-png-named-txt"),
        pytest.param("photo.dat", b"RIFF\0\0\0\0WEBPVP8 ", True, id="a-webp-named-dat"),
        pytest.param("photo.bin", b"\0\0\0\x18ftypheic" + bytes(20), True, id="a-heic-named-bin"),
        pytest.param("tour.mp4", b"\0\0\0\x18ftypisom" + bytes(20), False, id="a-film"),
        pytest.param("notes.txt", b"hello", False, id="a-note"),
        pytest.param("brochure.pdf", b"%PDF-1.7", False, id="a-brochure"),
    ],
)
def test_pictures_are_told_from_stray_files_by_name_or_content(home, name, content, is_photo):
    put(home, "a0.jpg")
    put(home, name, content=content)
    folder = read_listing_folder(home)
    assert (Path(name) in folder.photo_files, Path(name) in folder.other_files) == (is_photo, not is_photo)


def test_subfolders_are_read_to_a_bounded_depth(home):
    deep = "/".join("d" * DEEPEST_LEVEL)
    put(home, f"{deep}/in.jpg", f"{deep}/d/out.jpg")
    assert photos(home) == [f"{deep}/in.jpg"]


def test_links_that_lead_out_are_never_followed(home, tmp_path):
    put(tmp_path, "outside/secret.jpg", "outside/listing.yaml")
    put(home, "a.jpg")
    (home / "link.jpg").symlink_to(tmp_path / "outside/secret.jpg")
    (home / "folder").symlink_to(tmp_path / "outside")
    (home / "dangling.jpg").symlink_to(home / "nothing.jpg")
    (home / "loop.jpg").symlink_to(home / "loop.jpg")
    (home / "inside.jpg").symlink_to(home / "a.jpg")
    folder = read_listing_folder(home)
    assert [file.name for file in folder.photo_files] == ["a.jpg", "inside.jpg"]
    assert {file.name for file in folder.links_out} == {"link.jpg", "folder", "dangling.jpg", "loop.jpg"}


def test_a_manifest_that_is_a_link_out_is_refused(home, tmp_path):
    put(home, "a.jpg")
    put(tmp_path, "other.yaml", content=b"title: Not mine")
    (home / "listing.yaml").symlink_to(tmp_path / "other.yaml")
    with pytest.raises(ListingError, match="leads out of villa"):
        read_listing_folder(home)


def test_a_pipe_is_not_opened(home):
    put(home, "a.jpg")
    os.mkfifo(home / "pipe.jpg")
    assert photos(home) == ["a.jpg"]


@pytest.mark.usefixtures("hanging_fails")
def test_a_pipe_in_the_place_of_the_manifest_is_refused_and_not_waited_for(home):
    put(home, "a.jpg")
    os.mkfifo(home / "listing.yaml")
    with pytest.raises(ListingError, match=r"listing\.yaml in villa is no file"):
        read_listing_folder(home)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(lambda home: home / "nowhere", "there is no such folder", id="missing"),
        pytest.param(lambda home: put(home, "a.jpg") or home / "a.jpg", "is a file", id="a-file"),
        pytest.param(lambda home: home, "holds no photos", id="empty"),
        pytest.param(lambda home: put(home, "a.txt", content=b"a") or home, r"\(1 other file\)", id="no-photo"),
    ],
)
def test_a_folder_without_photos_gets_a_clear_error(home, make, says):
    with pytest.raises(InputError, match=says):
        read_listing_folder(make(home))


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        pytest.param(
            "photos: [{file: pol.jpg}]", r"'pol.jpg' \(is it 'pool.jpg'\?\); add the files", id="missing-photo"
        ),
        pytest.param("photos: [{file: ../x.jpg}]", "leads out of the listing folder", id="outside"),
        pytest.param("photos: [{file: pool.jpg, room: cellar}]", "line 1.*unknown room 'cellar'", id="unknown-room"),
        pytest.param("photos: [{file: pool.jpg}, {file: POOL.JPG}]", "twice", id="one-file-by-two-spellings"),
        pytest.param("a: [", "line 1.*not readable as YAML", id="not-yaml"),
    ],
)
def test_a_wrong_manifest_says_what_is_wrong_and_where(home, manifest, says):
    put(home, "pool.jpg")
    (home / "listing.yaml").write_text(manifest)
    with pytest.raises(ListingError, match=says):
        read_listing_folder(home)


def test_a_manifest_under_another_name_is_not_overlooked(home):
    put(home, "a.jpg")
    put(home, "listing.yml", content=b"title: Villa")
    with pytest.raises(ListingError, match=r"rename it to listing\.yaml"):
        read_listing_folder(home)


def test_a_manifest_that_is_not_text_is_refused(home):
    put(home, "a.jpg")
    put(home, "listing.yaml", content=b"title: Caf\xe9")
    with pytest.raises(ListingError, match="UTF-8"):
        read_listing_folder(home)


def test_the_manifest_finds_photos_whose_names_differ_in_case_or_accents_only(home):
    on_disk = unicodedata.normalize("NFD", "Küche.JPG")
    put(home, on_disk)
    (home / "listing.yaml").write_text("photos: [{file: küche.jpg, room: kitchen}]", encoding="utf-8")
    folder = read_listing_folder(home)
    entry = folder.manifest.entry(on_disk)
    assert entry is not None
    assert entry.room is Room.KITCHEN


def test_a_logo_is_a_candidate_for_the_brand_and_not_a_photo(home):
    put(home, "a.jpg", "logo.png", "mark.svg")
    assert read_listing_folder(home).logo_candidates == (Path("mark.svg"),)
    (home / "listing.yaml").write_text("brand: {logo: logo.png}")
    folder = read_listing_folder(home)
    assert folder.logo_candidates == (Path("logo.png"),)
    assert Path("logo.png") not in folder.photo_files


def test_names_that_are_not_text_can_be_shown():
    assert shown_name(Path(os.fsdecode(b"caf\xe9.jpg"))) == "caf�.jpg"


def test_a_folder_that_this_user_may_not_look_at_is_named(locked):
    with pytest.raises(InputError, match=f"{locked} cannot be read .Permission denied.; check its permissions"):
        read_listing_folder(locked)


def test_a_folder_of_a_user_who_does_not_exist_is_named():
    with pytest.raises(InputError, match="~nobodyofthisname/x: there is no such user; write the path out"):
        read_listing_folder(Path("~nobodyofthisname/x"))
