"""What vendors are checked against is read once, and it is checked."""

import ssl

from luxvid_pipeline.providers import trust


def test_certificates_are_read_once_and_a_vendor_needs_one_for_its_name():
    trusted = trust.trusted_certificates()
    assert trust.trusted_certificates() is trusted
    assert (trusted.verify_mode, trusted.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert trusted.cert_store_stats()["x509_ca"] > 50
