"""The pinned tools: the Pulumi engine and its Python language host."""
