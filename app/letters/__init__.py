"""What comes in, as the desk reads it; the readers' sealed contact data; receipts."""
