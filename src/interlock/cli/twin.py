"""``interlock twin``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.twins.faults import Fault
    from interlock.twins.serving import Running
    from interlock.twins.twin import Twin

__all__ = ["twin"]


def twin(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The system, named as its connector.")
    ],
    *,
    port: Annotated[
        int, typer.Option("--port", metavar="P", min=0, max=65535, help="0 takes a free one.")
    ] = 0,
    seed: Annotated[
        str, typer.Option("--seed", metavar="SET", help="What is in it: empty, small or demo.")
    ] = "small",
    faults: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="KIND=RATE",
            help="What goes wrong and how often, such as lost_answer=0.02; may be repeated.",
        ),
    ] = None,
    random_seed: Annotated[
        int, typer.Option("--random-seed", metavar="N", help="Which accidents happen.")
    ] = 1,
    tls: Annotated[
        bool, typer.Option("--tls", metavar="", help="Speak https, with an authority of its own.")
    ] = False,
    ca_folder: Annotated[
        Path | None,
        typer.Option("--ca-folder", metavar="DIR", help="Keep the authority here, for next time."),
    ] = None,
    _as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="It always prints one line of JSON.")
    ] = False,
) -> None:
    """Start a local server that speaks a vendor's API; prints one line of JSON when it is ready."""
    try:
        from interlock.twins.registry import make_twin
        from interlock.twins.serving import run
        from interlock.twins.twin import UserError
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the twins need {error.name}, which is not installed",
            fix='pip install "interlock[twins]"',
        ) from error
    try:
        made = make_twin(name, seed=seed, random_seed=random_seed)
        for text in faults or ():
            made.faults.arm(_read_fault(made, text))
    except (UserError, ValueError) as error:
        raise ConfigurationError(f"{error}", fix="interlock twin --help") from error
    try:
        run(made, port=port, ready=_tell, tls=tls or ca_folder is not None, ca_folder=ca_folder)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on port {port}: {error.strerror}", fix="choose another with --port"
        ) from error


def _read_fault(made: Twin, text: str) -> Fault:
    from interlock.twins.faults import Fault, FaultKind

    kind, equals, rate = text.partition("=")
    if kind not in set(made.known_faults):
        names = ", ".join(sorted(made.known_faults))
        raise ValueError(f"--fault {text!r}: {made.name} has no fault {kind!r}; it has: {names}")
    try:
        return Fault(kind=FaultKind(kind), rate=float(rate) if equals else 1.0)
    except ValueError:
        raise ValueError(f"--fault {text!r}: {rate!r} is not a number between 0 and 1") from None


def _tell(running: Running) -> None:
    import msgspec

    sys.stdout.write(msgspec.json.encode(running.line()).decode() + "\n")
    sys.stdout.flush()
