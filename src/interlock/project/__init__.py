"""The user's project folder: load, validate, scaffold; secrets."""

from interlock.project.config import OrderSettings
from interlock.project.load import ConnectionConfig, Project, open_project

__all__ = ["ConnectionConfig", "OrderSettings", "Project", "open_project"]
