"""What fails at a vendor, at each stage of a film, and what becomes of it: every case run, not looked up.

Belongs here: the cases (providers.md, sections 1.5, 1.6 and 6), running one of them, the page that keeps the outcomes.
Does not belong here: the failures' own tables (``generated_docs.py``), whole films (``test_hosted_film.py``).

Each case is run with the real adapter, the real ledger and a simulated vendor on loopback; the chain ends with a local
engine. Usage: ``python -m luxvid_pipeline_tests.failure_matrix`` runs all of them and writes the page anew.
"""

import asyncio
import hashlib
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from rich.progress import track

from luxvid_pipeline.assets.score import ScoreStages
from luxvid_pipeline.domain.errors import LuxVidError
from luxvid_pipeline.domain.film_format import FULL_HD, FilmFormat
from luxvid_pipeline.domain.listing import ListingManifest
from luxvid_pipeline.domain.payments import Account, PaymentState
from luxvid_pipeline.domain.photos import PhotoRecord, Verdict, WorkingPhoto
from luxvid_pipeline.domain.ports import Engine
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.media.encode import ClipWriter, empty_frame
from luxvid_pipeline.providers.chains import ClipChain, SelectorChain, TaggerChain, WriterChain
from luxvid_pipeline.providers.local.selector import LocalSelector
from luxvid_pipeline.providers.local.tagger import LocalTagger
from luxvid_pipeline.providers.local.writer import LocalWriter
from luxvid_pipeline.providers.replicate.clips import ReplicateClips
from luxvid_pipeline.providers.replicate.images import NANO_BANANA, ReplicateImageEditor
from luxvid_pipeline.providers.replicate.predictions import Desk
from luxvid_pipeline.providers.replicate.score import MUSICGEN, ReplicateScore
from luxvid_pipeline.providers.vision.client import Keeping, Patience, VisionClient
from luxvid_pipeline.providers.vision.selector import VisionSelector
from luxvid_pipeline.providers.vision.tagger import VisionTagger
from luxvid_pipeline.providers.vision.writer import VisionWriter
from luxvid_pipeline.providers.widening import WideningClips
from luxvid_pipeline.resources.progress import SilentBoard
from luxvid_pipeline_tests.fakes import FakeCamera, FakeComposer
from luxvid_pipeline_tests.providers.replicate.desk import NO_PATIENCE, FolderShelf, desk_for
from luxvid_pipeline_tests.providers.replicate.test_clips import request_for, working_photo
from luxvid_pipeline_tests.simulators import LanguageModelSimulator, ReplicateSimulator, script
from luxvid_pipeline_tests.sounds import score_request
from luxvid_pipeline_tests.studio import draw_photos

PAGE = Path(__file__).resolve().parent.parent / "docs" / "failure-matrix.md"
COMMAND = "python -m luxvid_pipeline_tests.failure_matrix"
VEO = "google/veo-3.1-fast"
MODELS = {"clips": VEO, "score": MUSICGEN, "images": NANO_BANANA}
LANGUAGE = {"tagger": "xai", "writer": "openai", "selector": "xai"}
TINY = FilmFormat(width_px=128, height_px=72, fps=Fraction(30))
SECRETS = ("r8_Sekr3tOfTheVideos", "xai-Sekr3tOfTheEyes")
ALWAYS = None


@dataclass(frozen=True)
class Case:
    """One failure.

    Attributes:
        name: In words.
        event: What it meets: ``create``, ``prediction``, ``download``, ``upload``, ``model`` or ``language``.
        effect: What happens.
        times: How often; None for always.
        stages: At which stages it can happen; empty for all of its vendor's.
        deadline_s: How long a clip may take: only what never ends shall run into it, on a busy machine too.
    """

    name: str
    event: str
    effect: script.Effect
    times: int | None = 1
    stages: tuple[str, ...] = ()
    deadline_s: float = 60.0


def _both(name: str, event: str, effect: script.Effect) -> list[Case]:
    return [Case(f"{name}, once", event, effect), Case(f"{name}, each time", event, effect, ALWAYS)]


_FETCH = "cannot identify image file '/tmp/tmp1a2b3c4d.jpg'"
_THIRTY = "Prediction failed: continuation_end plus duration must be at most 30 seconds"

