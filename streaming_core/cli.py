"""The command line's door: it opens without the packages of the extra, and says which miss."""

from __future__ import annotations

import sys

from streaming_core.errors import MissingDependency, PlanecastError


def main() -> None:
    """Run the command line; errors that a user can mend are one line, not a traceback."""
    try:
        from streaming_core.commands import app
    except ImportError as error:
        missing = MissingDependency("The command line", "cli")
        print(f"planecast: {missing} ({error.name})", file=sys.stderr)
        sys.exit(2)
    try:
        app()
    except PlanecastError as error:
        print(f"planecast: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
