"""Which version of MQTT to speak with a broker that may know only one of them."""

from enum import StrEnum

UNSUPPORTED_PROTOCOL_VERSION = 0x84  # MQTT 5, 3.2.2.2; paho also says it for code 1 of a broker of 3.1.1


class Version(StrEnum):
    """A version of MQTT."""

    V5 = "5"
    V3_1_1 = "3.1.1"


class Versions:
    """The version to connect with next, learned from what became of the connections before.

    `auto` begins with 5 and takes 3.1.1 where the broker refuses 5 in so many words (then for good) or hangs up on it
    without an answer (then 5 is tried again at the next connection). A broker that has spoken 5 once is never
    suspected of not knowing it because it hangs up.
    """

    def __init__(self, wanted: str) -> None:
        """`wanted` is the setting: auto, 5 or 3.1.1."""
        self._auto = wanted == "auto"
        self.current = Version.V5 if self._auto else Version(wanted)
        self._knows_5: bool | None = None

    def answered(self, reason: int) -> None:
        """The broker answered the CONNECT with this reason code; 0 is success."""
        if reason == UNSUPPORTED_PROTOCOL_VERSION and self.current is Version.V5:
            self._knows_5 = False
            self._take(Version.V3_1_1)
        elif reason == 0 and self.current is Version.V5:
            self._knows_5 = True

    def ended(self, *, answered: bool) -> None:
        """The connection is over; `answered` says whether the broker had answered the CONNECT."""
        if self._knows_5 is None:
            hung_up = not answered and self.current is Version.V5
            self._take(Version.V3_1_1 if hung_up else Version.V5)

    def _take(self, version: Version) -> None:
        if self._auto:
            self.current = version
