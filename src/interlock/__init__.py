"""Interlock keeps a company's CRM and ERP telling the same truth about the same customer."""

__version__ = "0.1.0"
