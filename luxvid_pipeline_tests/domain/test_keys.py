"""Listing keys are minted and refused in one place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luxvid_pipeline.domain.errors import ListingKeyError
from luxvid_pipeline.domain.keys import check_listing_key, digest, listing_key_from_name, scene_partition_key


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("Villa Aurora", "villa-aurora", id="spaces"),
        pytest.param("12 Cliff Road, Malibu", "12-cliff-road-malibu", id="comma-breaks-backfills"),
        pytest.param("Château d'Été", "chateau-d-ete", id="accents"),
        pytest.param("a|b/../c", "a-b-c", id="separators-never-survive"),
        pytest.param("x" * 90, "x" * 64, id="long-names-are-cut"),
    ],
)
def test_a_folder_name_becomes_a_key(name, expected):
    assert listing_key_from_name(name) == expected


@pytest.mark.parametrize("name", ["…", "", "别墅"])
def test_a_name_without_usable_letters_asks_for_a_key(name):
    with pytest.raises(ListingKeyError, match="--listing"):
        listing_key_from_name(name)


@pytest.mark.parametrize("key", ["", "..", "a/b", "a|b", "a,b", "Villa", "a" * 65, "a b", "é", "a\n"])
def test_forbidden_keys_are_refused_with_a_usable_suggestion(key):
    with pytest.raises(ListingKeyError) as caught:
        check_listing_key(key)
    suggestion = str(caught.value).rsplit("'", 2)[1]
    assert check_listing_key(suggestion) == suggestion


@given(st.text(max_size=120))
def test_whatever_a_folder_is_called_its_key_is_allowed_or_asked_for(name):
    try:
        key = listing_key_from_name(name)
    except ListingKeyError:
        return
    assert check_listing_key(key) == key
    assert scene_partition_key(key, "1-arrival") == f"{key}|1-arrival"


@given(st.dictionaries(st.text(max_size=5), st.integers(), min_size=2, max_size=6))
def test_a_digest_depends_on_values_and_not_on_their_order(values):
    reordered = dict(reversed(list(values.items())))
    assert digest(values) == digest(reordered)
    changed = {**values, next(iter(values)): next(iter(values.values())) + 1}
    assert digest(values) != digest(changed)
