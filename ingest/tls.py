"""TLS to the broker: whom we believe, who we are, and what a handshake that failed means in words.

The broker's certificate is always verified, its name too; there is no switch to leave that out.
"""

import socket
import ssl
from pathlib import Path

from store.errors import SettingsContradict

CA, CERTIFICATE, KEY = "BATCHWITNESS_MQTT_TLS_CA", "BATCHWITNESS_MQTT_TLS_CERTIFICATE", "BATCHWITNESS_MQTT_TLS_KEY"

ANSWER_WITHIN_S = 2.0

# What OpenSSL's verification (X509_V_ERR_…) says about the certificate the broker showed us.
VERIFICATION = {
    9: "the broker's certificate is not valid yet: compare the clocks of the two machines",
    10: "the broker's certificate, or that of its CA, has expired",
    18: f"the broker shows a self-signed certificate that {CA} does not hold",
    19: f"the broker's certificate comes from a CA that {CA} does not hold",
    20: f"the broker's certificate comes from a CA that {CA} does not hold",
    62: "the broker's certificate is for another name than BATCHWITNESS_MQTT_HOST",
    64: "the broker's certificate is for another address than BATCHWITNESS_MQTT_HOST",
}
# The alerts (RFC 8446, 6.2) a broker sends about what we showed it, as OpenSSL spells them.
ALERTS = {
    "CERTIFICATE_REQUIRED": f"the broker demands a client certificate: set {CERTIFICATE} and {KEY}",
    "CERTIFICATE_EXPIRED": f"the broker says that our certificate ({CERTIFICATE}) has expired",
    "CERTIFICATE_REVOKED": f"the broker says that our certificate ({CERTIFICATE}) is revoked",
    "UNKNOWN_CA": f"the broker does not know the CA of our certificate ({CERTIFICATE})",
    "BAD_CERTIFICATE": f"the broker does not accept our certificate ({CERTIFICATE})",
    # What OpenSSL sends a client without certificate up to TLS 1.2.
    "HANDSHAKE_FAILURE": f"the broker ends the handshake: it may demand a client certificate ({CERTIFICATE}, {KEY})",
    "WRONG_VERSION_NUMBER": "what answers at BATCHWITNESS_MQTT_PORT does not speak TLS",
    "RECORD_LAYER_FAILURE": "what answers at BATCHWITNESS_MQTT_PORT does not speak TLS",
}


def tls_context(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """The context of a client, None without TLS. Raises SettingsContradict for what does not fit together."""
    if (certificate is None) != (key is None):
        raise SettingsContradict(f"{CERTIFICATE} and {KEY} belong together: set both or neither")
    if ca is None:
        if certificate is not None:
            raise SettingsContradict(f"{CERTIFICATE} is set but {CA} is not: whose broker would it be shown to?")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies the chain and the name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(ca)
    except OSError as error:
        raise SettingsContradict(f"{CA}: {ca} holds no certificates that can be read: {error}") from error
    if certificate is not None and key is not None:
        try:
            context.load_cert_chain(certificate, key, password=_no_passphrase)
        except OSError as error:
            raise SettingsContradict(
                f"{CERTIFICATE} {certificate} and {KEY} {key} are no certificate with its key: {error}"
            ) from error
    return context


def why_closed(host: str, port: int, context: ssl.SSLContext) -> str | None:
    """Why the broker hangs up on us before it answers, found by a handshake of its own; None when it is not TLS.

    With TLS 1.3 a broker judges our certificate after the handshake has ended for us: its alert comes with the first
    bytes that are read, and whoever writes first may never see it.
    """
    try:
        with (
            socket.create_connection((host, port), timeout=ANSWER_WITHIN_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as connection,
        ):
            connection.recv(1)
    except TimeoutError:
        return None  # it waits for our CONNECT: whatever it dislikes comes after TLS
    except OSError as error:
        return explained(error, handshake=True)
    return None


def explained(error: OSError, *, handshake: bool) -> str:
    """Why a connection could not be made or ended, for the person who must mend it.

    `handshake` says that TLS was still being set up.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{VERIFICATION.get(error.verify_code, 'the broker cannot prove who it is')} ({error.verify_message})"
    if handshake and isinstance(error, ConnectionResetError | ssl.SSLEOFError):
        return f"what answers at BATCHWITNESS_MQTT_PORT hangs up on a TLS handshake: it may not speak TLS ({error})"
    said = str(error)
    known = next((sentence for alert, sentence in ALERTS.items() if alert in said.upper().replace(" ", "_")), None)
    return said if known is None else f"{known} ({said})"


def _no_passphrase() -> str:
    raise SettingsContradict(f"{KEY} asks for a passphrase; nobody is there to type one: keep the key in a 0600 file")
