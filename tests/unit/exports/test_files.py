"""Files as programs write them: encodings, separators, lines, and what is no table at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.errors import ConfigurationError
from interlock.exports.files import encoding_of, open_table, table_rows


def read(path: Path) -> list[tuple[int, list[str]]]:
    with open_table(path) as file:
        return [(line, list(row)) for line, row in table_rows(file, path)]


def write(folder: Path, content: bytes) -> Path:
    path = folder / "list.csv"
    path.write_bytes(content)
    return path


TEXT = "id,name\n1,Müller & Søn\n"


@pytest.mark.parametrize(
    ("encoded", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8-sig"),
        (TEXT.encode("cp1252"), "cp1252"),
        (TEXT.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
    ],
)
def test_every_usual_encoding_gives_the_same_rows(
    tmp_path: Path, encoded: bytes, encoding: str
) -> None:
    path = write(tmp_path, encoded)
    assert encoding_of(path) == encoding
    assert read(path) == [(1, ["id", "name"]), (2, ["1", "Müller & Søn"])]


def test_a_letter_split_over_two_blocks_is_still_utf_8(tmp_path: Path) -> None:
    path = write(tmp_path, b"id,name\n1," + b"x" * ((1 << 20) - 11) + "ü\n".encode())
    assert encoding_of(path) == "utf-8"


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path: Path, mark: str) -> None:
    text = f'id{mark}name\n1{mark}"a, b; c"\n'
    assert read(write(tmp_path, text.encode())) == [(1, ["id", "name"]), (2, ["1", "a, b; c"])]


def test_commas_within_a_header_do_not_decide(tmp_path: Path) -> None:
    text = "id;Name, Ort, Land\n1;Acme\n2;Zyx\n"
    assert read(write(tmp_path, text.encode()))[1] == (2, ["1", "Acme"])


def test_a_spreadsheets_note_of_its_separator_is_passed_over(tmp_path: Path) -> None:
    rows = read(write(tmp_path, b"sep=;\nid;name\n1;Acme\n"))
    assert rows == [(2, ["id", "name"]), (3, ["1", "Acme"])]


def test_lines_are_counted_through_cells_of_several_lines_and_empty_rows(tmp_path: Path) -> None:
    rows = read(write(tmp_path, b'id,street\r\n1,"a\r\nb\r\nc"\r\n\r\n,\r\n2,x\r\n'))
    assert [line for line, _ in rows] == [1, 2, 7]


def test_nul_bytes_are_dropped(tmp_path: Path) -> None:
    assert read(write(tmp_path, b"id,name\n1,Ac\x00me\x00\n"))[1] == (2, ["1", "Acme"])


def test_a_cell_of_ten_kilobytes_is_a_cell(tmp_path: Path) -> None:
    rows = read(write(tmp_path, b"id,name\n1," + b"x" * 10_240 + b"\n"))
    assert len(rows[1][1][1]) == 10_240


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04rest", "workbook"),
        (b'id,name\n1,"' + b"x" * 1_200_000, r"list\.csv:2: not a table"),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(
    tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read(write(tmp_path, content))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_file_has_no_rows(tmp_path: Path, content: bytes) -> None:
    assert read(write(tmp_path, content)) == []


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read"):
        encoding_of(tmp_path)
