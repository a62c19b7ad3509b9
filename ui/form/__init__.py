"""Controls made from what methods declare, and what the forms share."""
