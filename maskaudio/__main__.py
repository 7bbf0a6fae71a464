"""`python -m maskaudio` is the command line."""

from maskaudio.cli.app import main

main()
