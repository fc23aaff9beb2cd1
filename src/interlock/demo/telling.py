"""Tells the story on a terminal, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from interlock.demo.arrears import Arrears
from interlock.demo.checks import Verdict
from interlock.demo.stage import Tally
from interlock.demo.story import (
    BothEdited,
    Found,
    OneEdit,
    Ordered,
    Planned,
    PutBack,
    Refusals,
    Won,
    Written,
)
from interlock.service.plan import Approval, PlannedWrite

__all__ = ["Teller"]


class Teller:
    """Prints one chapter per call."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._chapter = 0

    def _title(self, text: str) -> None:
        self._chapter += 1
        self.console.print()
        self.console.rule(f"[bold]{self._chapter}. {text}", align="left")

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False)

    def found(self, found: Found) -> None:
        """What is there."""
        self._title("What there is")
        self._say(
            f"A company has [bold]{_records(found.crm)}[/] in its CRM and "
            f"[bold]{_records(found.erp)}[/] in its ERP. Nobody has kept them together, so there "
            f"are {len(found.mess)} kinds of mess:"
        )
        table = Table(box=None, pad_edge=False, show_header=False, expand=True)
        table.add_column(justify="right", style="bold")
        table.add_column(no_wrap=True)
        table.add_column(style="dim", overflow="ellipsis", no_wrap=True, ratio=1)
        for mess in found.mess:
            table.add_row(str(mess.count), mess.what, escape(mess.example))
        self.console.print(table)

    def linked(self, planned: Planned) -> None:
        """What matching did."""
        self._title("Linked: which record is which")
        plan = planned.plan
        linked = _records(plan.linked)
        self._say(
            f"Interlock has read both systems and linked [bold]{linked}[/]: those that share a "
            "valid tax id, or name, domain and postal code, with nobody else. Everything less "
            "certain is left to people:"
        )
        for w in plan.waiting:
            if w.subject not in ("won deals", "dead letters"):
                self._say(f"  {w.count:4} {w.subject}: {w.why}")

    def planned(self, planned: Planned) -> None:
        """What would be written."""
        self._title("Planned: nothing is written yet")
        self._say(f"While reading, the systems saved {planned.saved.total} records. A sync would:")
        for (system, entity, kind), count in sorted(planned.groups.items()):
            self._say(f"  {count:4} {kind} {entity} in the {system.upper()}")
        example = _telling_write(planned.plan.writes)
        if example is not None:
            self._say(f"For example [bold]{escape(example.label)}[/] in the "
                      f"{example.system.upper()}:")  # fmt: skip
            for change in example.fields:
                self._say(f"       {change.field}: {_value(change.old)} -> {_value(change.new)}  "
                          f"[dim]({change.why})[/]")  # fmt: skip

    def approved(self, approval: Approval) -> None:
        """What was let go."""
        self._title("Approved")
        self._say(
            f"A first sync touches records people have typed, so it needs a yes. The plan "
            f"{approval.plan_id} is approved: {approval.released} writes may go, "
            f"{approval.stale} had changed meanwhile."
        )

    def written(self, written: Written) -> None:
        """What the first sync did."""
        self._title("Written")
        report = written.report
        self._say(
            f"The sync created {report.created} records and updated {report.updated}; the systems "
            f"themselves count {_saves(written.saved)}."
        )

    def ordered(self, ordered: Ordered) -> None:
        """Which orders there are."""
        self._title("Ordered: won deals became orders")
        self._say(f"{len(ordered.orders)} deals won since go-live now have an order in the ERP, "
                  "and show its number:")  # fmt: skip
        for _, deal, order in ordered.orders[:4]:
            amount = deal["Amount"]
            self._say(
                f"  {order['number']}  {len(order['rows'])} line(s)  {order['net_total']:>10} "
                f"{order['currency']}  {order['state']}   for {escape(deal['Name'])!r}, "
                f"{amount['Amount']} {amount['CurrencyIsoCode']}"
            )
        if len(ordered.orders) > 4:
            self._say(f"  ... and {len(ordered.orders) - 4} more")
        self._say(f"{ordered.older} deals were won before go-live; {ordered.older_ordered} of them "
                  "were ordered.")  # fmt: skip

    def refused(self, refused: Refusals) -> None:
        """What was not done, and why."""
        self._title("Refused: what needs a person")
        for deal in refused.deals:
            self._say(f"  {deal.count:4} won deals {deal.state}: {escape(deal.why)}"
                      + (f" [dim]-> {escape(deal.fix)}[/]" if deal.fix else ""))  # fmt: skip
        for letter in refused.letters:
            if letter.cause not in _TOLD:
                self._say(f"     1 {letter.entity} not written: {escape(letter.message)} "
                          f"[dim]-> {escape(letter.fix)}[/]")  # fmt: skip

    def quiet(self, written: Written, planned: Planned) -> None:
        """The second sync."""
        self._title("Again: nothing to do")
        waiting = len(planned.plan.writes) - planned.ready
        self._say(
            f"A second sync wrote {written.report.writes} records (the systems count "
            f"{written.saved.total}), and a new plan would write {planned.ready}"
            + (f"; {waiting} more until the customer they belong to is linked." if waiting else ".")
        )

    def won(self, won: Won) -> None:
        """A deal won now."""
        self._title("A deal is won")
        orders = ", ".join(f"{o['number']} over {o['net_total']} {o['currency']}"
                           for o in won.orders)  # fmt: skip
        self._say(
            f"A rep wins {escape(won.deal['Name'])!r}. After one sync the ERP has "
            f"{len(won.orders)} order for it, {orders}, and the deal shows "
            f"{won.deal['OrderNumber__c']}."
        )

    def phone(self, edit: OneEdit) -> None:
        """One changed phone."""
        self._title("One phone number changes")
        self._say(
            f"A rep corrects {escape(edit.who)}'s phone from {edit.old} to {edit.new}. The sync "
            f"wrote {edit.written.report.writes} record, and the ERP shows {edit.other_side}."
        )

    def both(self, both: BothEdited) -> None:
        """Two edits at once."""
        self._title("Two people edit the same customer")
        self._say(
            f"Sales changed {escape(both.who)}'s e-mail while finance changed its phone. Both "
            f"stayed: CRM and ERP show {' and '.join(sorted(set(both.mail)))}, and "
            f"{' and '.join(sorted(set(both.phone)))}."
        )

    def put_back(self, edit: PutBack) -> None:
        """An edit by the wrong side."""
        self._title("Somebody edits what is not theirs")
        self._say(
            f"Payment terms are finance's. A rep types {edit.typed!r} for {escape(edit.who)} in "
            f"the CRM; after the sync the CRM shows {edit.shown!r} again, as the ERP has it. "
            "`interlock explain` tells why, newest first:"
        )
        for moment in edit.moments:
            self._say(
                f"  {moment.at:%H:%M:%S} {moment.event} in the {(moment.system or '').upper()}: "
                f"{_value(moment.old)} -> {_value(moment.new)}  [dim]({moment.why})[/]"
            )

    def arrears(self, arrears: Arrears) -> None:
        """A bill nobody pays, until somebody does."""
        self._title("Overdue, held, paid, released")
        late, held, free = arrears.overdue, arrears.held, arrears.released
        self._say(
            f"{escape(late.account['Name'])} has not paid an invoice. The CRM shows "
            f"{_money(late.account['Overdue__c'])} overdue for "
            f"{late.account['DaysOverdue__c']} days and a health score of "
            f"{late.account['HealthScore__c']}: {escape(late.account['HealthReasons__c'])}."
        )
        self._say(
            f"Finance puts it on hold in the ERP. The account says: "
            f"{escape(held.account['HoldReason__c'] or 'nothing')}. Of its open deals "
            f"{_list(held.paused)} {'wait' if len(held.paused) > 1 else 'waits'}; the owner has "
            f"{len(held.tasks)} task:"
        )
        for task in held.tasks:
            self._say(f"       {escape(task['Subject'])}: {escape(task['Description'])}")
        stages = {cells["StageName"] for cells in free.deals.values()}
        done = sum(bool(task["IsDone"]) for task in free.tasks)
        self._say(
            f"The customer pays, finance takes the hold off: the invoice is "
            f"{arrears.invoice['state']}, {_money(free.account['Overdue__c'])} is overdue, "
            f"{len(free.paused)} deals wait, all are in {_list(sorted(stages))} as before, and "
            f"{done} task is done."
        )

    def ending(self, verdicts: Sequence[Verdict], folder: Path, record: str, seconds: float
               ) -> None:  # fmt: skip
        """The promises, and where to go on."""
        self._title("The promises, asked of the systems")
        for verdict in verdicts:
            mark = "[green]kept  [/]" if verdict.kept else "[red]BROKEN[/]"
            self._say(f"  {mark} {verdict.promise} [dim]({verdict.looked_at} looked at)[/]")
            for case in verdict.broken[:5]:
                self._say(f"         {escape(case)}")
        self._title("Look around")
        self._say(
            f"That took {seconds:.0f} seconds. Both systems and the project are in "
            f"[bold]{escape(str(folder))}[/]; go there and try:"
        )
        for command, what in (
            ("interlock status", "how things stand"),
            ("interlock plan", "what the next sync would do"),
            (f"interlock explain customer {record}", "where each value comes from"),
            ("interlock links list", "which record is which"),
            ("interlock dead-letters list", "what could not be done, and how to mend it"),
        ):
            self._say(f"  [bold]{command:44}[/] {what}")


_TOLD = frozenset({"unknown_product", "rounding", "no_lines", "currency", "no_amount", "quantity"})
"""Causes of dead letters that the refused deals have told already."""


def _records(counts: Mapping[str, int]) -> str:
    parts = [f"{count} {entity}s" for entity, count in counts.items() if count]
    return ", ".join(parts[:-1]) + f" and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _money(cells: Mapping[str, str]) -> str:
    return f"{cells['Amount']} {cells['CurrencyIsoCode']}"


def _list(words: Sequence[str]) -> str:
    return " and ".join(words) or "none"


def _saves(saved: Tally) -> str:
    return f"{saved.crm} saves in the CRM and {saved.erp} in the ERP"


def _value(value: object) -> str:
    if value is None:
        return "[dim]blank[/]"
    if isinstance(value, Mapping):
        return escape(", ".join(str(part) for part in value.values() if part))
    return escape(repr(value))


def _telling_write(writes: Sequence[PlannedWrite]) -> PlannedWrite | None:
    """Pick the update of a customer with the most to say."""
    updates = [w for w in writes if w.entity == "customer" and w.kind.value == "update"]
    return max(updates, key=lambda w: sum(f.old is not None for f in w.fields), default=None)
