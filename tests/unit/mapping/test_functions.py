"""Functions named in mapping files."""

from pathlib import Path

import pytest

from interlock.mapping.codecs import CodecError
from interlock.mapping.functions import load_function


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "tiers.py").write_text(
        "def read(value):\n"
        "    return {'1': 'gold'}.get(value)\n"
        "def fail(value):\n"
        "    raise ValueError(f'cannot read {value}')\n"
        "def half(value):\n"
        "    return 0.5\n"
        "LEVEL = 3\n"
    )
    return tmp_path


def test_a_function_of_the_project_is_found_and_called(root: Path):
    read = load_function("functions.tiers:read", root)
    assert read("1") == "gold"
    assert read("2") is None


def test_an_installed_function_is_found(root: Path):
    assert load_function("html:unescape", root)("a&amp;b") == "a&b"


def test_two_projects_do_not_share_modules(root: Path, tmp_path_factory: pytest.TempPathFactory):
    other = tmp_path_factory.mktemp("other")
    (other / "functions").mkdir()
    (other / "functions" / "tiers.py").write_text("def read(value):\n    return 'other'\n")
    assert load_function("functions.tiers:read", root)("1") == "gold"
    assert load_function("functions.tiers:read", other)("1") == "other"


def test_the_digest_follows_the_code(root: Path):
    before = load_function("functions.tiers:read", root)
    file = root / "functions" / "tiers.py"
    file.write_text(file.read_text().replace("gold", "silver"))
    after = load_function("functions.tiers:read", root)
    assert after("1") == "silver"
    assert after.digest != before.digest


def test_a_failing_function_is_named_without_its_text(root: Path):
    with pytest.raises(CodecError) as caught:
        load_function("functions.tiers:fail", root)("Jane")
    assert caught.value.message == "functions.tiers:fail failed with ValueError"


def test_a_float_is_refused(root: Path):
    with pytest.raises(CodecError, match="the result is of type float"):
        load_function("functions.tiers:half", root)("1")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("functions.tiers", "does not name a function"),
        ("functions.tiers:read()", "does not name a function"),
        ("../evil:run", "does not name a function"),
        ("functions:read", "is the folder, not a module"),
        ("functions.teirs:read", "there is no file functions/teirs.py"),
        ("functions.tiers:nothing", "has no function 'nothing'"),
        ("functions.tiers:LEVEL", "has no function 'LEVEL'"),
        ("no_such_package.module:run", "cannot be imported"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(root: Path, name: str, reason: str):
    with pytest.raises(CodecError) as caught:
        load_function(name, root)
    assert reason in caught.value.message


def test_a_module_that_cannot_be_loaded_is_refused(root: Path):
    (root / "functions" / "broken.py").write_text("def read(:\n")
    with pytest.raises(CodecError, match=r"functions\.broken cannot be loaded: SyntaxError"):
        load_function("functions.broken:read", root)
