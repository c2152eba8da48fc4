"""The vocabulary: what exists, in the words of docs/glossary.md. Standard library only, no input or output."""
