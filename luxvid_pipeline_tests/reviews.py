"""Reviews made up for the page's tests: everything a page can show, in a second.

Belongs here: a small film with a picture of its time in it, and a ``Review`` around it.
Does not belong here: claims, a real listing (``test_review.py``).
"""

import io
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from PIL import Image

from luxvid_pipeline.domain.approvals import ApprovalState, Decision, Verdict
from luxvid_pipeline.domain.listing import Brief, ListingManifest
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.scenes import SCENES
from luxvid_pipeline.domain.storyboard import Shot
from luxvid_pipeline.media.ffmpeg import run_ffmpeg
from luxvid_pipeline.media.film import FilmFacts
from luxvid_pipeline.review import Approval, Check, Download, Film, Photo, Review, ReviewedScene, Score, Spent, Take

SECONDS = 2.0


def small_film(into: Path, *, seconds: float) -> bytes:
    """Draw a film of moving bars with a tone."""
    picture = f"testsrc2=size=320x180:rate=30:duration={seconds}"
    sources = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=frequency=330:duration={seconds}"]
    codecs = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "15", "-c:a", "aac", "-movflags", "+faststart"]
    run_ffmpeg([*sources, *codecs, "-y", str(into)], doing="drawing a small film")
    return into.read_bytes()


def jpeg(colour: tuple[int, int, int], size: tuple[int, int] = (48, 32)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()


def photo(name: str, colour: tuple[int, int, int]) -> Photo:
    return Photo(file=name, caption=f"what {name} shows", jpeg=jpeg(colour), width_px=48, height_px=32)


def made_up_review(film: bytes, *, scenes: int = 4, word: str = "") -> Review:
    """Return a review of so many scenes; ``word`` stands in every field that comes from a listing."""
    shown = tuple(_scene(place, word) for place in range(scenes))
    seconds = scenes * SECONDS
    facts = FilmFacts(
        frames=round(30 * seconds),
        duration_s=Fraction(round(seconds)),
        audio_duration_s=Fraction(round(seconds)),
        width_px=1920,
        height_px=1080,
        fps=Fraction(30),
        bytes=20_000_000,
        integrated_lufs=-14.1,
        true_peak_dbtp=-1.6,
        range_lu=5.0,
        moov_first=True,
        edit_lists=0,
    )
    decision = Decision(
        listing="villa-test",
        plan="ab" * 32,
        verdict=Verdict.APPROVED,
        by=f"Ada {word}".strip(),
        at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
        estimate_low_usd=Decimal("1.20"),
        estimate_high_usd=Decimal("3.40"),
        because=word,
    )
    return Review(
        listing="villa-test",
        title=f"Villa Test {word}".strip(),
        manifest=ListingManifest(
            title="Villa Test",
            address=f"1 Test Road {word}",
            client=f"client {word}",
            brief=Brief(goal=f"views {word}"),
        ),
        photos=20,
        kept=18,
        duration_s=seconds,
        scenes=shown,
        left_out=(("Bath", f"no photo shows a tub {word}"),),
        film=Film(facts=facts, sha256="cd" * 32, is_animatic=False, small=film, poster=jpeg((40, 60, 80), (320, 180))),
        score=Score(
            style="cinematic-ambient",
            engine="local",
            cost_usd=0.0,
            warning=word,
            peaks=tuple(n / 40 for n in range(40)),
        ),
        checks=(
            Check(
                name="film_is_as_loud_as_agreed",
                about="property_video",
                passed=True,
                blocks=True,
                told=word,
                figures={"integrated_lufs": -14.1, "note": word},
            ),
            Check(
                name="clip_is_true_to_its_photos",
                about="scene_clips 2-bedroom",
                passed=False,
                blocks=False,
                told=f"softer than its photo {word}",
                figures={"softened_px": 1.7},
            ),
        ),
        downloads=(
            Download(
                name=f"villa {word}.mp4", group=f"Film {word}", bytes=20_000_000, file=None, address=f"s3://b/{word}"
            ),
        ),
        spent=(
            Spent(
                stage="clips",
                model=f"replicate: x/y {word}",
                requests=2,
                cost_usd=Decimal("0.6"),
                reserved_usd=Decimal(0),
            ),
        ),
        approval=Approval(state=ApprovalState.APPROVED, plan="0123456789ab", decisions=(decision,)),
        warnings=(f"Arrival: x/y failed, made by local instead {word}",),
        disclosures=(f"Arrival: extended to 16:9 by x/z {word}",),
    )


def without_film(review: Review) -> Review:
    """Return the review of the same listing before anything was shot."""
    scenes = tuple(replace(each, frame=None, engine="", takes=(), measures={}) for each in review.scenes)
    return replace(review, film=None, score=None, checks=(), downloads=(), scenes=scenes)


def _scene(place: int, word: str) -> ReviewedScene:
    scene = SCENES[place]
    shade = 40 + 50 * place
    takes = tuple(
        Take(
            name=f"Take {number} · x/y {word}",
            chosen=number == 2,
            verdict="passed" if number == 2 else f"its last 1.2 s stand still {word}",
            cost_usd=0.3,
            seed=number,
            measures={"first_ssim": 0.91, "note": word},
        )
        for number in (1, 2)
    )
    return ReviewedScene(
        key=scene.key,
        title=scene.title,
        starts_s=place * SECONDS,
        seconds=SECONDS,
        mood=scene.score.words,
        shot=Shot(
            scene=scene.key,
            subject=f"{scene.shows} {word}".strip(),
            camera=scene.camera.kind.value,
            prompt=f"a prompt {word}",
            negative_prompt=f"people {word}",
            score_prompt=f"soft {word}",
            seconds=SECONDS,
            written_by=f"w/m {word}",
        ),
        pair=ScenePair(
            scene=scene.key,
            first_photo="a",
            last_photo="b",
            confidence=0.8,
            reason=f"because it is sharp {word}",
            runner_up_first="c",
            runner_up_reason=f"darker {word}",
            engine=f"s/m {word}",
        ),
        first=photo(f"first-{place} {word}.jpg", (shade, 90, 120)),
        last=photo(f"last-{place} {word}.jpg", (120, shade, 90)) if place % 2 == 0 else None,
        runner_up=photo(f"other-{place} {word}.jpg", (90, 120, shade)) if place == 0 else None,
        frame=jpeg((shade, shade, 90)),
        engine="local" if place else f"x/y {word}".strip(),
        cost_usd=0.0 if place else 0.6,
        paid_calls=0 if place else 2,
        warning=word,
        disclosure=word,
        measures={"first_ssim": 0.93, "judder_px": 0.05, "word": word},
        takes=takes if place == 0 else (),
    )
