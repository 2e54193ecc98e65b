"""限时反馈 reaches people as letters: composed from templates, sent over SMTP, repeated until they have left."""
