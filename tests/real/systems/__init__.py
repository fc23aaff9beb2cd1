"""Start a real ERP (Tryton) and a real CRM (BottleCRM) from pip packages."""
