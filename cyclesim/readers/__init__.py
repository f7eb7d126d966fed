"""Readers of the input files: text in, checked frozen objects out, or a line that says where and why not."""
