"""TLS and certificates of clients, as curl sees them."""

import pathlib
import subprocess

import pytest

from support.waiting import wait_until


class Certificates:
    """An authority, and what it issued, made by openssl(1) in a folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._openssl("req -x509 -days 1 -subj /CN=authority -keyout ca.key -out ca.pem", new=True)

    def issue(self, name: str, usage: str) -> tuple[str, str]:
        """A certificate for 127.0.0.1 and 192.168.10.1 and its key, as paths."""
        extensions = self.folder / "extensions"
        extensions.write_text(
            f"subjectAltName=IP:127.0.0.1,IP:192.168.10.1\nextendedKeyUsage={usage}\n"
        )
        self._openssl(f"req -subj /CN={name} -keyout {name}.key -out {name}.csr", new=True)
        self._openssl(
            f"x509 -req -days 1 -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial"
            f" -extfile extensions -out {name}.pem"
        )
        (self.folder / f"{name}.key").chmod(0o600)
        return str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key")

    @property
    def authority(self) -> str:
        """The path of the authority's certificate."""
        return str(self.folder / "ca.pem")

    def _openssl(self, arguments: str, new: bool = False) -> None:
        command = ["openssl", *arguments.split()]
        if new:
            command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        subprocess.run(command, check=True, cwd=self.folder, capture_output=True, timeout=30)


@pytest.fixture
def certificates(tmp_path) -> Certificates:
    return Certificates(tmp_path / "certificates")


@pytest.fixture
def curl(network, relay):
    """Runs curl against the exposed address; its exit status and the HTTP status."""

    def run(path: str, *options: str, address: str = "192.168.10.1") -> tuple[int, int]:
        command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *options]
        url = f"https://{address}:{relay.daemon.port}{path}"
        done = network.run([*command, url], check=False, capture_output=True, text=True)
        return done.returncode, int(done.stdout)

    return run


@pytest.fixture
def serve(relay, certificates):
    """Starts the daemon on 192.168.10.1 with TLS, tokens and further settings."""

    def start(*tokens, **settings) -> None:
        certificate, key = certificates.issue("server", "serverAuth")
        relay.tls = {"tlsCertificate": certificate, "tlsKey": key, **settings}
        relay.write(*tokens, **relay.tls)
        relay.start("192.168.10.1")

    return start


def test_with_tls_and_tokens_it_serves_others(serve, certificates, curl, make_token):
    root = make_token("root", "admin")
    serve(root)
    trusted = ["--cacert", certificates.authority]
    bearer = ["-H", f"Authorization: Bearer {root.secret}"]
    assert curl("/v1/sessions", *trusted, *bearer) == (0, 200)
    assert curl("/v1/sessions", *trusted) == (0, 401)
    # Who does not trust the authority, or speaks plain HTTP, gets nothing.
    assert curl("/v1/sessions", *bearer)[0] == 60
    assert curl("/livez", "--tls-max", "1.1", *trusted) != (0, 200)


def test_the_certificate_of_a_client_is_verified(
    relay, serve, certificates, curl, make_token, tmp_path
):
    root = make_token("root", "admin")
    serve(root, tlsClientCA=certificates.authority)
    options = ["--cacert", certificates.authority, "-H", f"Authorization: Bearer {root.secret}"]
    good = certificates.issue("ada", "clientAuth")
    stranger = Certificates(tmp_path / "strangers").issue("eve", "clientAuth")
    assert curl("/v1/sessions", *options, "--cert", good[0], "--key", good[1]) == (0, 200)
    for certificate in [[], ["--cert", stranger[0], "--key", stranger[1]]]:
        status, code = curl("/v1/sessions", *options, *certificate)
        assert status != 0 and code == 0
    deleting = [*options, "-X", "DELETE", "--cert", good[0], "--key", good[1]]
    assert curl("/v1/sessions/x", *deleting) == (0, 404)
    wait_until(lambda: 'certificate="CN=ada"' in relay.log(), what="the client in the audit line")
    # A certificate lets through the handshake; what the client may do is said by the token.
    nobody = ["--cacert", certificates.authority, "--cert", good[0], "--key", good[1]]
    assert curl("/v1/sessions", *nobody) == (0, 401)


def test_a_renewed_certificate_is_shown_after_a_reload(
    relay, serve, certificates, curl, make_token, tmp_path
):
    root = make_token("root", "admin")
    serve(root)
    renewing = Certificates(tmp_path / "renewed")
    assert curl("/livez", "--cacert", certificates.authority) == (0, 200)
    assert curl("/livez", "--cacert", renewing.authority)[0] == 60
    certificate, key = renewing.issue("server", "serverAuth")
    relay.write(root, tlsCertificate=certificate, tlsKey=key)
    relay.reload()
    assert curl("/livez", "--cacert", renewing.authority) == (0, 200)
    assert curl("/livez", "--cacert", certificates.authority)[0] == 60
    # A certificate that does not fit changes nothing.
    relay.write(root, tlsCertificate=relay.tls["tlsCertificate"], tlsKey=key)
    relay.reload("nothing was changed")
    assert curl("/livez", "--cacert", renewing.authority) == (0, 200)


def test_tls_cannot_be_taken_away_by_a_reload(relay, serve, certificates, curl, make_token):
    root = make_token("root", "admin")
    serve(root)
    relay.write(root)
    relay.reload("nothing was changed")
    assert curl("/livez", "--cacert", certificates.authority) == (0, 200)
