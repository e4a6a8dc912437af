"""Files as people keep them to text that can be chunked, cited and searched.

The form of what is made: Markdown headings, lists and pipe tables; a form feed between the pages of
a paged document, so that the page of an offset is one more than the form feeds before it.
"""
