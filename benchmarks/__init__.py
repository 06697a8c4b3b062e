"""Latency, throughput and accuracy, measured side by side and kept as JSON."""
