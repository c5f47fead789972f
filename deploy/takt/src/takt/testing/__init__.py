"""What every test run stands on: servers shared by its workers, foreign programs, no way out of this machine."""
