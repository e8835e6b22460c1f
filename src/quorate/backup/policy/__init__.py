"""What backups decide, as values in and values out: sources, times, retention, coverage."""
