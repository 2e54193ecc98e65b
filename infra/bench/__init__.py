"""限时反馈: how many complaints a machine carries from receipt to closed, measured from the outside."""
