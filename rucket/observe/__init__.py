"""What a running server tells: logs and metrics."""
