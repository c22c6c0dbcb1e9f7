"""The command ``luxvid review``.

Belongs here: its arguments, writing the file, what it prints.
Does not belong here: gathering (``review.py``), the page (``review_page.py``).
"""

import contextlib
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from luxvid_pipeline.domain.errors import StorageError
from luxvid_pipeline.terminal import JsonOption, is_directory, named_path, out


def review(
    listing: Annotated[str, typer.Argument(metavar="KEY", help="Listing key, as 'luxvid status' shows it.")],
    target: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            parser=named_path,
            help="Where to write the page; default: LUXVID_HOME/reviews/KEY.html.",
        ),
    ] = None,
    launch: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write one HTML file that shows KEY's film and how it was made: player, scenes, photos, reasons, checks, files.

    The file holds everything it shows, so it can be mailed and opened from disk without a network.
    """
    from luxvid_pipeline.resources.settings import Settings  # noqa: PLC0415 - loads Dagster
    from luxvid_pipeline.review import review as gather  # noqa: PLC0415 - beside it
    from luxvid_pipeline.review_page import page  # noqa: PLC0415 - beside it

    if target is not None and is_directory(target):
        raise typer.BadParameter(f"{target} is a directory; name the page's file, for example {target / 'review.html'}")
    settings = Settings.from_environment()
    found = gather(settings, listing)
    file = (target or settings.home / "reviews" / f"{listing}.html").absolute()
    written = page(found, beside=file.parent).encode()
    part = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(written)
        part.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise StorageError(f"{file}: the review page could not be written: {error.strerror or error}") from error
    failed = [check.name for check in found.checks if not check.passed]
    if as_json:
        values = {
            "listing": listing,
            "page": str(file),
            "bytes": len(written),
            "film": found.film is not None,
            "scenes": [each.key for each in found.scenes],
            "left_out": dict(found.left_out),
            "checks_failed": failed,
            "warnings": list(found.warnings),
        }
        typer.echo(json.dumps(values, indent=2))
    else:
        out.print(f"Review  {escape(str(file))}  ({len(written) / 1e6:.1f} MB)")
        if found.film is None:
            out.print("        the film is not made yet; the page shows the plan")
        for name in failed:
            out.print(f"        check failed: {escape(name)}")
    if launch:
        typer.launch(file.as_uri())
