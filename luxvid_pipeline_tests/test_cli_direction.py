"""A person directs from the terminal: what is printed, what is kept, which exit codes follow."""

import json
import re

import pytest

from luxvid_pipeline.media.film import inspect_film
from luxvid_pipeline_tests.studio import draw_photos

pytestmark = pytest.mark.usefixtures("quick_pictures", "quick_ledger")

ROOMS = ("pool", "bedroom", "bedroom")


@pytest.fixture
def folder(tmp_path):
    folder = draw_photos(tmp_path / "casa", len(ROOMS))
    photos = "".join(f"  - {{file: IMG_{at:04}.jpg, room: {room}}}\n" for at, room in enumerate(ROOMS))
    (folder / "listing.yaml").write_text(
        f"film: {{clip_seconds: 2}}\ngeneration: {{approval: required}}\nphotos:\n{photos}"
    )
    return folder


def test_a_film_waits_is_directed_is_approved_and_is_made(luxvid, folder, tmp_path):
    code, _, said = luxvid("render", folder)
    animatic = tmp_path / "home/media/animatic/casa/animatic.mp4"
    assert code == 3
    assert f"casa: its plan waits for approval: look at {animatic} (the film is estimated at $0.00)" in said
    (looked_at,) = re.findall("'luxvid approve casa --plan ([0-9a-f]{12})'", said)
    assert inspect_film(animatic).duration_s == 4

    code, told, _ = luxvid("direct", "casa", "--scene", "2", "--note", "another photo", "--by", "ana", "--json")
    noted = json.loads(told)
    assert (code, noted["version"], noted["scenes_with_other_photos"]) == (0, 2, ["2-bedroom"])
    assert noted["note"]["note"]["by"] == "ana"

    for verdict in (["approve"], ["reject", "--because", "dull"]):
        code, told, said = luxvid(*verdict, "casa", "--plan", looked_at)
        assert (code, told, said.count("\n")) == (2, "", 1), said
        assert f"casa: its plan is {noted['plan'][:12]} now, not {looked_at}; look at it" in said
    code, _, said = luxvid("approve", "casa", "--plan", "")  # a variable of a shell that is not set
    assert (code, "name at least 12 of its characters" in said) == (2, True)
    assert json.loads(luxvid("status", "casa", "--json")[1])[0]["approval"] == "missing"

    named = ("--plan", noted["plan"][:12])
    code, told, _ = luxvid("reject", "casa", *named, "--because", "the second\nbedroom is dull", "--by", "ben")
    assert code == 0
    assert ": the second bedroom is dull" in told.splitlines()[-1]
    assert "Rejected by ben" in told.splitlines()[-1]
    code, _, said = luxvid("render", folder)
    assert (code, "rejected by ben: the second bedroom is dull." in said) == (3, True)

    code, told, _ = luxvid("approve", "casa", *named, "--by", "ana")
    assert code == 0
    for words in (
        "2 scenes, 4 s, clips by local",
        "2-bedroom: the bedroom (IMG_",
        f"See    {animatic}",
        "Approved by ana",
    ):
        assert words in told
    assert json.loads(luxvid("status", "casa", "--json")[1])[0]["approval"] == "approved"

    code, told, _ = luxvid("render", folder, "--json")
    film = json.loads(told)
    assert (code, film["scenes"], film["duration_s"]) == (0, ["1-arrival", "2-bedroom"], 4.0)

    assert luxvid("reject", "casa", "--because", "the owner withdrew", "--by", "ben")[0] == 0
    for command in (("render", folder), ("deliver", "casa", "--out", tmp_path / "package")):
        code, _, said = luxvid(*command)
        assert (code, "rejected by ben: the owner withdrew." in said) == (3, True), command
    assert not (tmp_path / "package").exists()
    assert luxvid("approve", "casa", "--by", "ana")[0] == 0
    assert luxvid("render", folder)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("approve", "casa"), "casa: there is nothing to decide on yet"),
        (("approve", "Casa!"), "cannot be a listing key"),
        (("direct", "casa", "--note", "another photo"), "casa: there is nothing to decide on yet"),
    ],
)
def test_what_cannot_be_decided_on_is_wrong_usage_and_leaves_nothing(luxvid, arguments, words, tmp_path):
    code, _, said = luxvid(*arguments)
    assert code == 2
    assert words in said
    assert said.count("\n") == 1
    assert not (tmp_path / "home" / "ledger.db").exists()
