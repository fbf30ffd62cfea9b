"""Where calls cross: one module for each library, knowing that library and nothing else."""
