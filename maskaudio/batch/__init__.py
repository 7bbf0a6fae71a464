"""Many clips from a manifest: rows, jobs, groups decoded together, and a journal that survives a kill."""
