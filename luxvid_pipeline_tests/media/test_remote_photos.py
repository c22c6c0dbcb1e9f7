"""Photos by reference: real servers on loopback, a policy that lets tests reach them and nothing else."""

import asyncio
import datetime
import ipaddress
import ssl
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from luxvid_pipeline.domain.errors import StorageError
from luxvid_pipeline.domain.listing import PhotoEntry
from luxvid_pipeline.media.remote_photos import AddressPolicy, Limits, RemotePhotos

LOOPBACK = AddressPolicy(also=(ipaddress.ip_network("127.0.0.0/8"),))
PICTURE = b"\xff\xd8\xff\xe0 a picture \xff\xd9"
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loading real certificates takes longer than most tests
QUICK = Limits(most_bytes=2000, connect_s=1, read_s=1, total_s=3)


class Site(BaseHTTPRequestHandler):
    """Answers by path; counts what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked[self.path] += 1
        self.server.hosts.add(self.headers["Host"])
        self.answer(*self.path.strip("/").split("/"))

    @contextmanager
    def counted(self):
        """Count a request as under way, no longer than its answer is on its way: the next may come right after it."""
        with self.server.lock:
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
        yield
        with self.server.lock:
            self.server.at_once -= 1

    def answer(self, what, *rest):  # noqa: PLR0912 - a table of answers
        if what == "photo":
            self.say(200, PICTURE, rest[0].encode() if rest else b"")
        elif what == "slow":
            with self.counted():
                time.sleep(0.2)
            self.say(200, PICTURE)
        elif what == "to":
            self.send_response(302)
            self.send_header("Location", self.server.redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif what == "hops":
            self.send_response(302)
            left = int(rest[0])
            self.send_header("Location", f"/hops/{left - 1}" if left > 1 else "/photo")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif what == "page":
            self.say(200, b"<html>", kind="text/html")
        elif what == "zipped":
            self.say(200, b"x", extra={"Content-Encoding": "gzip"})
        elif what == "large":
            self.say(200, bytes(3000))
        elif what == "endless":
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.end_headers()
            for _ in range(1000):
                self.wfile.write(bytes(100))
            self.close_connection = True
        elif what == "drip":
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(30):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.3)
        elif what == "cut":
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x")
            self.close_connection = True
        elif what == "flaky" and self.server.asked[self.path] < 3:
            self.say(503, b"")
        elif what == "flaky":
            self.say(200, PICTURE)
        elif what == "empty":
            self.say(200, b"")
        else:
            self.say(404, b"")

    def say(self, status, body, more=b"", *, kind="image/jpeg", extra=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body + more)))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body + more)

    def log_message(self, *_):
        """Say nothing."""


def serve(context=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.asked, server.hosts, server.lock = Counter(), set(), threading.Lock()
    server.at_once = server.most_at_once = 0
    server.daemon_threads = True
    server.handle_error = lambda *_: None
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


@pytest.fixture
def site():
    server = serve()
    yield server
    server.shutdown()
    server.server_close()


def address(server, path, host="127.0.0.1", scheme="http"):
    return f"{scheme}://{host}:{server.server_address[1]}/{path}"


def photo(url, file="a.jpg"):
    return PhotoEntry(file=file, source_url=url)


def fetch(into, *urls, policy=LOOPBACK, limits=QUICK, **options):
    photos = [photo(url, f"{number}.jpg") for number, url in enumerate(urls)]
    return RemotePhotos(into, policy, limits, **{"trust": NOBODY, **options}).fetch(photos)


def refusal(into, url, **options):
    found = fetch(into, url, **options)
    assert not found.files
    assert [path for path in into.rglob("*") if path.is_file()] == []
    return found.refused["0.jpg"]


def test_photos_are_fetched_several_at_a_time_and_one_failure_is_not_anothers(tmp_path, site):
    urls = [address(site, f"slow/{number}") for number in range(8)]
    found = fetch(tmp_path, *urls, address(site, "nothing"), limits=Limits(at_once=4))
    assert [found.files[f"{number}.jpg"].read_bytes() for number in range(8)] == [PICTURE] * 8
    assert found.refused == {"8.jpg": "it could not be fetched: 127.0.0.1 answers 404"}
    assert 2 <= site.most_at_once <= 4


def test_what_was_fetched_is_not_fetched_again_unless_it_is_damaged(tmp_path, site):
    url = address(site, "photo/1")
    first = fetch(tmp_path, url).files["0.jpg"]
    assert fetch(tmp_path, url).files["0.jpg"] == first
    assert site.asked["/photo/1"] == 1
    first.write_bytes(b"damaged")
    assert fetch(tmp_path, url).files["0.jpg"].read_bytes() == PICTURE + b"1"
    assert site.asked["/photo/1"] == 2


def test_another_address_is_another_photo(tmp_path, site):
    one, two = fetch(tmp_path, address(site, "photo/1"), address(site, "photo/2")).files.values()
    assert (one.read_bytes(), two.read_bytes()) == (PICTURE + b"1", PICTURE + b"2")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("page", "127.0.0.1 sends text/html, not a picture"),
        ("zipped", "127.0.0.1 sends it compressed, which was not asked for"),
        ("large", "it is larger than 0.002 MB"),
        ("endless", "it is larger than 0.002 MB"),
        ("drip", "it did not come within 3 seconds"),
        ("empty", "it is empty"),
        ("hops/4", "it is redirected more than 3 times"),
    ],
)
def test_what_is_not_a_picture_of_sane_size_is_refused(tmp_path, site, path, reason):
    assert refusal(tmp_path, address(site, path)) == f"it could not be fetched: {reason}"


def test_an_answer_that_breaks_off_is_asked_for_again_and_then_refused(tmp_path, site):
    assert "127.0.0.1 broke off" in refusal(tmp_path, address(site, "cut"), limits=Limits())
    assert site.asked["/cut"] == 3


def test_a_server_that_recovers_is_forgiven(tmp_path, site):
    assert fetch(tmp_path, address(site, "flaky"), limits=Limits()).files
    assert site.asked["/flaky"] == 3


def test_three_redirects_are_followed(tmp_path, site):
    assert fetch(tmp_path, address(site, "hops/3")).files["0.jpg"].read_bytes() == PICTURE


@pytest.mark.parametrize(
    "inside",
    [
        "10.0.0.1", "172.16.5.5", "192.168.1.1", "127.0.0.1", "127.1.2.3", "0.1.2.3", "169.254.169.254",
        "169.254.1.1", "100.64.0.1", "100.100.100.200", "168.63.129.16", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "192.0.2.1", "198.18.0.1", "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]",
        "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
        "[fec0::1]", "[3fff::1]", "192.0.0.8",
        "[2001::1]", "[2001:db8::1]", "[::127.0.0.1]",
    ],
)  # fmt: skip
def test_no_address_inside_somebodys_network_is_asked(tmp_path, inside):
    assert "is not a public address" in refusal(tmp_path, f"http://{inside}/a.jpg", policy=AddressPolicy())


@pytest.mark.parametrize("name", ["localhost", "2130706433", "0x7f.1", "127.1", "0"])
def test_other_spellings_of_loopback_lead_nowhere_either(tmp_path, name):
    assert "is not a public address" in refusal(tmp_path, f"http://{name}/a.jpg", policy=AddressPolicy())


@pytest.mark.parametrize("public", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_public_addresses_pass(public):
    AddressPolicy().check_address(ipaddress.ip_address(public), "example.com")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.com/a.jpg", "no web address"),
        ("file:///etc/passwd", "no web address"),
        ("//example.com/a.jpg", "no web address"),
        ("a.jpg", "no web address"),
        ("http://", "no web address"),
        ("http://[::1/a", "no address"),
        ("https://user:secret@example.com/a.jpg", "holds a user name or a password"),
    ],
)
def test_addresses_that_nobody_should_write_are_refused_without_repeating_them(tmp_path, url, reason):
    told = refusal(tmp_path, url)
    assert reason in told
    assert "secret" not in told


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest", "file:///etc/passwd", "http://u:p@127.0.0.1/", "//["]
)
def test_a_redirect_leads_no_further_than_an_address_in_the_manifest_would(tmp_path, site, target):
    site.redirect = target
    refusal(tmp_path, address(site, "to"))


def knowing(names, asked=None):
    async def resolve(host, port):
        if asked is not None:
            asked.append(host)
        await asyncio.sleep(0)
        found = names.get(host)
        if found is None:
            raise OSError("no such host")
        return found.pop(0) if isinstance(found[0], list) else found

    return resolve


def test_only_the_listed_hosts_and_their_subdomains_are_asked(tmp_path, site):
    policy = AddressPolicy(hosts=("example.com",), also=LOOPBACK.also)
    names = {name: ["127.0.0.1"] for name in ("example.com", "cdn.example.com", "badexample.com")}
    urls = [address(site, "photo", host) for host in (*names, "127.0.0.1")]
    found = fetch(tmp_path, *urls, policy=policy, resolve=knowing(names))
    assert sorted(found.files) == ["0.jpg", "1.jpg"]
    assert "LUXVID_SOURCE_HOSTS" in found.refused["2.jpg"]
    assert "LUXVID_SOURCE_HOSTS" in found.refused["3.jpg"]


def test_a_name_is_resolved_once_and_the_connection_goes_where_it_was_checked(tmp_path, site):
    asked = []
    names = {"photos.example": [["127.0.0.1"], ["10.0.0.1"]]}
    url = address(site, "photo", "photos.example")
    found = fetch(tmp_path, url, resolve=knowing(names, asked))
    assert found.files["0.jpg"].read_bytes() == PICTURE
    assert asked == ["photos.example"]
    assert site.hosts == {f"photos.example:{site.server_address[1]}"}


def test_a_name_with_one_address_inside_is_refused(tmp_path):
    resolve = knowing({"photos.example": ["93.184.215.14", "10.0.0.1"]})
    told = refusal(tmp_path, "http://photos.example/a.jpg", policy=AddressPolicy(), resolve=resolve)
    assert "photos.example is not a public address (10.0.0.1)" in told


def test_a_host_nobody_knows_is_told(tmp_path):
    assert "there is no host nowhere.example" in refusal(tmp_path, "http://nowhere.example/", resolve=knowing({}))


def test_a_proxy_of_the_environment_is_not_asked(tmp_path, site, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert fetch(tmp_path, address(site, "photo")).files


def test_a_manifest_cannot_ask_for_any_number_of_photos(tmp_path, site):
    found = fetch(tmp_path, *(address(site, f"photo/{n}") for n in range(4)), limits=Limits(photos=3))
    assert len(found.files) == 3
    assert found.refused == {"3.jpg": "only the first 3 photos by reference are fetched"}


def test_a_manifest_cannot_fill_the_disk(tmp_path, site):
    three = Limits(all_bytes=3 * len(PICTURE) + 10, at_once=1)
    urls = [address(site, f"{what}/{n}") for n, what in enumerate(("photo", "endless", "photo", "photo", "photo"))]
    found = fetch(tmp_path, *urls, limits=three)
    assert set(found.files) == {"0.jpg", "2.jpg", "3.jpg"}, "what is not kept takes no room"
    assert "the listing's photos by reference exceed" in found.refused["4.jpg"]
    again = fetch(tmp_path, *urls, limits=three)
    assert again.files == found.files, "what was fetched before counts"
    assert set(again.refused) == set(found.refused)


def test_a_directory_that_cannot_be_written_is_not_the_photos_fault(tmp_path, site):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be kept"):
        fetch(tmp_path / "file", address(site, "photo"))


def test_it_works_inside_a_running_event_loop(tmp_path, site):
    async def within():
        return fetch(tmp_path, address(site, "photo"))

    assert asyncio.run(within()).files


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A server's certificate for photos.example, and a context that believes it."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "photos.example")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("photos.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pem)
    return serving, ssl.create_default_context(cadata=pem.read_text().split("-----BEGIN PRIVATE")[0])


def test_a_certificate_is_checked_for_the_name_though_the_connection_goes_to_an_address(tmp_path, certificates):
    serving, trusting = certificates
    server = serve(serving)
    resolve = knowing({name: ["127.0.0.1"] for name in ("photos.example", "other.example")})
    urls = [address(server, "photo", host, "https") for host in ("photos.example", "other.example")]
    found = fetch(tmp_path, *urls, resolve=resolve, trust=trusting)
    server.shutdown()
    server.server_close()
    assert list(found.files) == ["0.jpg"]
    assert "other.example is not reached" in found.refused["1.jpg"]
    assert server.asked.total() == 1
