"""Names that end in an underscore, which reStructuredText takes for links."""

import re

# Not in formulas: \sum_{i}, e_{i+1}.
_FITTED = re.compile(r"(?<!\\)\b([a-z]\w*_)\b(?!\{)")


def quote_fitted(line):
    """Return a line of a docstring with names such as n_components_ quoted."""
    if line.lstrip().startswith((">>>", "...")):
        return line
    # Before " : " stands the name that numpydoc looks for.
    head, colon, text = line.rpartition(" : ")
    parts = re.split(r"(`+.*?`+)", text)
    parts[::2] = [_FITTED.sub(r"`\1`\\ ", part) for part in parts[::2]]
    return head + colon + "".join(parts)
