"""What happened last and the newest state of each subject, kept from the log."""
