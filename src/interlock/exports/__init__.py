"""Plain exports: files that people saved out of a CRM, an ERP or a spreadsheet, as records."""
