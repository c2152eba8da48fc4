"""What the demo says at its end: counts that add up, alerts, old against new."""

from dataclasses import dataclass

import psycopg
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.comparison import Compared, Estimate, Side, read_comparison
from batchwitness.demo.state import DemoState
from store.model.result import Scale
from store.sql import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Published against stored."""

    published: int
    stored: int
    conflicts: int
    quarantined: int
    missing_messages: int  # by sequence number
    batches: int
    behind: int  # journal blocks that some consumer has not seen

    @property
    def exact(self) -> bool:
        """Everything published is stored exactly once, and nothing else is."""
        return (
            self.stored == self.published
            and self.conflicts == 0
            and self.quarantined == 0
            and self.missing_messages == 0
        )


def look(connection: psycopg.Connection, state: DemoState) -> Outcome:
    """Count."""
    row = connection.execute(queries("demo")["totals"]).fetchone()
    assert row is not None
    stored, conflicts, quarantined, missing, batches, behind = row
    return Outcome(
        published=state.history_readings + state.live_readings + state.paper_places - state.paper_put_aside,
        stored=stored,
        conflicts=conflicts,
        quarantined=quarantined,
        missing_messages=int(missing),
        batches=batches,
        behind=int(behind),
    )


def show(connection: psycopg.Connection, outcome: Outcome, state: DemoState, console: Console) -> None:
    """Print the summary."""
    console.rule("summary")
    console.print(
        f"{outcome.batches} batches\n"
        f"readings     {outcome.published:>11,} published: {state.paper_places - state.paper_put_aside:,} on paper, "
        f"{state.history_readings:,} as history, {state.live_readings:,} over MQTT\n"
        f"             {state.paper_put_aside:>11,} more on paper, put aside: each has its line and its reason\n"
        f"             {outcome.stored:>11,} stored\n"
        f"             {outcome.quarantined:>11,} items quarantined, {outcome.conflicts:,} in conflict, "
        f"{outcome.missing_messages:,} messages missing by sequence number"
    )
    if outcome.exact:
        console.print("[green]everything published is stored exactly once[/]")
    else:
        console.print("[red]published and stored do not agree[/]")
    _show_alerts(connection, console)
    _show_comparison(connection, console)


def print_alert(
    console: Console, batch: str | None, kind: str, tags: list[str], hour: float | None, sentence: str
) -> None:
    """One alert on one line, as long as it is; a signal between batches has no hour."""
    colour = "red" if kind in ("drift", "range") else "yellow"
    what = ", ".join(tags[:3]) + (f" and {len(tags) - 3} more" if len(tags) > 3 else "")
    at = "" if hour is None else f"hour {hour:6.1f}"
    console.print(
        f"[bold {colour}]{kind:>9}[/]  {escape(batch or '–'):8} {at:11}  [bold]{escape(what)}[/]  {escape(sentence)}",
        soft_wrap=True,
    )


def _show_alerts(connection: psycopg.Connection, console: Console) -> None:
    told = connection.execute(queries("demo")["alerts_told"], {"after": 0}).fetchall()
    alerts = sorted(alert for _, *alert in told)
    console.print(f"\n[bold]{len(alerts)} alerts[/]")
    for _, batch, kind, tags, hour, sentence in alerts:
        print_alert(console, batch, kind, tags, hour, sentence)


def _show_comparison(connection: psycopg.Connection, console: Console) -> None:
    comparison = read_comparison(connection, None)
    console.print(
        f"\n[bold]{comparison.from_process} against {comparison.to_process}[/]: {comparison.label}, no protocol "
        "was locked before these data"
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("attribute", "old n", "mean ± SD", "new n", "mean ± SD", "new against old, 90 % interval"):
        table.add_column(heading, justify="right" if heading.endswith(" n") else "left", no_wrap=True)
    for compared in comparison.attributes:
        table.add_row(
            f"{compared.attribute}, {compared.unit_of_measure}",
            str(compared.old.n),
            _spread(compared.old),
            str(compared.new.n),
            _spread(compared.new),
            _difference(compared, compared.difference),
        )
    Console(width=140, highlight=False, file=console.file).print(table)


def _spread(side: Side) -> str:
    return "" if side.mean is None or side.sd is None else f"{side.mean:.3g} ± {side.sd:.2g}"


def _difference(compared: Compared, estimate: Estimate | None) -> str:
    if estimate is None:
        return compared.why_not or ""
    what = "ratio" if compared.scale is Scale.LOG else "difference"
    return f"{what} {estimate.value:.3g} ({estimate.low:.3g} to {estimate.high:.3g})"
