"""``python -m tests.real.demo``: the story between a real BottleCRM and a real Tryton.

Both are started on this machine, filled with two messy companies, connected by Interlock, and
asked through their own APIs whether it did what it promises.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from tests.real.cash import Cash
from tests.real.crm import Crm
from tests.real.erp import Erp
from tests.real.main_job import (
    Check,
    Job,
    check_boundary,
    check_customers,
    check_deals,
    check_first_link,
)
from tests.real.quoted import Quoted
from tests.real.systems.bottlecrm import MissingPython, start_bottlecrm
from tests.real.systems.cache import BringUpError
from tests.real.systems.tryton import start_tryton

__all__ = ["main"]


class Story:
    """Plays the job and tells it; remembers whether every check held."""

    def __init__(self, job: Job, console: Console) -> None:
        self.job, self.console = job, console
        self.held = True

    def _title(self, text: str) -> None:
        self.console.print()
        self.console.rule(f"[bold]{text}", align="left")

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False)

    def _verdicts(self, checks: Sequence[Check]) -> None:
        for check in checks:
            self.held &= check.kept
            mark = "[green]ok    [/]" if check.kept else "[red]BROKEN[/]"
            self._say(f"  {mark} {check.promise} [dim]({check.looked_at} looked at)[/]")
            for case in check.broken[:5]:
                self._say(f"         {escape(case)}")

    def _verdict(self, promise: str, *good: bool) -> None:
        self._verdicts([Check(promise, len(good), [] if all(good) else ["it is not so"])])

    async def play(self) -> None:
        """All chapters."""
        await self._first_sync()
        await self._daily_life()
        await self._quoted()
        await self._overdue()

    async def _first_sync(self) -> None:
        job = self.job
        self._title("Two companies")
        report = await job.set_up()
        self._say("Interlock made its fields: " + "; ".join(
            f"{sum(s.action == 'created' for s in system.steps)} in {system.name}"
            for system in report.systems) + ".")  # fmt: skip
        job.sell()
        crm, erp = job.crm.everything(), job.erp.everything()
        self._say(
            f"BottleCRM has {len(crm['account'])} accounts, {len(crm['contact'])} contacts, "
            f"{len(crm['product'])} products and {len(crm['deal'])} deals; Tryton has "
            f"{len(job.erp.customers())} customers, {len(job.erp.people())} persons, "
            f"{len(erp['product.product'])} products and {len(erp['sale.sale'])} sales."
        )
        self._title("Planned")
        plan = await job.plan()
        self._say("Linked: " + ", ".join(f"{n} {e}s" for e, n in plan.linked.items())
                  + ". A sync would write:")  # fmt: skip
        groups = Counter((w.system, w.entity, w.kind.value) for w in plan.writes)
        for (system, entity, kind), count in sorted(groups.items()):
            self._say(f"  {count:4} {kind} {entity} in {system}")
        for waiting in plan.waiting:
            self._say(f"  {waiting.count:4} {waiting.subject}: {waiting.why} [dim](left alone)[/]")
        self._verdict("planning wrote nothing", crm == job.crm.everything(),
                      erp == job.erp.everything())  # fmt: skip
        approval = await job.approve(plan)
        self._title("Approved and written")
        first = await job.sync()
        self._say(
            f"{approval.released} writes were approved; the sync created {first.created} records "
            f"and updated {first.updated}. What Tryton and BottleCRM say:"
        )
        for checks in (check_customers, check_first_link, check_deals, check_boundary):
            self._verdicts(checks(job))

    async def _daily_life(self) -> None:
        job = self.job
        self._title("Again")
        before = job.snapshot()
        report, plan = await job.sync(), await job.plan()
        self._verdict(f"a second sync wrote {report.writes} records, the plan has "
                      f"{len(plan.writes)} writes", report.writes == 0, not plan.writes,
                      before == job.snapshot())  # fmt: skip
        self._title("Daily life")
        phone = "+44 20 7946 0321"
        edited = await job.change_phone(phone)
        shown = job.party(job.pair(3)).phone
        self._verdict(
            f"one changed phone cost {edited.report.writes} write; Tryton shows {shown}",
            edited.report.writes == 1, shown == phone)  # fmt: skip
        await job.edit_both("orders@changed.example", "+44 20 7946 0654")
        account, party = job.account(job.pair(5)), job.party(job.pair(5))
        self._verdict(
            "an e-mail address changed in BottleCRM and a phone changed in Tryton both stayed",
            (account["email"], account["phone"]) == (party.email, party.phone),
            party.phone == "+44 20 7946 0654", party.email == "orders@changed.example")  # fmt: skip
        await job.edit_terms("pays when it likes")
        customer = job.pair(4)
        shown = job.account(customer)["custom_fields"]["payment_terms"]
        moments = await job.explain(customer.account, "payment_terms")
        self._verdict(f"payment terms typed by a rep are put back to {shown!r}",
                      shown == customer.terms, moments[0].event == "overruled")  # fmt: skip
        for moment in moments:
            self._say(f"         [dim]explain: {moment.at:%H:%M:%S} {moment.event}: "
                      f"{moment.old!r} -> {moment.new!r} ({escape(moment.why)})[/]")  # fmt: skip
        await job.win_open_deal()
        self._say("  A rep wins one more deal:")
        self._verdicts(check_deals(job))

    async def _quoted(self) -> None:
        """An open deal, checked when it is saved and when a price moves."""
        customer = self.job.pair(1)
        quoted = Quoted(self.job, customer.account)
        self._title("Quoted")
        for told, step in (
            (f"A rep quotes {customer.name} a tenth less than Tryton asks.", quoted.quote),
            ("Tryton's price goes up; nobody touches the deal.", quoted.raise_price),
            ("Nothing else happens.", quoted.sync_again),
        ):
            self._say(told)
            self._verdicts(await step())

    async def _overdue(self) -> None:
        """A deal's whole way to the money, with a credit hold on it."""
        debtor, payer = self.job.pair(0), self.job.customers[8]
        cash = Cash(self.job, debtor.account, payer.account)
        cash.open_deals()
        for title, told, step in (
            ("Won, shipped, billed", f"A rep wins a deal of {debtor.name}.", cash.order),
            ("", "The warehouse ships it and finance posts the invoice.", cash.bill),
            ("Overdue", "The invoice is not paid in time (its due date is moved).", cash.fall_due),
            ("Held", "Finance duns twice; Tryton's second level stops the credit.", cash.hold),
            ("", "Nothing else happens.", cash.sync_again),
            ("", "A rep wins one more deal of this customer, and moves a paused one on.",
             cash.win_meanwhile),
            ("Paid, released", "The customer pays, and finance books it.", cash.release),
            ("", "Nothing else happens.", cash.sync_again),
        ):  # fmt: skip
            if title:
                self._title(title)
            self._say(told)
            self._verdicts(await step())


