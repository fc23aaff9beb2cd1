"""Variables: how .env is read and references are resolved."""

from pathlib import Path

import pytest

from interlock.errors import ConfigurationError
from interlock.governance.document import Document
from interlock.project.secrets import Secrets, read_env_file


def env(tmp_path: Path, text: str) -> dict[str, str]:
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    return read_env_file(tmp_path / ".env")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("export A=b", "b"),
        ("A = b ", "b"),
        ("A='b # c'", "b # c"),
        ('A="it\'s"', "it's"),
        ("A=b # comment", "b"),
        ("A=b#c", "b#c"),
        ("A=b=c==", "b=c=="),
        ("A=", ""),
        ("A='b' # comment", "b"),
        ('A="', '"'),
    ],
)
def test_a_line_gives_its_value(tmp_path: Path, line: str, value: str):
    assert env(tmp_path, f"# comment\n\n{line}\n") == {"A": value}


def test_no_file_has_no_variables(tmp_path: Path):
    assert read_env_file(tmp_path / ".env") == {}


@pytest.mark.parametrize("line", ["secret", "a b=secret", "=secret", "1A=secret"])
def test_a_line_that_is_no_variable_is_refused_without_quoting_it(tmp_path: Path, line: str):
    with pytest.raises(ConfigurationError) as caught:
        env(tmp_path, f"A=b\n{line}\n")
    assert caught.value.line == 2
    assert "secret" not in str(caught.value)


def test_references_are_resolved_wherever_they_stand():
    document = Document("f.yaml", {})
    secrets = Secrets({"A": "1", "B": "env"}, {"B": "file", "C": "3"})
    value = {"x": ["${A}-${C}", "$$A costs $5", 7, None], "y": "${B}"}
    assert secrets.resolve(document, (), value) == {
        "x": ["1-3", "$A costs $5", 7, None], "y": "env",
    }  # fmt: skip
    assert document.problems == []


def test_a_value_is_not_resolved_again():
    secrets = Secrets({"A": "${B}", "B": "x"}, {})
    assert secrets.resolve(Document("f", {}), (), "${A}") == "${B}"


def test_used_values_are_hidden_the_longest_first():
    secrets = Secrets({"A": "abcd", "B": "abcdef", "C": "unused", "D": "a"}, {})
    secrets.resolve(Document("f", {}), (), "${A}${B}${D}")
    assert secrets.hide("abcdef abcd unused a") == "${B} ${A} unused a"
