"""The directory of experts: its pages, CSV import and export, and duplicates."""
