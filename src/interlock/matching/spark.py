"""Splink's work on Spark: a session as the machine or the cluster configures it."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from interlock.errors import ConfigurationError

__all__ = ["spark_api"]

_HERE = "127.0.0.1"
_STEPS = "spark.checkpoint.dir"


def spark_api() -> Any:
    """Give Splink's interface to Spark; the master is the one ``spark-submit`` would take.

    Raise ``ConfigurationError`` where Spark or Java is missing or Spark does not start.
    """
    _require_java()
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
        from splink.backends.spark import SparkAPI
    except ImportError as error:
        raise ConfigurationError(
            "the second opinion on Spark needs PySpark 4, which is not installed",
            fix="pip install 'interlock[spark]'",
        ) from error
    from py4j.protocol import Py4JError

    try:
        # a new session of one application: tables of another opinion are not seen
        session = (SparkSession.getActiveSession() or _started()).newSession()
    except (PySparkException, Py4JError) as error:
        raise ConfigurationError(
            f"Spark did not start ({type(error).__name__}); what it said is above",
            fix="have Java 17 or later, and look at spark.master in spark-defaults.conf",
        ) from error
    api: Any = SparkAPI  # it is not typed
    return api(spark_session=session, break_lineage_method="parquet")


def _require_java() -> None:
    if os.environ.get("SPARK_REMOTE"):
        raise ConfigurationError(
            "Splink cannot work through Spark Connect (SPARK_REMOTE)",
            fix="unset SPARK_REMOTE and name the cluster as spark.master",
        )
    home = os.environ.get("JAVA_HOME")
    if (Path(home) / "bin" / "java").exists() if home else shutil.which("java"):
        return
    raise ConfigurationError(
        f"Spark needs Java, and JAVA_HOME={home} has none" if home else "Spark needs Java",
        fix="install Java 17 or later, or set JAVA_HOME to where it is",
    )


def _started() -> Any:
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession
    from splink.backends.spark import similarity_jar_location

    asked = {
        "spark.app.name": "interlock",
        "spark.jars": similarity_jar_location(),
        "spark.log.level": "ERROR",
        # it would join the lists within the planner, on one machine and in its memory
        "spark.sql.optimizer.excludedRules": (
            "org.apache.spark.sql.catalyst.optimizer.ConvertToLocalRelation"
        ),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    gateway = launch_gateway(SparkConf(loadDefaults=False).setAll(list(asked.items())))
    # only now is known what spark-defaults.conf and PYSPARK_SUBMIT_ARGS say
    settings = SparkConf(_jvm=gateway.jvm)
    if settings.get("spark.master", "").startswith("local"):
        settings.setIfMissing(_STEPS, _folder())
        settings.setIfMissing("spark.driver.host", _HERE)
        settings.setIfMissing("spark.driver.bindAddress", _HERE)
        # the usual 200 pieces are for a cluster
        settings.setIfMissing("spark.sql.shuffle.partitions", str(os.cpu_count() or 1))
    elif not settings.contains(_STEPS):
        raise ConfigurationError(
            "the steps of Splink's work need a folder that all machines of the cluster reach",
            fix=f"set {_STEPS} in spark-defaults.conf",
        )
    return SparkSession(SparkContext(conf=settings, gateway=gateway))


def _folder() -> str:
    folder = tempfile.mkdtemp(prefix="interlock-spark-")
    # it holds what the lists hold
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
