"""What a workbook must look like: the built-in template of every resource, to read and to download."""
