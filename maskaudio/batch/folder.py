"""What a batch keeps in its folder beside the files it makes."""

JOURNAL, RESULTS, LOCK = "journal.jsonl", "results.jsonl", ".lock"
