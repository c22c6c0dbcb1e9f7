"""Make the whole example listing again, in order, leaving alone what exists.

Belongs here: only the order of the steps.
Does not belong here: any step itself.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import imperfect
import render
import truth


def main():
    """Photographs, then truth frames, then what is derived from the photographs."""
    extra = ["--force"] if "--force" in sys.argv[1:] else []
    render.main(["--camera", "all", *extra])
    truth.main(extra)
    imperfect.main()


if __name__ == "__main__":
    main()
