"""``docs/quality.md``: prose that people write, tables that programs write between marks.

Belongs here: replacing one marked block, the table of thresholds.
Does not belong here: what the tables say (``measures.py``, ``vmaf.py``).

Usage: ``python -m benchmarks.quality_page`` writes the table of thresholds anew; a test compares it.
"""

from collections.abc import Sequence
from pathlib import Path

from luxvid_pipeline.domain.gates import LIMITS, EngineKind

PAGE = Path(__file__).resolve().parent.parent / "docs" / "quality.md"


def replace_block(name: str, text: str, page: Path = PAGE) -> None:
    """Put text between the marks of a block.

    Raises:
        ValueError: The page has no such block.
    """
    before, mark, rest = page.read_text(encoding="utf-8").partition(_begin(name))
    _, end, after = rest.partition(_end(name))
    if not mark or not end:
        raise ValueError(f"{page.name} has no block {name!r}")
    page.write_text(f"{before}{mark}\n{text}\n{end}{after}", encoding="utf-8")


def block(name: str, page: Path = PAGE) -> str:
    """Return what stands between the marks of a block."""
    _, _, rest = page.read_text(encoding="utf-8").partition(_begin(name))
    return rest.partition(_end(name))[0].strip("\n")


def thresholds() -> str:
    """Return the table of every threshold, with its reason, from the program's own."""
    rows = [
        (
            fault.value,
            f"{limit.at:g} {limit.unit}".strip() if limit.unit else "–",
            ", ".join(kind.value for kind in EngineKind if kind in limit.blocks) or "nobody: a warning",
            limit.because,
        )
        for fault, limit in LIMITS.items()
    ]
    return table(("fault", "from", "blocks clips of", "because"), rows)


def table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _begin(name: str) -> str:
    return f"<!-- {name}: written by a program -->"


def _end(name: str) -> str:
    return f"<!-- end of {name} -->"


if __name__ == "__main__":
    replace_block("thresholds", thresholds())
