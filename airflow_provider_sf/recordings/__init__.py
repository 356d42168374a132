"""What a real cluster has answered, without secrets: the file, redaction, check of guesses. No I/O."""