VIDEO_AND_SOUND: tuple[Case, ...] = (
    # 1.5: failures of a prediction
    Case("flagged as sensitive (E005)", "prediction", script.fail(script.E005), ALWAYS),
    *_both("high demand (E003)", "prediction", script.fail(script.E003)),
    *_both("temporarily unavailable (E004)", "prediction", script.fail(script.E004)),
    Case("Input validation error", "prediction", script.fail("Input validation error: duration"), ALWAYS),
    *_both("the input could not be fetched", "prediction", script.fail(_FETCH)),
    *_both("out of memory (E001)", "prediction", script.fail("CUDA out of memory (E001)")),
    Case("invalid input (E006)", "prediction", script.fail("The input is invalid (E006)"), ALWAYS),
    *_both("unknown platform error (E1000)", "prediction", script.fail("Unknown error (E1000)")),
    *_both("killed for memory (E1001)", "prediction", script.fail("Prediction was killed (E1001)")),
    *_both("time-out at the start (E6716)", "prediction", script.fail("Timed out starting (E6716)")),
    Case("other words", "prediction", script.fail("list index out of range"), ALWAYS),
    Case("fields that exclude each other", "prediction", script.fail("end_image is only valid in pro mode"), ALWAYS),
    Case("MusicGen's thirty seconds", "prediction", script.fail(_THIRTY), ALWAYS, ("score",)),
    Case("succeeded without output", "prediction", script.output_null(), ALWAYS),
    Case("result already removed", "prediction", script.data_removed(), ALWAYS),
    Case("aborted by the vendor", "prediction", script.end_as("aborted"), ALWAYS),
    Case("cancelled at the vendor", "prediction", script.end_as("canceled"), ALWAYS),
    Case("never done", "prediction", script.hold(), ALWAYS, ("clips",), deadline_s=1.5),
    Case("output before the status says so", "prediction", script.early_output()),
    Case("output as a data address", "prediction", script.inline_output()),
    # 1.6: HTTP errors
    Case("401 wrong key", "create", script.unauthenticated(), ALWAYS),
    Case("402 no credit", "create", script.insufficient_credit(), ALWAYS),
    Case("404", "create", script.problem(404, "The requested resource could not be found."), ALWAYS),
    Case("413 on the upload", "upload", script.problem(413, "The file is too large."), ALWAYS),
    Case("422 version gone", "create", script.invalid_version(), ALWAYS),
    Case("422 wrong input", "create", script.refuse_input(), ALWAYS),
    Case("429 with Retry-After", "create", script.throttle(0.05)),
    Case("429 with retry_after only", "create", script.throttle(0.05, header=False)),
    Case("429 in older words", "create", script.throttle(0.05, header=False, body=False, words="old")),
    Case("429, each time", "create", script.throttle(0.05), ALWAYS),
    *_both("500", "create", script.html(500)),
    *_both("502 in HTML", "create", script.html(502)),
    *_both("503", "create", script.html(503)),
    *_both("504", "create", script.html(504)),
    # 6: what else a vendor does
    *_both("connection broken before it was heard", "create", script.drop()),
    *_both("connection broken after it was accepted", "create", script.drop_after()),
    Case("download by another address", "download", script.redirect()),
    *_both("download cut off", "download", script.short_body()),
    *_both("download of another length", "download", script.wrong_length()),
    *_both("a page instead of the file", "download", script.wrong_type()),
    *_both("noise instead of the file", "download", script.garbage()),
    Case("another length and rate", "prediction", script.odd_media(seconds=4.31, fps=24), stages=("clips",)),
    Case("another size", "prediction", script.odd_media(width=1284, height=718), stages=("clips",)),
)

WORDS: tuple[Case, ...] = (
    Case("refused", "language", script.refusal(), ALWAYS),
    Case("stopped by a filter", "language", script.content_filter(), ALWAYS),
    *_both("truncated JSON", "language", script.truncated()),
    *_both("no JSON", "language", script.text("A pool, I think.")),
    *_both("nothing in the answer", "language", script.no_choices()),
    *_both("HTTP 200 with an error", "language", script.error_in_200()),
    Case("no report of tokens", "language", script.no_usage()),
    Case("retired model", "language", script.model_retired(), ALWAYS),
    Case("exhausted credit", "language", script.credit_exhausted(), ALWAYS),
    Case("wrong key", "language", script.bad_key(), ALWAYS),
    *_both("rate limit", "language", script.rate_limited(0.01)),
    *_both("500", "language", script.html(500)),
    *_both("502 in HTML", "language", script.html(502)),
    *_both("503", "language", script.html(503)),
    *_both("connection broken before it was heard", "language", script.drop()),
    *_both("connection broken after it was heard", "language", script.drop_after()),
)


@dataclass(frozen=True)
class Outcome:
    """What became of one case at one stage.

    Attributes:
        words: For the page.
        error: The one line, where it stopped.
        states: Where the ledger's rows stand.
        reserved_usd: What is still held against the budgets.
    """

    words: str
    error: str = ""
    states: tuple[PaymentState, ...] = ()
    reserved_usd: Decimal = Decimal(0)


def cases() -> list[tuple[str, Case]]:
    """Return every (stage, case) there is."""
    video = [(stage, case) for case in VIDEO_AND_SOUND for stage in MODELS if stage in (case.stages or MODELS)]
    return video + [(stage, case) for case in WORDS for stage in LANGUAGE]


