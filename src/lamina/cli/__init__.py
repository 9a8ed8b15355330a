"""The command line: parse, build engines, call one use case, render."""


def main() -> None:
    """Run the ``lamina`` program."""
    from lamina.cli.app import run_program

    run_program()