def main(arguments: list[str] | None = None) -> int:
    """Run the story; 1 when a check did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.real.demo", description=__doc__)
    parser.add_argument("--state", type=Path, help="folder of both systems and the project")
    parser.add_argument("--keep", action="store_true", help="leave both systems running")
    chosen = parser.parse_args(arguments)
    console = Console()
    with ExitStack() as stack:
        state = chosen.state
        if state is None:
            state = Path(tempfile.mkdtemp(prefix="interlock-demo-real-"))
            if not chosen.keep:
                stack.callback(shutil.rmtree, state, ignore_errors=True)
        state = state.absolute()
        console.print("Starting Tryton and BottleCRM (the first time they are installed, which "
                      "takes some minutes) ...")  # fmt: skip
        try:
            erp = start_tryton(state / "tryton", fresh=True)
            if not chosen.keep:
                stack.callback(erp.stop)
            crm = start_bottlecrm(state / "bottlecrm", fresh=True)
            if not chosen.keep:
                stack.callback(crm.stop)
        except MissingPython as missing:
            sys.exit(str(missing))
        except BringUpError as error:
            sys.exit(f"the systems could not be started: {error}")
        project = state / "project"
        shutil.rmtree(project, ignore_errors=True)
        story = Story(Job(project, Crm(crm), Erp(erp)), console)
        asyncio.run(story.play())
        if chosen.keep:
            console.print(
                f"\nTryton runs at {erp.url}, BottleCRM at {crm.base_url}; the project is in "
                f"{project}: go there and try `interlock status`. Stop them with\n"
                f"  python -m tests.real.systems.tryton --state {state / 'tryton'} --stop\n"
                f"  python -m tests.real.systems.bottlecrm --state {state / 'bottlecrm'} --stop"
            )
    console.print("\nEvery check held." if story.held else "\n[red]Some checks did not hold.[/]")
    return 0 if story.held else 1


if __name__ == "__main__":
    sys.exit(main())