class Laboratory:
    """Simulated vendors, and the little listing that is asked about."""

    def __init__(self, folder: Path, words: Mapping[str, LanguageModelSimulator]):
        self.folder, self.words = folder, words
        self.photos = [working_photo(folder / f"{number}.jpg", number, (600, 400)) for number in range(2)]
        self.portrait = working_photo(folder / "portrait.jpg", 7, (400, 600))
        self.clip = folder / "local.mp4"
        with ClipWriter(self.clip, FULL_HD) as writer:
            writer.write(empty_frame(FULL_HD))
        self.home = [_as_photo(path) for path in sorted(draw_photos(folder / "home", 8, size_px=(240, 160)).iterdir())]
        rooms = ("aerial", "pool", "bedroom", "bathroom", "bathtub_shower", "living", "dining", "terrace")
        entries = [{"file": photo.record.file, "room": room} for photo, room in zip(self.home, rooms, strict=True)]
        self.catalogue = LocalTagger().tag(self.home, ListingManifest.model_validate({"photos": entries})).photos
        self.board = LocalWriter().write("villa", ListingManifest(), self.catalogue).storyboard
        self._runs = 0

    def run(self, stage: str, case: Case) -> Outcome:
        """Run one case at one stage, with a ledger of its own."""
        self._runs += 1
        desk = self.folder / f"{self._runs:03}"
        desk.mkdir()
        if stage in LANGUAGE:
            return self._run(stage, case, desk, self.words[LANGUAGE[stage]])
        # A vendor of its own: what earlier cases left in its list would be weighed when an answer is not heard.
        with ReplicateSimulator(picture_scale=0.1, cache=self.folder / "made", seed=1, speed=0.0001) as vendor:
            return self._run(stage, case, desk, vendor)

    def _run(self, stage: str, case: Case, desk: Path, vendor: Any) -> Outcome:
        vendor.script.clear()
        vendor.script.on(case.event, case.effect, times=case.times)
        self._base_url, self._deadline_s = vendor.base_url, case.deadline_s
        # Only what never recovers shall run out of patience, on a busy machine too.
        hurry = {"safe_s": 0.4, "download_s": 0.4, "queue_s": 1.0} if case.times is ALWAYS else {}
        self._patience = replace(NO_PATIENCE, settle_s=0.05, **hurry)
        ledger = SqlLedger(f"sqlite:///{desk / 'ledger.db'}")
        account = Account(listing="villa", stage=stage, run_id="run", budget_usd=Decimal(50))
        work: Callable[[Path, SqlLedger, Account], Engine] = getattr(self, f"_{stage}")
        try:
            engine = work(desk, ledger, account)
            words, error = _told(engine), ""
        except LuxVidError as failure:
            words, error = f"**stops**: `{type(failure).__name__}`", str(failure)
        finally:
            vendor.script.clear()
        rows = ledger.rows(latest=False)
        outcome = Outcome(
            words=words,
            error=error,
            states=tuple(row.payment.state for row in rows),
            reserved_usd=sum((row.payment.reserved_usd for row in rows), Decimal(0)),
        )
        ledger.close()
        return outcome

    def _clips(self, desk: Path, ledger: SqlLedger, account: Account) -> Engine:
        clips = ReplicateClips(VEO, self._desk(desk), deadline_s=self._deadline_s)
        request = replace(request_for(self.photos, seconds=2.0, account=account), format=TINY)
        chain = ClipChain([clips, self._camera()], ledger.spent_by)
        return asyncio.run(chain.shoot(request, desk / "clip.mp4"))

    def _images(self, desk: Path, ledger: SqlLedger, account: Account) -> Engine:
        editor = ReplicateImageEditor(self._desk(desk))
        clips = WideningClips(self._camera(), editor)
        request = request_for([self.portrait], account=account)
        engine = asyncio.run(clips.shoot(request, desk / "clip.mp4"))
        return replace(engine, name=NANO_BANANA) if engine.disclosure else engine

    def _score(self, desk: Path, ledger: SqlLedger, account: Account) -> Engine:
        composer = ReplicateScore(MUSICGEN, self._desk(desk))
        request = replace(score_request(stage_seconds=(2.0, 2.0)), account=account)
        stages = ScoreStages(request, MediaStore(str(desk / "media"), desk / "cache"), SilentBoard())
        stored, played = stages.play([composer], _local(FakeComposer()))
        return replace(played[-1], name=stored.facts["engine"], degraded_reason=stored.facts["degraded_reason"])

    def _tagger(self, desk: Path, ledger: SqlLedger, account: Account) -> Engine:
        chain = TaggerChain([VisionTagger(self._client("tagger", desk, ledger)), LocalTagger()], ledger.spent_by)
        return chain.tag(self.home, ListingManifest(), account).engine

    def _writer(self, desk: Path, ledger: SqlLedger, account: Account) -> Engine:
        chain = WriterChain([VisionWriter(self._client("writer", desk, ledger)), LocalWriter()], ledger.spent_by)
        return chain.write("villa", ListingManifest(), self.catalogue, account).engine

    def _selector(self, desk: Path, ledger: SqlLedger, account: Account) -> Engine:
        links = [VisionSelector(self._client("selector", desk, ledger)), LocalSelector()]
        files = {photo.record.photo_id: photo.path for photo in self.home}
        chain = SelectorChain(links, ledger.spent_by)
        return chain.select(self.board, self.catalogue, files, account).engine

    def _client(self, stage: str, desk: Path, ledger: SqlLedger) -> VisionClient:
        vendor = LANGUAGE[stage]
        return VisionClient(
            vendor,
            {"xai": "grok-4.3", "openai": "gpt-6-luna"}[vendor],
            api_key=SECRETS[1],
            keeping=Keeping(ledger=ledger, shelf=FolderShelf(desk / "shelf")),
            base_url=self._base_url,
            patience=Patience(deadline_s=20.0, answer_s=5.0, tries=3, first_wait_s=0.0),
            wait=lambda _: None,
        )

    def _desk(self, folder: Path) -> Desk:
        return desk_for(self._base_url, folder, token=SECRETS[0], patience=self._patience)

    def _camera(self) -> FakeCamera:
        return _local(FakeCamera(self.clip))


