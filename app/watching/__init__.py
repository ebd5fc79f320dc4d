"""Monitoring: logs, metrics, error reports and signs of life, none of which reveals anything about readers."""
