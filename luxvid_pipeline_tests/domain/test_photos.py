"""What is kept of where a photo came from."""

import pytest

from luxvid_pipeline.domain.photos import public_address


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://cdn.example.com/a.jpg", "https://cdn.example.com/a.jpg"),
        ("https://ann:hunter2@cdn.example.com:8443/a%20b.jpg", "https://cdn.example.com:8443/a%20b.jpg"),
        ("https://b.s3.example.com/a.jpg?X-Amz-Signature=abc&X-Amz-Credential=k", "https://b.s3.example.com/a.jpg"),
        ("https://example.com/a.jpg#access_token=abc", "https://example.com/a.jpg"),
        ("https://u:p@w@example.com/a.jpg", "https://example.com/a.jpg"),
        ("https://[no-address/a.jpg?token=abc", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_is_kept_without_what_lets_its_bearer_in(url, kept):
    assert public_address(url) == kept
