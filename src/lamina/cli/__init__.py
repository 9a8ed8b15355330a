"""The command line: parse, build engines, call one use case, render."""


def main() -> None:
    """Run the ``lamina`` program."""
    from lamina.cli.quick import try_quickly

    if try_quickly():
        return
    from lamina.cli.app import run_program

    run_program()
