"""Write docs/reference from the code: `python -m scripts.reference` (or `make docs`)."""

from __future__ import annotations

from scripts.reference.pages import DIRECTORY, pages


def main() -> None:
    """Write every page that changed and remove those no longer made."""
    made = pages()
    for name, text in made.items():
        path = DIRECTORY / name
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"docs: {name}")
    for path in DIRECTORY.rglob("*"):
        if path.is_file() and str(path.relative_to(DIRECTORY)) not in made:
            path.unlink()
            print(f"docs: {path.name} removed")


if __name__ == "__main__":
    main()
