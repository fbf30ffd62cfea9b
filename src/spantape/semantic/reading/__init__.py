"""A text as its words: cleaned, cut, brought to base forms, looked up."""
