"""What those who run the desk see of it: logs, metrics and traces."""
