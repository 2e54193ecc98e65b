"""有想法尽管讲: sample complaints, played by scripts that only do what people can do: use the portal and read their mail."""
