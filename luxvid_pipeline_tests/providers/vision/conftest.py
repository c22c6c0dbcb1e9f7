"""What the tests of vision models share: a vendor on loopback, a ledger in a file, a shelf in a folder.

Belongs here: fixtures, and makers of questions and photos.
Does not belong here: claims.
"""

import hashlib
import shutil
from decimal import Decimal

import pytest

from luxvid_pipeline.domain.payments import Account
from luxvid_pipeline.domain.photos import PhotoRecord, Verdict, WorkingPhoto
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.media.thumbnails import thumbnail
from luxvid_pipeline.providers.vision.client import Keeping, Patience, VisionClient
from luxvid_pipeline_tests import photo_files as draw
from luxvid_pipeline_tests.simulators import LanguageModelSimulator

KEY = "xai-0123456789abcdefSECRET"
MODELS = {"xai": "grok-4.3", "openai": "gpt-6-luna"}


class FolderShelf:
    """A shelf that is a folder."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def check_room(self):
        """There always is."""

    def keep(self, name, file):
        shutil.copy(file, self.folder / name)
        return hashlib.sha256(file.read_bytes()).hexdigest()

    def fetch(self, name, sha256):
        file = self.folder / name
        if not file.exists() or hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
            return None
        return file


class Desk:
    """One vendor, one ledger, one shelf, and clients of them."""

    def __init__(self, vendor, folder):
        self.vendor = vendor
        self.sim = LanguageModelSimulator(vendor)
        self.url = f"sqlite:///{folder / 'ledger.db'}"
        self.ledger = SqlLedger(self.url)
        self.shelf = FolderShelf(folder / "shelf")
        self.waits = []
        self.account = Account(listing="villa-aurora", client="aurora", stage="tagger", budget_usd=Decimal(10))

    def client(self, model="", *, key=KEY, base_url="", **patience):
        return VisionClient(
            self.vendor,
            model or MODELS[self.vendor],
            api_key=key,
            keeping=Keeping(ledger=self.ledger, shelf=self.shelf),
            base_url=base_url or self.sim.base_url,
            patience=Patience(**{"deadline_s": 20.0, "answer_s": 5.0, "tries": 3, "first_wait_s": 0.0, **patience}),
            wait=self.waits.append,
        )

    @property
    def sent(self):
        """Requests that reached the vendor."""
        return self.sim.counts["chat"]

    def spent(self):
        return self.ledger.spent()

    def states(self):
        return [entry.payment.state.value for entry in self.ledger.rows(latest=False)]


@pytest.fixture(params=["xai", "openai"])
def desk(request, tmp_path):
    """Each vendor in turn."""
    desk = Desk(request.param, tmp_path)
    with desk.sim:
        yield desk


@pytest.fixture
def xai(tmp_path):
    desk = Desk("xai", tmp_path)
    with desk.sim:
        yield desk


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """Sixteen different small photos."""
    folder = tmp_path_factory.mktemp("drawn")
    return [draw.save(folder / f"IMG_{seed:02}.jpg", draw.scene(seed, 240, 160)) for seed in range(16)]


@pytest.fixture(scope="session")
def picture(drawn):
    return thumbnail(drawn[0], long_side_px=128)


@pytest.fixture(scope="session")
def photos(drawn):
    """The drawn photos as the pipeline holds them."""

    def photo(path):
        record = PhotoRecord(
            photo_id=hashlib.sha256(path.read_bytes()).hexdigest(),
            file=path.name,
            original=f"originals/{path.name}",
            working=f"working/{path.name}",
            bytes=1,
            working_width_px=240,
            working_height_px=160,
            sharpness=0.8,
            exposure=0.5,
            verdict=Verdict.KEPT,
        )
        return WorkingPhoto(record=record, path=path)

    return [photo(path) for path in drawn]
