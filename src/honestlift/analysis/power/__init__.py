"""Before the data: what pre-period rows say, what a study of them could see, and which unit to randomize."""
