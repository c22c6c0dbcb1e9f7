"""Draws one SVG in a process of its own: ``python -I svg_drawing.py < request > picture.png``.

Belongs here: the child's side of drawing a logo, limited in memory, so that no drawing can take the film down with it.
Does not belong here: what is allowed in an SVG and everything after drawing (``media/logos.py``).

resvg aborts its process where it runs out of memory or stack, which a filter with a huge region is enough for; no
exception can be caught then.
"""

import contextlib
import json
import sys
from typing import Any

import resvg_py

_MOST_BYTES = 2_000_000_000


def main() -> int:
    """Read the arguments of ``resvg_py.svg_to_bytes`` as JSON and write the PNG; return 1 if it cannot be drawn."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # Not every system has or allows such a limit.
        import resource  # noqa: PLC0415  Unix only.

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    request: dict[str, Any] = json.load(sys.stdin.buffer)
    try:
        sys.stdout.buffer.write(resvg_py.svg_to_bytes(**request))
    except ValueError as error:
        sys.stderr.write(" ".join(str(error).split()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
