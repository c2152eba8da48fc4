"""Read the values and qualities of a file, by the decimal sign and the words that its mapping declares."""

from batchwitness.importing.mapping import FileMapping
from store.errors import PayloadRejected
from store.fields import finite, shown, written_number
from store.model.reading import Quality

TRUTHS = {"true": 1.0, "false": 0.0}
QUALITIES = {"good": Quality.GOOD, "uncertain": Quality.UNCERTAIN, "bad": Quality.BAD}


class ValueReader:
    """Texts and numbers of one file to finite numbers."""

    def __init__(self, mapping: FileMapping) -> None:
        self._missing = frozenset(mapping.missing)
        self._comma = mapping.decimal == ","
        self._qualities = QUALITIES | {said: QUALITIES[meant] for said, meant in mapping.qualities.items()}

    def read(self, given: object) -> float | None:
        """The number, or None where the file says that nothing was recorded. Raises PayloadRejected."""
        if isinstance(given, str):
            return self._read_text(given.strip())
        if given is None:
            return None
        if isinstance(given, int | float):
            return _finite(given, given)
        raise PayloadRejected("wrong_type", f"{shown(given)} is no number")

    def quality(self, given: object) -> Quality:
        """The quality; none stated is good. Raises PayloadRejected."""
        text = "" if given is None else str(given).strip()
        if not text:
            return Quality.GOOD
        try:
            return self._qualities[text]
        except KeyError:
            known = ", ".join(self._qualities)
            raise PayloadRejected("unknown_choice", f"quality {shown(text)} is none of {known}") from None

    def _read_text(self, text: str) -> float | None:
        if text in self._missing or not text:
            return None
        plain = text
        if self._comma:
            # A point in a file with decimal commas groups thousands or is a slip: nobody can know.
            plain = "?" if "." in text else text.replace(",", ".")
        try:
            if "_" in plain or not plain.isascii():
                raise ValueError
            return _finite(written_number(plain), text)
        except ValueError:
            truth = TRUTHS.get(text.lower())
            if truth is None:
                sign = "comma" if self._comma else "point"
                raise PayloadRejected("wrong_type", f"{shown(text)} is no number with decimal {sign}") from None
            return truth


def _finite(number: float, given: object) -> float:
    try:
        return finite(number, "the value")
    except PayloadRejected as rejection:
        if rejection.code == "not_finite":
            raise PayloadRejected("not_finite", f"{shown(given)} is no finite number") from None
        raise
