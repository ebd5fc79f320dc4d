"""Letters as the desk reads them, the readers' sealed contact data, and receipts."""
