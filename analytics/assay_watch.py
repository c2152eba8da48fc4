"""Assays of a running batch as they are told, held against what their online tags read when the sample was drawn."""

from collections.abc import Mapping, Sequence

import numpy as np

from analytics.alignment import Positions
from analytics.detectors.assay import AssayDifference, FittedAssay, OnlineReadings, cell_of_draw, scaled_difference
from analytics.packing import pack, unpack
from analytics.segment import Bools, Floats, Int32s, Int64s
from store.model.times import US_PER_H


class AssayWatch:
    """Feeds the assay layers, reading by reading in the order of the journal, however it was cut into segments."""

    def __init__(
        self,
        pairs: Sequence[FittedAssay],
        *,
        slots: Mapping[str, int],
        layers: Sequence[AssayDifference],
        start_us: int,
        width_h: float,
        path: Positions,
    ) -> None:
        """`slots` are those of the batch's tags by name; pairs of which it lacks a tag are left out."""
        self._layers = layers
        self._start_us = start_us
        self._width_h = width_h
        self._path = path
        self._pairs = {
            slots[pair.assay]: (pair, slots[pair.checks])
            for pair in pairs
            if layers and pair.assay in slots and pair.checks in slots
        }
        self._online = {checked: OnlineReadings(pair.within_h) for pair, checked in self._pairs.values()}
        self._watched = np.array(sorted({*self._pairs, *self._online}), np.int32)
        self._nothing_offered()

    def offer(self, *, slots: Int32s, times_us: Int64s, values: Floats, usable: Bools) -> None:
        """The readings of a segment; `take` looks at them."""
        if not len(self._watched):
            return
        self._positions = np.flatnonzero(np.isin(slots, self._watched) & usable)
        self._slots = slots[self._positions]
        self._times_us = times_us[self._positions]
        self._values = values[self._positions]
        self._taken = 0

    def take(self, until: int) -> None:
        """Look at what was offered at positions before `until`."""
        end = int(np.searchsorted(self._positions, until))
        first = self._taken
        for at in range(first, end):
            if int(self._slots[at]) in self._pairs:
                self._read_online(first, at)
                self._compare(int(self._slots[at]), int(self._times_us[at]), float(self._values[at]))
                first = at + 1
        self._read_online(first, end)
        self._taken = max(self._taken, end)

    def take_all(self) -> None:
        """Look at the rest of what was offered."""
        if len(self._positions):
            self.take(int(self._positions[-1]) + 1)
            self._nothing_offered()

    def to_bytes(self) -> bytes:
        """The online readings around possible draws."""
        kept = {f"online {slot}": np.frombuffer(read.to_bytes(), np.uint8) for slot, read in self._online.items()}
        return pack("assay watch", 1, {}, kept)

    def restore(self, data: bytes) -> None:
        """Take the state those bytes describe."""
        _, arrays = unpack("assay watch", 1, data)
        for slot, read in self._online.items():
            read.restore(arrays[f"online {slot}"].tobytes())

    def _read_online(self, first: int, end: int) -> None:
        for slot, read in self._online.items():
            mine = np.flatnonzero(self._slots[first:end] == slot) + first
            if len(mine):
                read.add(self._times_us[mine], self._values[mine])

    def _compare(self, slot: int, told_us: int, value: float) -> None:
        pair, checked = self._pairs[slot]
        drawn_us = told_us - round(pair.drawn_before_h * US_PER_H)
        online = self._online[checked].at(drawn_us)
        if np.isnan(online):
            return
        drawn_h = (drawn_us - self._start_us) / US_PER_H
        scaled = scaled_difference(pair, value - online, self._path.at(cell_of_draw(drawn_h, self._width_h)))
        for layer in self._layers:
            layer.note(checked, drawn_h, scaled)

    def _nothing_offered(self) -> None:
        self._positions = np.empty(0, np.int64)
        self._slots = np.empty(0, np.int32)
        self._times_us = np.empty(0, np.int64)
        self._values = np.empty(0, np.float64)
        self._taken = 0
