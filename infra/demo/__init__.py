"""有想法尽管讲: sample complaints, played by scripts that do what people do: use the portal and read their mail."""