@contextmanager
def open_laboratory(folder: Path) -> Iterator[Laboratory]:
    """Start the vendors."""
    with ExitStack() as stack:
        words = {name: stack.enter_context(LanguageModelSimulator(name)) for name in ("xai", "openai")}
        yield Laboratory(folder, words)


_INTRODUCTION = f"""
Written by `{COMMAND}`, which runs every case; a test runs them again and compares. Each
cell is what became of a stage when its hosted engine met the failure and the chain ended with the local engine: *the
model* did it all the same, *local* did it and says why, or the film **stops** with one line and can be run again. Where
it fails “each time”, the vendor never recovers. Nothing is left reserved; what was made and paid for but could not be
fetched stays *finished* in the ledger, and a later run fetches it.
""".strip()


def page(outcomes: Mapping[tuple[str, str], Outcome]) -> str:
    """Return the page that keeps the outcomes, by (stage, case)."""
    return (
        "\n\n".join(
            [
                "# The failure matrix",
                _INTRODUCTION,
                "## Clips, score, widened photos (Replicate)",
                _table(VIDEO_AND_SOUND, tuple(MODELS), outcomes),
                "## Tags, storyboard, pairs (xAI, OpenAI)",
                _table(WORDS, tuple(LANGUAGE), outcomes),
            ]
        )
        + "\n"
    )


def _table(rows: tuple[Case, ...], stages: tuple[str, ...], outcomes: Mapping[tuple[str, str], Outcome]) -> str:
    lines = [f"| failure | {' | '.join(stages)} |", f"|---|{'---|' * len(stages)}"]
    for case in rows:
        cells = [outcomes[stage, case.name].words if (stage, case.name) in outcomes else "–" for stage in stages]
        lines.append(f"| {case.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _told(engine: Engine) -> str:
    if engine.name in {"local", "fake"}:
        return f"local: {_because(engine.degraded_reason)}"
    in_part = engine.degraded_reason.partition(" instead of ")[0].partition(": ")[0]
    return f"the model; {in_part}" if in_part else "the model"


def _because(reason: str) -> str:
    """The words before the details: `google/veo-3.1-fast refused the content (…)`."""
    return reason.partition(" (")[0].partition(" ")[2] or reason


def _local(engine: Any) -> Any:
    engine.engine = "local"
    return engine


def _as_photo(path: Path) -> WorkingPhoto:
    record = PhotoRecord(
        photo_id=hashlib.sha256(path.read_bytes()).hexdigest(),
        file=path.name,
        original=f"originals/{path.name}",
        working=f"working/{path.name}",
        bytes=path.stat().st_size,
        working_width_px=240,
        working_height_px=160,
        sharpness=0.8,
        exposure=0.5,
        verdict=Verdict.KEPT,
    )
    return WorkingPhoto(record=record, path=path)


def main() -> None:
    """Run all cases and write the page."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder, open_laboratory(Path(folder)) as laboratory:
        outcomes = {(stage, case.name): laboratory.run(stage, case) for stage, case in track(cases(), "running")}
    PAGE.write_text(page(outcomes), encoding="utf-8")


if __name__ == "__main__":
    main()
