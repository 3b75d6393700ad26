"""The processes of a server: the only place that knows every layer."""
