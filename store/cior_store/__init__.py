"""ClickHouse migrations, writers, questions and the media store."""
