"""``interlock report ownership``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from interlock.cli.options import CsvFile, JsonOutput, PageFile, ParquetFile, ProjectFolder, load
from interlock.cli.screen import columns, heading, print_json, say

__all__ = ["ownership"]


def ownership(
    project: ProjectFolder = Path(),
    *,
    csv: CsvFile = None,
    parquet: ParquetFile = None,
    out: PageFile = None,
    as_json: JsonOutput = False,
) -> None:
    """Say in words who may change which field; the page can be signed."""
    from interlock.service.ownership import report_ownership, sheet_of, write_page
    from interlock.service.tables import save

    report = report_ownership(load(project))
    written = save(sheet_of(report), csv=csv, parquet=parquet)
    if out is not None:
        write_page(report, out, datetime.now(UTC))
        written.append(str(out))
    if as_json:
        print_json(report)
        return
    for entity in report.counts:
        heading(f"{entity} (new ones are born in: {report.born[entity]})")
        columns((f.field, f.owner, f.rule) for f in report.fields if f.entity == entity)
    heading("never read")
    columns((system, ", ".join(names) or "nothing is named") for system, names in
            report.never.items())  # fmt: skip
    if written:
        say(f"-> {', '.join(written)}")
