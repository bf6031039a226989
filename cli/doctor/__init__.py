"""`keepwatch doctor`: looks at a data folder or an installation, says what is wrong and what to do. Changes nothing."""
