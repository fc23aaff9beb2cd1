"""``interlock match``: which company of one list is which of the other."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from interlock.cli import matchqueue
from interlock.cli.failures import DONE, NEEDS_PERSON, finish
from interlock.cli.options import JsonOutput, ProjectFolder, load, with_store
from interlock.cli.screen import amount, columns, print_json, say
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.matching.learn import Figures
    from interlock.service.matching import Learnt
    from interlock.service.second_opinion import Compared

__all__ = ["match_app"]

match_app = typer.Typer(
    help="Which company of one list is which of the other.", no_args_is_help=True
)
_PROJECT = "The project's systems"
_FILES = "Any two lists"
for _name, _command in (
    ("run", matchqueue.run),
    ("review", matchqueue.review),
    ("accept", matchqueue.accept),
    ("reject", matchqueue.reject),
    ("undo", matchqueue.undo),
    ("export", matchqueue.export),
    ("import", matchqueue.import_),
    ("duplicates", matchqueue.duplicates),
):
    match_app.command(_name, rich_help_panel=_PROJECT)(_command)

Left = Annotated[Path, typer.Argument(metavar="LEFT.csv", help="The list of the CRM.")]
Right = Annotated[Path, typer.Argument(metavar="RIGHT.csv", help="The list of the ERP.")]
Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the result goes.")]


class Engine(StrEnum):
    """Who scores."""

    INTERLOCK = "interlock"
    SPLINK = "splink"
    SPLINK_SPARK = "splink-spark"


Scorer = Annotated[
    Engine,
    typer.Option(
        "--engine",
        help="splink: a second opinion, beside our own; needs the extra 'matching'.  "
        "splink-spark: the same on Spark; needs the extra 'spark' and Java.",
    ),
]
WeightsFile = Annotated[
    Path | None,
    typer.Option("--weights", metavar="FILE", help="Weights that match learn wrote."),
]


@match_app.command("files", rich_help_panel=_FILES)
def files(
    left: Left,
    right: Right,
    *,
    out: Out = Path("scored.csv"),
    duplicates: Annotated[
        Path | None,
        typer.Option("--duplicates", metavar="FILE", help="Also list duplicates in each list."),
    ] = None,
    engine: Scorer = Engine.INTERLOCK,
    weights: WeightsFile = None,
    as_json: JsonOutput = False,
) -> None:
    """Match two lists.

    Columns: id, name, website, street, city, region, postcode, country, phone, tax_id; any but
    id may be missing.  The headers of Salesforce, HubSpot, NetSuite and QuickBooks are known.
    """
    from interlock.service.matching import load_weights, match_files

    if engine is not Engine.INTERLOCK:
        from interlock.service.second_opinion import compare_files

        if duplicates is not None:
            raise ConfigurationError(
                f"--duplicates is not for --engine {engine}", fix="leave one of them out"
            )
        _show_second(
            compare_files(
                left,
                right,
                out,
                weights=load_weights(weights),
                spark=engine is Engine.SPLINK_SPARK,
            ),
            out,
            as_json=as_json,
        )
    found = match_files(left, right, out, weights=load_weights(weights), duplicates=duplicates)
    if as_json:
        print_json(found)
    else:
        columns(
            [
                ("link", f"{found.link:,}", "sure enough to be linked without a person"),
                ("review", f"{found.review:,}", "for a person to decide"),
                ("left over", f"{found.unmatched_left:,}", f"of {found.left:,} on the left"),
                ("left over", f"{found.unmatched_right:,}", f"of {found.right:,} on the right"),
            ]
        )
        if found.duplicates is not None:
            say(f"{amount(found.duplicates, 'duplicate')} within the lists: {duplicates}")
        say(f"-> {out}  (weights {found.weights})")
    if found.review or found.duplicates:
        finish(NEEDS_PERSON)


@match_app.command("pairs", rich_help_panel=_FILES)
def pairs(
    left: Left,
    right: Right,
    given: Annotated[Path, typer.Argument(metavar="PAIRS.csv", help="Columns left_id, right_id.")],
    *,
    out: Out = Path("scored.csv"),
    engine: Scorer = Engine.INTERLOCK,
    weights: WeightsFile = None,
    as_json: JsonOutput = False,
) -> None:
    """Score given pairs, in their order."""
    from interlock.service.matching import load_weights, score_given

    if engine is not Engine.INTERLOCK:
        from interlock.service.second_opinion import compare_given

        _show_second(
            compare_given(
                left,
                right,
                given,
                out,
                weights=load_weights(weights),
                spark=engine is Engine.SPLINK_SPARK,
            ),
            out,
            as_json=as_json,
        )
    count = score_given(left, right, given, out, weights=load_weights(weights))
    if as_json:
        print_json({"pairs": count, "out": str(out)})
    else:
        say(f"{amount(count, 'pair')} scored -> {out}")


@match_app.command("quality", rich_help_panel=_FILES)
def quality(
    left: Left,
    right: Right,
    truth: Annotated[
        Path,
        typer.Argument(
            metavar="TRUTH.csv",
            help="left_id, right_id and label (1 same, 0 different); without label, all true "
            "links of the two lists.",
        ),
    ],
    *,
    folds: Annotated[
        int | None,
        typer.Option(
            "--folds",
            metavar="N",
            help="Estimate weights anew from the other folds, by connected component.",
        ),
    ] = None,
    weights: WeightsFile = None,
    as_json: JsonOutput = False,
) -> None:
    """Measure precision and recall on pairs whose truth is known."""
    from interlock.service.matching import load_weights, measure

    found = measure(left, right, truth, weights=load_weights(weights), folds=folds)
    if as_json:
        print_json(found)
        return
    say(f"measured on {found.how}, weights {found.weights}")
    if found.candidate_recall is not None:
        say(f"candidates hold {found.candidate_recall:.4f} of the true pairs")
    _show_figures([("", found.figures)])


@match_app.command("learn", rich_help_panel=_PROJECT)
def learn(
    left: Annotated[
        Path | None, typer.Argument(metavar="[LEFT.csv", help="The CRM's list.")
    ] = None,
    right: Annotated[Path | None, typer.Argument(metavar="RIGHT.csv", help="The ERP's.")] = None,
    decisions: Annotated[
        Path | None, typer.Argument(metavar="DECISIONS.csv]", help="left_id, right_id, label.")
    ] = None,
    *,
    project: ProjectFolder = Path(),
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where the weights go.")
    ] = None,
    version: Annotated[
        str, typer.Option("--version", metavar="TEXT", help="What to call the new weights.")
    ] = "learnt",
    weights: WeightsFile = None,
    use: Annotated[
        bool,
        typer.Option("--use", metavar="", help="Have the project use them from the next run on."),
    ] = False,
    as_json: JsonOutput = False,
) -> None:
    """Estimate weights anew from decided pairs, with figures before and after.

    Without files: from what was decided in the project's queue.  They are used only where
    --weights names the file, or by the project after --use.
    """
    from interlock.service.matching import learn_weights, load_weights

    if left is None:
        _learn_from_queue(project, out, use=use, as_json=as_json)
        return
    if right is None or decisions is None or use:
        raise ConfigurationError(
            "--use is for what the project's own queue teaches"
            if use
            else "learning from files takes three of them",
            fix="interlock match learn LEFT.csv RIGHT.csv DECISIONS.csv, or no file at all",
        )
    out = out or Path("weights.json")
    learnt = learn_weights(
        left, right, decisions, out, before=load_weights(weights), version=version
    )
    if as_json:
        print_json(learnt)
        return
    _show_learnt(learnt)
    say(f"-> {out}")


def _learn_from_queue(folder: Path, out: Path | None, *, use: bool, as_json: bool) -> None:
    from interlock.service.customers import learn_from_queue, use_weights
    from interlock.service.matching import write_weights

    project = load(folder)
    learnt = with_store(folder, lambda p, s: learn_from_queue(p, s, now=datetime.now(UTC)))
    if out is not None:
        write_weights(out, learnt.weights)
    used = use_weights(project, learnt.weights) if use else None
    if as_json:
        print_json(learnt)
        return
    _show_learnt(learnt)
    if out is not None:
        say(f"-> {out}")
    if used is not None:
        say(f"-> {used}: used from the next run on; remove it to go back", style="green")
    else:
        say("They are not in use: --use has the project use them.", style="dim")


def _show_learnt(learnt: Learnt) -> None:
    _show_figures([("before", learnt.before), ("after (cross-validated)", learnt.after)])


def _show_second(found: Compared, out: Path, *, as_json: bool) -> NoReturn:
    """Show what two opinions have in common, and end the command."""
    if as_json:
        print_json(found)
    else:
        columns(
            [
                ("both", f"{found.both:,}", "one company by Splink and by our engine"),
                ("only Splink", f"{found.only_splink:,}", "look at these: do we miss them?"),
                ("only ours", f"{found.only_own:,}", "look at these: are they one company?"),
                ("of these", f"{found.links_doubted:,}", "we would link without a person"),
            ]
        )
        say(f"{amount(found.pairs, 'pair')} -> {out}, with a column 'disagree'")
    finish(NEEDS_PERSON if found.only_splink or found.only_own else DONE)


def _show_figures(rows: list[tuple[str, Figures]]) -> None:
    table = [("", "pairs", "precision", "recall", "F1", "links: from", "precision", "recall")]
    table += [
        (
            name,
            f"{f.pairs:,}",
            f"{f.precision:.4f}",
            f"{f.recall:.4f}",
            f"{f.f1:.4f}",
            f"{f.link_at:.3f}",
            f"{f.link_precision:.4f}",
            f"{f.link_recall:.4f}",
        )
        for name, f in rows
    ]
    columns(table)
