"""What came of many runs: finding them, telling groups of seeds apart, tables and learning curves."""
