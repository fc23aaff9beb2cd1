"""Reports: from records to findings, and from findings to a page; nothing is read or written."""
