"""The JSON Schemas shipped for editors."""

import json

from interlock.governance.compile_pricing import PARTS, RULE_PARTS
from interlock.governance.pricing import DEFAULT_VERDICTS
from interlock.project.editor import FOLDER, render_schemas


def test_the_shipped_schemas_are_current():
    shipped = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.json")}
    assert shipped == render_schemas(), "run: python -m interlock.project.editor"


def test_the_pricing_schema_knows_what_the_file_may_say():
    schema = json.loads(render_schemas()["pricing.schema.json"])
    parts = schema["properties"]
    assert set(parts) == set(PARTS)
    assert set(parts["rules"]["items"]["properties"]) == set(RULE_PARTS)
    assert set(parts["verdicts"]["properties"]) == set(DEFAULT_VERDICTS)
