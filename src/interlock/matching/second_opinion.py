"""A second opinion: the same job by Splink, which knows nothing of our weights.

Splink learns its weights from the two lists themselves (expectation maximisation), so that it errs
in other places than we do.  It is an extra, imported only where it is asked for, and works on
DuckDB or on Spark.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from interlock.errors import ConfigurationError, InterlockError
from interlock.matching.candidates import Pairs
from interlock.matching.spark import spark_api
from interlock.matching.table import Hashes, Table

__all__ = ["Opinion", "SecondOpinion"]

_SEED = 1
_DATABASES = ("duckdb", "_duckdb", "py4j", "pyspark")


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """Pairs by row with Splink's probability of each."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    probabilities: NDArray[np.float64]


class SecondOpinion:
    """Splink, trained on two lists."""

    def __init__(self, left: Table, right: Table, *, spark: bool = False) -> None:
        """Raise ``ConfigurationError`` where Splink, or Spark if asked for, is not installed."""
        self._left, self._right = left, right
        with _quiet():
            self._api = _api(spark=spark)
            self._linker = _trained(left, right, self._api)

    def on_lists(self, *, lowest: float) -> Opinion:
        """Link the lists; pairs below the probability ``lowest`` are left out."""
        with _quiet():
            predicted = self._linker.inference.predict(threshold_match_probability=lowest)
            return _read(predicted)

    def on_pairs(self, pairs: Pairs) -> Opinion:
        """Score given pairs, in their order."""
        from splink import block_on

        numbered = [np.asarray(rows, dtype=np.int64) for rows in pairs]
        with _quiet():
            ours, theirs = (
                self._api.register(_columns(table, rows))
                for table, rows in zip((self._left, self._right), numbered, strict=True)
            )
            found = _read(
                self._linker.inference.predict_between(
                    ours,
                    theirs,
                    link_type="link_only",
                    blocking_rules_to_generate_predictions=[block_on("pair")],
                )
            )
        # ids are those of the pairs there, not of their records
        scores = np.zeros(len(numbered[0]))
        scores[found.left] = found.probabilities
        return Opinion(left=numbered[0], right=numbered[1], probabilities=scores)


def _read(predicted: Any) -> Opinion:
    found = predicted.as_pyarrow_table()
    return Opinion(
        left=found["unique_id_l"].to_numpy(),
        right=found["unique_id_r"].to_numpy(),
        probabilities=found["match_probability"].to_numpy(),
    )


def _api(*, spark: bool) -> Any:
    """Give the database Splink works on."""
    try:
        import splink  # noqa: F401
        from splink.backends.duckdb import DuckDBAPI
    except ImportError as error:
        raise ConfigurationError(
            "the second opinion needs Splink, which is not installed",
            fix=f"pip install 'interlock[{'spark' if spark else 'matching'}]'",
        ) from error
    return spark_api() if spark else DuckDBAPI()


def _trained(left: Table, right: Table, api: Any) -> Any:
    import splink.comparison_library as compare
    from splink import Linker, SettingsCreator, block_on

    def exact(column: str, *, frequency: bool = False) -> Any:
        return compare.ExactMatch(column).configure(term_frequency_adjustments=frequency)

    settings = SettingsCreator(
        link_type="link_only",
        unique_id_column_name="unique_id",
        comparisons=[
            compare.JaroWinklerAtThresholds("name", [0.95, 0.88, 0.7]).configure(
                term_frequency_adjustments=True
            ),
            exact("domain", frequency=True),
            compare.JaroWinklerAtThresholds("street", [0.9, 0.7]),
            exact("number"),
            compare.JaroWinklerAtThresholds("city", [0.9]),
            exact("postcode", frequency=True),
            exact("phone"),
            exact("tax"),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("tax"),
            block_on("phone"),
            block_on("domain"),
            block_on("name"),
            block_on("start", "city"),
            block_on("start", "postcode"),
            block_on("postcode", "number"),
        ],
        retain_matching_columns=False,
        additional_columns_to_retain=["pair"],
    )
    tables = [
        api.register(_columns(table), table_name=name)
        for name, table in (("left_list", left), ("right_list", right))
    ]
    linker = Linker(tables, settings, log_level=logging.ERROR)
    _train(linker, block_on)
    return linker


def _train(linker: Any, block_on: Any) -> None:
    """Let Splink estimate what it can; a small list leaves it with its defaults."""
    training = linker.training
    sure = [block_on("tax"), block_on("name", "postcode"), block_on("name", "domain")]
    steps: list[Callable[[], object]] = [
        partial(training.estimate_probability_two_random_records_match, sure, recall=0.6),
        # in one go: on Spark each query costs seconds, however small
        partial(training.estimate_u_using_random_sampling, max_pairs=1e6, seed=_SEED, num_chunks=1),
    ]
    steps += [
        partial(
            training.estimate_parameters_using_expectation_maximisation,
            rule,
            record_sample_proportion=1.0,
        )
        for rule in (block_on("name"), block_on("postcode", "number"), block_on("domain"))
    ]
    for step in steps:
        try:
            step()
        except Exception as error:  # Splink has no error class for "too few records"
            if _of_database(error):
                raise
            logging.getLogger(__name__).debug("Splink left out a step: %s", type(error).__name__)


def _of_database(error: Exception) -> bool:
    return type(error.__cause__ or error).__module__.partition(".")[0] in _DATABASES


def _columns(table: Table, rows: NDArray[np.int64] | None = None) -> Any:
    """Give the columns Splink compares; those of ``rows`` once for each pair they are in."""
    import pyarrow as pa

    at = np.arange(len(table)) if rows is None else rows

    def texts(values: Any) -> list[str | None]:
        return [str(value) or None for value in values[at].tolist()]

    def keys(values: Hashes) -> list[str | None]:
        return [str(value) if value else None for value in values[at].tolist()]

    numbers = range(len(at))
    columns: dict[str, Sequence[str | None]] = {
        "pair": [None] * len(at) if rows is None else list(map(str, numbers)),
        "name": texts(table.names),
        "start": [name[:4] or None for name in table.names[at].tolist()],
        "domain": keys(table.domain),
        "street": texts(table.streets),
        "number": keys(table.numbers[:, 0]),
        "city": texts(table.cities),
        "postcode": keys(table.postcode),
        "phone": keys(table.phone),
        "tax": texts(table.taxes),
    }
    # a column without any value has to be text as well: Spark would not compare it
    return pa.table(
        {"unique_id": pa.array(numbers, pa.int64())}
        | {name: pa.array(values, pa.string()) for name, values in columns.items()}
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Splink's advice to its own users to itself, and name a database that gave up."""
    logger = logging.getLogger("splink")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except InterlockError:
        raise
    except Exception as error:
        if not _of_database(error):
            raise
        raise InterlockError(
            f"Splink's database gave up ({type(error.__cause__ or error).__name__})",
            fix="give it more memory (Spark: spark.driver.memory), or see its own log",
        ) from error
    finally:
        logger.setLevel(before)
