"""The JSON Schemas shipped for editors."""

from interlock.project.editor import FOLDER, render_schemas


def test_the_shipped_schemas_are_current():
    shipped = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.json")}
    assert shipped == render_schemas(), "run: python -m interlock.project.editor"
