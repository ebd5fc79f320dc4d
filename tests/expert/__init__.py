"""The pages behind an expert’s link."""
