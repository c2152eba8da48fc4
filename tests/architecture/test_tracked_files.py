"""What must not be in any file of the project: secrets, registry hosts, reads of somebody's own folders."""

import ast
import re

import pytest

from tests.architecture.source import PACKAGES, ROOT, modules, parsed, tracked

# Written in pieces, so that this file does not hold what it looks for.
REGISTRIES = tuple(
    ".".join(parts).encode()
    for parts in (
        ("pypi", "org"),
        ("python" + "hosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("crates", "io"),
        ("proxy.golang", "org"),
        ("rubygems", "org"),
        ("conda", "anaconda", "org"),
        ("repo1.maven", "org"),
    )
)
QUOTED = rb"""['"]([^'"\s{}$<>%]{6,})['"]"""
SECRETS = {
    "a private key": re.compile(rb"-----BEGIN ([A-Z]+ )*PRIVATE KEY-----"),
    "a cloud key": re.compile(rb"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a forge token": re.compile(rb"\b(gh[pousr]_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20})"),
    "a Grafana token": re.compile(rb"\b(glsa_[A-Za-z0-9]{32}_|eyJrIjoi[A-Za-z0-9]{20})"),
    "a web token": re.compile(rb"\beyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{15,}"),
    "a password hash": re.compile(rb"\$argon2(id|i|d)\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{16,}"),
    "a server's verifier": re.compile(rb"SCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]{16,}"),
    "a password in an address": re.compile(rb"[a-z][a-z0-9+.-]+://[^/\s:@'\"{}$<>]+:[^/\s@'\"{}$<>]+@[a-z0-9]"),
    "a password file": re.compile(rb"(?m)^[\w.*-]+:(\d+|\*):[\w*-]+:\w+:[^\s:]{6,}$"),
}
# Tests have passwords of databases and accounts that live for a second.
WRITTEN_DOWN = {
    "a password written down": re.compile(rb"(?i)\b\w*(password|passwd|secret|api_?key)\w*['\"]?\s*[:=]\s*" + QUOTED)
}
NOT_PASSWORDS = {b"BATCHWITNESS_ROLE_PASSWORDS", b"password", b"scram-sha-256"}  # names of things
NAMES = re.compile(r"(^|/)(\.env|\.pgpass|id_[a-z0-9]+|[^/]*\.(pem|key|p12|pfx|kdbx|pgpass))$|^deploy/secrets/.")


def found(content: bytes, *, of_tests: bool = False) -> list[str]:
    """What a file holds that nobody may write into a file, with the words that say so."""
    patterns = SECRETS if of_tests else SECRETS | WRITTEN_DOWN
    return [
        f"{what}: {match[0][:60]!r}"
        for what, pattern in patterns.items()
        for match in pattern.finditer(content)
        if match[match.lastindex or 0] not in NOT_PASSWORDS
    ]


def test_no_file_holds_a_secret() -> None:
    holding = {name: found((ROOT / name).read_bytes(), of_tests=name.startswith("tests/")) for name in tracked()}
    assert {name: faults for name, faults in holding.items() if faults} == {}


def test_no_file_is_one_that_holds_secrets() -> None:
    assert [name for name in tracked() if NAMES.search(name)] == []


def test_what_the_running_system_writes_is_ignored_by_git() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {"var/", ".env"} <= set(ignored)
    assert (ROOT / "deploy" / ".gitignore").read_text(encoding="utf-8").split() == ["secrets/"]


def test_no_file_names_the_host_of_a_package_registry() -> None:
    naming = {
        name: [host.decode() for host in REGISTRIES if host in content]
        for name in tracked()
        for content in [(ROOT / name).read_bytes()]
    }
    assert {name: hosts for name, hosts in naming.items() if hosts} == {}


def test_only_entry_points_read_the_environment() -> None:
    reading = {
        name
        for name in modules(*PACKAGES)
        if re.search(r"\bos\.(environ|getenv)\b", (ROOT / name).read_text(encoding="utf-8"))
    }
    assert {name for name in reading if not name.startswith("batchwitness/")} == set()


def test_every_exception_from_a_linter_says_why() -> None:
    bare = re.compile(r"#\s*(noqa(:\s*[A-Z0-9, ]+)?|type:\s*ignore(\[[a-z, -]+\])?)\s*$", re.MULTILINE)
    assert {
        name: match[0]
        for name in modules(*PACKAGES)
        for match in [bare.search((ROOT / name).read_text(encoding="utf-8"))]
        if match
    } == {}


def test_every_module_that_does_something_says_what_for() -> None:
    silent = [name for name in modules(*PACKAGES) if parsed(name).body and not ast.get_docstring(parsed(name))]
    assert silent == []


@pytest.mark.parametrize(
    "content",
    [
        b"-----BEGIN RSA " + b"PRIVATE KEY-----",
        b"postgresql://mara:" + b"hunter22@db/batchwitness",
        b"$argon2id$v=19$m=65536,t=3,p=4$" + b"c29tZXNhbHRzb21lc2FsdA",
        b'PASSWORD = "' + b'correct-horse"',
        b'{"password": "' + b'correct-horse"}',
        b"localhost:5432:batchwitness:batchwitness_api:" + b"s3cr3tenough",
        b"token: gh" + b"p_" + b"a1B2" * 9,
    ],
)
def test_a_secret_in_a_file_is_found(content: bytes) -> None:
    assert found(content)


@pytest.mark.parametrize(
    "content",
    [
        b'password = getpass.getpass("Password: ")',
        b"password: ${GRAFANA_PASSWORD}",
        b"PGPASSFILE: /run/secrets/x.pgpass",
    ],
)
def test_what_only_speaks_of_secrets_is_left_alone(content: bytes) -> None:
    assert not found(content)


@pytest.mark.parametrize("name", [".env", "deploy/secrets/mqtt_edge", "x/server.key", "x/api.pgpass"])
def test_a_file_made_for_secrets_is_known_by_its_name(name: str) -> None:
    assert NAMES.search(name)
