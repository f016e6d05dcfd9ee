"""A generated page is the one its table makes: page.py PAGE COMMAND..."""
import subprocess
import sys

made = subprocess.run(sys.argv[2:], capture_output=True, text=True, check=True).stdout
with open(sys.argv[1], encoding="utf-8") as page:
    if page.read() != made:
        sys.exit(f"{sys.argv[1]} is not what its table makes: ./dev docs writes it")
