"""`keepwatch up --demo`: three hosts on this machine with healthy and broken backups."""
