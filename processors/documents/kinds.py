"""Which type of document a file is, by its name."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import NamedTuple

MARKDOWN = frozenset({".md", ".markdown", ".mdx"})
TEXT = frozenset({".txt", ".text", ".rst", ".log", ".adoc"})
TYPED = {
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".docm": "docx",
    ".pptx": "pptx",
    ".pptm": "pptx",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".geojson": "json",
}
CODE = {
    ".bash": "bash",
    ".c": "c",
    ".cc": "cpp",
    ".cfg": "ini",
    ".cpp": "cpp",
    ".cs": "csharp",
    ".css": "css",
    ".dart": "dart",
    ".ex": "elixir",
    ".exs": "elixir",
    ".go": "go",
    ".gradle": "groovy",
    ".graphql": "graphql",
    ".groovy": "groovy",
    ".h": "c",
    ".hcl": "hcl",
    ".hpp": "cpp",
    ".hs": "haskell",
    ".ini": "ini",
    ".java": "java",
    ".jl": "julia",
    ".js": "javascript",
    ".jsx": "javascript",
    ".kt": "kotlin",
    ".lua": "lua",
    ".mjs": "javascript",
    ".php": "php",
    ".pl": "perl",
    ".properties": "properties",
    ".proto": "protobuf",
    ".ps1": "powershell",
    ".py": "python",
    ".pyi": "python",
    ".r": "r",
    ".rb": "ruby",
    ".rego": "rego",
    ".rs": "rust",
    ".scala": "scala",
    ".sh": "bash",
    ".sql": "sql",
    ".swift": "swift",
    ".tf": "hcl",
    ".toml": "toml",
    ".ts": "typescript",
    ".tsx": "typescript",
    ".vue": "vue",
    ".xml": "xml",
    ".xsd": "xml",
    ".zig": "zig",
}
RECORDS = {".yaml": "yaml", ".yml": "yaml"}  # read as JSON is
# Files known by their whole name.
NAMED = {
    "makefile": ("code", "make"),
    "dockerfile": ("code", "dockerfile"),
    "jenkinsfile": ("code", "groovy"),
    "readme": ("text", ""),
    "license": ("text", ""),
    "notice": ("text", ""),
    "changelog": ("text", ""),
}
# What people have and no converter here reads, with what they can do about it.
REMEDIES = {
    ".doc": "save it as .docx",
    ".dot": "save it as .docx",
    ".rtf": "save it as .docx",
    ".odt": "save it as .docx",
    ".xls": "save it as .xlsx",
    ".xlsb": "save it as .xlsx",
    ".ods": "save it as .xlsx",
    ".ppt": "save it as .pptx",
    ".odp": "save it as .pptx",
    ".epub": "save it as .html or .pdf",
    ".zip": "unpack it",
    ".tar": "unpack it",
    ".gz": "unpack it",
}

PLAIN = frozenset({"markdown", "text", "code"})  # taken as they are
MARKED_UP = frozenset({"html", "csv", "json"})  # text that is converted to other text
BINARY = frozenset({"pdf", "docx", "pptx", "xlsx"})
TYPES = PLAIN | MARKED_UP | BINARY
# Of these a parser that is not ours reads bytes from anywhere, so it runs in a process of its own.
SANDBOXED = BINARY | {"html"}


class Kind(NamedTuple):
    """A type of document, and of code the language."""

    doc_type: str
    language: str = ""


def kind_of(name: str) -> Kind | None:
    """The kind of a file called `name`, None where no reader is known."""
    path = PurePosixPath(name.lower())
    suffix = path.suffix
    if suffix in MARKDOWN:
        return Kind("markdown")
    if suffix in TEXT:
        return Kind("text")
    if suffix in TYPED:
        return Kind(TYPED[suffix])
    if suffix in RECORDS:
        return Kind("json", RECORDS[suffix])
    if suffix in CODE:
        return Kind("code", CODE[suffix])
    named = NAMED.get(path.name)
    return Kind(*named) if named else None


def why_unsupported(name: str) -> str:
    """The sentence for a name no reader is known for."""
    suffix = PurePosixPath(name.lower()).suffix
    remedy = REMEDIES.get(suffix)
    said = f"no reader for {suffix or 'a file without a suffix'}"
    return f"{said}: {remedy}" if remedy else said
