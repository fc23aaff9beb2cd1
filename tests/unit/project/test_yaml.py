"""YAML into plain data with lines."""

from decimal import Decimal
from pathlib import Path

import pytest

from interlock.errors import ConfigurationError
from interlock.project.yaml import parse_yaml, read_yaml


def test_scalars_become_what_they_mean():
    data = parse_yaml(
        "a: 1\nb: 1.50\nc: true\nd: off\ne: 0123\nf: 2026-01-02\ng: ~\nh: '5'\ni: 1_000\nj: .inf\n",
        "f.yaml",
    ).data
    assert data == {
        "a": 1, "b": Decimal("1.50"), "c": True, "d": "off", "e": "0123", "f": "2026-01-02",
        "g": None, "h": "5", "i": "1_000", "j": ".inf",
    }  # fmt: skip
    assert str(data["b"]) == "1.50"


def test_every_part_knows_its_line_and_unknown_parts_that_of_their_parent():
    document = parse_yaml("a:\n  - x\n  - {b: 1,\n     c: 2}\n", "f.yaml")
    assert document.line(("a", 1, "c")) == 4
    assert document.line(("a", 1, "zzz")) == 3
    assert document.line(("zzz",)) == 1


def test_an_empty_file_is_an_empty_mapping():
    assert parse_yaml("# only a comment\n", "f.yaml").data == {}


def test_aliases_are_followed():
    assert parse_yaml("a: &x [1]\nb: *x\n", "f.yaml").data == {"a": [1], "b": [1]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3", "f.yaml:3: 'a' stands twice, first on line 1"),
        ("a: {b: 1, b: 2}", "f.yaml:1: 'b' stands twice, first on line 1"),
        ("a: !python/object:os.system x", "f.yaml:1: the tag "),
        ("a: &x {b: 1}\nc:\n  <<: *x", "f.yaml:3: merge keys (<<) are not supported"),
        ("? [1, 2]\n: 3", "f.yaml:1: a key must be a single word"),
    ],
)
def test_what_is_not_supported_is_noted_with_its_line(text: str, expected: str):
    (problem,) = parse_yaml(text, "f.yaml").problems
    assert problem.message.startswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        "a: [secret", "a: b: secret", "\ta: secret", 'a: "secret', "a: \x00secret", "a: @secret",
        "a: 1\n---\nb: secret", "a: &x [*x]", "[" * 5000, "a: " + "[" * 60 + "]" * 60,
    ],
)  # fmt: skip
def test_broken_yaml_is_refused_without_quoting_it(text: str):
    with pytest.raises(ConfigurationError) as caught:
        parse_yaml(text, "f.yaml")
    assert caught.value.file == "f.yaml"
    assert "secret" not in str(caught.value)


def test_aliases_of_aliases_do_not_fill_the_memory():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    with pytest.raises(ConfigurationError, match="too large"):
        parse_yaml("\n".join(lines), "f.yaml")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path):
    (tmp_path / "f.yaml").write_bytes("a: ü".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"f\.yaml: the file is not UTF-8 text"):
        read_yaml(tmp_path / "f.yaml", "f.yaml")


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_yaml(tmp_path, "f.yaml")
