"""Photos that a manifest gives by address come in with the others, and are kept beside them."""

import ipaddress
import shutil
import threading
from collections import Counter
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import dagster as dg
import pytest

from luxvid_pipeline.domain.photos import PhotoRecord, Verdict
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.io_managers.values import TableIOManager
from luxvid_pipeline.media.remote_photos import AddressPolicy
from luxvid_pipeline.resources.listing_sources import ListingSources
from luxvid_pipeline_tests.studio import Studio, draw_photos

LOOPBACK = AddressPolicy(also=(ipaddress.ip_network("127.0.0.0/8"),))


@pytest.fixture
def site(tmp_path):
    """Serves two photographs, and counts."""
    asked = Counter()
    draw_photos(tmp_path / "site", 3)

    class Site(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(tmp_path / "site"))

        def do_GET(self):
            asked[self.path] += 1
            super().do_GET()

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


@pytest.fixture
def studio(tmp_path):
    with dg.DagsterInstance.ephemeral() as instance:
        studio = Studio(home=tmp_path / "home", instance=instance)
        studio.overrides = {"listing_sources": ListingSources(studio.settings, policy=LOOPBACK)}
        yield studio


def read(studio):
    return dg.materialize(
        [asset for asset in studio.defs().assets if getattr(asset, "key", None) == dg.AssetKey("listing_photos")],
        instance=studio.instance,
        partition_key=studio.listing,
        resources={key: studio.defs().resources[key] for key in studio.defs().resources},
        raise_on_error=True,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )


def records(studio):
    table = TableIOManager(studio.store).load_partition("listing_photos", studio.listing, missing_ok=False)
    return {record.file: record for record in from_table(table, PhotoRecord)}


def test_photos_by_reference_are_fetched_once_kept_and_say_where_they_came_from(studio, site, tmp_path):
    address, asked = site
    folder = tmp_path / "villa"
    folder.mkdir()
    (tmp_path / "site" / "IMG_0002.jpg").rename(folder / "IMG_0002.jpg")
    shutil.copyfile(folder / "IMG_0002.jpg", folder / "IMG_0003.jpg")
    (folder / "listing.yaml").write_text(
        "photos:\n"
        f"  - {{file: pool.jpg, room: pool, source_url: '{address}/IMG_0000.jpg'}}\n"
        f"  - {{file: gone.jpg, source_url: '{address}/gone.jpg'}}\n"
        f"  - {{file: IMG_0002.jpg, source_url: '{address}/never-asked.jpg'}}\n"
        "  - {file: inside.jpg, source_url: 'http://169.254.169.254/latest/meta-data'}\n"
    )
    studio.add(folder)
    read(studio)
    found = records(studio)
    assert {name: record.verdict for name, record in found.items()} == {
        "IMG_0002.jpg": Verdict.KEPT,
        "gone.jpg": Verdict.REFUSED,
        "inside.jpg": Verdict.REFUSED,
        "pool.jpg": Verdict.KEPT,
    }
    assert found["pool.jpg"].source_url == f"{address}/IMG_0000.jpg"
    assert found["gone.jpg"].reason == "it could not be fetched: 127.0.0.1 answers 404"
    assert "is not a public address" in found["inside.jpg"].reason
    assert studio.store.open(found["pool.jpg"].original).read_bytes() == (tmp_path / "site/IMG_0000.jpg").read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["IMG_0002.jpg", "IMG_0003.jpg", "listing.yaml"]
    told = studio.latest("listing_photos")
    assert told["copies"] == ["IMG_0003.jpg"]
    assert told["preview"].splitlines()[-3:-1] == [
        "| IMG_0003.jpg | it is a copy of another file, byte for byte |",
        "| gone.jpg | it could not be fetched: 127.0.0.1 answers 404 |",
    ]
    assert asked == {"/IMG_0000.jpg": 1, "/gone.jpg": 1}
    read(studio)
    assert asked == {"/IMG_0000.jpg": 1, "/gone.jpg": 2}
    assert records(studio) == found


def test_a_listing_of_which_no_photo_can_be_fetched_fails_with_the_reasons(studio, site, tmp_path):
    address, _ = site
    folder = tmp_path / "villa"
    folder.mkdir()
    (folder / "listing.yaml").write_text(f"photos: [{{file: a.jpg, source_url: '{address}/gone.jpg'}}]")
    studio.add(folder)
    with pytest.raises(Exception, match=r"none of its 1 files can be used: a.jpg: it could not be fetched: .* 404"):
        read(studio)
