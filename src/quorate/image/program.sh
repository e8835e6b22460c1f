# Puts Quorate itself in its place: `sh program.sh DIRECTORY`, which holds its package as it is here.
set -eu
place=/usr/lib/python3/dist-packages
cp -r "$1/quorate" "$1"/quorate-*.dist-info "$place/"
cat > /usr/local/bin/quorate <<'END'
#!/usr/bin/python3
from quorate.entry.cli.main import main

main()
END
chmod 755 /usr/local/bin/quorate
# Compiled once here rather than at every start of every job.
python3 -m compileall -q -j 0 "$place/quorate" > /dev/null
quorate --version
