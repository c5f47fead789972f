"""Read a workbook that nobody vouches for: a limited child reads cells, pure rules make rows of them."""
