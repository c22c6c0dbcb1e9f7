"""What people said about a listing's storyboard, kept beside it and never changed.

Belongs here: keeping a note, and finding all of them again, in the order in which they were said.
Does not belong here: what a note asks for (``domain/directions.py``), heeding it (``assets/direction.py``).

Each note is a file of its own under ``storyboard/<listing>/notes/``, named by its moment, so that two people who speak
at the same time never overwrite one another; a new storyboard heeds them all again.
"""

from datetime import UTC, datetime

from luxvid_pipeline.domain.directions import check_note, scene_key_of
from luxvid_pipeline.domain.errors import DamagedMediaError, InputError
from luxvid_pipeline.domain.storyboard import Note
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.resources.approvals import ListingApprovals


def take_note(approvals: ListingApprovals, listing: str, text: str, *, by: str, scene: str = "") -> Note:
    """Keep what a person said about the plan that lies there now, and return it.

    Args:
        approvals: Where the listing's plan is read from.
        listing: Listing key.
        text: In the person's words.
        by: Who said it.
        scene: Number, key or name of the scene it is about; empty for the whole film.

    Raises:
        InputError: The note is empty or too long, nobody said it, there is no such scene, or no plan yet.
        StorageError: It cannot be kept.
    """
    text, key = check_note(text), scene_key_of(scene) if scene.strip() else ""
    if not by.strip():
        raise InputError(f"{listing}: nobody's name stands under this note; give one with --by NAME")
    plan = approvals.required_plan(listing)
    seen = next((pair.photos for pair in plan.pairs if pair.scene == key), ())
    note = Note(
        text=text, scene=key, by=by.strip(), at=datetime.now(UTC), version=plan.storyboard.version, seen=tuple(seen)
    )
    approvals.store.put_bytes((note.model_dump_json(indent=2) + "\n").encode(), f"{_place(listing)}/{note.key}.json")
    return note


def notes_of(store: MediaStore, listing: str) -> list[Note]:
    """Return all notes on a listing, oldest first.

    Raises:
        DamagedMediaError: One is not as it was kept; the message says which file to remove or restore.
    """
    notes: list[Note] = []
    for key in store.keys(_place(listing)):
        try:
            notes.append(Note.model_validate_json(store.read_bytes(key)))
        except (DamagedMediaError, ValueError) as error:
            raise DamagedMediaError(
                f"{key}: this note is damaged; restore the file, or remove it with its record and give the note again"
            ) from error
    return sorted(notes, key=lambda note: note.key)


def _place(listing: str) -> str:
    return f"storyboard/{listing}/notes"
